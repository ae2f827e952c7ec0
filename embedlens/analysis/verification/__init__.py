"""Verification of pairs; rank-1 and open-set identification of items."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.lazy import attached

if TYPE_CHECKING:
    from embedlens.analysis.verification import pairs, rank_1
    from embedlens.analysis.verification.pairs import (
        ManyNegatives,
        PairVerification,
        Roc,
        many_negatives,
        roc,
        standard_error,
        verify_pairs,
    )
    from embedlens.analysis.verification.rank_1 import (
        ClosedSet,
        OpenSet,
        closed_set,
        closed_set_between,
        open_set,
    )

__all__ = [
    "ClosedSet",
    "ManyNegatives",
    "OpenSet",
    "PairVerification",
    "Roc",
    "closed_set",
    "closed_set_between",
    "many_negatives",
    "open_set",
    "pairs",
    "rank_1",
    "roc",
    "standard_error",
    "verify_pairs",
]

__getattr__, __dir__ = attached(
    __name__,
    __all__,
    {
        "pairs": [
            "PairVerification",
            "Roc",
            "ManyNegatives",
            "standard_error",
            "verify_pairs",
            "roc",
            "many_negatives",
        ],
        "rank_1": ["ClosedSet", "OpenSet", "closed_set", "closed_set_between", "open_set"],
    },
)
