"""Choice of the classes of a batch by hard negative class mining."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedlens.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def hardest_classes(
    anchors: NDArray[np.floating],
    positives: NDArray[np.floating],
    *,
    n: int,
    random: np.random.Generator,
) -> NDArray[np.int64]:
    """Choose classes greedily by how much they violate the triplet constraint.

    The first class is random; the next is always the one, k, with the largest max over the chosen classes c
    of f_c . f_k - f_c . f_c^+; ties are broken at random. Source: Sohn, NeurIPS 2016, section 3.2.1, with
    the embeddings as they are, not normalised. Takes O(C n D).

    Parameters
    ----------
    anchors, positives
        f_c and f_c^+: embeddings [C, D] of two items of each of C classes.
    n
        How many to choose.
    random
        Draws the first class and breaks ties.

    Returns
    -------
    chosen
        int64 [min(n, C)]: different classes, in the order in which they were chosen.

    Raises
    ------
    InputError
        Embeddings of unequal or wrong shape, or not finite.
    """
    if anchors.ndim != 2 or anchors.shape != positives.shape or not len(anchors):
        message = (
            f"anchors {list(anchors.shape)} and positives {list(positives.shape)} of classes; "
            "two arrays [C, D] of one shape are needed"
        )
        raise InputError(message)
    f = anchors.astype(np.float64)
    own = (f * positives).sum(axis=1)
    if not np.isfinite(own).all():
        message = "embeddings that classes are to be chosen by are not finite; try a lower learning rate"
        raise InputError(message)
    violation = np.full(len(f), -np.inf)
    free = np.ones(len(f), dtype=bool)
    chosen = [int(random.integers(len(f)))]
    while len(chosen) < min(n, len(f)):
        last = chosen[-1]
        free[last] = False
        # Row by row: the last bits of a matrix product depend on a row's place, and equal rows must tie.
        np.maximum(violation, (f * f[last]).sum(axis=1) - own[last], out=violation)
        open_to = np.where(free, violation, -np.inf)
        chosen.append(int(random.choice(np.flatnonzero(open_to == open_to.max()))))
    return np.array(chosen, dtype=np.int64)
