"""Anchors won and lost between two embeddings, or between two groups of runs."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.analysis.differences.hits import recall_interval, shared_anchors
from embedlens.analysis.statistics.intervals import RESAMPLES, Interval
from embedlens.analysis.statistics.paired_tests import McNemar, mcnemar
from embedlens.results import Result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from embedlens.analysis.differences.outcomes import Outcomes

LARGER = 1e-9
"""Means over runs that differ by less are equal."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Side(Result):
    """The outcomes of the same n anchors in the s runs of one side of a comparison.

    Attributes
    ----------
    rank
        int64 [s, n]: rank of the nearest positive, from 1.
    positive, negative
        int64 [s, n]: rows of the nearest positive and of the nearest negative.
    s_ap, s_an
        float64 [s, n]: cosine similarity of the anchor to either.
    negative_label
        int64 [s, n]: class of the nearest negative.
    """

    rank: NDArray[np.int64]
    positive: NDArray[np.int64]
    negative: NDArray[np.int64]
    s_ap: NDArray[np.float64]
    s_an: NDArray[np.float64]
    negative_label: NDArray[np.int64]

    @property
    def right(self) -> NDArray[np.bool_]:
        """Flags [s, n]: whether the nearest neighbour has the class of the anchor."""
        return np.asarray(self.rank == 1)

    @property
    def fraction(self) -> NDArray[np.float64]:
        """float64 [n]: fraction of the runs in which an anchor is right."""
        return np.asarray(self.right.mean(axis=0))

    @property
    def mean_rank(self) -> NDArray[np.float64]:
        """float64 [n]: mean over the runs of the rank of the nearest positive."""
        return np.asarray(self.rank.mean(axis=0))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Difference(Result):
    """Two sides of a comparison on the same anchors: one run each, or a group of runs with other seeds.

    Attributes
    ----------
    names
        Names of the two sides.
    anchor, label
        int64 [n]: row and class of each anchor.
    first, second
        Outcomes in the runs of either side.
    n_singletons
        Items left out because no item of the gallery has their class.
    interval
        Difference in R@1, second less first, with its bootstrap interval.
    test
        McNemar's test of the difference; None of groups of several runs.
    """

    names: tuple[str, str]
    anchor: NDArray[np.int64]
    label: NDArray[np.int64]
    first: Side
    second: Side
    n_singletons: int
    interval: Interval
    test: McNemar | None

    @property
    def gain(self) -> NDArray[np.float64]:
        """float64 [n]: fraction of runs in which an anchor is right, second less first: 1 won, -1 lost."""
        return self.second.fraction - self.first.fraction

    @property
    def won(self) -> NDArray[np.bool_]:
        """Flags [n]: anchors that are right in the second alone; of groups, in a larger fraction of runs."""
        return np.asarray(self.gain > LARGER)

    @property
    def lost(self) -> NDArray[np.bool_]:
        """Flags [n]: anchors that are right in the first alone; of groups, in a larger fraction of runs."""
        return np.asarray(self.gain < -LARGER)

    @property
    def rank_change(self) -> NDArray[np.float64]:
        """float64 [n]: mean rank of the nearest positive, second less first; below 0 it is nearer."""
        return self.second.mean_rank - self.first.mean_rank

    def columns(self) -> dict[str, NDArray[np.int64] | NDArray[np.float64] | NDArray[np.str_]]:
        """Return one row per anchor: what changed, R@1 and rank in both; of two runs the triplets, too."""
        found: dict[str, NDArray[np.int64] | NDArray[np.float64] | NDArray[np.str_]] = {
            "anchor": self.anchor,
            "label": self.label,
            "change": np.where(self.won, "won", np.where(self.lost, "lost", "")),
        }
        sides = {"first": self.first, "second": self.second}
        for name, side in sides.items():
            alone = len(side.rank) == 1
            found[f"{name}_right"] = side.right[0].astype(np.int64) if alone else side.fraction
            found[f"{name}_rank"] = side.rank[0] if alone else side.mean_rank
        if self.test is not None:
            names = ("positive", "negative", "s_ap", "s_an", "negative_label")
            for name, side in sides.items():
                found |= {f"{name}_{column}": getattr(side, column)[0] for column in names}
        return found

    def summary(self) -> dict[str, int | float | str]:
        """Return the numbers by name."""
        change, interval = self.rank_change, self.interval
        recalls = [float(side.fraction.mean()) for side in (self.first, self.second)]
        tested = {} if self.test is None else self.test.summary()
        return {
            "compared_with": self.names[0],
            "n": self.anchor.size,
            "n_singletons": self.n_singletons,
            "recall_at_1_first": recalls[0],
            "recall_at_1_second": recalls[1],
            "difference": interval.value,
            "low": interval.low,
            "high": interval.high,
            "confidence": interval.confidence,
            "n_classes": interval.n_classes,
            "n_runs_first": len(self.first.rank),
            "n_runs_second": len(self.second.rank),
            "n_won": int(self.won.sum()),
            "n_lost": int(self.lost.sum()),
            **{name: value for name, value in tested.items() if name not in ("n_won", "n_lost")},
            "n_rank_nearer": int(np.sum(change < -LARGER)),
            "n_rank_farther": int(np.sum(change > LARGER)),
            "median_rank_first": float(np.median(self.first.mean_rank)),
            "median_rank_second": float(np.median(self.second.mean_rank)),
        }


