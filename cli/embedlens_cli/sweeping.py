"""What `sweep` does before it draws: the grid that was asked for, its training, and its scores."""

from __future__ import annotations

import math
import shlex
import time
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError, unknown
from embedlens_cli import options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from embedlens.analysis.sweep import Sweep
    from embedlens.store import Run
    from embedlens.training.grid import Planned
    from embedlens_cli.training_options import Recipe

USUAL = {"loss": "ep,epshn", "lr": "0.0001,0.0002,0.0004,0.0008,0.0016", "dim": "64", "seed": "0"}
"""The grid that is trained where none is asked for."""

_SPLITS = ("train", "test")
_RISING = ("recall_at", "r_precision", "map_at", "knn_accuracy", "nmi", "f1", "ami")


@dataclass(frozen=True, slots=True)
class Grid:
    """What varies, each value once: losses in the order given, numbers ascending."""

    losses: tuple[str, ...]
    rates: tuple[float, ...]
    dims: tuple[int, ...]
    seeds: tuple[int, ...]

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Grid:
        """Read the comma-separated options `loss`, `lr`, `dim` and `seed`."""
        losses = tuple(dict.fromkeys(options.words(given["loss"])))
        if not losses:
            message = f"--loss {given['loss']!r} names no loss; e.g. --loss {USUAL['loss']}"
            raise InputError(message)
        rates = _numbers(given["lr"], "lr", "numbers above 0 are needed", float)
        dims = _numbers(given["dim"], "dim", "whole numbers from 1 are needed", int)
        seeds = _numbers(given["seed"], "seed", "whole numbers from 0 are needed", int)
        return cls(losses, tuple(rates), tuple(int(dim) for dim in dims), tuple(int(seed) for seed in seeds))

    @property
    def words(self) -> list[str]:
        """What a file name says of the grid: the losses, and each axis that is not the usual one."""
        usual = Grid.of(USUAL)
        axes = (
            ("lr", self.rates, usual.rates),
            ("dim", self.dims, usual.dims),
            ("seed", self.seeds, usual.seeds),
        )
        told = [name + "+".join(f"{value:g}" for value in own) for name, own, other in axes if own != other]
        return ["+".join(self.losses), *told]


def _numbers(text: str, name: str, needed: str, kind: type) -> list[float]:
    """Return the numbers of an axis of the grid, ascending, each once."""
    least = {"lr": 0.0, "dim": 1, "seed": 0}[name]
    try:
        values = sorted({kind(word) for word in options.words(text)})
    except ValueError:
        values = []
    fits = all(value >= least and (kind is int or 0 < value < math.inf) for value in values)
    if not values or not fits:
        message = f"--{name} {text!r}; {needed}, comma-separated, e.g. {USUAL[name]}"
        raise InputError(message)
    return values


@dataclass(frozen=True, slots=True)
class Score:
    """What runs are compared by."""

    metric: str
    split: str
    device: str

    @property
    def column(self) -> str:
        """Its column in log.csv."""
        return f"{self.split}_{self.metric}"

    @property
    def label(self) -> str:
        """How papers spell it."""
        from embedlens.figures.curves import metric_label

        return metric_label(self.column, _SPLITS)


def check_score(metric: str, split: str, device: str) -> Score:
    """Return the score that was asked for; one unknown, or several, are refused."""
    from embedlens.analysis.scores import check_metrics
    from embedlens.devices import check_device

    found = check_metrics(options.words(metric))
    if len(found) > 1:
        message = f"--metric {metric!r} is {len(found)} scores ({', '.join(found)}); choose one of them"
        raise InputError(message)
    if split not in _SPLITS:
        raise unknown(split, "split", _SPLITS)
    return Score(found[0], split, check_device(device))


def plan(grid: Grid, recipe: Recipe, folder: Path) -> list[Planned]:
    """Return the runs of the grid, seed by seed; whatever cannot be trained there is refused."""
    from embedlens.objectives.losses import loss_options
    from embedlens.training.grid import plan as plan_runs

    known = {loss: loss_options(loss) for loss in grid.losses}
    for option in recipe.loss_options:
        if not any(option in own for own in known.values()):
            message = f"no loss of the grid ({', '.join(grid.losses)}) has an option {option!r}; leave it out"
            raise InputError(message)
    own = {
        loss: {name: value for name, value in recipe.loss_options.items() if name in known[loss]}
        for loss in grid.losses
    }
    configs = [
        recipe.config(loss, own[loss], dim=dim, lr=lr, seed=seed)
        for seed, loss, dim, lr in product(grid.seeds, grid.losses, grid.dims, grid.rates)
    ]
    return plan_runs(configs, folder, any_threads=recipe.threads is None)


def cost(planned: Sequence[Planned]) -> str:
    """Say how much there is to train."""
    from embedlens_cli import output

    config = planned[0].config
    finished = sum(run.finished for run in planned)
    runs = output.count_text(len(planned), "run")
    told = f"{runs} of {output.count_text(config.epochs, 'epoch')} on {config.data}"
    if finished == len(planned):
        return f"{told}: all finished"
    left = output.count_text(_epochs_left(planned), "epoch")
    return told + (f", {finished} finished" if finished else "") + f": {left} to train"


def _epochs_left(planned: Sequence[Planned]) -> int:
    return sum(max(0, run.config.epochs - max(0, run.recorded)) for run in planned)


def check(planned: Sequence[Planned]) -> list[Planned]:
    """Refuse what cannot be trained, before anything is; return the runs that are not finished."""
    from embedlens.training.grid import check_grid

    waiting = [run for run in planned if not run.finished]
    if waiting:
        check_grid([run.config for run in waiting])
    return waiting


