"""Histogram of the distances of genuine and impostor pairs.

Source: Wu, Manmatha, Smola, Krähenbühl, "Sampling matters in deep embedding learning", ICCV 2017; what is
known without any data is in the module `theory` beside this one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.analysis.sampling.theory import FARTHEST
from embedlens.arguments import check_numbers
from embedlens.arrays import check_embeddings, check_labels, unit_rows
from embedlens.errors import InputError
from embedlens.results import Result
from embedlens.similarity import pair_similarity

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

PAIRS = 500_000
_BINS = 1_000
_BLOCK_VALUES = 1 << 22


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class DistanceHistogram(Result):
    """Histogram of Euclidean distances of pairs of unit vectors.

    Attributes
    ----------
    edges
        float64 [b + 1], from 0 to 2: edges of bins of equal width; the last bin includes its upper edge.
    count
        int64 [b].
    mean
        Mean of the distances themselves, not of the bins; NaN where there is none.
    """

    edges: NDArray[np.float64]
    count: NDArray[np.int64]
    mean: float

    @property
    def n(self) -> int:
        """Number of distances."""
        return int(self.count.sum())

    @property
    def density(self) -> NDArray[np.float64]:
        """Probability density, float64 [b], per unit of distance; zeros if there are no distances."""
        return self.count / (max(1, self.n) * np.diff(self.edges))

    def quantile(self, fraction: float) -> float:
        """Return the quantile of a fraction in [0, 1], by linear interpolation within its bin."""
        if not self.n:
            return float("nan")
        sums = np.cumsum(self.count)
        target = max(fraction * self.n, 1e-9)  # a fraction of 0 means the first bin that is not empty
        at = int(np.searchsorted(sums, target))
        inside = 1 - (sums[at] - target) / self.count[at]
        return float(self.edges[at] + inside * (self.edges[at + 1] - self.edges[at]))

    def merged(self, bins: int) -> DistanceHistogram:
        """Return the histogram with `bins` bins, a divisor of the present number."""
        if bins < 1 or self.count.size % bins:
            message = f"{self.count.size} bins cannot become {bins}; a divisor is needed"
            raise InputError(message)
        size = self.count.size // bins
        return DistanceHistogram(self.edges[::size], self.count.reshape(bins, size).sum(axis=1), self.mean)

    def columns(self) -> dict[str, NDArray[np.float64] | NDArray[np.int64]]:
        """Return the data that a figure of the histogram shows, by column."""
        return {
            "low": self.edges[:-1],
            "high": self.edges[1:],
            "count": self.count,
            "density": self.density,
        }


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PairDistances(Result):
    """Distances of genuine and impostor pairs of a snapshot.

    Attributes
    ----------
    positive, negative
        Distances of genuine and of impostor pairs: all of them, or a sample.
    n_positive, n_negative
        Number of genuine and of impostor pairs in the snapshot.
    dim
        D.
    effective_dim
        1 / mean of S^2 over all pairs of different items, S their cosine similarity: D for points uniform on
        the sphere in R^D; infinite if all are orthogonal.
    """

    positive: DistanceHistogram
    negative: DistanceHistogram
    n_positive: int
    n_negative: int
    dim: int
    effective_dim: float


def pair_distances(z: ArrayLike, y: ArrayLike, *, pairs: int = PAIRS, seed: int = 0) -> PairDistances:
    """Return the distances of all pairs of a snapshot, or of a sample where there are many.

    Parameters
    ----------
    z
        Embeddings [N, D], not necessarily normalised.
    y
        Integer labels [N].
    pairs
        Largest number of pairs of each kind (genuine, impostor); of more, this number is drawn uniformly with
        replacement.
    seed
        Seed of the draw.

    Raises
    ------
    InputError
        One item only, no pair requested, or embeddings that cannot be normalised.
    """
    labels = check_labels(y)
    if labels.size < 2 or pairs < 1:
        message = f"{labels.size} items and {pairs} pairs requested; distances need 2 items and 1 pair"
        raise InputError(message)
    rows = check_embeddings(z, rows=labels.size, dim=None)
    order = np.argsort(labels, kind="stable")
    end = np.searchsorted(labels[order], labels[order], side="right")
    place, random = np.arange(labels.size), np.random.default_rng(seed)
    # With rows sorted by class, the later partners of a row are those of its class, then all others.
    spans = (place + 1, end), (end, np.full_like(end, labels.size))
    positive, negative = (_distances(rows, order, span, most=pairs, random=random) for span in spans)
    there = [int((upper - lower).sum()) for lower, upper in spans]
    return PairDistances(positive, negative, there[0], there[1], rows.shape[1], _effective_dim(rows))


def _distances(
    z: NDArray[Any],
    order: NDArray[np.int64],
    span: tuple[NDArray[np.int64], NDArray[np.int64]],
    *,
    most: int,
    random: np.random.Generator,
) -> DistanceHistogram:
    """Return distances of pairs of positions in an order: each with those from `lower` to below `upper`."""
    lower, upper = span
    total = np.cumsum(upper - lower)
    n = int(total[-1])
    number = np.arange(n) if n <= most else np.sort(random.integers(n, size=most))
    first = np.searchsorted(total, number, side="right")
    second = upper[first] - (total[first] - number)
    similarity = pair_similarity(z, order[first], order[second])
    return histogram(np.sqrt(np.maximum(0, 2 - 2 * similarity)))


def histogram(distance: ArrayLike) -> DistanceHistogram:
    """Return the histogram of distances [n] of normalised embeddings [N, D]; 2 where rounding exceeds it."""
    distance = check_numbers(distance, "distances", least=0)
    edges = np.linspace(0, FARTHEST, _BINS + 1)
    count = np.histogram(np.minimum(distance, FARTHEST), edges)[0]
    return DistanceHistogram(edges, count, float(distance.mean()) if distance.size else float("nan"))


def _effective_dim(z: NDArray[Any]) -> float:
    """Return 1 / mean S^2 over all pairs of two items, from the second moments of the unit rows."""
    n, dim = z.shape
    moments = np.zeros((dim, dim))
    step = max(1, _BLOCK_VALUES // dim)
    for start in range(0, n, step):
        block = unit_rows(z[start : start + step])
        moments += block.T @ block
    # The sum of all S^2 is that of the squared moments; an item with itself is not a pair.
    mean = (np.square(moments).sum() - n) / (n * (n - 1))
    return float(1 / mean) if mean > 1e-12 else float("inf")
