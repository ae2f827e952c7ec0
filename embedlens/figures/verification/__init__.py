"""Figures of pair verification (ROC) and open-set identification (DIR)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.lazy import attached

if TYPE_CHECKING:
    from embedlens.figures.verification import pairs, rank_1
    from embedlens.figures.verification.pairs import figure, figure_of_curves, plot, rate_axes

__all__ = ["figure", "figure_of_curves", "pairs", "plot", "rank_1", "rate_axes"]

__getattr__, __dir__ = attached(
    __name__,
    __all__,
    {"pairs": ["plot", "figure", "figure_of_curves", "rate_axes"]},
)
