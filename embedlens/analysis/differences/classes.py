"""Change of R@1 by class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedlens.results import Result

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedlens.analysis.differences.anchors import Difference


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ClassChanges(Result):
    """R@1 of the anchors of each class on both sides, the class that gained most first.

    Attributes
    ----------
    names
        Names of the two sides.
    label, n
        int64 [c]: the class, and its number of anchors.
    first, second
        float64 [c]: its R@1 on either side; of groups the mean over the runs.
    n_won, n_lost
        int64 [c]: anchors won and lost.
    """

    names: tuple[str, str]
    label: NDArray[np.int64]
    n: NDArray[np.int64]
    first: NDArray[np.float64]
    second: NDArray[np.float64]
    n_won: NDArray[np.int64]
    n_lost: NDArray[np.int64]

    @property
    def gain(self) -> NDArray[np.float64]:
        """float64 [c]: R@1, second less first."""
        return self.second - self.first

    def largest(self, most: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the places of up to `most` classes that gained, and that lost, the largest change first.

        The change is that of the number of right anchors, so that a class of few items does not come first by
        its size alone.
        """
        change = _change(self.n, self.gain)
        gained, lost = (np.flatnonzero(sign * change > 0) for sign in (1, -1))
        return gained[:most], lost[::-1][:most]

    def columns(self) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
        """Return one row per class."""
        return {
            "label": self.label, "n": self.n, "recall_at_1_first": self.first,
            "recall_at_1_second": self.second, "difference": self.gain, "n_won": self.n_won,
            "n_lost": self.n_lost,
        }  # fmt: skip

    def summary(self) -> dict[str, int]:
        """Return the number of classes, and of those that gained, lost and stayed."""
        change = _change(self.n, self.gain)
        gained, lost = int(np.sum(change > 0)), int(np.sum(change < 0))
        unchanged = self.label.size - gained - lost
        return {"n_gained": gained, "n_lost": lost, "n_unchanged": unchanged}


def class_changes(difference: Difference) -> ClassChanges:
    """Return the change of R@1 of each class, by falling change of the number of right anchors."""
    label, at, n = np.unique(difference.label, return_inverse=True, return_counts=True)
    first, second = (
        np.bincount(at.ravel(), weights=side.fraction) / n for side in (difference.first, difference.second)
    )
    won, lost = (
        np.bincount(at.ravel(), weights=part).astype(np.int64) for part in (difference.won, difference.lost)
    )
    order = np.lexsort((label, -_change(n, second - first)))
    return ClassChanges(
        difference.names, label[order], n[order], first[order], second[order], won[order], lost[order]
    )


def _change(n: NDArray[np.int64], gain: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the change of the number of right anchors, without the rounding of the fractions."""
    return np.round(n * gain, 9)
