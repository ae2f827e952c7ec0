"""Slurm jobs by submitit, one for each task."""

from __future__ import annotations

import threading
import time
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError, first_sentence
from embedlens.optional import needed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_OF_SUBMITIT = (".pkl", ".out", ".err", ".sh")  # endings of the files of jobs
FOLDER = Path("embedlens-jobs")
"""Where tasks and results are exchanged: in the working directory, which all machines must share."""

_SHARED = ("timeout_min", "mem_gb", "cpus_per_task", "gpus_per_node", "nodes", "tasks_per_node", "name")
"""Options that submitit takes for every kind of cluster, without a prefix."""


class SlurmExecutor(Executor):
    """Jobs of Slurm, or processes of this machine that stand for them.

    Parameters
    ----------
    options
        Options of a job by name, those of `submitit.AutoExecutor.update_parameters`; those of Slurm alone
        with or without their prefix ``slurm_``: "partition", "qos", "account".
    cluster
        "slurm", or "local" for processes of this machine.
    poll
        Seconds between two looks at the jobs.
    """

    def __init__(self, options: Mapping[str, Any], *, cluster: str = "slurm", poll: float = 1.0) -> None:
        submitit: Any = needed("submitit", "slurm", "--scheduler slurm")
        self._lost: Any = submitit.core.utils.UncompletedJobError
        self._folder = FOLDER / f"{time.time_ns()}"
        try:
            self._inner = submitit.AutoExecutor(folder=self._folder, cluster=cluster)
            named = {
                name if name in _SHARED or name.startswith("slurm_") else f"slurm_{name}": value
                for name, value in options.items()
            }
            self._inner.update_parameters(**{"name": "embedlens", **named})
        except (RuntimeError, NameError, TypeError, AssertionError, ValueError) as error:
            self._remove_folder()
            name = "slurm-local" if cluster == "local" else cluster
            message = f"--scheduler {name}: {first_sentence(error)}"
            raise InputError(message) from error
        self._poll, self._jobs = poll, dict[Future[Any], Any]()
        self._open, self._changed = True, threading.Lock()
        threading.Thread(target=self._watch, daemon=True).start()

    def submit(self, function: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        """Submit a job for a task."""
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        job = self._inner.submit(function, *args, **options)
        with self._changed:
            self._jobs[future] = job
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End: jobs that are not done are cancelled, unless somebody waits for them."""
        while wait and not cancel_futures and self._jobs:
            time.sleep(self._poll)
        self._open = False
        with self._changed:
            for job in self._jobs.values():
                job.cancel(check=False)
        if not self._jobs:  # else the logs of the jobs may say why
            self._remove_folder()

    def _remove_folder(self) -> None:
        """Remove what submitit wrote for the jobs; files of others stay."""
        for file in self._folder.glob("*"):
            if file.suffix in _OF_SUBMITIT:
                file.unlink(missing_ok=True)
        for folder in (self._folder, FOLDER):
            with suppress(OSError):
                folder.rmdir()

    def _watch(self) -> None:
        """Pass results on to the futures until the executor is shut down."""
        while self._open:
            for future, job in list(self._jobs.items()):
                try:
                    if not job.done():
                        continue
                    future.set_result(job.result())
                except self._lost as error:
                    future.set_exception(BrokenExecutor(str(error)))
                except Exception as error:
                    future.set_exception(error)
                with self._changed:
                    del self._jobs[future]
            time.sleep(self._poll)
