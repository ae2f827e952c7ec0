"""Sizes of classes, and their histogram."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedlens.arrays import check_labels
from embedlens.results import Result

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_BARS = 8  # of a histogram; more only where bars are powers of two


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ClassSizes(Result):
    """Number of items of each of C classes.

    Attributes
    ----------
    classes
        int64 [C]: the labels, ascending.
    sizes
        int64 [C], 1 and more.
    """

    classes: NDArray[np.int64]
    sizes: NDArray[np.int64]

    @property
    def n_singletons(self) -> int:
        """Number of classes with one item only."""
        return int((self.sizes == 1).sum())

    @property
    def smallest(self) -> int:
        """Position of the smallest class among the classes, the first on ties."""
        return int(self.sizes.argmin())

    @property
    def largest(self) -> int:
        """Position of the largest class among the classes, the first on ties."""
        return int(self.sizes.argmax())

    def columns(self) -> dict[str, NDArray[np.int64]]:
        """Return one row per class, by column."""
        return {"class": self.classes, "items": self.sizes}

    def summary(self) -> dict[str, int | float]:
        """Return the least, median, mean and largest size by name."""
        return {
            "least": int(self.sizes.min()),
            "median": float(np.median(self.sizes)),
            "mean": float(self.sizes.mean()),
            "largest": int(self.sizes.max()),
        }

    def histogram(self) -> list[dict[str, int]]:
        """Return the bars of a histogram: range of sizes, number of their classes and of their items.

        Up to eight different sizes have a bar each. With more, bars have equal width; or, if the largest size
        is eight times the smallest or more, sizes up to 4 have a bar each, and the bars above end at powers
        of two.
        """
        within = [(low, high, (self.sizes >= low) & (self.sizes <= high)) for low, high in _spans(self.sizes)]
        return [
            {"from": low, "to": high, "classes": int(own.sum()), "items": int(self.sizes[own].sum())}
            for low, high, own in within
        ]


def class_sizes(labels: ArrayLike) -> ClassSizes:
    """Return the number of items of each class, of labels [N]."""
    return ClassSizes(*np.unique(check_labels(labels), return_counts=True))


def _spans(sizes: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return the smallest and the largest size of each bar."""
    least, largest = int(sizes.min()), int(sizes.max())
    different = np.unique(sizes).tolist()
    if len(different) <= _BARS:
        return [(size, size) for size in different]
    if largest >= _BARS * least:
        powers = [2**power for power in range(2, largest.bit_length() + 1)]
        doubled = [(size, size) for size in range(1, 5)] + [(low + 1, 2 * low) for low in powers]
        return [
            (max(low, least), min(high, largest)) for low, high in doubled if high >= least and low <= largest
        ]
    width = -(-(largest - least + 1) // _BARS)
    return [(low, min(low + width - 1, largest)) for low in range(least, largest + 1, width)]
