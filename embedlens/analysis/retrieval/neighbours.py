"""Retrieval scores: Recall@K, R-precision, MAP@R, MAP@5, kNN accuracy and hubness.

A query without another item of its label in the gallery has no positive: it is left out of every average and
counted, but stays in the gallery. On ties negatives come before positives: no value depends on row order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedlens.analysis.retrieval.label_ranking import label_precision, mean_precision, winning_labels
from embedlens.analysis.retrieval.options import RetrievalOptions
from embedlens.analysis.retrieval.per_query import at_r, skewness
from embedlens.arguments import check_integers
from embedlens.arrays import check_searched
from embedlens.errors import InputError
from embedlens.label_sets import LabelSets, single_labels
from embedlens.results import Result
from embedlens.similarity import search
from embedlens.similarity.gallery import leaves_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from embedlens.label_sets import Labels
    from embedlens.similarity import Found, GalleryLike, Neighbours, Searcher

HUBNESS_K = 10
_LABELS_SEEN = 16  # neighbours searched first for MAP@5; four times as many for queries that need more


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Retrieval(Result):
    """Retrieval scores, each in [0, 1] but for the hubness.

    Attributes
    ----------
    n, n_singletons
        Queries counted, and queries left out because the gallery has no positive for them.
    recall
        K -> Recall@K.
    r_precision, map_at_r
        R-precision and MAP@R; NaN where they were not requested.
    map_at_5
        MAP@5 of ranked labels; NaN where it was not requested.
    knn_accuracy
        Accuracy of the vote of the k nearest neighbours; NaN where it was not requested.
    hubness
        Skewness of the 10-occurrence; NaN where it was not requested.
    """

    n: int
    n_singletons: int
    recall: dict[int, float]
    r_precision: float
    map_at_r: float
    map_at_5: float
    knn_accuracy: float
    hubness: float

    def summary(self) -> dict[str, float]:
        """Return the numbers by name."""
        names = ("n", "n_singletons", "r_precision", "map_at_r", "map_at_5", "knn_accuracy", "hubness")
        recall = {f"recall_at_{k}": value for k, value in self.recall.items()}
        return recall | {name: getattr(self, name) for name in names}


def retrieve(
    z: ArrayLike,
    y: ArrayLike,
    demands: RetrievalOptions,
    *,
    gallery: GalleryLike | None = None,
    device: str = "cpu",
    by: Searcher = search,
) -> Retrieval:
    """Compute retrieval scores in one pass over the similarities.

    Parameters
    ----------
    z
        Embeddings [N, D], not necessarily normalised.
    y
        Integer labels [N], or `LabelSets`: positives share a label.
    demands
        The scores to compute.
    gallery
        Embeddings [M, D] and labels [M] to search; without it every item searches all others.
    device
        Torch device that screens; the answer does not depend on it.
    by
        What finds ranks and neighbours: `similarity.search`, or a function that takes the same.

    Raises
    ------
    InputError
        A gallery of one label, no query with a positive, K < 1, scores of single labels for label sets, or
        embeddings that cannot be normalised.

    Notes
    -----
    Recall@K: fraction of queries with fewer than K negatives at least as similar as their nearest positive.
    R-precision and MAP@R: Musgrave, Belongie, Lim, "A metric learning reality check", ECCV 2020, with R the
    number of positives; MAP@R = (1 / R) sum over j <= R of rel_j P@j. MAP@5: labels ranked by first
    appearance among the neighbours (whale identification); 1 / position of the true label if within 5. kNN:
    on equal votes, the label that appears first. Hubness: Radovanovic, Nanopoulos, Ivanovic, JMLR
    2010.
    """
    array, labels = check_searched(z, y)
    gallery_labels = labels if gallery is None else check_searched(*gallery[:2])[1]
    promised = demands.check_labels(labels, gallery_labels, one_set=gallery is None)
    depth = np.ones(labels.size, np.int64)
    for wanted, k in ((demands.hubness, HUBNESS_K), (demands.map_at_5, _LABELS_SEEN), (True, demands.knn)):
        depth = np.maximum(depth, k if wanted else 0)
    found = by(
        array, labels, gallery=gallery, depth=depth, to_r=demands.at_r, cutoffs=demands.ks, device=device
    )
    if isinstance(labels, LabelSets):
        demands.check_found(found, one_set=gallery is None)
    elif promised and not found.n_positives.any():
        left = " and what its gallery leaves out" if leaves_out(gallery) else ""
        message = f"no query has a positive but itself{left}; retrieval scores need another item of its label"
        raise InputError(message)
    sums = _ScoreSums(demands, labels, gallery_labels, found)
    if demands.at_r or demands.hubness or demands.map_at_5 or demands.knn:
        for part in found.neighbours():
            sums.add(part)
    return sums.result()


def recall_at_k(
    z: ArrayLike,
    y: ArrayLike,
    ks: Sequence[int],
    *,
    gallery: GalleryLike | None = None,
    device: str = "cpu",
) -> dict[int, float]:
    """Return Recall@K for several K.

    Parameters
    ----------
    z
        Embeddings [N, D], not necessarily normalised.
    y
        Integer labels [N], or `LabelSets`: positives share a label.
    ks
        The K, each at least 1; K beyond the gallery gives 1.
    gallery
        Embeddings [M, D] and labels [M] to search; without it every item searches all others.
    device
        Torch device that screens; the answer does not depend on it.

    Raises
    ------
    InputError
        As `retrieve` does.

    Notes
    -----
    Ties count against the query: definition of `retrieve`. Jegou, Douze, Schmid, TPAMI 2011; Oh Song et al.,
    CVPR 2016, for metric learning.
    """
    demands = RetrievalOptions(ks=tuple(check_integers(ks, "the K of Recall@K").tolist()))
    return retrieve(z, y, demands, gallery=gallery, device=device).recall


class _ScoreSums:
    """Accumulates the scores of queries, a block of rows at a time."""

    def __init__(
        self,
        demands: RetrievalOptions,
        labels: Labels,
        gallery_labels: Labels,
        found: Found,
    ) -> None:
        self._demands, self._found = demands, found
        self._targets = labels, gallery_labels
        self._r_precision, self._map_at_r, self._at_5 = (np.full(labels.size, np.nan) for _ in range(3))
        self._right = np.zeros(labels.size, np.bool_)
        self._occurrences = np.zeros(gallery_labels.size, np.int64)

    def add(self, part: Neighbours) -> None:
        """Add the neighbours of some queries."""
        rows, demands = part.rows, self._demands
        if demands.at_r:
            self._r_precision[rows], self._map_at_r[rows] = at_r(part.positive, self._found.n_positives[rows])
        if demands.hubness:
            index = part.index[:, :HUBNESS_K]
            self._occurrences += np.bincount(index[index >= 0], minlength=self._occurrences.size)
        if demands.knn:
            index, similarity = part.index[:, : demands.knn], part.similarity[:, : demands.knn]
            weights = similarity if demands.weighted else np.where(np.isnan(similarity), np.nan, 1.0)
            own, others = self._labels
            self._right[rows] = winning_labels(others[index], weights) == own[rows]
        if demands.map_at_5:
            self._add_label_precision(part)

    @property
    def _labels(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The labels of queries and gallery; what takes them is not computed for label sets."""
        own, others = (single_labels(part, "labels") for part in self._targets)
        return own, others

    def _add_label_precision(self, part: Neighbours) -> None:
        """Score the ranked labels; search deeper for queries whose neighbours have too few labels."""
        depth = part.index.shape[1]
        rows = self._rank_labels(part)
        while rows.size:
            depth *= 4
            rows = np.concatenate([self._rank_labels(deeper) for deeper in self._found.deeper(rows, depth)])

    def _rank_labels(self, part: Neighbours) -> NDArray[np.int64]:
        """Write the scores of queries by their neighbours; return those that need more of these."""
        new_threshold, (own, others) = self._demands.new_threshold, self._labels
        is_new = self._found.n_positives[part.rows] == 0
        scores = label_precision(
            (others[part.index], part.similarity),
            own[part.rows],
            is_new,
            new_threshold=new_threshold,
            # Rows of a block differ in depth: after an empty entry there may be more neighbours.
            complete=np.sum(part.index >= 0, axis=1) >= self._found.n_neighbours[part.rows],
        )
        self._at_5[part.rows] = scores
        undecided = np.isnan(scores)
        if new_threshold is None:  # without `new` these have no right label
            self._at_5[part.rows[is_new]] = np.nan
            undecided &= ~is_new
        return part.rows[undecided]

    def result(self) -> Retrieval:
        """Return the means over the queries with a positive."""
        demands, found = self._demands, self._found
        counted = found.n_positives > 0
        return Retrieval(
            n=int(counted.sum()),
            n_singletons=int((~counted).sum()),
            recall={k: float(np.mean(found.rank[counted] < k)) for k in demands.ks},
            r_precision=self._mean(self._r_precision, counted),
            map_at_r=self._mean(self._map_at_r, counted),
            map_at_5=mean_precision(self._at_5) if demands.map_at_5 else np.nan,
            knn_accuracy=float(np.mean(self._right[counted])) if demands.knn else np.nan,
            hubness=skewness(self._occurrences) if demands.hubness else np.nan,
        )

    def _mean(self, values: NDArray[np.float64], counted: NDArray[np.bool_]) -> float:
        """Return the mean over queries or, macro, over classes."""
        if not self._demands.macro:
            return float(np.mean(values[counted]))
        _, at = np.unique(self._labels[0][counted], return_inverse=True)
        return float(np.mean(np.bincount(at, weights=values[counted]) / np.bincount(at)))
