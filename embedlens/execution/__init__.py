"""Execution of tasks: in this process, in worker processes, on a Dask cluster, or as Slurm jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.lazy import attached

if TYPE_CHECKING:
    from embedlens.execution.schedulers import Workers
    from embedlens.execution.tasks import run_tasks

__all__ = ["Workers", "run_tasks"]

__getattr__, __dir__ = attached(__name__, __all__, {"schedulers": ["Workers"], "tasks": ["run_tasks"]})
