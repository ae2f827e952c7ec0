"""Bootstrap intervals of a mean over items that resample classes, and seeds of training.

Items of one class share neighbours, and so does their success: classes are drawn, not items.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from embedlens.arguments import check_numbers
from embedlens.arrays import check_labels
from embedlens.errors import InputError
from embedlens.results import Result

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

RESAMPLES = 2_000
CONFIDENCE = 0.95
BCA = "BCa bootstrap that resamples classes"
PERCENTILE = "percentile bootstrap that resamples seeds (one fewer than there are) and classes"
_DRAWN = 1 << 20  # classes that are drawn at once
_TIED = 1e-9  # of the range of means


@dataclass(frozen=True, slots=True, repr=False)
class Interval(Result):
    """A mean over items with its bootstrap interval.

    Attributes
    ----------
    value
        The mean over all items.
    low, high
        The interval; NaN of one class, of which nothing can be resampled.
    confidence
        Its confidence, in (0, 1).
    n, n_classes, n_seeds
        Number of items, of classes that are resampled, and of seeds; the smaller where two groups have
        different numbers. One seed is not resampled.
    resamples, seed
        Number of resamples, and the seed of the draw.
    method
        How the interval is computed.
    """

    value: float
    low: float
    high: float
    confidence: float
    n: int
    n_classes: int
    n_seeds: int
    resamples: int
    seed: int
    method: str

    @property
    def holds_zero(self) -> bool:
        """Whether the interval holds 0, or is not known."""
        return not (self.low > 0 or self.high < 0)

    def summary(self) -> dict[str, int | float | str]:
        """Return the numbers by name."""
        names = ("value", "low", "high", "confidence", "n", "n_classes", "n_seeds", "resamples", "seed")
        return {name: getattr(self, name) for name in names} | {"method": self.method}


def over_classes(
    values: ArrayLike,
    labels: ArrayLike,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    confidence: float = CONFIDENCE,
) -> Interval:
    """Return the mean of a value of each item, with a BCa interval that resamples classes.

    Parameters
    ----------
    values
        One number for each of n items of embeddings [N, D], as a difference of two runs: [n].
    labels
        The class of each of these items, [n].
    resamples, seed
        Number of resamples and seed of the bootstrap.
    confidence
        Of the interval.

    Raises
    ------
    InputError
        Arrays of different lengths, values that are not finite, no resample, a confidence not in (0, 1).

    Notes
    -----
    A resample draws as many classes as there are, with replacement; its mean is that of all items of these
    classes (cluster bootstrap: Davison and Hinkley, "Bootstrap methods and their application", 1997, section
    3.8). BCa: Efron and Tibshirani, "An introduction to the bootstrap", 1993, section 14.3, equations 14.10,
    14.14 and 14.15, with a jackknife over classes. Where all resamples have one mean, it is both ends.
    With fewer than about 20 classes the interval is too narrow, as bootstraps of few units are.
    """
    array = check_numbers(values, "values")
    sums, counts = _by_class(array[None], check_labels(labels))
    _check(resamples, confidence)
    sums = sums[0]
    value = float(sums.sum() / counts.sum())
    found = Interval(value, np.nan, np.nan, confidence, array.size, counts.size, 1, resamples, seed, BCA)
    if counts.size < 2:
        return found
    random = np.random.default_rng(seed)
    means = np.concatenate(
        [
            sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
            for drawn in _draws(random, counts.size, resamples)
        ]
    )
    left_out = (sums.sum() - sums) / (counts.sum() - counts)
    low, high = _bca(means, value, left_out, confidence)
    return replace(found, low=low, high=high)


def over_seeds_and_classes(
    first: ArrayLike,
    second: ArrayLike,
    labels: ArrayLike,
    *,
    paired: bool,
    resamples: int = RESAMPLES,
    seed: int = 0,
    confidence: float = CONFIDENCE,
) -> Interval:
    """Return the mean difference of two groups of runs, with an interval that resamples seeds and classes.

    Parameters
    ----------
    first, second
        A value of each item in each run of a group, of embeddings [N, D] each: [s, n] and [t, n].
    labels
        The class of each of these items, [n].
    paired
        Whether run i of both groups has the same seed: a resample takes both or neither then;
        else each group is resampled alone.
    resamples, seed
        Number of resamples and seed of the bootstrap.
    confidence
        Of the interval.

    Raises
    ------
    InputError
        Arrays of different shapes, values that are not finite, no resample, a confidence not in (0, 1), or
        paired groups of different sizes.

    Notes
    -----
    Seeds and classes are drawn independently (the pigeonhole bootstrap of two crossed factors: Owen, Annals
    of Applied Statistics 1, 2007), each run with the same classes. Of s seeds, s - 1 are drawn:
    drawing s would give a variance too small by (s - 1) / s (McCarthy and Snowden, "The bootstrap and finite
    population sampling", 1985). The interval is that of percentiles. With fewer than about five seeds it is
    still too narrow, since percentiles know nothing of Student's t.
    """
    one, other = (check_numbers(each, "values", shape=(None, None)) for each in (first, second))
    if not len(one) or not len(other) or one.shape[1] != other.shape[1]:
        message = f"groups of shapes {one.shape} and {other.shape}; rows are runs, columns the same items"
        raise InputError(message)
    if paired and len(one) != len(other):
        message = (
            f"paired groups of {len(one)} and {len(other)} runs; give as many of each, in order of seeds"
        )
        raise InputError(message)
    _check(resamples, confidence)
    y = check_labels(labels)
    if paired:
        one, other = np.zeros((1, one.shape[1])), other - one
    sums, counts = zip(*(_by_class(each, y) for each in (one, other)), strict=True)
    value = float(other.mean(axis=0).mean() - one.mean(axis=0).mean())
    low, high = np.nan, np.nan
    if counts[0].size > 1:
        random = np.random.default_rng(seed)
        means = []
        for drawn in _draws(random, counts[0].size, resamples):
            sides = [_resampled(random, each, drawn) for each in sums]
            means.append((sides[1] - sides[0]) / counts[0][drawn].sum(axis=1))
        ends = [(1 - confidence) / 2, (1 + confidence) / 2]
        low, high = np.quantile(np.concatenate(means), ends).tolist()
    n_seeds = len(other) if paired else min(len(one), len(other))
    return Interval(
        value, low, high, confidence, y.size, counts[0].size, n_seeds, resamples, seed, PERCENTILE
    )  # fmt: skip


def _check(resamples: int, confidence: float) -> None:
    """Refuse no resample, and a confidence that is none."""
    if resamples < 1 or not 0 < confidence < 1:
        message = f"{resamples} resamples, confidence {confidence:g}; 1 resample or more, and between 0 and 1"
        raise InputError(message)


def _by_class(
    values: NDArray[np.float64], labels: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the sums of values [s, n] by class, [s, c], and the number of items of each class."""
    if values.shape[1] != labels.size:
        message = f"values of {values.shape[1]} items and labels of {labels.size}; one of each is needed"
        raise InputError(message)
    _, at, counts = np.unique(labels, return_inverse=True, return_counts=True)
    sums = [np.bincount(at.ravel(), weights=row, minlength=counts.size) for row in values]
    return np.stack(sums), counts


def _draws(random: np.random.Generator, size: int, resamples: int) -> Iterator[NDArray[np.int64]]:
    """Yield the classes that resamples draw, int64 [some, size], in bounded memory."""
    step = max(1, _DRAWN // size)
    for start in range(0, resamples, step):
        yield random.integers(size, size=(min(step, resamples - start), size))


def _resampled(
    random: np.random.Generator, sums: NDArray[np.float64], drawn: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the mean over drawn runs of the sums [s, c] over drawn classes [b, c], float64 [b]."""
    seeds = len(sums)
    weights = np.ones((len(drawn), 1))
    if seeds > 1:
        chosen = random.integers(seeds, size=(len(drawn), seeds - 1))
        weights = (chosen[:, :, None] == np.arange(seeds)).mean(axis=1)
    total = np.zeros(len(drawn))
    for weight, row in zip(weights.T, sums, strict=True):
        total += weight * row[drawn].sum(axis=1)
    return total


def _bca(
    means: NDArray[np.float64], value: float, left_out: NDArray[np.float64], confidence: float
) -> tuple[float, float]:
    """Return the ends of the BCa interval of bootstrap means, given the jackknife's [c]."""
    from scipy.special import ndtr, ndtri

    tied = _TIED * np.ptp(means)  # equal means of other classes may differ by their rounding
    below = (np.mean(means < value - tied) + np.mean(means <= value + tied)) / 2
    spread = left_out.mean() - left_out
    scale = float(np.sum(spread**2)) ** 1.5
    if not 0 < below < 1 or scale == 0:  # all resamples on one side, or no spread: plain percentiles
        ends = [(1 - confidence) / 2, (1 + confidence) / 2]
    else:
        bias, acceleration = ndtri(below), float(np.sum(spread**3)) / (6 * scale)
        z = bias + ndtri([(1 - confidence) / 2, (1 + confidence) / 2])
        ends = ndtr(bias + z / (1 - acceleration * z))
    low, high = np.quantile(means, ends).tolist()
    return low, high
