"""The values of runs by metric and epoch: from their logs, or computed from their snapshots."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError, unknown
from embedlens.text import escaped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from embedlens.objectives import Loss
    from embedlens.searches import Search
    from embedlens.store import Run
    from embedlens_cli.reading import Reader

_RECALL = re.compile(r"(.+_)?recall_at_\d+")


@dataclass(frozen=True, slots=True)
class Source:
    """A run with its values by metric and epoch, those of its log and those computed from its snapshots.

    Attributes
    ----------
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
    def of(cls, label: str, run: Run) -> Source:
        """Read the log of a run; empty cells are missing."""
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
    def facts(self) -> dict[str, Any]:
        """What a sidecar says of the run."""
        from embedlens.artifacts import run_facts

        (told,) = run_facts([self.run])
        return told | {
            "name": self.label,
            "items": {split: entry.items for split, entry in self.run.info.splits.items()},
            "epochs": self.epochs,
            "computed": {metric: sorted(values) for metric, values in self.computed.items()},
            "not_finite": self.not_finite,
        }

    @property
    def columns(self) -> list[str]:
        """The columns of the log that have a number, be it finite or not."""
        return list(dict.fromkeys([*self.log, *self.not_finite]))

    @property
    def epochs(self) -> list[int]:
        """The epochs of the log and of the snapshots."""
        return sorted({int(row["epoch"] or 0) for row in self.run.log} | set(self.run.epochs()))

    def values(self, metric: str) -> dict[int, float]:
        """Return the values of a metric by epoch; a logged one comes before a computed one."""
        return self.computed.get(metric, {}) | self.log.get(metric, {})

    def undefined(self, metric: str) -> list[int]:
        """Return the epochs at which a metric is NaN or infinite, and is not computed instead."""
        known = self.values(metric)
        return [epoch for epoch in self.not_finite.get(metric, []) if epoch not in known]

    def positions(self, x: str) -> dict[int, float]:
        """Return where each epoch stands on the x axis: its number, steps so far, or seconds so far.

        Epoch 0, the state before training, stands at 0.
        """
        if x == "epoch":
            return {epoch: float(epoch) for epoch in self.epochs}
        column, place, odd = self.log.get(x, {}), f"run {self.label!r}", self.not_finite.get(x, [])
        if not column and not odd:
            message = (
                f"its log has no column {x!r}; draw it against --x epoch, or have its training log {x!r}"
            )
            raise InputError(message).within(place)
        found, total = {0: 0.0}, 0.0
        for epoch in self.epochs:
            if epoch and epoch not in column:
                what = f"{x!r} is NaN or infinite" if epoch in odd else f"its log has no {x!r}"
                message = f"{what} at epoch {epoch}; draw it against --x epoch"
                raise InputError(message).within(place)
            if epoch:
                total = column[epoch] + (total if x == "seconds" else 0.0)
                found[epoch] = total
        return found


@dataclass(frozen=True, slots=True)
class Meter:
    """What snapshots are measured with: scores, and losses on fixed batches.

    `batches`: their number, P, K and seed, and whether embeddings are normalised.
    """

    losses: Mapping[str, Loss]
    batches: dict[str, Any]
    device: str

    def measure(self, search: Search, names: list[str]) -> dict[str, float]:
        """Return scores of a snapshot with its gallery, and monitored losses of its queries."""
        from embedlens.analysis.monitoring import MONITOR, fixed_batches, monitor

        scores = [name for name in names if not name.startswith(MONITOR)]
        found = search.score(scores, device=self.device) if scores else {}
        for name in names:
            if name in scores:
                continue
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
        """Return what the sidecar says."""
        from embedlens.objectives.losses import loss_options

        if not self.losses:
            return None
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


def choose_splits(sources: Sequence[Source], asked: Sequence[str]) -> list[str]:
    """Return the splits asked for; else those that scores are taken of."""
    from embedlens.selection import evaluated_splits

    return evaluated_splits([source.run for source in sources], asked)


