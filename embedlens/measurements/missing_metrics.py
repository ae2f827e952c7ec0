"""Metrics of runs that their logs lack, computed from their snapshots."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

from embedlens.experiments.run_metrics import unscored
from embedlens.measurements.measuring import measure
from embedlens.measurements.selected import Selected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from concurrent.futures import Executor

    from embedlens.execution import Workers
    from embedlens.experiments.run_metrics import Meter, RunMetrics
    from embedlens.measurements.reader import Reader


def compute_missing(
    sources: Sequence[RunMetrics],
    metrics: Sequence[str],
    meter: Meter,
    *,
    reader: Reader,
    executor: Workers | Executor | None = None,
    follow: Callable[[Iterable[Any], int], Iterable[Any]] | None = None,
) -> None:
    """Compute what the logs of runs lack, each snapshot once, and give it to the runs.

    Parameters
    ----------
    sources
        The runs.
    metrics
        Full names of metrics, see `embedlens.experiments.metric_names.choose_metrics`.
    meter
        Computes scores, and losses on fixed batches.
    reader
        Reads the snapshots, and collects the warnings about their data.
    executor
        Where snapshots are scored, as of `embedlens.execution.run_tasks`; None: in this process.
    follow
        Function of the results and of their number that gives them one by one, and shows the progress; None:
        nothing is shown.

    Raises
    ------
    InputError
        What cannot be measured, with its place.
    """
    missing = {
        Selected(one.metrics.label, one.metrics.run, one.split, one.epoch, reader): one
        for one in unscored(sources, metrics, without_log=bool(reader.leave_out))
    }
    if not missing:
        return
    names = {one.labelled_place: list(values.scores) for one, values in missing.items()}
    scores = partial(_scores, meter=meter, names=names)
    with closing(measure(scores, list(missing), executor=executor)) as measured:
        for one, values in follow(measured, len(missing)) if follow else measured:
            missing[one].add(values)


def _scores(one: Selected, *, meter: Meter, names: Mapping[str, list[str]]) -> dict[str, float]:
    """Return the scores of one snapshot."""
    return meter.measure(one.search(), names[one.labelled_place])
