"""Tests and intervals of differences: McNemar's test, bootstraps that resample classes and seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.lazy import attached

if TYPE_CHECKING:
    from embedlens.analysis.statistics import intervals, paired_tests
    from embedlens.analysis.statistics.intervals import Interval, over_classes, over_seeds_and_classes
    from embedlens.analysis.statistics.paired_tests import McNemar, mcnemar

__all__ = [
    "Interval",
    "McNemar",
    "intervals",
    "mcnemar",
    "over_classes",
    "over_seeds_and_classes",
    "paired_tests",
]

__getattr__, __dir__ = attached(
    __name__,
    __all__,
    {
        "intervals": ["Interval", "over_classes", "over_seeds_and_classes"],
        "paired_tests": ["McNemar", "mcnemar"],
    },
)
