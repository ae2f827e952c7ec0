"""Verification of pairs; rank-1 and open-set identification of items."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.lazy import attached

if TYPE_CHECKING:
    from embedlens.analysis.verification import consistency, detection, negatives, pairs, rank_1
    from embedlens.analysis.verification.consistency import ThresholdConsistency, threshold_consistency
    from embedlens.analysis.verification.detection import OpenSet, open_set
    from embedlens.analysis.verification.negatives import ManyNegatives, many_negatives, standard_error
    from embedlens.analysis.verification.pairs import PairVerification, Roc, roc, verify_pairs
    from embedlens.analysis.verification.rank_1 import ClosedSet, closed_set, closed_set_between

__all__ = [
    "ClosedSet",
    "ManyNegatives",
    "OpenSet",
    "PairVerification",
    "Roc",
    "ThresholdConsistency",
    "closed_set",
    "closed_set_between",
    "consistency",
    "detection",
    "many_negatives",
    "negatives",
    "open_set",
    "pairs",
    "rank_1",
    "roc",
    "standard_error",
    "threshold_consistency",
    "verify_pairs",
]

__getattr__, __dir__ = attached(
    __name__,
    __all__,
    {
        "consistency": ["ThresholdConsistency", "threshold_consistency"],
        "detection": ["OpenSet", "open_set"],
        "negatives": ["ManyNegatives", "standard_error", "many_negatives"],
        "pairs": ["PairVerification", "Roc", "verify_pairs", "roc"],
        "rank_1": ["ClosedSet", "closed_set", "closed_set_between"],
    },
)
