"""MAP@5 over labels: labels are ranked by their first appearance among the neighbours of an item."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CUT = 5


def label_precision(
    neighbours: tuple[NDArray[np.int64], NDArray[np.float64]],
    truth: int | None,
    *,
    new_threshold: float | None,
    complete: bool,
) -> float | None:
    """Return 1 / position of the true label among the ranked labels if that is within 5, else 0.

    Parameters
    ----------
    neighbours
        Labels [k] and similarities [k] of the neighbours that embeddings [N, D] give a query, best first.
    truth
        The query's label; None for the label `new`.
    new_threshold
        The label `new` stands before the first label whose best neighbour is less similar; None: nowhere.
    complete
        Whether these are all neighbours there are.

    Returns
    -------
    float or None
        None where more neighbours are needed to tell.

    Notes
    -----
    Mean average precision at 5 with one relevant label a query, as in the humpback whale identification
    challenge.
    """
    labels, similarity = neighbours
    names, first = np.unique(labels, return_index=True)
    ranked, at = names[np.argsort(first)], np.sort(first)
    before_new = at.size if new_threshold is None else int(np.sum(similarity[at] >= new_threshold))
    if truth is None:
        place, seen = before_new, before_new < at.size
    else:
        where = np.flatnonzero(ranked == truth)
        seen = where.size > 0
        place = int(where[0]) if seen else at.size
        place += int(new_threshold is not None and place >= before_new)
    if place >= CUT:
        return 0.0
    return 1.0 / (place + 1) if seen or complete else None
