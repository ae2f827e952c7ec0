"""Training of runs, grids and comparisons, with the metrics of an epoch and the diagnosis of a collapse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.lazy import attached

if TYPE_CHECKING:
    from embedlens.experiments import (
        collapse,
        comparison,
        epoch_metrics,
        grid,
        grid_runs,
        grid_training,
        latent_maps,
        metric_names,
        recipe,
        run_metrics,
        sweep,
        trainer,
    )
    from embedlens.experiments.trainer import Trainer

__all__ = [
    "Trainer", "collapse", "comparison", "epoch_metrics", "grid", "grid_runs", "grid_training",
    "latent_maps", "metric_names", "recipe", "run_metrics", "sweep", "trainer",
]  # fmt: skip

__getattr__, __dir__ = attached(
    __name__, __all__,
    {"trainer": ["Trainer"]},
)  # fmt: skip
