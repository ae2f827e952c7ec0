"""Workers of a Dask cluster."""

from __future__ import annotations

import logging
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from functools import partial
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError, first_sentence
from embedlens.execution.processes import VARIABLE, threads_of_each
from embedlens.optional import needed

if TYPE_CHECKING:
    from collections.abc import Callable

_PATIENCE = 30  # seconds for the scheduler to answer, and for a first worker


class DaskExecutor(Executor):
    """Workers of a Dask cluster; one that runs already runs lost tasks again by itself.

    Parameters
    ----------
    address
        Address of the scheduler; None: a cluster on this machine, which ends with the executor.
    workers
        Number of workers of that cluster.
    """

    def __init__(self, address: str | None = None, *, workers: int = 1) -> None:
        distributed: Any = needed("distributed", "dask", "a Dask cluster")
        self._cluster = None if address else _local_cluster(distributed, workers)
        try:
            self._client = distributed.Client(
                address or self._cluster, timeout=_PATIENCE, set_as_default=False
            )
        except (OSError, ValueError) as error:
            message = (
                f"no Dask scheduler answers at {address} ({first_sentence(error)}); start one: dask scheduler"
            )
            raise InputError(message) from error
        try:
            self._client.wait_for_workers(1, timeout=_PATIENCE)
        except TimeoutError as error:
            self.shutdown(wait=False)
            message = (
                "no worker has joined the Dask scheduler; start some: "
                f"dask worker {address or 'ADDRESS'} --nthreads 1"
            )
            raise InputError(message) from error
        self.count = len(self._client.scheduler_info(n_workers=-1)["workers"])
        self._executor = self._client.get_executor(pure=False)
        self._killed: Any = distributed.KilledWorker if self._cluster is not None else ()

    def submit(self, function: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        """Give a task to the cluster."""
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        inner = self._executor.submit(function, *args, **options)
        inner.add_done_callback(partial(self._pass_on, future))
        return future

    def _pass_on(self, future: Future[Any], inner: Future[Any]) -> None:
        """Give the outcome of Dask's future to ours; a worker that has ended breaks it."""
        error = CancelledError() if inner.cancelled() else inner.exception()
        if error is None:
            future.set_result(inner.result())
        else:
            future.set_exception(BrokenExecutor(str(error)) if isinstance(error, self._killed) else error)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave the cluster; one on this machine ends."""
        if hasattr(self, "_executor"):
            self._executor.shutdown(wait=wait and not cancel_futures)
        self._client.close()
        if self._cluster is not None:
            # On a busy machine a worker may need longer than Dask waits, which it then says.
            logging.getLogger("distributed.nanny").setLevel(logging.CRITICAL)
            self._cluster.close()


def _local_cluster(distributed: Any, workers: int) -> Any:
    """Start a cluster on this machine, which leaves it to `run_tasks` to run lost tasks again."""
    dask: Any = needed("dask", "dask", "a Dask cluster")
    settings = {
        f"distributed.nanny.pre-spawn-environ.{VARIABLE}": threads_of_each(workers),
        "distributed.scheduler.allowed-failures": 0,
        "distributed.worker.daemon": False,  # workers that train have processes that read images
    }
    with dask.config.set(settings):
        return distributed.LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None,
            silence_logs=logging.CRITICAL,
        )  # fmt: skip
