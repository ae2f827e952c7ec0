"""Ranking with an unknown class, the choice of its threshold, and the softmax classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.lazy import attached

if TYPE_CHECKING:
    from embedlens.analysis.open_set import classifier, ranking, sweep, threshold
    from embedlens.analysis.open_set.classifier import (
        Classifier,
        fit_classifier,
        probabilities,
        rank_by_classifier,
    )
    from embedlens.analysis.open_set.ranking import Ranking, map_at_5, rank_labels
    from embedlens.analysis.open_set.sweep import NewSweep
    from embedlens.analysis.open_set.threshold import Choice, Identification, choose, choose_halves, identify

__all__ = [
    "Choice",
    "Classifier",
    "Identification",
    "NewSweep",
    "Ranking",
    "choose",
    "choose_halves",
    "classifier",
    "fit_classifier",
    "identify",
    "map_at_5",
    "probabilities",
    "rank_by_classifier",
    "rank_labels",
    "ranking",
    "sweep",
    "threshold",
]

__getattr__, __dir__ = attached(
    __name__,
    __all__,
    {
        "classifier": ["Classifier", "fit_classifier", "probabilities", "rank_by_classifier"],
        "ranking": ["Ranking", "rank_labels", "map_at_5"],
        "sweep": ["NewSweep"],
        "threshold": ["Choice", "choose", "choose_halves", "Identification", "identify"],
    },
)
