"""Anchors whose nearest neighbour has their class, and the difference of two groups of runs in R@1."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from embedlens.analysis.statistics.intervals import RESAMPLES, Interval, over_classes, over_seeds_and_classes
from embedlens.errors import InputError
from embedlens.results import Result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Hits(Result):
    """Which of the n anchors of one embedding count for R@1: the little of a search that intervals need.

    Attributes
    ----------
    anchor
        int64 [n]: rows of the anchors, ascending.
    label
        int64 [n]: their classes.
    right
        bool [n]: whether the nearest neighbour has the class of the anchor.
    """

    anchor: NDArray[np.int64]
    label: NDArray[np.int64]
    right: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SharedAnchors(Result):
    """The m anchors that several runs share.

    Attributes
    ----------
    anchor, label
        int64 [m]: their rows and classes.
    places
        Of each run int64 [m]: where they stand among its anchors.
    """

    anchor: NDArray[np.int64]
    label: NDArray[np.int64]
    places: Sequence[NDArray[np.int64]]


def shared_anchors(every: Sequence[Hits]) -> SharedAnchors:
    """Return the anchors, of embeddings [N, D], that all runs have.

    Raises
    ------
    InputError
        Runs that share no anchor, or in which an anchor has other classes.
    """
    anchor = reduce(np.intersect1d, [one.anchor for one in every])
    if not anchor.size:
        message = "the runs share no anchor; compare runs of the same items, with the same items left out"
        raise InputError(message)
    places = [np.searchsorted(one.anchor, anchor) for one in every]
    labels = [one.label[rows] for one, rows in zip(every, places, strict=True)]
    if any(not np.array_equal(labels[0], other) for other in labels[1:]):
        message = "an anchor has other classes in some of the runs; compare runs of the same labels"
        raise InputError(message)
    return SharedAnchors(anchor, labels[0], places)


def recall_interval(
    first: Sequence[Hits],
    second: Sequence[Hits],
    *,
    paired: bool = False,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Return the difference in R@1 of two groups of runs, second less first, with its bootstrap interval.

    Parameters
    ----------
    first, second
        Hits in the runs of either side, of embeddings [N, D] of the same items; one, or one per seed.
        Anchors that are not in all of them are not compared.
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
    Of one run on each side, classes are resampled (`over_classes`); else seeds and classes
    (`over_seeds_and_classes`).
    """
    if not first or not second:
        message = f"{len(first)} and {len(second)} runs; a comparison needs one or more on each side"
        raise InputError(message)
    every = [*first, *second]
    shared = shared_anchors(every)
    right = [one.right[rows].astype(np.float64) for one, rows in zip(every, shared.places, strict=True)]
    sides = np.stack(right[: len(first)]), np.stack(right[len(first) :])
    if len(every) == 2:
        change = sides[1][0] - sides[0][0]
        return over_classes(change, shared.label, resamples=resamples, seed=seed)
    return over_seeds_and_classes(*sides, shared.label, paired=paired, resamples=resamples, seed=seed)
