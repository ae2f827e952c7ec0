"""Figures of nearest triplets: scatter, flow, gradient field, trajectories and distances to (1, 0)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.lazy import attached

if TYPE_CHECKING:
    from embedlens.figures.triplets import (
        density,
        distances,
        field,
        flow,
        nearest,
        paired,
        panels,
        trajectory,
    )
    from embedlens.figures.triplets.density import draw_colorbar
    from embedlens.figures.triplets.nearest import (
        Scale,
        draw_dots,
        draw_guides,
        frame,
        is_framed,
        limits_of,
        numbers_text,
        plot,
        scale_of,
        update,
    )
    from embedlens.figures.triplets.panels import figure, figure_of_epochs

__all__ = [
    "Scale",
    "density",
    "distances",
    "draw_colorbar",
    "draw_dots",
    "draw_guides",
    "field",
    "figure",
    "figure_of_epochs",
    "flow",
    "frame",
    "is_framed",
    "limits_of",
    "nearest",
    "numbers_text",
    "paired",
    "panels",
    "plot",
    "scale_of",
    "trajectory",
    "update",
]

__getattr__, __dir__ = attached(
    __name__,
    __all__,
    {
        "nearest": [
            "Scale",
            "scale_of",
            "limits_of",
            "plot",
            "update",
            "frame",
            "is_framed",
            "draw_guides",
            "draw_dots",
            "numbers_text",
        ],
        "density": ["draw_colorbar"],
        "panels": ["figure", "figure_of_epochs"],
    },
)
