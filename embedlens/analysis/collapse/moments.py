"""Means of classes and scatter within them, of normalised rows, a block of rows at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.arrays import check_pair
from embedlens.results import Result
from embedlens.similarity.rows import Rows
from embedlens.similarity.threads import in_parallel, spans

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_ROWS = 1 << 13


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ClassMoments(Result):
    """Means and scatter of classes; every row is normalised first.

    Attributes
    ----------
    classes
        int64 [C]: the labels, ascending.
    counts
        int64 [C]: number of items of each class.
    means
        float64 [C, D]: mean of each class.
    within
        float64 [D, D]: mean over all items of ``(u - mean of its class)(u - mean of its class)^T``.
    resolution
        Lengths up to this are within the rounding of the stored numbers, whose rows have length 1.
    """

    classes: NDArray[np.int64]
    counts: NDArray[np.int64]
    means: NDArray[np.float64]
    within: NDArray[np.float64]
    resolution: float

    @property
    def centred(self) -> NDArray[np.float64]:
        """Class means without their mean, every class alike, float64 [C, D]."""
        return np.asarray(self.means - self.means.mean(axis=0), np.float64)

    @property
    def between(self) -> NDArray[np.float64]:
        """Mean over classes of the outer products of the centred class means, float64 [D, D]."""
        centred = self.centred
        return np.asarray(centred.T @ centred / len(centred), np.float64)

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return a table with one row per class: label, items, and distance of its mean from the centre."""
        return {
            "label": self.classes,
            "n": self.counts,
            "distance_from_centre": np.linalg.norm(self.centred, axis=1),
        }

    def summary(self) -> dict[str, float]:
        """Return the numbers of items and classes, and the total variances within and between classes."""
        return {
            "n": int(self.counts.sum()),
            "n_classes": self.counts.size,
            "within": float(np.trace(self.within)),
            "between": float(np.trace(self.between)),
        }


def class_moments(z: ArrayLike, y: ArrayLike) -> ClassMoments:
    """Return means of classes and the scatter within them.

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
    In float64, a block of rows at a time. Class means are subtracted before squares are summed: the scatter
    of classes that have collapsed would be lost in the difference of two sums of squares.
    """
    from embedlens.analysis.retrieval.geometry import check_class_sizes
    from embedlens.analysis.spectrum.values import resolution_of

    array, labels = check_pair(z, y)
    rows = Rows(array)
    classes, at, counts = np.unique(labels, return_inverse=True, return_counts=True)
    check_class_sizes(counts)
    order = np.argsort(at, kind="stable")
    means = np.zeros((counts.size, rows.dim))
    for part in spans(order.size, _ROWS):
        names, first = np.unique(at[order[part]], return_index=True)
        means[names] += np.add.reduceat(_units(rows, order[part]), first, axis=0)
    means /= counts[:, None]
    within = _within(rows, order, (means, at))
    return ClassMoments(classes, counts, means, within, resolution_of(array.dtype.itemsize))


def _units(rows: Rows, numbers: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return some rows, normalised."""
    return np.asarray(rows.raw[numbers].astype(np.float64) / rows.norm[numbers, None], np.float64)


def _within(
    rows: Rows, order: NDArray[np.intp], means: tuple[NDArray[np.float64], NDArray[np.intp]]
) -> NDArray[np.float64]:
    """Return the mean outer product of the deviations from class means (means, class of each row)."""
    parts = spans(order.size, _ROWS)
    total = np.zeros((rows.dim, rows.dim))
    for group in spans(len(parts), 8):  # summed in the order of the blocks, whatever the threads do
        found: dict[int, NDArray[np.float64]] = {}

        def add(number: int, found: dict[int, NDArray[np.float64]] = found) -> None:
            numbers = order[parts[number]]
            deviations = _units(rows, numbers) - means[0][means[1][numbers]]
            found[number] = deviations.T @ deviations

        numbers = range(len(parts))[group]
        in_parallel(add, numbers)
        for number in numbers:
            total += found[number]
    return total / order.size
