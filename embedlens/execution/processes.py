"""Worker processes on this machine."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import threading
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from embedlens.processes import available_processors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

VARIABLE = "OMP_NUM_THREADS"
"""Environment variable that torch, numpy and scipy take their number of threads from when they are loaded."""
_PATIENCE = 2.0  # seconds until a process that was asked to end is killed
_SHARED = (
    "torch", "numba", "embedlens.similarity.compilation", "embedlens.similarity.kmeans",
    "embedlens.measurements.snapshot_scores", "embedlens.analysis.retrieval.clustering",
    "embedlens.analysis.triplets.nearest",
)  # fmt: skip
"""Modules that tasks need and that take long to import."""


def available_threads() -> int:
    """Return the number of processors that this process may use, or fewer where OMP_NUM_THREADS says so."""
    cores = available_processors()
    named = os.environ.get(VARIABLE, "")
    return min(cores, int(named)) if named.isdecimal() and int(named) else cores


def threads_of_each(workers: int) -> int:
    """Return the number of threads of each of some workers on this machine, at least one."""
    return max(1, available_threads() // workers)


def start_server(workers: int) -> None:
    """Start the process that worker processes are forked from, where there is fork; return at once.

    It imports once what every worker would import by itself, while this process reads its own modules. It
    runs no task and starts no threads, so that forking it is safe at any time.

    Parameters
    ----------
    workers
        Number of workers that share the processors of this machine.
    """
    if _context().get_start_method() != "forkserver":
        return
    from multiprocessing import forkserver

    forkserver.set_forkserver_preload(list(_SHARED))
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = str(threads_of_each(workers))  # read by libraries as they are loaded
    try:
        with _no_interrupts():
            forkserver.ensure_running()
    finally:
        os.environ.pop(VARIABLE)
        if before is not None:
            os.environ[VARIABLE] = before


def _context() -> multiprocessing.context.BaseContext:
    """Return how processes are started: forked from a server of their own, else each from the beginning."""
    methods = multiprocessing.get_all_start_methods()
    return multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")


class WorkerProcesses(ProcessPoolExecutor):
    """Worker processes that share the processors of this machine, and end with this process.

    Parameters
    ----------
    workers
        Number of processes.
    """

    def __init__(self, workers: int) -> None:
        super().__init__(
            workers,
            mp_context=_context(),
            initializer=_prepare,
            initargs=({**os.environ, VARIABLE: str(threads_of_each(workers))},),
        )

    def submit(self, function: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        """Give a task to the workers, which are started with the first ones.

        It is pickled here: an error of the thread that would do so breaks the whole pool when it ends.
        """
        task = pickle.dumps((function, args, options))
        with _no_interrupts():
            return super().submit(_run, task)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the workers: when their tasks are done, or at once where nobody waits for these."""
        processes = list((getattr(self, "_processes", None) or {}).values())
        if wait or not cancel_futures:
            super().shutdown(wait, cancel_futures=cancel_futures)
            return
        for process in processes:
            process.terminate()
        super().shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.join(_PATIENCE)
            process.kill()


def _run(task: bytes) -> Any:
    """Run a pickled call in a worker."""
    function, args, options = pickle.loads(task)
    return function(*args, **options)


def _prepare(environment: Mapping[str, str]) -> None:
    """Prepare a worker process: its environment, number of threads, and that it ends when its parent does.

    The server that it was forked from may have been started in an environment of before.
    """
    os.environ.clear()
    os.environ.update(environment)
    threads = int(environment[VARIABLE])
    if "numpy" in sys.modules:  # too late for the variable
        from threadpoolctl import threadpool_limits

        threadpool_limits(threads)
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(threads)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Wait for the parent's end, which a killed parent cannot announce, and end then."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """Keep Ctrl-C from processes that are started inside the context until they ignore it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
