"""Curves of runs over training: those of their metrics, as panels, as a table and as numbers by name."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.analysis.experiments.curves import Band, Curve
from embedlens.captions.places import Shown
from embedlens.errors import InputError
from embedlens.experiments.metric_names import is_loss
from embedlens.experiments.run_metrics import training_loss
from embedlens.moments import Moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from embedlens.experiments.run_metrics import RunMetrics

_MOST = 10  # epochs in a message


def curves_of(sources: Sequence[RunMetrics], metrics: Sequence[str], x: str) -> tuple[list[Curve], list[str]]:
    """Return every metric of every run that has it, and messages about what is missing.

    Parameters
    ----------
    sources
        The runs, what their logs lack computed.
    metrics
        Names of the metrics.
    x
        "epoch", "step" or "seconds".

    Raises
    ------
    InputError
        A metric that no run has.
    """
    positions = {source.label: source.positions(x) for source in sources}
    curves, messages = [], []
    for metric in metrics:
        having = [source for source in sources if source.values(metric) or source.undefined(metric)]
        if not having:
            message = (
                f"no run has a value of {metric!r}: no log has it, and there is no snapshot to compute it"
            )
            raise InputError(message)
        for source in sources:
            if source not in having:
                messages.append(f"run {source.label} has no {metric} and is left out there")
                continue
            curves.append(source.curve(metric, positions[source.label]))
            messages += not_finite_in_log(source, metric, drawn=bool(source.values(metric)))
            messages += _not_finite_computed(source, metric)
    return curves, messages


def not_finite_in_log(source: RunMetrics, metric: str, *, drawn: bool) -> list[str]:
    """Return the warning for one metric of a run: how many epochs have no finite value, and what is drawn."""
    odd = source.not_finite.get(metric, [])
    if not odd:
        return []
    missing = source.undefined(metric)
    of = len(odd) + len(source.log.get(metric, {}))
    if not missing:
        what = "computed from the snapshots instead"
    elif drawn:
        what = "the line is broken there"
    else:
        what = "nothing is drawn of it"
    return [_not_finite(source, metric, missing or odd, of=of, what=what)]


def _not_finite_computed(source: RunMetrics, metric: str) -> list[str]:
    """Return the warning for a metric that is undefined in some snapshots, such as those of equal rows."""
    values = source.computed.get(metric, {})
    odd = sorted(epoch for epoch, value in values.items() if not math.isfinite(value))
    if not odd:
        return []
    drawn = any(math.isfinite(value) for value in source.values(metric).values())
    what = "the line is broken there" if drawn else "nothing is drawn of it"
    return [_not_finite(source, metric, odd, of=len(values), what=what)]


def _not_finite(source: RunMetrics, metric: str, shown: Sequence[int], *, of: int, what: str) -> str:
    """Return at which epochs a metric of a run is not finite, and what follows."""
    epochs = ", ".join(map(str, shown[:_MOST])) + (f", ... {shown[-1]}" if len(shown) > _MOST else "")
    return (
        f"run {source.label}: {metric} is NaN or infinite at {len(shown):,} of {of:,} epochs "
        f"({epochs}); {what}"
    )


def comparable(curves: Sequence[Curve], sources: Sequence[RunMetrics]) -> list[tuple[str, str, list[Curve]]]:
    """Group the curves that can share an axis: metric, training loss, and its curves.

    Training losses of different kinds have different scales, so that they stand apart; of any other metric,
    and where all runs have one loss, the loss is empty.
    """
    trained = {source.label: training_loss(source.run.method) for source in sources}
    panels = []
    for metric in dict.fromkeys(curve.metric for curve in curves):
        own = [curve for curve in curves if curve.metric == metric]
        kinds = {curve.name: trained[curve.name] if is_loss(metric) else "" for curve in own}
        several = len(set(kinds.values())) > 1
        for kind in dict.fromkeys(kinds.values()):
            shown = [curve for curve in own if kinds[curve.name] == kind]
            panels.append((metric, kind if several else "", shown))
    return panels


def columns(
    curves: Iterable[Curve], bands: Sequence[Band], sources: Sequence[RunMetrics]
) -> list[dict[str, Any]]:
    """Return a block of rows for each curve; mean and deviation of the run's group stand beside it."""
    moments = {source.label: source.epochs for source in sources}
    computed = {
        (source.label, metric): set(of) for source in sources for metric, of in source.computed.items()
    }
    blocks: list[dict[str, Any]] = []
    for curve in curves:
        own = curve.columns()
        epochs, known = own["epoch"].tolist(), computed.get((curve.name, curve.metric), set())
        origin = np.array(["computed" if epoch in known else "log" for epoch in epochs])
        block = {"run": curve.name, "metric": curve.metric, **own, "source": origin}
        for band in bands:
            if band.metric == curve.metric and curve.name in band.runs:
                group = band.columns()
                at = {epoch: row for row, epoch in enumerate(group["epoch"].tolist())}
                rows = [at.get(epoch) for epoch in epochs]
                block["group"] = band.name
                for name in ("x", "mean", "deviation"):
                    cells = ["" if row is None else group[name][row].item() for row in rows]
                    block[f"group_{name}"] = np.array(cells, dtype=object)
        steps = {int(epoch): epoch.step for epoch in moments[curve.name] if isinstance(epoch, Moment)}
        if steps:
            block["step"] = np.array([steps.get(epoch, "") for epoch in epochs], dtype=object)
        blocks.append(block)
    return blocks


def summary(curves: Iterable[Curve | Band]) -> dict[str, Any]:
    """Return the values: run -> metric -> epoch, x and values; a group also has its runs and deviations."""
    numbers: dict[str, Any] = {}
    for curve in curves:
        values: dict[str, Any] = {name: column.tolist() for name, column in curve.columns().items()}
        values["values"] = values.pop("mean" if isinstance(curve, Band) else "value")
        if isinstance(curve, Band):
            values["runs"] = list(curve.runs)
        if curve.not_finite.size:
            values["not_finite"] = curve.not_finite.tolist()
        numbers.setdefault(curve.name, {})[curve.metric] = values
    return numbers


def shown(sources: Iterable[RunMetrics], metrics: Iterable[str], *, counted: bool = True) -> list[Shown]:
    """Return what curves of some metrics are of, for a caption: the splits named in metrics, else every one.

    Parameters
    ----------
    sources
        The runs.
    metrics
        Names of the metrics.
    counted
        Whether to give the number of items of each split.
    """
    named = list(metrics)
    snapshots = []
    for source in sources:
        entries = source.run.info.splits
        splits = [split for split in entries if any(name.startswith(f"{split}_") for name in named)]
        snapshots += [
            Shown(source.label, split, epoch, entries[split].items if counted else None)
            for split in splits or entries
            for epoch in source.epochs
        ]
    return snapshots


def facts(sources: Sequence[RunMetrics], runs: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return `runs`, what a sidecar says of each run, with items, epochs, and the metrics computed of it."""
    return [
        {
            **run,
            "name": source.label,
            "items": {split: entry.items for split, entry in source.run.info.splits.items()},
            "epochs": source.epochs,
            "computed": {metric: sorted(values) for metric, values in source.computed.items()},
            "not_finite": source.not_finite,
        }
        for source, run in zip(sources, runs, strict=True)
    ]
