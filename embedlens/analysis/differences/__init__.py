"""Items that one embedding retrieves and another does not, by anchor, class and confusion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.lazy import attached

if TYPE_CHECKING:
    from embedlens.analysis.differences import anchors, classes, confusions, hits, losses, outcomes
    from embedlens.analysis.differences.anchors import Difference, Side, compare
    from embedlens.analysis.differences.classes import ClassChanges, class_changes
    from embedlens.analysis.differences.confusions import Confusions, confusions_of
    from embedlens.analysis.differences.hits import Hits, SharedAnchors, recall_interval, shared_anchors
    from embedlens.analysis.differences.losses import Losses, worst_losses
    from embedlens.analysis.differences.outcomes import Outcomes, retrieval_outcomes

__all__ = [
    "ClassChanges",
    "Confusions",
    "Difference",
    "Hits",
    "Losses",
    "Outcomes",
    "SharedAnchors",
    "Side",
    "anchors",
    "class_changes",
    "classes",
    "compare",
    "confusions",
    "confusions_of",
    "hits",
    "losses",
    "outcomes",
    "recall_interval",
    "retrieval_outcomes",
    "shared_anchors",
    "worst_losses",
]

__getattr__, __dir__ = attached(
    __name__,
    __all__,
    {
        "anchors": ["Difference", "Side", "compare"],
        "classes": ["ClassChanges", "class_changes"],
        "confusions": ["Confusions", "confusions_of"],
        "hits": ["Hits", "SharedAnchors", "recall_interval", "shared_anchors"],
        "losses": ["Losses", "worst_losses"],
        "outcomes": ["Outcomes", "retrieval_outcomes"],
    },
)
