"""Training of runs, grids and comparisons, with the metrics of an epoch and the diagnosis of a collapse."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from embedlens.experiments import (
        collapse,
        comparison,
        epoch_metrics,
        grid,
        grid_runs,
        grid_training,
        metric_names,
        recipe,
        run_metrics,
        sweep,
        trainer,
    )
    from embedlens.experiments.trainer import Trainer

_MODULES = (
    "collapse",
    "comparison",
    "epoch_metrics",
    "grid",
    "grid_runs",
    "grid_training",
    "metric_names",
    "recipe",
    "run_metrics",
    "sweep",
    "trainer",
)

__all__ = [
    "Trainer",
    "collapse",
    "comparison",
    "epoch_metrics",
    "grid",
    "grid_runs",
    "grid_training",
    "metric_names",
    "recipe",
    "run_metrics",
    "sweep",
    "trainer",
]


def __getattr__(name: str) -> object:
    """Load a module, or the trainer, when it is first asked for (PEP 562)."""
    if name == "Trainer":
        return importlib.import_module("embedlens.experiments.trainer").Trainer
    if name in _MODULES:
        return importlib.import_module(f"embedlens.experiments.{name}")
    message = f"module 'embedlens.experiments' has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