def train(planned: Sequence[Planned], device: str) -> dict[Path, str]:
    """Train what is not finished; return why runs failed, by path. One failure does not stop the others."""
    from embedlens_cli import output

    waiting = check(planned)
    output.remark(cost(planned))
    failed: dict[Path, str] = {}
    started = time.perf_counter()
    for number, run in enumerate(waiting, start=1):
        place = f"{number} of {len(waiting)}  {run.path.name}"
        try:
            row = _train_one(run, device)
        except KeyboardInterrupt:
            output.remark("go on with the same command; finished epochs are kept")
            raise
        except InputError as error:
            failed[run.path] = str(error)
            output.remark(f"{place}: failed: {error}")
            continue
        pace = (time.perf_counter() - started) / max(1, _epochs_left(waiting[:number]))
        left = pace * _epochs_left(waiting[number:])
        recall = f"test R@1 {row['test_recall_at_1']:.4f}"
        output.remark(f"{place}: {recall}" + (f", about {_time_text(left)} left" if left else ""))
    return failed


def _train_one(run: Planned, device: str) -> dict[str, Any]:
    """Train one run to its last epoch, or go on with it; return the last row of its log."""
    from embedlens.training.trainer import Trainer
    from embedlens_cli.progress import TrainingProgress
    from embedlens_cli.training import recalls_at_1

    with TrainingProgress(run.path.name, quiet=True) as progress:
        trainer = Trainer(run.config, run.path, device=device, resume=run.path.exists())
        return trainer.run(recalls_at_1, progress.report).log[-1]


def _time_text(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run of the grid with its score, or why it has none.

    Attributes
    ----------
    value
        NaN where the run failed.
    source
        "log" or "computed".
    items
        Number of items that were scored.
    failure
        Why the run has no value; empty where it has one.
    """

    planned: Planned
    value: float
    source: str = ""
    items: int = 0
    failure: str = ""

    @property
    def name(self) -> str:
        """Name of the run."""
        return self.planned.path.name

    @property
    def point(self) -> tuple[str, float, int, int]:
        """Loss, learning rate, dims and seed."""
        config = self.planned.config
        return config.loss, config.lr, config.dim, config.seed

    def facts(self) -> dict[str, Any]:
        """Return what the sidecar says of the run."""
        config = self.planned.config
        told: dict[str, Any] = {"name": self.name, "path": self.planned.path.as_posix(), "seed": config.seed}
        told |= {"loss": config.loss, "loss_options": config.loss_options, "lr": config.lr, "dim": config.dim}
        return told | ({"failure": self.failure} if self.failure else {"source": self.source})


def measure(planned: Sequence[Planned], failed: Mapping[Path, str], score: Score) -> list[Outcome]:
    """Return the score of each run at the last epoch of the grid; failed ones stay without."""
    from embedlens.store import open_run
    from embedlens_cli import output

    outcomes = []
    for one in output.track(planned, "scoring"):
        if one.path in failed:
            outcomes.append(Outcome(one, math.nan, failure=failed[one.path]))
            continue
        run = open_run(one.path)
        value, source = _value(run, one.config.epochs, score)
        outcomes.append(Outcome(one, value, source, run.info.splits[score.split].items))
    return outcomes


def tell_failures(outcomes: Sequence[Outcome]) -> None:
    """Say which runs have no value."""
    from embedlens_cli import output

    names = [outcome.name for outcome in outcomes if outcome.failure]
    if names:
        output.remark(f"{len(names)} of {output.count_text(len(outcomes), 'run')} failed: {', '.join(names)}")


def _value(run: Run, epoch: int, score: Score) -> tuple[float, str]:
    """Return the score of one epoch, from the log where it has it, and where it came from."""
    from embedlens.analysis.scores import score as compute

    logged = next((row.get(score.column) for row in run.log if row["epoch"] == epoch), None)
    if logged is not None and math.isfinite(logged):
        return logged, "log"
    snapshot = run.snapshot(score.split, epoch)
    try:
        found = compute(snapshot.embeddings, snapshot.labels, [score.metric], device=score.device)
    except InputError as error:
        raise error.within(snapshot.place) from error
    return found[score.metric], "computed"


def rows_of(result: Sweep) -> dict[tuple[str, float, int], int]:
    """Return the row of each loss, learning rate and dim."""
    keys = zip(result.loss.tolist(), result.lr.tolist(), result.dim.tolist(), strict=True)
    return {key: row for row, key in enumerate(keys)}


def next_command(outcomes: Sequence[Outcome], score: Score) -> str:
    """Return what is worth typing next: pruning where sizes were compared, else a scatter of the best."""
    good = [outcome for outcome in outcomes if not outcome.failure]
    rising = score.metric.startswith(_RISING)
    ranked = sorted(good, key=lambda outcome: outcome.value, reverse=True) if rising else good
    loss, lr, _, seed = ranked[0].point
    sizes = [one for one in good if one.point[:2] == (loss, lr) and one.point[3] == seed]
    if len(sizes) > 1:
        command, runs = "pca-prune", sorted(sizes, key=lambda one: -one.planned.config.dim)
    else:
        first = {one.planned.config.loss: one for one in reversed(ranked)}
        command, runs = "scatter", [one for one in ranked if first[one.planned.config.loss] is one]
    return shlex.join(["embedlens", command, *(one.planned.path.as_posix() for one in runs)])