def choose_metrics(asked: Sequence[str], sources: Sequence[Source], splits: Sequence[str]) -> list[str]:
    """Return the full names of the metrics asked for: columns of a log, or SPLIT_SCORE.

    None asked: loss and recalls of the logs, and R@1 where there are none, or where a run has no log.
    """
    columns = list(dict.fromkeys(name for source in sources for name in source.columns))
    if splits:
        choose_splits(sources, splits)
    if not asked:
        recalls = [
            name for name in columns
            if _RECALL.fullmatch(name) and (not splits or name.rpartition("_recall")[0] in splits)
        ]  # fmt: skip
        found = ["loss"] * ("loss" in columns) + recalls
        if not found or any(not source.log for source in sources):
            found += [f"{split}_recall_at_1" for split in choose_splits(sources, splits)]
        return list(dict.fromkeys(found))
    found = []
    for word in asked:
        found += [word] if word in columns else _expand(word, columns, sources, splits)
    return list(dict.fromkeys(found))


def _expand(word: str, columns: Sequence[str], sources: Sequence[Source], splits: Sequence[str]) -> list[str]:
    """Return the names that a score stands for: of its split, or of every split chosen."""
    known = list(dict.fromkeys(split for source in sources for split in source.run.splits))
    split, score = part(word, known)
    scores = _scores(score)
    if scores is None and (split or not any(f"{one}_{word}" in columns for one in known)):
        from embedlens.analysis.scores import METRICS

        choices = [*columns, "recall_at_K", *METRICS, *(f"{one}_METRIC" for one in known)]
        raise unknown(word, "metric", choices)
    places = [split] if split else choose_splits(sources, splits)
    return [f"{place}_{name}" for place in places for name in scores or [score]]


def part(metric: str, splits: Iterable[str]) -> tuple[str, str]:
    """Return the split and the score in a name such as "test_recall_at_1"; the split may be empty."""
    for split in sorted(splits, key=len, reverse=True):
        if metric.startswith(f"{split}_"):
            return split, metric.removeprefix(f"{split}_")
    return "", metric


def _scores(name: str) -> list[str] | None:
    """Return the scores that a name or preset stands for; None where snapshots have no such score."""
    from embedlens.analysis.scores import check_metrics

    try:
        return check_metrics([name])
    except InputError:
        return None


def compute(
    sources: Sequence[Source],
    metrics: Sequence[str],
    measure: Callable[[Search, list[str]], dict[str, float]],
    reader: Reader,
) -> None:
    """Compute what the logs lack, reading each snapshot once.

    `measure` is given a snapshot with its gallery and the scores wanted; what cannot be measured is told
    with its place. Where items are left out, no score of a log counts: those are of all items.
    """
    from embedlens_cli import output

    jobs = []
    for source in sources:
        parts = {metric: part(metric, source.run.splits) for metric in metrics}
        known = {metric for metric, (split, score) in parts.items() if split and _is_computed(score)}
        if reader.leave_out:
            for metric in known:
                source.log.pop(metric, None)
        for epoch in source.run.epochs():
            wanted: dict[str, dict[str, str]] = {}
            for metric in metrics:
                if metric in known and epoch not in source.log.get(metric, {}):
                    wanted.setdefault(parts[metric][0], {})[parts[metric][1]] = metric
            jobs += [(source, split, epoch, names) for split, names in wanted.items()]
    for source, split, epoch, names in output.track(jobs, "computing") if jobs else ():
        search = reader.search(source.run, split, epoch, label=source.label)
        try:
            found = measure(search, list(names))
        except InputError as error:
            raise (error if search.place in str(error) else error.within(search.place)) from error
        for score, metric in names.items():
            source.computed.setdefault(metric, {})[epoch] = found[score]


def _is_computed(score: str) -> bool:
    """Say whether snapshots have a score; a monitored loss is one that was checked before."""
    from embedlens.analysis.monitoring import MONITOR

    return score.startswith(MONITOR) or _scores(score) is not None


def training_loss(method: Mapping[str, Any]) -> str:
    """Return the loss that a run was trained with, and the options set for it; empty where it is not told.

    A method other than plain stands before it, for it adds what is its own to the loss.
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
