"""Confusions that appear and go: pairs of an anchor's class and the class of its nearest neighbour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedlens.results import Result

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedlens.analysis.differences.anchors import Difference, Side


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Confusions(Result):
    """Number of anchors of a class whose nearest neighbour is of another class, the largest increase first.

    Attributes
    ----------
    names
        Names of the two sides.
    label, nearest_label
        int64 [p]: class of the anchors, and of their nearest neighbours.
    first, second
        float64 [p]: number of such anchors on either side; of groups the mean over the runs.
    n
        int64 [p]: number of all anchors of the class.
    """

    names: tuple[str, str]
    label: NDArray[np.int64]
    nearest_label: NDArray[np.int64]
    first: NDArray[np.float64]
    second: NDArray[np.float64]
    n: NDArray[np.int64]

    @property
    def change(self) -> NDArray[np.float64]:
        """float64 [p]: number of anchors, second less first."""
        return self.second - self.first

    def largest(self, most: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the places of up to `most` confusions that increased, and that decreased, largest first."""
        up, down = (np.flatnonzero(sign * self.change > 0) for sign in (1, -1))
        return up[:most], down[::-1][:most]

    def columns(self) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
        """Return one row per confusion."""
        return {
            "label": self.label, "nearest_label": self.nearest_label, "n": self.n, "n_first": self.first,
            "n_second": self.second, "change": self.change,
        }  # fmt: skip

    def summary(self) -> dict[str, int]:
        """Return the number of confusions on either side, and of those that appeared and went."""
        return {
            "n_first": int(np.sum(self.first > 0)),
            "n_second": int(np.sum(self.second > 0)),
            "n_appeared": int(np.sum((self.first == 0) & (self.second > 0))),
            "n_gone": int(np.sum((self.first > 0) & (self.second == 0))),
        }


def confusions_of(difference: Difference) -> Confusions:
    """Return the confusions of both sides, by falling change of the number of anchors."""
    sides = [_counted(difference.label, side) for side in (difference.first, difference.second)]
    pairs = np.concatenate([pair for pair, _ in sides])
    known, at = np.unique(pairs, axis=0, return_inverse=True)
    counts = np.zeros((2, len(known)))
    starts = np.cumsum([0, *(len(pair) for pair, _ in sides)])
    for number, (_, count) in enumerate(sides):
        counts[number, at.ravel()[starts[number] : starts[number + 1]]] = count
    labels, sizes = np.unique(difference.label, return_counts=True)
    order = np.lexsort((known[:, 1], known[:, 0], -(counts[1] - counts[0])))
    return Confusions(
        names=difference.names,
        label=known[order, 0],
        nearest_label=known[order, 1],
        first=counts[0, order],
        second=counts[1, order],
        n=sizes[np.searchsorted(labels, known[order, 0])],
    )


def _counted(label: NDArray[np.int64], side: Side) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the pairs of classes that are confused, int64 [p, 2], and their mean number over the runs."""
    runs, wrong = np.nonzero(~side.right)
    pairs = np.stack([label[wrong], side.negative_label[runs, wrong]], axis=1)
    found, counts = np.unique(pairs, axis=0, return_counts=True)
    return found, counts / len(side.rank)
