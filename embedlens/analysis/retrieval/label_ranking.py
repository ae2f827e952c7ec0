"""Labels among ranked neighbours: votes (kNN), and labels ranked by first appearance (MAP@5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedlens.arguments import check_flags, check_integers, check_numbers
from embedlens.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

CUT = 5
SIXTIETHS = 60
"""Unit of sums of precisions: 1, 1/2, 1/3, 1/4 and 1/5 are multiples of 1/60, so a mean is rounded once."""


def winning_labels(labels: NDArray[np.int64], weights: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the label with the most votes in each row; on ties the one that appears first.

    Parameters
    ----------
    labels
        int64 [n, k]: labels of the neighbours of some queries, best first, from embeddings [N, D].
    weights
        float64 [n, k]: weight of each vote; NaN where there is no neighbour.
    """
    labels = check_integers(labels, "labels", shape=(None, None))
    weights = check_numbers(weights, "weights", shape=labels.shape, finite=False)
    group, _ = _equal_in_row(labels)
    none = np.isnan(weights)
    votes = np.bincount(group.ravel(), weights=np.where(none, 0.0, weights).ravel())[group]
    best = np.where(none, -np.inf, votes).argmax(axis=1)
    winners: NDArray[np.int64] = labels[np.arange(len(labels)), best]
    return winners


def label_precision(
    neighbours: tuple[NDArray[np.int64], NDArray[np.float64]],
    truth: NDArray[np.int64],
    is_new: NDArray[np.bool_],
    *,
    new_threshold: float | None,
    complete: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Return 1 / position of the true label among the ranked labels, 0 beyond position 5.

    Parameters
    ----------
    neighbours
        Labels int64 [n, k] and similarities float64 [n, k] of the neighbours of some queries, best first,
        from embeddings [N, D]; NaN where there is no neighbour.
    truth
        int64 [n]: the label of each query.
    is_new
        bool [n]: whether the right label is `new` instead.
    new_threshold
        `new` is inserted before the first label whose best neighbour is less similar; None: never.
    complete
        bool [n]: whether these are all neighbours of the query.

    Returns
    -------
    ndarray
        float64 [n]; NaN where the score depends on further neighbours.

    Notes
    -----
    Mean average precision at 5 with one relevant label per query, as in the humpback whale identification
    challenge.
    """
    labels, similarity = _neighbours(*neighbours)
    truth = check_integers(truth, "true labels", shape=labels.shape[:1])
    is_new = check_flags(is_new, "is_new", shape=labels.shape[:1])
    complete = check_flags(complete, "complete", shape=labels.shape[:1])
    exists = ~np.isnan(similarity)
    first = _equal_in_row(labels)[1] & exists
    rank = np.cumsum(first, axis=1)
    n_labels = rank[:, -1]
    before_new, passed = n_labels, np.zeros(len(labels), np.bool_)
    if new_threshold is not None:
        passed |= (similarity < new_threshold).any(axis=1)  # else `new` may come after these neighbours
        before_new = np.sum(first & (np.nan_to_num(similarity, nan=-np.inf) >= new_threshold), axis=1)
    right = exists & (labels == truth[:, None])
    found = right.any(axis=1)
    place = np.where(found, rank[np.arange(len(rank)), right.argmax(axis=1)] - 1, n_labels)
    place = place + np.where(found, (place >= before_new) & (new_threshold is not None), passed)
    place = np.where(is_new, before_new, place)
    seen = np.where(is_new, passed, found) | complete
    score = np.where(place < CUT, 1.0 / (place + 1), 0.0)
    return np.where(seen | (place >= CUT), score, np.nan)


def mean_precision(scores: NDArray[np.float64]) -> float:
    """Return the mean of the results of `label_precision` for queries of embeddings [N, D], NaN left out.

    The sum is exact, so the mean does not depend on the order of the queries.
    """
    values = check_numbers(scores, "precisions", finite=False)
    counted = values[~np.isnan(values)]
    return float(np.rint(counted * SIXTIETHS).sum() / (SIXTIETHS * counted.size)) if counted.size else np.nan


def first_labels(
    labels: NDArray[np.int64], similarity: NDArray[np.float64], truth: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return the similarities of the first five labels, and the position of the right one.

    Parameters
    ----------
    labels, similarity
        int64 and float64 [n, k]: labels and similarities of the neighbours of some queries, best first, from
        embeddings [N, D]; NaN where there is no neighbour.
    truth
        int64 [n]: the label of each query.

    Returns
    -------
    score, place, enough
        float64 [n, 5]: similarity of the best neighbour of each label, NaN where there is no such label;
        int64 [n]: position of the true label among them from 0, 5 if it is not there; bool [n]: whether the
        neighbours contain the true label or five labels.
    """
    labels, similarity = _neighbours(labels, similarity)
    truth = check_integers(truth, "true labels", shape=labels.shape[:1])
    exists = ~np.isnan(similarity)
    first = _equal_in_row(labels)[1] & exists
    rank = np.cumsum(first, axis=1)
    rows, columns = np.nonzero(first & (rank <= CUT))
    score = np.full((len(labels), CUT), np.nan)
    score[rows, rank[rows, columns] - 1] = similarity[rows, columns]
    right = exists & (labels == truth[:, None])
    found = right.any(axis=1)
    place = np.where(found, rank[np.arange(len(rank)), right.argmax(axis=1)] - 1, CUT)
    return score, np.minimum(place, CUT), found | (rank[:, -1] >= CUT)


def _neighbours(labels: ArrayLike, similarity: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return labels and similarities of neighbours, [n, k] each, k at least 1."""
    checked = check_integers(labels, "labels of neighbours", shape=(None, None))
    values = check_numbers(similarity, "similarities", shape=checked.shape, finite=False)
    if checked.shape[1] == 0:
        message = "no neighbours are given; labels are ranked among one or more"
        raise InputError(message)
    return checked, values


def _equal_in_row(labels: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the group number of equal labels within each row [n, k], and which of a group comes first."""
    order = np.argsort(labels, axis=1, kind="stable")
    ascending = np.take_along_axis(labels, order, axis=1)
    begins = np.ones(labels.shape, np.bool_)
    begins[:, 1:] = ascending[:, 1:] != ascending[:, :-1]
    group, first = np.empty_like(labels), np.empty(labels.shape, np.bool_)
    np.put_along_axis(group, order, np.cumsum(begins).reshape(labels.shape) - 1, axis=1)
    np.put_along_axis(first, order, begins, axis=1)
    return group, first