def compare(
    first: Sequence[Outcomes],
    second: Sequence[Outcomes],
    *,
    names: tuple[str, str] = ("first", "second"),
    paired: bool = False,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Difference:
    """Compare the outcomes of the same anchors on two sides: second less first.

    Parameters
    ----------
    first, second
        Outcomes in the runs of either side, of embeddings [N, D] of the same items; one, or one per seed.
        Anchors that are not in all of them (a copy that is left out of one run) are not compared.
    names
        Names of the two sides.
    paired
        Whether run i of both sides has the same seed.
    resamples, seed
        Number of resamples and seed of the bootstrap.

    Raises
    ------
    InputError
        A side without runs, runs that share no anchor, or in which an anchor has other classes.

    Notes
    -----
    Two runs: McNemar's test, and an interval that resamples classes (`embedlens.analysis.statistics`). Groups
    of runs: an interval that resamples seeds and classes.
    """
    interval = recall_interval(
        [one.hits for one in first],
        [one.hits for one in second],
        paired=paired,
        resamples=resamples,
        seed=seed,
    )
    every = [*first, *second]
    shared = shared_anchors([one.hits for one in every])
    sides = _side(first, shared.places[: len(first)]), _side(second, shared.places[len(first) :])
    values, alone = [side.right for side in sides], len(every) == 2
    won, lost = (int(np.sum(values[a] > values[b])) for a, b in ((1, 0), (0, 1))) if alone else (0, 0)
    return Difference(
        names=names,
        anchor=shared.anchor,
        label=shared.label,
        first=sides[0],
        second=sides[1],
        n_singletons=max(one.triplets.n_singletons for one in every),
        interval=interval,
        test=mcnemar(won, lost) if alone else None,
    )


def _side(outcomes: Sequence[Outcomes], at: Sequence[NDArray[np.int64]]) -> Side:
    """Return outcomes of several runs, one row for each, at the places of the shared anchors."""

    def stacked(name: str) -> NDArray[Any]:
        return np.stack([attrgetter(name)(one)[rows] for one, rows in zip(outcomes, at, strict=True)])

    return Side(
        rank=stacked("rank"),
        positive=stacked("triplets.positive"),
        negative=stacked("triplets.negative"),
        s_ap=stacked("triplets.s_ap"),
        s_an=stacked("triplets.s_an"),
        negative_label=stacked("negative_label"),
    )
