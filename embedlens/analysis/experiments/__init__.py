"""Comparison of runs: curves, sweeps, losses and seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.lazy import attached

if TYPE_CHECKING:
    from embedlens.analysis.experiments import comparison, curves, losses, monitoring, repeats, sweep
    from embedlens.analysis.experiments.comparison import Comparison, RunScores, compare
    from embedlens.analysis.experiments.curves import Band, Curve
    from embedlens.analysis.experiments.losses import ranked
    from embedlens.analysis.experiments.monitoring import (
        AllTriplets,
        FixedBatches,
        check_monitors,
        fixed_batches,
        monitor,
    )
    from embedlens.analysis.experiments.repeats import Repeated, over_runs
    from embedlens.analysis.experiments.sweep import Record, Sweep, summarise

__all__ = [
    "AllTriplets",
    "Band",
    "Comparison",
    "Curve",
    "RunScores",
    "FixedBatches",
    "Record",
    "Repeated",
    "Sweep",
    "check_monitors",
    "compare",
    "comparison",
    "curves",
    "fixed_batches",
    "losses",
    "monitor",
    "monitoring",
    "over_runs",
    "ranked",
    "repeats",
    "summarise",
    "sweep",
]

__getattr__, __dir__ = attached(
    __name__,
    __all__,
    {
        "comparison": ["RunScores", "Comparison", "compare"],
        "curves": ["Curve", "Band"],
        "losses": ["ranked"],
        "monitoring": ["FixedBatches", "fixed_batches", "AllTriplets", "check_monitors", "monitor"],
        "repeats": ["Repeated", "over_runs"],
        "sweep": ["Record", "Sweep", "summarise"],
    },
)
