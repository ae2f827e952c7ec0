"""Training of the runs of a grid, one after the other."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embedlens import errors
from embedlens.errors import InputError, count_text
from embedlens.experiments import grid_runs
from embedlens.experiments.epoch_metrics import check_left_out
from embedlens.experiments.trainer import Trainer
from embedlens.processes import available_processors
from embedlens.store.lock import RunInUse, check_free

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from embedlens.experiments.grid_runs import PlannedRun
    from embedlens.training.progress import Progress


def _silent(_: object) -> None:
    """Ignore a message or a step."""


def _no_steps(_: str) -> AbstractContextManager[Callable[[Progress], None]]:
    """Return the context of a run whose steps are ignored."""
    return nullcontext(_silent)


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Functions that the training of a grid calls; the defaults report nothing and warn by `InputWarning`.

    Attributes
    ----------
    report
        Called with the number of epochs to train, then with the result of each run.
    warn
        Called with runs that are refused or fail, and with the first warning of each run.
    steps
        Called with the name of each run; the context that it returns gives the function that is called with
        the progress at every step.
    """

    report: Callable[[str], None] = _silent
    warn: Callable[[str], None] = errors.warn
    steps: Callable[[str], AbstractContextManager[Callable[[Progress], None]]] = _no_steps


def cost(planned: Sequence[PlannedRun]) -> str:
    """Return how much there is to train, in words."""
    config = planned[0].config
    finished = sum(run.finished for run in planned)
    text = f"{count_text(len(planned), 'run')} of {count_text(config.epochs, 'epoch')} on {config.data}"
    if finished == len(planned):
        return f"{text}: all finished"
    left = count_text(_epochs_left(planned), "epoch")
    return text + (f", {finished} finished" if finished else "") + f": {left} to train"


def _epochs_left(planned: Sequence[PlannedRun]) -> int:
    return sum(max(0, run.config.epochs - max(0, run.recorded)) for run in planned)


def check_runs(
    planned: Sequence[PlannedRun], *, every: bool = False, warn: Callable[[str], None] | None = None
) -> tuple[list[PlannedRun], dict[Path, str]]:
    """Return the unfinished runs; errors in their configurations appear before any training.

    Parameters
    ----------
    planned
        The runs of a grid.
    every
        Whether the losses are all that are registered: those that cannot be trained on the data are left
        out then, and returned by path with the reason, unless none can.
    warn
        Called with each run that is left out; None: that is an `InputWarning`.

    Raises
    ------
    InputError
        What `check_grid` refuses, and classes to leave out of the metrics that the data lack.
    """
    waiting = [run for run in planned if not run.finished]
    check_left_out(planned[0].config)
    refused: dict[Path, str] = {}
    try:
        if waiting:
            grid_runs.check_grid([run.config for run in waiting])
    except InputError:
        for run in waiting if every else ():
            try:
                grid_runs.check_grid([run.config])
            except InputError as error:
                refused[run.path] = str(error)
        if len(refused) in (0, len(waiting)):
            raise
    for path, reason in refused.items():
        (warn or errors.warn)(f"{path.name} cannot be trained: {reason}")
    return [run for run in waiting if run.path not in refused], refused


def train_runs(
    planned: Sequence[PlannedRun],
    callbacks: Callbacks | None = None,
    *,
    device: str = "cpu",
    workers: int | None = None,
    every: bool = False,
) -> dict[Path, str]:
    """Train the runs that are not finished; return why runs failed, by path.

    A run that fails does not stop the others.

    Parameters
    ----------
    planned
        The runs of a grid.
    callbacks
        Called with progress and warnings; None: nothing is reported, a warning is an `InputWarning`.
    device, workers
        As of `embedlens.experiments.Trainer`; None: a process for every core reads image files.
    every
        As of `check_runs`.

    Raises
    ------
    InputError
        What `check_runs` refuses, and a run that another process trains.
    """
    calls = callbacks or Callbacks()
    waiting, failed = check_runs(planned, every=every, warn=calls.warn)
    for run in waiting:
        check_free(run.path)
    calls.report(cost(planned))
    readers = available_processors() if workers is None else workers
    started = time.perf_counter()
    for number, run in enumerate(waiting, start=1):
        place = f"{number} of {len(waiting)}  {run.path.name}"
        try:
            result = _train_one(run, place, calls, device=device, workers=readers)
        except RunInUse:
            raise
        except InputError as error:
            failed[run.path] = str(error)
            calls.warn(f"{place}: failed: {error}")
            continue
        pace = (time.perf_counter() - started) / max(1, _epochs_left(waiting[:number]))
        left = pace * _epochs_left(waiting[number:])
        calls.report(f"{place}: {result}" + (f", about {_time_text(left)} left" if left else ""))
    return failed


def _train_one(run: PlannedRun, place: str, calls: Callbacks, *, device: str, workers: int) -> str:
    """Train one run to its last epoch; return its result in words. Only its first warning is passed on."""
    warned: list[str] = []

    def warn(text: str) -> None:
        if not warned:
            calls.warn(f"{place}: {text}")
        warned.append(text)

    with calls.steps(run.path.name) as report:
        resume = run.path.exists()
        trainer = Trainer(run.config, run.path, device=device, resume=resume, workers=workers)
        row = trainer.run(report=report, warn=warn).log[-1]
    return _recall_text(row) + (", collapsed" if trainer.collapsed else "")


def _recall_text(row: Mapping[str, float | None]) -> str:
    """Say the R@1 of what is tested on."""
    ending = "_recall_at_1"
    tested = [name for name in row if name.endswith(ending) and not name.startswith("train")]
    return ", ".join(f"{name.removesuffix(ending)} R@1 {row[name]:.4f}" for name in tested)


def _time_text(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
