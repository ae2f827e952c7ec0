"""Figures of pair verification (ROC), open-set identification (DIR) and threshold consistency."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.lazy import attached

if TYPE_CHECKING:
    from embedlens.figures.verification import consistency, pairs, rank_1
    from embedlens.figures.verification.pairs import figure, figure_of_curves, plot, rate_axes

__all__ = ["consistency", "figure", "figure_of_curves", "pairs", "plot", "rank_1", "rate_axes"]

__getattr__, __dir__ = attached(
    __name__,
    __all__,
    {"pairs": ["plot", "figure", "figure_of_curves", "rate_axes"]},
)
