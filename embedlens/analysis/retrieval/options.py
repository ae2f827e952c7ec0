"""Options of retrieval scores, and the conditions under which the scores are defined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedlens.errors import InputError
from embedlens.label_sets import LabelSets

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedlens.label_sets import Labels
    from embedlens.similarity import Found

_SEARCHED = ("r_precision", "map_at_r", "map_at_5", "knn_accuracy", "hubness")


@dataclass(frozen=True, slots=True)
class RetrievalOptions:
    """Scores that `retrieve` computes.

    Attributes
    ----------
    ks
        The K of Recall@K.
    at_r
        Whether to compute R-precision and MAP@R.
    macro
        Whether R-precision and MAP@R are averaged over classes rather than over queries.
    map_at_5
        Whether to compute MAP@5 of ranked labels.
    new_threshold
        For MAP@5: similarity below which the label `new` of the unknown class is inserted; it is the right
        label of queries without a positive.
    knn
        k of the kNN accuracy; 0: none.
    weighted
        Whether votes of the kNN accuracy are weighted by similarity.
    hubness
        Whether to compute the skewness of the 10-occurrence.
    """

    ks: tuple[int, ...] = ()
    at_r: bool = False
    macro: bool = False
    map_at_5: bool = False
    new_threshold: float | None = None
    knn: int = 0
    weighted: bool = False
    hubness: bool = False

    def check_labels(self, labels: Labels, gallery_labels: Labels, *, one_set: bool) -> bool:
        """Refuse K below 1, and labels without a score; return whether single labels promise a positive."""
        for k in self.ks:
            if k < 1:
                message = f"Recall@{k}; K must be at least 1"
                raise InputError(message)
        if isinstance(labels, LabelSets) or isinstance(gallery_labels, LabelSets):
            self._check_sets()
            return False
        names, counts = np.unique(gallery_labels, return_counts=True)
        if self._judged and names.size == 1 and np.isin(labels, names).all():
            message = "all items have one label, so there is no negative; retrieval needs two classes or more"
            raise InputError(message)
        at = np.minimum(np.searchsorted(names, labels), names.size - 1)
        positives: NDArray[np.int64] = np.where(names[at] == labels, counts[at] - int(one_set), 0)
        if self._judged and not positives.any():
            message = (
                "no label has two items, so no query has a positive; retrieval scores need a class of two "
                "items"
                if one_set
                else "no query has a gallery item of its label; both must number their classes alike"
            )
            raise InputError(message)
        return bool(positives.any())

    def check_found(self, found: Found, *, one_set: bool) -> None:
        """Refuse label sets without a score, as the search shows it."""
        if not self._judged:
            return
        if np.array_equal(found.n_neighbours, found.n_positives):
            message = (
                "all items share a label, so there is no negative; retrieval needs items that share none"
            )
            raise InputError(message)
        if not found.n_positives.any():
            message = (
                "no two items share a label, so no query has a positive; retrieval scores need two that do"
                if one_set
                else "no query shares a label with a gallery item; both must number their labels alike"
            )
            raise InputError(message)

    @property
    def _judged(self) -> bool:
        """Whether a score depends on which neighbours are positives."""
        return bool(self.ks or self.at_r or self.map_at_5 or self.knn)

    def _check_sets(self) -> None:
        """Refuse scores that rank or average single labels, for items that have sets of them."""
        wanted = {"MAP@5": self.map_at_5, "kNN accuracy": self.knn, "averages over classes": self.macro}
        names = [name for name, value in wanted.items() if value]
        if names:
            message = (
                f"{', '.join(names)}: one label per item is needed, but items have sets of labels "
                "(multi-label); Recall@K, R-precision and MAP@R work with sets"
            )
            raise InputError(message)


def is_retrieval(metric: str) -> bool:
    """Return whether a score of `analysis.scores`, by its full name, compares queries with a gallery."""
    return metric.startswith("recall_at_") or metric in _SEARCHED
