"""Distances of triplets to the ideal point (1, 0) of the scatter: histogram and cumulative distribution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedlens.analysis.triplets.nearest import ideal_distance
from embedlens.errors import InputError
from embedlens.results import Result

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from embedlens.analysis.triplets.nearest import Triplets

BINS = 50
_STEP = 0.1


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Distances(Result):
    """Distance of every triplet's dot to the ideal point (1, 0).

    Attributes
    ----------
    anchor
        int64 [n]: row numbers, ascending.
    distance
        float64 [n], in [0, sqrt(5)].
    n_singletons
        Items left out because their class has one item only.
    """

    anchor: NDArray[np.int64]
    distance: NDArray[np.float64]
    n_singletons: int

    @property
    def mean(self) -> float:
        """Mean distance."""
        return float(self.distance.mean())

    @property
    def median(self) -> float:
        """Median distance."""
        return float(np.median(self.distance))

    def columns(self) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
        """Return the distances by column."""
        return {"anchor": self.anchor, "distance": self.distance}

    def summary(self) -> dict[str, int | float]:
        """Return counts, mean and median by name."""
        return {
            "n": self.distance.size,
            "n_singletons": self.n_singletons,
            "mean_distance": self.mean,
            "median_distance": self.median,
        }


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Histogram(Result):
    """Histogram of distances to the ideal point.

    Attributes
    ----------
    edges
        float64 [b + 1], ascending: edges of the bins; the last bin includes its upper edge.
    count
        int64 [b]: number of dots in each bin.
    mean
        Mean of the distances themselves, not of the bins.
    """

    edges: NDArray[np.float64]
    count: NDArray[np.int64]
    mean: float

    def columns(self) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
        """Return the data that a figure of the histogram shows, by column."""
        return {"low": self.edges[:-1], "high": self.edges[1:], "count": self.count}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Ecdf(Result):
    """Empirical cumulative distribution of the distances to the ideal point.

    Attributes
    ----------
    distance
        float64 [n], ascending.
    fraction
        float64 [n], in (0, 1]: fraction of dots up to each distance.
    mean
        Mean distance.
    """

    distance: NDArray[np.float64]
    fraction: NDArray[np.float64]
    mean: float

    def columns(self) -> dict[str, NDArray[np.float64]]:
        """Return the data that a figure of the distribution shows, by column."""
        return {"distance": self.distance, "share": self.fraction}


def distances(triplets: Triplets) -> Distances:
    """Return the distance sqrt((1 - S_ap)^2 + S_an^2) of each triplet to the ideal point (1, 0)."""
    return Distances(triplets.anchor, ideal_distance(triplets), triplets.n_singletons)


def histograms(samples: Mapping[str, Distances], *, bins: int = BINS) -> dict[str, Histogram]:
    """Return a histogram of each sample, all with the same bins.

    The bins have equal width and cover all samples, from one multiple of 0.1 to another.

    Parameters
    ----------
    samples
        Name -> distances [n] of the triplets of some embeddings [N, D].
    bins
        Number of bins.

    Raises
    ------
    InputError
        Less than one bin, or no sample.
    """
    if bins < 1:
        message = f"{bins} bins requested; at least 1 is needed"
        raise InputError(message)
    if not samples:
        message = "no distances given; a histogram needs one sample or more"
        raise InputError(message)
    low = min(float(sample.distance.min()) for sample in samples.values())
    high = max(float(sample.distance.max()) for sample in samples.values())
    first = int(np.floor(low / _STEP))
    last = max(int(np.ceil(high / _STEP)), first + 1)
    edges = np.linspace(first * _STEP, last * _STEP, bins + 1)
    # Rounding of the edges must not leave out the extremes.
    edges[0], edges[-1] = min(edges[0], low), max(edges[-1], high)
    return {
        name: Histogram(edges, np.histogram(sample.distance, edges)[0], sample.mean)
        for name, sample in samples.items()
    }


def ecdf(sample: Distances) -> Ecdf:
    """Return the empirical cumulative distribution of distances [n]."""
    n = sample.distance.size
    return Ecdf(np.sort(sample.distance), np.arange(1, n + 1) / n, sample.mean)
