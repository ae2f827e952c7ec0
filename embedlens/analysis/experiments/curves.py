"""Metrics over training, and their mean over seeds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from embedlens.arguments import check_integers, check_numbers, check_same_length
from embedlens.errors import InputError
from embedlens.results import Result

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

MONITOR = "monitor_"
"""Prefix of metrics that are losses on fixed batches."""


def _no_epochs() -> NDArray[np.int64]:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Curve(Result):
    """One metric of one run.

    Attributes
    ----------
    name
        Name of the run.
    metric
        Name of the metric.
    epoch
        int64 [n], ascending.
    x
        float64 [n]: position of the epoch on the x axis, in epochs, optimiser steps or seconds.
    value
        float64 [n]; NaN breaks the line.
    not_finite
        int64 [m]: epochs whose value is NaN or infinite; `value` is NaN there.
    """

    name: str
    metric: str
    epoch: NDArray[np.int64]
    x: NDArray[np.float64]
    value: NDArray[np.float64]
    not_finite: NDArray[np.int64] = field(default_factory=_no_epochs)

    @classmethod
    def of(
        cls,
        name: str,
        metric: str,
        *,
        epoch: ArrayLike,
        x: ArrayLike,
        value: ArrayLike,
        taken: ArrayLike | None = None,
    ) -> Curve:
        """Return the curve through the finite values, in the order of the epochs.

        A value that is NaN or infinite breaks the line. Epochs without a value break it only if they exceed
        the most frequent interval between values: a metric measured every fifth epoch is one line, broken
        where a fifth epoch is missing.

        Parameters
        ----------
        name, metric
            Name of the run and of the metric.
        epoch, x, value
            Epochs, x positions and values, [n] each.
        taken
            bool [n]: whether a value was measured at the epoch, finite or not; by default where it is finite.
        """
        epochs, places = check_integers(epoch, "epochs"), check_numbers(x, "x", finite=False)
        values = check_numbers(value, "values", finite=False)
        check_same_length(epoch=epochs, x=places, value=values)
        order = np.argsort(epochs, kind="stable")
        epochs, places = epochs[order], places[order]
        values = np.where(np.isfinite(values), values, np.nan)[order]
        there = ~np.isnan(values) if taken is None else np.asarray(taken, bool)[order]
        broken = there & np.isnan(values)
        kept = _with_gaps(epochs, values) | broken
        return cls(name, metric, epochs[kept], places[kept], values[kept], epochs[broken])

    @property
    def final(self) -> float:
        """The last measured value; NaN if it is not finite, or there is none."""
        return float(self.value[-1]) if self.value.size else float("nan")

    def columns(self) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
        """Return the data that a figure of the curve shows, by column; values not taken are left out."""
        there = ~np.isnan(self.value) | np.isin(self.epoch, self.not_finite)
        return {"epoch": self.epoch[there], "x": self.x[there], "value": self.value[there]}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Band(Result):
    """Mean and standard deviation of one metric over runs that repeat one method.

    Attributes
    ----------
    name
        Name of the group.
    metric
        Name of the metric.
    runs
        Names of the runs.
    epoch
        int64 [n], ascending.
    x
        float64 [n]: mean over the runs, in epochs, optimiser steps or seconds.
    mean
        float64 [n]; NaN, which breaks the line, where a run of the group has no value, so that all means are
        over the same runs.
    deviation
        float64 [n]: sample standard deviation (divisor: number of runs - 1).
    not_finite
        int64 [m]: epochs at which the value of a run is NaN or infinite.
    """

    name: str
    metric: str
    runs: tuple[str, ...]
    epoch: NDArray[np.int64]
    x: NDArray[np.float64]
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    not_finite: NDArray[np.int64] = field(default_factory=_no_epochs)

    @classmethod
    def of(cls, name: str, curves: Sequence[Curve]) -> Band:
        """Return mean and standard deviation over two or more runs, epoch by epoch.

        Raises
        ------
        InputError
            Fewer than two curves, or no epoch at which all of them have a value.
        """
        if len(curves) < 2:
            message = f"{name!r} has {len(curves)} runs; a standard deviation needs two or more"
            raise InputError(message)
        epochs = np.unique(np.concatenate([curve.epoch for curve in curves]))
        places, values = (np.full((len(curves), epochs.size), np.nan) for _ in range(2))
        for row, curve in enumerate(curves):
            at = np.searchsorted(epochs, curve.epoch)
            places[row, at], values[row, at] = curve.x, curve.value
        mean, deviation = values.mean(axis=0), values.std(axis=0, ddof=1)
        odd = np.unique(np.concatenate([curve.not_finite for curve in curves]))
        if np.isnan(mean).all() and not odd.size:
            message = f"the runs of {name!r} have no epoch in common at which {curves[0].metric} was taken"
            raise InputError(message)
        kept = _with_gaps(epochs, mean) | np.isin(epochs, odd)
        runs = tuple(curve.name for curve in curves)
        x = np.nansum(places, axis=0) / np.maximum(1, np.sum(~np.isnan(places), axis=0))
        return cls(name, curves[0].metric, runs, epochs[kept], x[kept], mean[kept], deviation[kept], odd)

    @classmethod
    def in_place(cls, curves: Sequence[Curve], groups: Mapping[str, Sequence[str]]) -> list[Curve | Band]:
        """Return curves of one metric, with the curves of each group replaced by a band.

        If a run of a group lacks the metric, the curves of the others are kept.

        Parameters
        ----------
        curves
            One for each run, in order.
        groups
            Name of the group -> names of its runs.

        Raises
        ------
        InputError
            A group without an epoch at which all of its runs have a value.
        """
        names = {curve.name for curve in curves}
        of_run = {run: group for group, runs in groups.items() if names.issuperset(runs) for run in runs}
        drawn: dict[str, Curve | Band] = {}
        for curve in curves:
            group = of_run.get(curve.name)
            if group is None:
                drawn[curve.name] = curve
            elif group not in drawn:
                drawn[group] = cls.of(group, [one for one in curves if of_run.get(one.name) == group])
        return list(drawn.values())

    @property
    def final(self) -> tuple[float, float]:
        """Mean and standard deviation at the last epoch that all runs have; NaN where one is not finite."""
        return float(self.mean[-1]), float(self.deviation[-1])

    def columns(self) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
        """Return the data that a figure of the band shows, by column; values not taken are left out."""
        there = ~np.isnan(self.mean) | np.isin(self.epoch, self.not_finite)
        names = ("epoch", "x", "mean", "deviation")
        return {name: getattr(self, name)[there] for name in names}


def _with_gaps(epoch: NDArray[np.int64], value: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which points to keep: values, and missing ones in gaps longer than the commonest interval."""
    present = np.flatnonzero(~np.isnan(value))
    kept = np.zeros(epoch.size, bool)
    kept[present] = True
    steps = np.diff(epoch[present])
    if steps.size:
        lengths, counts = np.unique(steps, return_counts=True)
        interval = lengths[counts.argmax()]
        for left, right in zip(present[:-1][steps > interval], present[1:][steps > interval], strict=True):
            kept[left:right] = True
    return kept
