"""Figures of distances of pairs, of what miners select, and of distances on the sphere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.lazy import attached

if TYPE_CHECKING:
    from embedlens.figures.sampling import distances, mining, theory
    from embedlens.figures.sampling.distances import Contents, check_panels, grid_of, plot, plot_panels

__all__ = ["Contents", "check_panels", "distances", "grid_of", "mining", "plot", "plot_panels", "theory"]

__getattr__, __dir__ = attached(
    __name__,
    {"distances": ["Contents", "plot", "plot_panels", "grid_of", "check_panels"]},
    modules=["distances", "mining", "theory"],
)
