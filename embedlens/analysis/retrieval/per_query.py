"""Scores of ranked neighbours: R-precision and average precision at R, and the skewness of hubness."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedlens.arguments import check_flags, check_integers
from embedlens.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def at_r(positive: ArrayLike, r: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return R-precision and average precision at R of ranked neighbours.

    Parameters
    ----------
    positive
        bool [n, k]: whether each neighbour is a positive, best first, k at least the largest R; of embeddings
        [N, D] these are the neighbours that `retrieve` finds.
    r
        int64 [n]: number of positives of each query; 0 gives NaN.

    Notes
    -----
    Musgrave, Belongie, Lim, ECCV 2020, section 3.
    """
    positive = check_flags(positive, "positives", shape=(None, None))
    r = check_integers(r, "R", shape=(len(positive),), least=0)
    if r.size and int(r.max()) > positive.shape[1]:
        message = f"R goes up to {int(r.max())}, but {positive.shape[1]} neighbours are given; give as many"
        raise InputError(message)
    position = np.arange(1, positive.shape[1] + 1)
    relevant = positive & (position <= r[:, None])
    hits = np.cumsum(relevant, axis=1)
    count = np.where(r > 0, r, 1)
    # `cumsum` adds one by one; `sum` groups its terms by the width of the block, which depends on the other
    # scores requested, and so would the last bit.
    precision = np.cumsum(relevant * hits / position, axis=1)[:, -1] / count
    none = np.where(r > 0, 0.0, np.nan)
    return relevant.sum(axis=1) / count + none, precision + none


def skewness(counts: ArrayLike) -> float:
    """Return the skewness of counts, 0 where they are all equal: third central moment over sigma^3."""
    values = check_integers(counts, "counts", least=0)
    if values.size == 0:
        message = "no counts are given; a skewness needs one or more"
        raise InputError(message)
    centred = values - values.mean()
    sigma = np.sqrt(np.mean(centred**2))
    return float(np.mean(centred**3) / sigma**3) if sigma > 0 else 0.0
