"""Figures of t-SNE maps and of synthesised points."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.lazy import attached

if TYPE_CHECKING:
    from embedlens.figures.projection import maps, synthesis
    from embedlens.figures.projection.maps import Map, figure, limits_of, plot

__all__ = ["Map", "figure", "limits_of", "maps", "plot", "synthesis"]

__getattr__, __dir__ = attached(
    __name__,
    __all__,
    {"maps": ["Map", "limits_of", "plot", "figure"]},
)
