"""Figures of singular values, components, slices and intra-class covariances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.lazy import attached

if TYPE_CHECKING:
    from embedlens.figures.spectrum import components, epochs, intra_class, slices, values
    from embedlens.figures.spectrum.values import (
        check_alike,
        check_scale,
        component_ticks,
        dead_text,
        figure,
        heights,
        plot,
        value_label,
    )

__all__ = [
    "check_alike",
    "check_scale",
    "component_ticks",
    "components",
    "dead_text",
    "epochs",
    "figure",
    "heights",
    "intra_class",
    "plot",
    "slices",
    "value_label",
    "values",
]

__getattr__, __dir__ = attached(
    __name__,
    __all__,
    {
        "values": [
            "plot",
            "check_scale",
            "heights",
            "value_label",
            "dead_text",
            "figure",
            "check_alike",
            "component_ticks",
        ]
    },
)
