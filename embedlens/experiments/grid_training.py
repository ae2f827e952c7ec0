"""Training of the runs of a grid, one after the other or by workers."""

from __future__ import annotations

import multiprocessing
import time
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from embedlens import errors
from embedlens.errors import InputError, count_text
from embedlens.execution import run_tasks
from embedlens.experiments import grid_runs
from embedlens.experiments.epoch_metrics import check_left_out, logged_metrics
from embedlens.experiments.trainer import Trainer
from embedlens.processes import available_processors
from embedlens.store.lock import RunInUse, check_free, release_when_terminated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from concurrent.futures import Executor
    from pathlib import Path

    from embedlens.execution import Workers
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
    config, epochs = planned[0].config, sorted({run.config.epochs for run in planned})
    finished = sum(run.finished for run in planned)
    length = count_text(epochs[0], "epoch")
    if len(epochs) > 1:
        length = f"{epochs[0]} to {count_text(epochs[-1], 'epoch')}"
    text = f"{count_text(len(planned), 'run')} of {length} on {config.data}"
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
        What `check_grid` refuses, classes to leave out of the metrics that the data lack, and unknown metrics
        to log.
    """
    waiting = [run for run in planned if not run.finished]
    check_left_out(planned[0].config)
    logged_metrics(planned[0].config)
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
        if len(refused) in (0, len(planned)):  # finished runs are there
            raise
    for path, reason in refused.items():
        (warn or errors.warn)(f"{path.name} cannot be trained: {reason}")
    return [run for run in waiting if run.path not in refused], refused


def train_runs(
    planned: Sequence[PlannedRun],
    callbacks: Callbacks | None = None,
    *,
    device: str = "cpu",
    readers: int | None = None,
    every: bool = False,
    executor: Workers | Executor | None = None,
) -> dict[Path, str]:
    """Train the runs that are not finished; return why runs failed, by path.

    A run that fails does not stop the others.

    Parameters
    ----------
    planned
        The runs of a grid.
    callbacks
        Called with progress and warnings; None: nothing is reported, a warning is an `InputWarning`.
    device, readers
        Device, and number of processes that read image files for a run; None: one for every core.
    every
        As of `check_runs`.
    executor
        Where runs are trained, as of `embedlens.execution.run_tasks`; None: in this process, one after the
        other. With workers no steps are reported.

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
    started = time.perf_counter()
    results = _trained(waiting, calls, device=device, readers=readers, executor=executor)
    for number, (run, one) in enumerate(results, start=1):
        place = _place(number, waiting)
        for text in one.warned[:1]:
            calls.warn(f"{place}: {text}")
        if one.failure:
            failed[run.path] = one.failure
            calls.warn(f"{place}: failed: {one.failure}")
            continue
        pace = (time.perf_counter() - started) / max(1, _epochs_left(waiting[:number]))
        left = pace * _epochs_left(waiting[number:])
        calls.report(f"{place}: {one.result}" + (f", about {_time_text(left)} left" if left else ""))
    return failed


@dataclass(frozen=True, slots=True)
class _Trained:
    """What came of a run: its result in words, or why it failed, and warnings that were not passed on."""

    result: str = ""
    failure: str = ""
    warned: tuple[str, ...] = ()


def _place(number: int, waiting: Sequence[PlannedRun]) -> str:
    return f"{number} of {len(waiting)}  {waiting[number - 1].path.name}"


def _trained(
    waiting: Sequence[PlannedRun],
    calls: Callbacks,
    *,
    device: str,
    readers: int | None,
    executor: Workers | Executor | None,
) -> Iterator[tuple[PlannedRun, _Trained]]:
    """Yield each run when it is trained, in order."""
    if executor is not None:
        unit = partial(_train_apart, device=device, readers=readers)
        with closing(run_tasks(unit, waiting, executor=executor)) as results:
            yield from zip(waiting, results, strict=True)
        return
    for number, run in enumerate(waiting, start=1):
        warned: list[str] = []

        def warn(text: str, warned: list[str] = warned, place: str = _place(number, waiting)) -> None:
            if not warned:  # only the first is passed on
                calls.warn(f"{place}: {text}")
            warned.append(text)

        with calls.steps(run.path.name) as report:
            one = _train_one(run, report, warn, device=device, readers=readers)
        yield run, one


def _train_apart(run: PlannedRun, *, device: str, readers: int | None) -> _Trained:
    """Train a run in a worker."""
    release_when_terminated()
    warned: list[str] = []
    if readers is None and multiprocessing.current_process().daemon:
        readers = 0  # such a process may have no others
    one = _train_one(run, _silent, warned.append, device=device, readers=readers)
    return replace(one, warned=tuple(warned))


def _train_one(
    run: PlannedRun,
    report: Callable[[Progress], None],
    warn: Callable[[str], None],
    *,
    device: str,
    readers: int | None,
) -> _Trained:
    """Train one run to its last epoch."""
    processes = available_processors() if readers is None else readers
    try:
        trainer = Trainer(run.config, run.path, device=device, resume=run.path.exists(), workers=processes)
        row = trainer.run(report=report, warn=warn).log[-1]
    except RunInUse:
        raise
    except InputError as error:
        return _Trained(failure=str(error))
    return _Trained(_recall_text(row) + (", collapsed" if trainer.collapsed else ""))


def _recall_text(row: Mapping[str, float | None]) -> str:
    """Say the R@1 of what is tested on."""
    ending = "_recall_at_1"
    tested = [name for name in row if name.endswith(ending) and not name.startswith("train")]
    return ", ".join(f"{name.removesuffix(ending)} R@1 {row[name]:.4f}" for name in tested)


def _time_text(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
