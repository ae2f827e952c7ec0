"""Intrinsic dimension from distances to nearest neighbours: TwoNN, and maximum likelihood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedlens.analysis.retrieval.duplicates import first_equal
from embedlens.arrays import check_embeddings, to_numpy
from embedlens.errors import InputError
from embedlens.results import Result
from embedlens.similarity import Gallery, search
from embedlens.similarity.rows import RESOLVED_ERROR

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

NEIGHBOURS = 20
MEASURED = 1 << 15
"""Most items whose neighbours are searched; of more items as many are drawn."""
KEPT = 0.9
"""Fraction of the smallest ratios that TwoNN is fitted to (Facco et al.)."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class IntrinsicDimension(Result):
    """Intrinsic dimension of normalised embeddings; NaN of fewer than 3 distinct items.

    Attributes
    ----------
    twonn
        By the two nearest neighbours of each item.
    mle
        By the `k` nearest neighbours of each item.
    k
        Number of neighbours of `mle`: as many as requested, or all others where they are fewer.
    n
        Number of items that are measured.
    n_duplicates
        Number of items left out: copies of an earlier row, and those of the measured items that lie at
        distance 0 from another.
    """

    twonn: float
    mle: float
    k: int
    n: int
    n_duplicates: int

    def summary(self) -> dict[str, float]:
        """Return the numbers by name."""
        return {name: getattr(self, name) for name in self.__slots__}


def intrinsic_dimension(z: ArrayLike, *, k: int = NEIGHBOURS, device: str = "cpu") -> IntrinsicDimension:
    """Return the intrinsic dimension by two estimators.

    Parameters
    ----------
    z
        Embeddings [N, D], not necessarily normalised; distances are those of the normalised rows.
    k
        Number of nearest neighbours of the maximum-likelihood estimate, at least 2; TwoNN uses 2.
    device
        Torch device that searches; the answer does not depend on it.

    Raises
    ------
    InputError
        k below 2, or embeddings that cannot be normalised.

    Notes
    -----
    TwoNN: Facco, d'Errico, Rodriguez, Laio, "Estimating the intrinsic dimension of datasets by a minimal
    neighborhood information", Scientific Reports 2017: the slope through the origin of -log(1 - i / n)
    against the i-th smallest log(r_2 / r_1), of the smallest 90 %.

    Maximum likelihood: Levina, Bickel, NIPS 2004, equation 8, ``m(x) = mean_(j < k) log(T_k(x) / T_j(x))``;
    its inverses are averaged, as MacKay and Ghahramani (comment, 2005) correct it: the dimension is
    ``1 / mean_x m(x)``.

    Neighbours are exact. Of more than 32,768 distinct items as many are measured, drawn by a fixed seed, and
    their neighbours are sought among all. Of rows that are equal in every number one is measured, since
    r_1 = 0 has no ratio; items that lie at distance 0 from another although their numbers differ are left
    out, too.
    """
    array = to_numpy(z)
    array = check_embeddings(array, rows=array.shape[0] if array.ndim else 0, dim=None)
    if k < 2:
        message = f"k is {k}; the intrinsic dimension by maximum likelihood needs 2 neighbours or more"
        raise InputError(message)
    first = first_equal(array)[0]
    rows = np.flatnonzero(first == np.arange(first.size))
    depth = min(k, rows.size - 1)
    copies = first.size - rows.size
    if depth < 2:
        return IntrinsicDimension(float("nan"), float("nan"), max(depth, 0), rows.size, copies)
    kept = array if not copies else array[rows]
    return _result(_distances(kept, depth, device), depth, copies)


def _distances(array: NDArray[np.floating], depth: int, device: str) -> NDArray[np.float64]:
    """Return the distances of the measured rows to their nearest ones, ascending, float64 [n, depth]."""
    # Each row is a class of its own: then all others are negatives, and no class is searched apart.
    every = np.arange(len(array))
    if every.size <= MEASURED:
        found = search(array, every, depth=depth, device=device)
    else:
        drawn = np.sort(np.random.default_rng(0).choice(every.size, MEASURED, replace=False))
        gallery = Gallery(array, every, (drawn, every))
        found = search(array[drawn], drawn, gallery=gallery, depth=depth, device=device)
    distances = np.empty((min(every.size, MEASURED), depth))
    for block in found.neighbours():
        squares = 2 - 2 * block.similarity[:, :depth]
        distances[block.rows] = np.sqrt(np.where(squares > 4 * RESOLVED_ERROR, squares, 0.0))
    return distances


def _result(distances: NDArray[np.float64], k: int, copies: int) -> IntrinsicDimension:
    """Return both estimates from distances [n, k]; `copies` are left out already."""
    measured = distances[distances[:, 0] > 0]
    n = len(measured)
    lost = copies + len(distances) - n
    if n < 3:
        return IntrinsicDimension(float("nan"), float("nan"), k, n, lost)
    ratios = np.sort(np.log(measured[:, 1] / measured[:, 0]))[: int(KEPT * n)]
    heights = -np.log1p(-np.arange(1, ratios.size + 1) / n)
    inverse = float(np.mean(np.log(measured[:, -1:] / measured[:, :-1])))
    square = float(ratios @ ratios)
    return IntrinsicDimension(
        twonn=float(ratios @ heights) / square if square > 0 else float("nan"),
        mle=1 / inverse if inverse > 0 else float("nan"),
        k=k,
        n=n,
        n_duplicates=lost,
    )
