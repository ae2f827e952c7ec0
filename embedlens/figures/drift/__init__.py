"""Figures of the similarity of embedding spaces over epochs and runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.lazy import attached

if TYPE_CHECKING:
    from embedlens.figures.drift import matrices
    from embedlens.figures.drift.matrices import figure, figure_of_lines, plot, plot_lines

__all__ = ["figure", "figure_of_lines", "matrices", "plot", "plot_lines"]

__getattr__, __dir__ = attached(
    __name__, __all__, {"matrices": ["figure", "figure_of_lines", "plot", "plot_lines"]}
)
