"""Training of runs, grids and comparisons, with the metrics of an epoch and the diagnosis of a collapse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.lazy import attached

if TYPE_CHECKING:
    from embedlens.experiments import (
        budgets,
        checkpoints,
        collapse,
        compared_runs,
        comparison,
        completeness,
        curve_results,
        demonstration,
        epoch_metrics,
        grid,
        grid_runs,
        grid_training,
        latent_maps,
        method_facts,
        metric_names,
        presets,
        recipe,
        run_metrics,
        score_rows,
        seed_groups,
        sweep,
        sweep_results,
        trainer,
    )
    from embedlens.experiments.demonstration import demo_runs
    from embedlens.experiments.trainer import Trainer

__all__ = [
    "Trainer", "budgets", "checkpoints", "collapse", "compared_runs", "comparison", "completeness",
    "curve_results", "demo_runs", "demonstration", "epoch_metrics", "grid", "grid_runs", "grid_training",
    "latent_maps", "method_facts", "metric_names", "presets", "recipe", "run_metrics", "score_rows",
    "seed_groups", "sweep", "sweep_results", "trainer",
]  # fmt: skip

__getattr__, __dir__ = attached(
    __name__, __all__,
    {"demonstration": ["demo_runs"], "trainer": ["Trainer"]},
)  # fmt: skip
