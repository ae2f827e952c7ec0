"""What `sweep` does before it compares: the grid that was asked for, and its training."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError
from embedlens_cli import options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from embedlens.training.grid import Planned
    from embedlens_cli.training_options import Recipe

USUAL = {"loss": "ep,epshn", "lr": "0.0001,0.0002,0.0004,0.0008,0.0016", "dim": "64", "seed": "0"}
"""The grid that is trained where none is asked for."""

EVERY, USUAL_RATE = "all", "usual"
"""What stands for every registered loss, and for the learning rate that each loss is usually trained at."""


@dataclass(frozen=True, slots=True)
class Grid:
    """What varies, each value once: losses in the order given, numbers ascending.

    Attributes
    ----------
    rates
        None stands for the usual learning rate of each loss.
    every
        Whether all registered losses were asked for.
    """

    losses: tuple[str, ...]
    rates: tuple[float | None, ...]
    dims: tuple[int, ...]
    seeds: tuple[int, ...]
    every: bool = False

    @classmethod
    def of(cls, given: Mapping[str, str | None]) -> Grid:
        """Read the comma-separated options `loss`, `lr`, `dim` and `seed`; None: what is usual."""
        asked = {name: USUAL[name] if given[name] is None else str(given[name]) for name in USUAL}
        words = options.words(asked["loss"])
        every = EVERY in words
        losses = tuple(dict.fromkeys(loss for word in words for loss in _losses(word)))
        if not losses:
            message = f"--loss {asked['loss']!r} names no loss; e.g. --loss {USUAL['loss']}, or {EVERY}"
            raise InputError(message)
        rates: Sequence[float | None] = [None]
        if asked["lr"].strip() != USUAL_RATE and not (every and given["lr"] is None):
            needed = f"numbers above 0 are needed, or {USUAL_RATE!r} alone"
            rates = _numbers(asked["lr"], "lr", needed, float)
        dims = _numbers(asked["dim"], "dim", "whole numbers from 1 are needed", int)
        seeds = _numbers(asked["seed"], "seed", "whole numbers from 0 are needed", int)
        whole = [tuple(int(number) for number in numbers) for numbers in (dims, seeds)]
        return cls(losses, tuple(rates), whole[0], whole[1], every=every)

    @property
    def words(self) -> list[str]:
        """What a file name says of the grid: the losses, and each axis that is not the usual one."""
        usual = Grid.of({**USUAL, "loss": EVERY if self.every else USUAL["loss"], "lr": None})
        axes = (
            ("lr", self.rates, usual.rates),
            ("dim", self.dims, usual.dims),
            ("seed", self.seeds, usual.seeds),
        )
        told = [
            name + "+".join(USUAL_RATE if value is None else f"{value:g}" for value in own)
            for name, own, other in axes if own != other
        ]  # fmt: skip
        more = [loss for loss in self.losses if loss not in _losses(EVERY)] if self.every else self.losses
        return ["+".join([EVERY, *more] if self.every else more).replace(":", "-"), *told]


def _losses(word: str) -> list[str]:
    """Return the losses that a word stands for."""
    if word != EVERY:
        return [word]
    from embedlens.objectives import LOSSES

    return LOSSES.names()


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


def plan(grid: Grid, recipe: Recipe, folder: Path) -> list[Planned]:
    """Return the runs of the grid, seed by seed; whatever cannot be trained there is refused."""
    from embedlens.objectives.building import PREFIX
    from embedlens.objectives.losses import loss_options
    from embedlens.training.grid import plan as plan_runs

    given = recipe.loss_options
    # What a loss of pytorch-metric-learning takes is known when it is made.
    known = {loss: given if loss.startswith(PREFIX) else loss_options(loss) for loss in grid.losses}
    for option in given:
        if not any(option in own for own in known.values()):
            message = f"no loss of the grid ({', '.join(grid.losses)}) has an option {option!r}; leave it out"
            raise InputError(message)
    own = {
        loss: {name: value for name, value in given.items() if name in known[loss]} for loss in grid.losses
    }
    losses = _fitting(grid, recipe) if grid.every else grid.losses
    configs = [
        recipe.config(loss, own[loss], dim=dim, lr=lr, seed=seed)
        for seed, loss, dim, lr in product(grid.seeds, losses, grid.dims, grid.rates)
    ]
    return plan_runs(configs, folder, any_threads=recipe.threads is None)


def _fitting(grid: Grid, recipe: Recipe) -> list[str]:
    """Return the losses, of all, that take the mining and the batches asked for; tell which do not."""
    from embedlens.objectives import build_miner
    from embedlens_cli import output

    mining = recipe.shared["mining"]
    if mining is not None:
        build_miner(mining, recipe.mining_options)
    fitting, reasons = [], {}
    for loss in grid.losses:
        try:
            recipe.config(loss, {}, dim=1, lr=None, seed=0).build_loss()
        except InputError as error:
            reasons[loss] = error
        else:
            fitting.append(loss)
    if not fitting:
        raise next(iter(reasons.values()))
    if reasons:
        output.remark(f"left out, for they do not take what was asked for: {', '.join(reasons)}")
    return fitting


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


def check(planned: Sequence[Planned], *, every: bool = False) -> tuple[list[Planned], dict[Path, str]]:
    """Refuse what cannot be trained, before anything is; return the runs that are not finished.

    Where `every` loss was asked for, those that cannot be trained on the data are left out, and returned by
    path with the reason, unless none can.
    """
    from embedlens.training.grid import check_grid
    from embedlens_cli import output
    from embedlens_cli.epoch_metrics import check_left_out

    waiting = [run for run in planned if not run.finished]
    check_left_out(planned[0].config)
    refused: dict[Path, str] = {}
    try:
        if waiting:
            check_grid([run.config for run in waiting])
    except InputError:
        for run in waiting if every else ():
            try:
                check_grid([run.config])
            except InputError as error:
                refused[run.path] = str(error)
        if len(refused) in (0, len(waiting)):
            raise
    for path, reason in refused.items():
        output.remark(f"{path.name} cannot be trained: {reason}")
    return [run for run in waiting if run.path not in refused], refused


def train(
    planned: Sequence[Planned], device: str, *, workers: int | None = None, every: bool = False
) -> dict[Path, str]:
    """Train what is not finished; return why runs failed, by path. One failure does not stop the others."""
    from embedlens.store.lock import RunInUse, check_free, release_when_terminated
    from embedlens_cli import output

    waiting, failed = check(planned, every=every)
    for run in waiting:
        check_free(run.path)
    release_when_terminated()
    output.remark(cost(planned))
    started = time.perf_counter()
    for number, run in enumerate(waiting, start=1):
        place = f"{number} of {len(waiting)}  {run.path.name}"
        try:
            row, collapsed = _train_one(run, place, device=device, workers=workers)
        except KeyboardInterrupt:
            output.remark("go on with the same command; finished epochs are kept")
            raise
        except RunInUse:
            raise
        except InputError as error:
            failed[run.path] = str(error)
            output.remark(f"{place}: failed: {error}")
            continue
        pace = (time.perf_counter() - started) / max(1, _epochs_left(waiting[:number]))
        left = pace * _epochs_left(waiting[number:])
        told = _recall_text(row) + (", collapsed" if collapsed else "")
        output.remark(f"{place}: {told}" + (f", about {_time_text(left)} left" if left else ""))
    return failed


def _train_one(run: Planned, place: str, *, device: str, workers: int | None) -> tuple[dict[str, Any], bool]:
    """Train one run to its last epoch, or go on with it; a collapse of its space is told once.

    Return the last row of its log, and whether the space is collapsed there.
    """
    from embedlens.training.trainer import Trainer, available_threads
    from embedlens_cli import output
    from embedlens_cli.epoch_metrics import CollapseWatch, metrics_of
    from embedlens_cli.progress import TrainingProgress

    told: list[str] = []

    def tell(text: str) -> None:
        if not told:
            output.remark(f"{place}: {text}")
        told.append(text)

    with TrainingProgress(run.path.name, quiet=True) as progress:
        readers = available_threads() if workers is None else workers
        trainer = Trainer(run.config, run.path, device=device, resume=run.path.exists(), workers=readers)
        for remark in trainer.remarks:
            tell(remark)
        watch = CollapseWatch(trainer.recorder.run, run.config)
        metrics = metrics_of(trainer.data, run.config)
        row = trainer.run(metrics, watch.watch(progress.report, tell)).log[-1]
    return row, watch.collapsed


def _recall_text(row: Mapping[str, float | None]) -> str:
    """Say the R@1 of what is tested on."""
    ending = "_recall_at_1"
    tested = [name for name in row if name.endswith(ending) and not name.startswith("train")]
    return ", ".join(f"{name.removesuffix(ending)} R@1 {row[name]:.4f}" for name in tested)


def _time_text(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
