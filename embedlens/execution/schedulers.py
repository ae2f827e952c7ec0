"""Schedulers by name: which executor runs tasks, and with how many workers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError, unknown

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

PROCESSES, DASK, SLURM, LOCAL = "processes", "dask", "slurm", "slurm-local"
NAMES = (PROCESSES, DASK, SLURM, LOCAL)
"""Names of schedulers; an address such as tcp://HOST:PORT is that of a Dask scheduler."""
_JOBS = 16  # of Slurm in the queue at once


class Workers:
    """Workers that `run_tasks` starts when there are tasks, ends after them, and replaces where they end.

    Parameters
    ----------
    start
        Function of a number of tasks that starts a `concurrent.futures.Executor` for them.
    count
        Number of tasks that run at the same time.
    is_local
        Whether they share the processors of this machine; a single task then runs in this process.

    Attributes
    ----------
    tasks_run_again
        Number of tasks that ran again since a worker had ended.
    """

    def __init__(self, start: Callable[[int], Executor], count: int, *, is_local: bool = False) -> None:
        self._start, self.count, self.is_local = start, count, is_local
        self.tasks_run_again = 0

    @classmethod
    def of(cls, count: int = 0, scheduler: str | None = None) -> Workers | None:
        """Return the workers of a scheduler; None where tasks run in this process.

        Parameters
        ----------
        count
            Number of workers. 0: this process without a scheduler; with an address all workers of that
            cluster, with Slurm at most 16 jobs at once.
        scheduler
            "processes", the default; "dask" for a cluster on this machine, "tcp://HOST:PORT" for one that
            runs; "slurm", or "slurm:partition=gpu,timeout_min=60" with options of the jobs; "slurm-local" for
            processes that stand for jobs.

        Raises
        ------
        InputError
            An unknown scheduler, one without workers, or options that are none.
        """
        name, _, rest = (scheduler or PROCESSES).partition(":")
        if scheduler and re.fullmatch(r"\w+://[^/:]+:\d+/?", scheduler):
            return cls(lambda _: _dask(scheduler), max(count, 1))
        if name not in NAMES or (rest and name not in (SLURM, LOCAL)):
            raise unknown(scheduler, "scheduler", [*NAMES, "tcp://HOST:PORT"])
        if name in (SLURM, LOCAL):
            options = _options(rest)
            return cls(lambda _: _slurm(options, local=name == LOCAL), count or _JOBS)
        if not count:
            if scheduler:
                message = f"--scheduler {scheduler} needs a number of workers; add --workers N"
                raise InputError(message)
            return None
        if name == DASK:
            return cls(lambda tasks: _dask(None, min(count, tasks)), count, is_local=True)
        _start_server(count)
        return cls(lambda tasks: _processes(min(count, tasks)), count, is_local=True)

    @property
    def threads(self) -> int | None:
        """Number of threads of each worker on this machine; None where they run elsewhere."""
        from embedlens.execution.processes import threads_of_each

        return threads_of_each(self.count) if self.is_local else None

    def start(self, tasks: int) -> Executor:
        """Start an executor for a number of tasks."""
        executor = self._start(tasks)
        self.count = getattr(executor, "count", self.count)
        return executor

    @property
    def facts(self) -> dict[str, Any]:
        """Entries of the sidecar: how many tasks ran again; nothing where none did."""
        if not self.tasks_run_again:
            return {}
        return {"execution": {"tasks_run_again": self.tasks_run_again}}


def _start_server(count: int) -> None:
    from embedlens.execution.processes import start_server

    start_server(count)


def _processes(count: int) -> Executor:
    from embedlens.execution.processes import WorkerProcesses

    return WorkerProcesses(count)


def _dask(address: str | None, count: int = 1) -> Executor:
    from embedlens.execution.dask import DaskExecutor

    return DaskExecutor(address, workers=count)


def _slurm(options: dict[str, Any], *, local: bool) -> Executor:
    from embedlens.execution.slurm import SlurmExecutor

    return SlurmExecutor(options, cluster="local" if local else "slurm", poll=0.1 if local else 1.0)


def _options(text: str) -> dict[str, Any]:
    """Read options of jobs: name=value, separated by commas."""
    options: dict[str, Any] = {}
    for word in filter(None, text.split(",")):
        name, equals, value = word.partition("=")
        if not equals or not name.isidentifier() or not value:
            message = (
                f"--scheduler slurm:{text}; give options as NAME=VALUE, separated by commas: "
                "slurm:partition=gpu,timeout_min=60"
            )
            raise InputError(message)
        options[name] = int(value) if value.isdecimal() else value
    return options
