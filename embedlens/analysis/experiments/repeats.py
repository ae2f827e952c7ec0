"""Means and standard deviations of scores over runs that repeat one method with other seeds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embedlens.results import Result

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True, repr=False)
class Repeated(Result):
    """Mean and standard deviation of one score over several runs.

    Attributes
    ----------
    mean
        Mean of the finite values; NaN without any.
    deviation
        Sample standard deviation (divisor: their number - 1); NaN of fewer than two.
    n
        Number of runs.
    n_missing
        Number of runs whose value is NaN or infinite and left out of the mean.
    """

    mean: float
    deviation: float
    n: int
    n_missing: int


def over_runs(scores: Sequence[Mapping[str, float]]) -> dict[str, Repeated]:
    """Return mean and standard deviation of each score that all runs have, in the order of the first run.

    Parameters
    ----------
    scores
        Metric -> score of the embeddings [N, D] of each run.
    """
    shared = [name for name in (scores[0] if scores else ()) if all(name in one for one in scores)]
    return {name: _repeated([one[name] for one in scores]) for name in shared}


def _repeated(values: Sequence[float]) -> Repeated:
    """Return mean and standard deviation of the finite values."""
    numbers = [value for value in values if math.isfinite(value)]
    mean = sum(numbers) / len(numbers) if numbers else math.nan
    squares = sum((number - mean) ** 2 for number in numbers)
    deviation = math.sqrt(squares / (len(numbers) - 1)) if len(numbers) > 1 else math.nan
    return Repeated(mean, deviation, len(values), len(values) - len(numbers))
