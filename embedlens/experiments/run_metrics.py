"""Metrics of runs by epoch: from their logs, or computed from their snapshots."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from embedlens.analysis.experiments.curves import MONITOR, Curve
from embedlens.analysis.scores import check_metrics
from embedlens.errors import InputError
from embedlens.moments import counts_steps, trained_epochs
from embedlens.store.steps import as_moments
from embedlens.text import escaped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from embedlens.objectives import Loss
    from embedlens.searches import Search
    from embedlens.store import Run


@dataclass(frozen=True, slots=True)
class RunMetrics:
    """A run with its values by metric and epoch, those of its log and those computed from its snapshots.

    Attributes
    ----------
    label
        Name of the run in figures and tables.
    run
        The run.
    log, computed
        Metric -> epoch -> finite value.
    not_finite
        Metric -> epochs at which the log has NaN or an infinity.
    """

    label: str
    run: Run
    log: dict[str, dict[int, float]]
    computed: dict[str, dict[int, float]] = field(default_factory=dict)
    not_finite: dict[str, list[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, label: str, run: Run) -> RunMetrics:
        """Return the metrics in the log of a run; empty cells are missing.

        Raises
        ------
        InputError
            A run without a log and without a snapshot.
        """
        rows = run.log
        if not rows and not run.epochs():
            message = f"run {run.name!r} has neither a log nor a snapshot yet; there is nothing to draw"
            raise InputError(message)
        log: dict[str, dict[int, float]] = {}
        not_finite: dict[str, list[int]] = {}
        for row in rows:
            for name, value in row.items():
                if name == "epoch" or value is None:
                    continue
                if math.isfinite(value):
                    log.setdefault(name, {})[int(row["epoch"] or 0)] = value
                else:
                    not_finite.setdefault(name, []).append(int(row["epoch"] or 0))
        return cls(label, run, log, not_finite=not_finite)

    @property
    def columns(self) -> list[str]:
        """The columns of the log that have a number, be it finite or not."""
        return list(dict.fromkeys([*self.log, *self.not_finite]))

    @property
    def epochs(self) -> list[int]:
        """The epochs of the log and of the snapshots."""
        logged = [int(row["epoch"] or 0) for row in self.run.log]
        return sorted({*as_moments(self.run.path, logged), *self.run.epochs()})

    def values(self, metric: str) -> dict[int, float]:
        """Return the values of a metric by epoch; a logged one comes before a computed one."""
        return self.computed.get(metric, {}) | self.log.get(metric, {})

    def undefined(self, metric: str) -> list[int]:
        """Return the epochs at which a metric is NaN or infinite, and is not computed instead."""
        known = self.values(metric)
        return [epoch for epoch in self.not_finite.get(metric, []) if epoch not in known]

    def curve(self, metric: str, positions: Mapping[int, float]) -> Curve:
        """Return a metric at the epochs of `positions`, epoch -> x; NaN and infinities break the line."""
        values, odd, epochs = self.values(metric), self.undefined(metric), list(positions)
        return Curve.of(
            self.label,
            metric,
            epoch=epochs,
            x=list(positions.values()),
            value=[values.get(epoch, math.nan) for epoch in epochs],
            taken=[epoch in values or epoch in odd for epoch in epochs],
        )

    def positions(self, x: str) -> dict[int, float]:
        """Return where each epoch stands on the x axis: its number, steps so far, or seconds so far.

        Epoch 0, the state before training, stands at 0, but for a run whose first step is another one. In a
        run that counts steps an epoch is the number of epochs trained so far, where the log has it.
        """
        if x == "epoch":
            return {epoch: trained_epochs(epoch) for epoch in self.epochs}
        column, place, odd = self.log.get(x, {}), f"run {self.label!r}", self.not_finite.get(x, [])
        if not column and not odd:
            message = (
                f"its log has no column {x!r}; draw it against --x epoch, or have its training log {x!r}"
            )
            raise InputError(message).within(place)
        found, total = {0: column.get(0, 0.0) if x == "step" else 0.0}, 0.0
        for epoch in self.epochs:
            if epoch and epoch not in column:
                what = f"{x!r} is NaN or infinite" if epoch in odd else f"its log has no {x!r}"
                message = f"{what} at epoch {epoch}; draw it against --x epoch"
                raise InputError(message).within(place)
            if epoch:
                total = column[epoch] + (total if x == "seconds" else 0.0)
                found[epoch] = total
        return found


def default_x(sources: Sequence[RunMetrics]) -> str:
    """Return what runs are drawn against by default: "step" where all of them count steps, else "epoch"."""
    return "step" if all(counts_steps(source.epochs) for source in sources) else "epoch"


@dataclass(frozen=True, slots=True)
class Meter:
    """Computes metrics of snapshots: scores, and losses on fixed batches.

    Attributes
    ----------
    losses
        Name -> loss, as `embedlens.analysis.experiments.monitoring.check_monitors` returns them.
    batches
        Number of batches ("batches"), P ("classes_per_batch"), K ("items_per_class") and "seed", and whether
        embeddings are normalised ("normalize").
    device
        Where scores and losses are computed.
    """

    losses: Mapping[str, Loss]
    batches: Mapping[str, Any]
    device: str = "cpu"

    def measure(self, search: Search, names: list[str]) -> dict[str, float]:
        """Return scores of a snapshot with its gallery, and monitored losses of its queries."""
        scores = [name for name in names if not name.startswith(MONITOR)]
        found = search.score(scores, device=self.device) if scores else {}
        for name in names:
            if name in scores:
                continue
            from embedlens.analysis.experiments.monitoring import fixed_batches, monitor

            loss = self.losses[name.removeprefix(MONITOR)]
            drawn = fixed_batches(
                search.y,
                count=self.batches["batches"],
                classes=self.batches["classes_per_batch"],
                items=loss.items_per_class or self.batches["items_per_class"],
                seed=self.batches["seed"],
            )
            measured = monitor(
                search.z, search.y, loss,
                batches=drawn, normalize=self.batches["normalize"], device=self.device,
            )  # fmt: skip
            found[name] = float(measured.mean())
        return found

    def facts(self) -> dict[str, Any] | None:
        """Return the entries of the sidecar about the losses; None without any."""
        if not self.losses:
            return None
        from embedlens.objectives.losses import loss_options

        return {
            **self.batches,
            "losses": {
                name: {
                    "options": loss_options(name),
                    "items_per_class": loss.items_per_class or self.batches["items_per_class"],
                }
                for name, loss in self.losses.items()
            },
            "drawn": "classes that have two items or more; a class with fewer items gives all of them",
            "value": "mean over the batches of each batch's mean over all mined terms (triplet: over all "
            "triplets), in float32",
        }


@dataclass(frozen=True, slots=True)
class Unscored:
    """Metrics of one snapshot that no log has.

    Attributes
    ----------
    metrics
        The run, which gets the values.
    split, epoch
        The snapshot.
    scores
        Score, or monitored loss -> name of the metric.
    """

    metrics: RunMetrics
    split: str
    epoch: int
    scores: Mapping[str, str]

    def add(self, values: Mapping[str, float]) -> None:
        """Give the run the values, by score, that `Meter.measure` has computed from the snapshot."""
        for score, metric in self.scores.items():
            self.metrics.computed.setdefault(metric, {})[self.epoch] = values[score]


def unscored(
    runs: Sequence[RunMetrics], metrics: Sequence[str], *, without_log: bool = False
) -> list[Unscored]:
    """Return which snapshots have to be scored, each once: those whose metrics the logs lack.

    Parameters
    ----------
    runs
        The runs.
    metrics
        Full names of metrics, see `choose_metrics`.
    without_log
        Whether to ignore scores in logs, which include items that are left out here.
    """
    tasks = []
    for one in runs:
        parts = {metric: split_and_score(metric, one.run.splits) for metric in metrics}
        known = {metric for metric, (split, score) in parts.items() if split and _is_computed(score)}
        for metric in known if without_log else ():
            one.log.pop(metric, None)
        for epoch in one.run.epochs():
            wanted: dict[str, dict[str, str]] = {}
            for metric in metrics:
                if metric in known and epoch not in one.log.get(metric, {}):
                    wanted.setdefault(parts[metric][0], {})[parts[metric][1]] = metric
            tasks += [Unscored(one, split, epoch, names) for split, names in wanted.items()]
    return tasks


def training_loss(method: Mapping[str, Any]) -> str:
    """Return the loss that a run was trained with, and the options set for it; empty where not recorded.

    The name of a method other than plain comes first, since it adds terms of its own.
    """
    chosen = method.get("loss_options")
    named = (
        ", ".join(f"{key}={value}" for key, value in sorted(chosen.items()))
        if isinstance(chosen, dict)
        else ""
    )
    way = str(method.get("method") or "plain")
    words = ("" if way == "plain" else way, str(method.get("loss") or ""), named)
    return escaped(", ".join(word for word in words if word))


def split_and_score(metric: str, splits: Iterable[str]) -> tuple[str, str]:
    """Return the split and the score in a name such as "test_recall_at_1"; the split may be empty."""
    for split in sorted(splits, key=len, reverse=True):
        if metric.startswith(f"{split}_"):
            return split, metric.removeprefix(f"{split}_")
    return "", metric


def scores_named(name: str) -> list[str] | None:
    """Return the scores that a name or preset stands for; None where snapshots have no such score."""
    try:
        return check_metrics([name])
    except InputError:
        return None


def _is_computed(score: str) -> bool:
    """Say whether snapshots have a score; a monitored loss is one that was checked before."""
    return score.startswith(MONITOR) or scores_named(score) is not None
