"""Paired comparison of two states by the distances of the same triplets to the ideal point (1, 0).

The result depends on the state in which the triplets are selected, see `compare`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedlens.analysis.triplets.distances import Distances, distances
from embedlens.arguments import check_numbers
from embedlens.errors import InputError
from embedlens.results import Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import ArrayLike, NDArray

    from embedlens.analysis.triplets.nearest import Triplets

RESAMPLES = 2_000
CONFIDENCE = 0.95
_EXACT_UP_TO = 50  # differences; beyond that the normal approximation of the signed-rank test is used

BOOTSTRAP = (
    "percentile interval of the median of the paired differences; medians of resamples drawn exactly through "
    "order statistics of uniform numbers"
)
WILCOXON = (
    "signed-rank test, two-sided; zero differences left out, tied sizes get their mean rank; exact for up to "
    "50 differences without ties, else normal approximation with correction for ties"
)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Paired(Result):
    """Comparison of the distances of the same triplets in two states.

    Attributes
    ----------
    first, second
        Names of the two states.
    reference
        Name of the state in whose embeddings the triplets were selected.
    n, n_zero
        Number of triplets, and of those with the same distance in both.
    difference
        Median of the second's distance minus the first's: below 0 where the second is nearer.
    low, high
        Bootstrap 95 % interval of that median.
    p_value
        Two-sided p value of the Wilcoxon signed-rank test.
    fraction
        Fraction of the triplets that are nearer in the second, in [0, 1].
    """

    first: str
    second: str
    reference: str
    n: int
    n_zero: int
    difference: float
    low: float
    high: float
    p_value: float
    fraction: float

    @property
    def nearer(self) -> str:
        """The state that is nearer to the ideal point; empty where the interval holds 0."""
        if self.high < 0:
            return self.second
        return self.first if self.low > 0 else ""

    def summary(self) -> dict[str, str | int | float]:
        """Return the numbers by name."""
        return {
            "compared_with": self.first,
            "triplets_of": self.reference,
            "n": self.n,
            "n_zero": self.n_zero,
            "median_difference": self.difference,
            "low": self.low,
            "high": self.high,
            "wilcoxon_p": self.p_value,
            "share_nearer": self.fraction,
            "nearer": self.nearer,
        }


def compare(
    first: Distances,
    second: Distances,
    *,
    names: tuple[str, str] = ("first", "second"),
    reference: str = "first",
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Paired:
    """Compare the distances of the same triplets in two states: second minus first.

    Parameters
    ----------
    first, second
        Distances [n] of the same triplets, followed in two embeddings [N, D0] and [N, D].
    names
        Names of the two states.
    reference
        Name of the state in whose embeddings the triplets were selected.
    resamples, seed
        Number of resamples and seed of the bootstrap.

    Raises
    ------
    InputError
        Triplets of different anchors, or less than one resample.

    Notes
    -----
    Interval: percentiles 2.5 and 97.5 of the bootstrap distribution of the median (Efron and Tibshirani, "An
    introduction to the bootstrap", 1993, chapter 13). Test: Wilcoxon, Biometrics Bulletin 1945. Both
    assume independent anchors; anchors of one class share neighbours, so the interval tends to be too narrow
    and p too small.

    The similarity to a nearest negative is a maximum over many items, and is lower in other embeddings
    (regression to the mean). Triplets selected in one of the two states are therefore biased in favour of the
    other; a result is reliable if triplets selected in either state show it.
    """
    if not np.array_equal(first.anchor, second.anchor):
        message = "the two states have other anchors; a paired comparison follows the same triplets in both"
        raise InputError(message)
    difference = second.distance - first.distance
    medians = resampled_medians(difference, resamples=resamples, seed=seed)
    low, high = np.quantile(medians, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Paired(
        first=names[0],
        second=names[1],
        reference=reference,
        n=difference.size,
        n_zero=int(np.sum(difference == 0)),
        difference=float(np.median(difference)),
        low=float(low),
        high=float(high),
        p_value=signed_rank_p(difference),
        fraction=float(np.mean(difference < 0)),
    )


def compare_choices(
    followed: Mapping[str, tuple[Triplets, Triplets]],
    *,
    names: tuple[str, str] = ("first", "second"),
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> list[Paired]:
    """Compare two states once for each state in which the triplets were chosen.

    Parameters
    ----------
    followed
        Name of the state in which triplets were chosen -> these triplets in the first and in the second
        state, of embeddings [N, D0] and [N, D].
    names
        Names of the two states.
    resamples, seed
        Number of resamples and seed of the bootstrap.

    Raises
    ------
    InputError
        As `compare`.
    """
    return [
        compare(
            distances(first), distances(second),
            names=names, reference=reference, resamples=resamples, seed=seed,
        )
        for reference, (first, second) in followed.items()
    ]  # fmt: skip


def agree(comparisons: Iterable[Paired]) -> bool:
    """Return whether all comparisons of two states have the same result: one of them nearer, or neither."""
    return len({one.nearer for one in comparisons}) < 2


def resampled_medians(values: ArrayLike, *, resamples: int = RESAMPLES, seed: int = 0) -> NDArray[np.float64]:
    """Return the medians of bootstrap resamples of `values`, without drawing the resamples.

    Parameters
    ----------
    values
        Numbers [n], e.g. a paired difference for each of n anchors of embeddings [N, D].
    resamples
        Number of medians.
    seed
        Seed of the draw.

    Returns
    -------
    ndarray
        float64 [resamples].

    Raises
    ------
    InputError
        No values, or less than one resample.

    Notes
    -----
    An item of a resample is x[floor(n U)] of the sorted values x, with U uniform on [0, 1); floor and x are
    monotone, so the k-th smallest of the resample is x[floor(n U_(k))] with U_(k) the k-th smallest of n
    uniforms. U_(k) ~ Beta(k, n - k + 1), and given U_(k) the next larger is the smallest of n - k uniforms on
    (U_(k), 1) (David and Nagaraja, "Order statistics", 2003, sections 2.3 and 2.5). So a median
    takes one or two random numbers instead of n, and has exactly the distribution of a resample's median.
    """
    ordered = np.sort(check_numbers(values, "values"))
    n = ordered.size
    if n == 0 or resamples < 1:
        message = f"{resamples} resamples of {n} values; at least 1 of each is needed"
        raise InputError(message)
    random = np.random.default_rng(seed)
    k = (n + 1) // 2
    lower = random.beta(k, n - k + 1, size=resamples)
    upper = lower
    if n % 2 == 0:
        upper = lower + (1 - lower) * random.beta(1, n - k, size=resamples)
    at = [np.minimum((n * place).astype(np.int64), n - 1) for place in (lower, upper)]
    return np.asarray((ordered[at[0]] + ordered[at[1]]) / 2)


def signed_rank_p(difference: ArrayLike) -> float:
    """Return the two-sided p value of Wilcoxon's signed-rank test for differences [n] symmetric around 0.

    Zero differences are left out, as by Wilcoxon; tied sizes get their mean rank. Exact for up to 50
    differences without ties, else the normal approximation with its variance corrected for ties. If all
    differences are 0, p = 1.
    """
    values = check_numbers(difference, "differences")
    values = values[values != 0]
    n = values.size
    if n == 0:
        return 1.0
    _, place, counts = np.unique(np.abs(values), return_inverse=True, return_counts=True)
    if n <= _EXACT_UP_TO and counts.size == n:
        from scipy.stats import wilcoxon

        return float(wilcoxon(values, method="exact").pvalue)
    # As scipy's "asymptotic", whose module takes 0.4 s to load. Mean ranks are multiples of 1/2: exact sums.
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    above = float(ranks[values > 0].sum()) - n * (n + 1) / 4
    ties = sum(count**3 - count for count in counts[counts > 1].tolist())
    deviation = math.sqrt(n * (n + 1) * (2 * n + 1) / 24 - ties / 48)
    return math.erfc(abs(above) / deviation / math.sqrt(2))
