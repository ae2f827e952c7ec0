"""Similarity of the embedding spaces of the same items, over epochs and runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.lazy import attached

if TYPE_CHECKING:
    from embedlens.analysis.drift import alignment, kernels, matrices, neighbours, pair_scores, spaces
    from embedlens.analysis.drift.matrices import Drift, drift
    from embedlens.analysis.drift.pair_scores import KS, SCORES, PairScores

__all__ = [
    "Drift", "KS", "PairScores", "SCORES", "alignment", "drift", "kernels", "matrices", "neighbours",
    "pair_scores", "spaces",
]  # fmt: skip

__getattr__, __dir__ = attached(
    __name__, __all__, {"matrices": ["Drift", "drift"], "pair_scores": ["KS", "SCORES", "PairScores"]}
)
