"""Figures of pair distances, mining strategies, and distances on the sphere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.lazy import attached

if TYPE_CHECKING:
    from embedlens.figures.sampling import distances, mining, theory
    from embedlens.figures.sampling.distances import Contents, check_panels, figure, grid_of, plot

__all__ = ["Contents", "check_panels", "distances", "figure", "grid_of", "mining", "plot", "theory"]

__getattr__, __dir__ = attached(
    __name__,
    __all__,
    {"distances": ["Contents", "plot", "figure", "grid_of", "check_panels"]},
)
