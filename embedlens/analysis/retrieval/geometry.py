"""Geometry of items and classes on the sphere: alignment, uniformity, tolerance, similarity, distances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.arrays import check_embeddings, check_labels, check_pair, to_numpy
from embedlens.errors import InputError
from embedlens.results import Result
from embedlens.similarity.rows import Rows
from embedlens.similarity.sums import mean_gaussian

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_ROWS = 1 << 14


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ClassDistances(Result):
    """Mean distances of normalised embeddings.

    Attributes
    ----------
    alignment
        Mean squared Euclidean distance of the positive pairs, in [0, 4].
    pi_intra
        Mean over classes of the mean cosine distance of their pairs, in [0, 2].
    pi_inter
        Mean cosine distance of pairs of normalised class means, in [0, 2].
    pi_ratio
        pi_intra / pi_inter.
    """

    alignment: float
    pi_intra: float
    pi_inter: float
    pi_ratio: float

    def summary(self) -> dict[str, float]:
        """Return the numbers by name."""
        return {name: getattr(self, name) for name in ("alignment", "pi_intra", "pi_inter", "pi_ratio")}


def class_distances(z: ArrayLike, y: ArrayLike) -> ClassDistances:
    """Return mean distances within and between classes.

    Parameters
    ----------
    z
        Embeddings [N, D], not necessarily normalised.
    y
        Integer labels [N].

    Raises
    ------
    InputError
        One class only, no class of two items, or embeddings that cannot be normalised.

    Notes
    -----
    Alignment: Wang, Isola, ICML 2020. pi_intra, pi_inter, pi_ratio: Roth et al., ICML 2020, with cosine
    distances. Sums over pairs follow from those over items: ``sum_(i<j) u_i.u_j = (|sum u_i|^2 - n) / 2``.
    A class mean of length zero has no direction; its cosine distance to all others counts as 1.
    """
    labels = check_labels(y)
    rows = check_embeddings(z, rows=labels.size, dim=None)
    _, at, counts = np.unique(labels, return_inverse=True, return_counts=True)
    check_class_sizes(counts)
    sums, squares = _class_sums(rows, at, counts.size)
    pairs = counts * (counts - 1) / 2
    similarity = (np.sum(sums**2, axis=1) - squares) / 2
    many = counts > 1
    intra = float(np.mean(1 - similarity[many] / pairs[many]))
    inter = _mean_distance(sums)
    return ClassDistances(
        alignment=float(2 - 2 * similarity.sum() / pairs.sum()),
        pi_intra=intra,
        pi_inter=inter,
        pi_ratio=intra / inter if inter > 0 else np.inf,
    )


def check_class_sizes(counts: NDArray[np.int64]) -> None:
    """Refuse classes of these numbers of items [C] where no distance is within one, or none between two."""
    if counts.size == 1:
        message = "all items have one label; distances between classes need two classes or more"
        raise InputError(message)
    if counts.max() == 1:
        message = "no label has two items; distances within classes need a class of two items or more"
        raise InputError(message)


def _class_sums(
    array: NDArray[np.floating[Any]], at: NDArray[np.intp], classes: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the sum of the normalised rows of each class [C, D], and of their squared norms [C].

    Rows are read and normalised some at a time, so that a mapped snapshot is not held in memory.
    """
    sums, squares = np.zeros((classes, array.shape[1])), np.zeros(classes)
    order = np.argsort(at, kind="stable")
    for start in range(0, order.size, _ROWS):
        some = order[start : start + _ROWS]
        unit = Rows(array[some]).unit(slice(None))
        names, first = np.unique(at[some], return_index=True)
        sums[names] += np.add.reduceat(unit, first, axis=0)
        squares[names] += np.add.reduceat(np.sum(unit**2, axis=1), first)
    return sums, squares


def _mean_distance(sums: NDArray[np.float64]) -> float:
    """Return the mean cosine distance of all pairs of class means, given the class sums."""
    length = np.linalg.norm(sums, axis=1, keepdims=True)
    unit = np.divide(sums, length, out=np.zeros_like(sums), where=length > 0)
    total = unit.sum(axis=0)
    count = len(sums)
    return float(1 - (total @ total - np.sum(unit**2)) / (count * (count - 1)))


def uniformity(z: ArrayLike, *, t: float = 2.0) -> float:
    """Return the uniformity: ``log mean exp(-t |u - v|^2)`` over all pairs; at most 0, lower is more uniform.

    Parameters
    ----------
    z
        Embeddings [N, D], not necessarily normalised.
    t
        Scale of the Gaussian.

    Raises
    ------
    InputError
        Fewer than two items, or embeddings that cannot be normalised.

    Notes
    -----
    Wang, Isola, "Understanding contrastive representation learning through alignment and uniformity on the
    hypersphere", ICML 2020. Tolerance about 1e-5: similarities in float32, the sum in float64.
    """
    array = to_numpy(z)
    if array.ndim == 2 and len(array) < 2:
        message = "one item has no pair; uniformity needs two items or more"
        raise InputError(message)
    return float(np.log(mean_gaussian(array, t)))


def tolerance(z: ArrayLike, y: ArrayLike) -> float:
    """Return the tolerance: the mean cosine similarity of positive pairs, in [-1, 1].

    Parameters
    ----------
    z
        Embeddings [N, D], not necessarily normalised.
    y
        Integer labels [N]; one class is enough.

    Raises
    ------
    InputError
        No class of two items, or embeddings that cannot be normalised.

    Notes
    -----
    Wang, Liu, "Understanding the behaviour of contrastive loss", CVPR 2021, of pairs of different items of
    one class, every pair alike. It is 1 - alignment / 2.
    """
    array, labels = check_pair(z, y)
    array = check_embeddings(array, rows=labels.size, dim=None)
    _, at, counts = np.unique(labels, return_inverse=True, return_counts=True)
    pairs = float(np.sum(counts * (counts - 1.0)))
    if not pairs:
        message = "no label has two items; the tolerance needs a class of two items or more"
        raise InputError(message)
    sums, squares = _class_sums(array, at, counts.size)
    return min(1.0, float((np.sum(sums**2) - squares.sum()) / pairs))


def mean_similarity(z: ArrayLike) -> float:
    """Return the mean cosine similarity of all pairs of different items, in [-1 / (N - 1), 1].

    Near 1 all items point in one direction: the space has collapsed, or has not been trained. Uniform
    directions give 0.

    Parameters
    ----------
    z
        Embeddings [N, D], not necessarily normalised.

    Raises
    ------
    InputError
        Fewer than two items, or embeddings that cannot be normalised.

    Notes
    -----
    From the sum of the unit vectors, in float64: ``(|sum u_i|^2 - N) / (N (N - 1))``, where the first N is
    the sum of the rounded squared lengths.
    """
    array = to_numpy(z)
    rows = check_embeddings(array, rows=len(array) if array.ndim else 0, dim=None)
    count = len(rows)
    if count < 2:
        message = "one item has no pair; a mean similarity needs two items or more"
        raise InputError(message)
    sums, squares = _class_sums(rows, np.zeros(count, np.intp), 1)
    return min(1.0, float((sums[0] @ sums[0] - squares[0]) / (count * (count - 1))))
