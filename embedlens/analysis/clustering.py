"""Clustering scores: k-means as faiss runs it, and how well the clusters match the classes (NMI, AMI, F1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedlens.arrays import check_embeddings, check_labels
from embedlens.devices import check_device
from embedlens.errors import InputError
from embedlens.similarity.assignment import NearestCentroids
from embedlens.similarity.lloyd import FAISS_SEED, lloyd
from embedlens.similarity.rows import Rows
from embedlens.similarity.workers import in_parallel, spans

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from numpy.typing import ArrayLike, NDArray

_LARGEST_SEED = 2**31 - 1


@dataclass(frozen=True, slots=True, eq=False)
class Clustering:
    """Clusters of the normalised embeddings.

    Attributes
    ----------
    labels
        int64 [N]: number of the nearest centroid, 0 to K - 1.
    centroids
        float32 [K, D]: means of normalised rows, themselves not normalised.
    inertia
        Sum of the squared distances of the normalised rows to their centroids.
    seed
        Seed of the initial centroids.
    iterations
        Iterations asked for; a fixed point reached earlier is the same.
    screen
        Floating type that screened the distances, "bfloat16" or "float32".
    """

    labels: NDArray[np.int64]
    centroids: NDArray[np.float32]
    inertia: float
    seed: int
    iterations: int
    screen: str

    def columns(self) -> dict[str, NDArray[np.int64]]:
        """Return the cluster of every row, by column."""
        return {"item": np.arange(self.labels.size), "cluster": self.labels}


def kmeans(
    z: ArrayLike,
    n_clusters: int,
    *,
    seed: int = FAISS_SEED,
    iterations: int = 25,
    device: str = "cpu",
    _dtype: torch.dtype | None = None,
) -> Clustering:
    """Cluster the normalised embeddings by k-means with faiss's settings: one start, every point used.

    Follows ``faiss.Kmeans(D, K, niter=25, nredo=1, seed=seed, max_points_per_centroid=N)`` step by step:
    the same initial points, means in float32, empty clusters filled by splitting others. The nearest
    centroid is that of float64 arithmetic, ties to the lower number; faiss's own are float32, so that a few
    near ties may fall otherwise.

    Parameters
    ----------
    z
        Embeddings [N, D], not necessarily normalised.
    n_clusters
        K, from 1 to N; for scores the number of classes.
    seed
        Seed of the initial centroids, 0 to 2^31 - 1; faiss's own default is 1234.
    iterations
        Lloyd iterations.
    device
        Torch device that computes; the answer does not depend on it.

    Raises
    ------
    InputError
        K outside 1 to N, a seed or number of iterations out of range, or embeddings that cannot be
        normalised.

    Notes
    -----
    faiss, ``Clustering.cpp`` and ``utils/random.cpp`` (version 1.15; later versions draw the initial points
    otherwise). Labels are those of the final centroids, as pytorch-metric-learning's NMI takes them.
    """
    rows = Rows(z)
    _check_numbers(len(rows), n_clusters, seed=seed, iterations=iterations)
    unit = np.empty((len(rows), rows.dim), np.float32)

    def normalise(part: slice) -> None:
        unit[part] = rows.unit(part)

    in_parallel(normalise, spans(len(rows), 2048))
    search = NearestCentroids(unit, device=check_device(device), dtype=_dtype)
    centroids = lloyd(search, n_clusters, seed=seed, iterations=iterations)
    labels = search.assign(centroids)
    squares = np.einsum("nd,nd->n", unit, unit, dtype=np.float64)
    inertia = float(np.maximum(squares - 2 * search.score, 0).sum())
    screen = str(search.dtype).removeprefix("torch.")
    return Clustering(labels, centroids, inertia, seed, iterations, screen)


def _check_numbers(n: int, n_clusters: int, *, seed: int, iterations: int) -> None:
    """Refuse numbers that faiss has no meaning for."""
    if not 1 <= n_clusters <= n:
        message = f"{n_clusters} clusters of {n} items; k-means needs at least 1 and at most as many as items"
        raise InputError(message)
    if not 0 <= seed <= _LARGEST_SEED:
        message = f"k-means seed {seed}; it must be from 0 to {_LARGEST_SEED}, as in faiss"
        raise InputError(message)
    if iterations < 1:
        message = f"{iterations} k-means iterations; at least 1 is needed"
        raise InputError(message)


@dataclass(frozen=True, slots=True, eq=False)
class ClusteringScores:
    """How well clusters match classes.

    Attributes
    ----------
    nmi
        Mutual information over the arithmetic mean of the two entropies, in [0, 1].
    f1
        2 TP / (2 TP + FP + FN) over pairs of items, positive where they share a class, in [0, 1].
    ami
        NMI adjusted for chance, at most 1; None where it was not asked for.
    """

    nmi: float
    f1: float
    ami: float | None = None

    def columns(self) -> dict[str, float]:
        """Return the scores by name."""
        scores = {"nmi": self.nmi, "f1": self.f1}
        return scores if self.ami is None else {**scores, "ami": self.ami}


def clustering_scores(labels: ArrayLike, clusters: ArrayLike, *, ami: bool = False) -> ClusteringScores:
    """Compare a clustering with the classes.

    Parameters
    ----------
    labels
        Integer labels [N].
    clusters
        Integer cluster numbers [N], e.g. of `kmeans` over embeddings [N, D].
    ami
        Whether to compute the AMI, too.

    Raises
    ------
    InputError
        No items, or as many clusters as labels are not given.

    Notes
    -----
    NMI and AMI with arithmetic means, as scikit-learn's defaults; Vinh, Epps, Bailey, JMLR 2010, for the
    AMI. Pair counts are exact integers. Equal partitions score 1, also where there is no pair or no entropy.
    """
    y, c = check_labels(labels), check_labels(clusters)
    if y.size != c.size:
        message = f"there are {c.size} cluster numbers, but {y.size} labels"
        raise InputError(message)
    classes, y = np.unique(y, return_inverse=True)
    numbers, c = np.unique(c, return_inverse=True)
    cells, joint = np.unique(y * numbers.size + c, return_counts=True)
    a, b = np.bincount(y), np.bincount(c)
    shared, pairs = _pairs(joint), _pairs(a) + _pairs(b)
    f1 = 2 * shared / pairs if pairs else 1.0
    if cells.size == classes.size == numbers.size:  # the same partition
        return ClusteringScores(1.0, 1.0, 1.0 if ami else None)
    expected_joint = a[cells // numbers.size].astype(np.float64) * b[cells % numbers.size]
    information = float(np.sum(joint * np.log(joint * float(y.size) / expected_joint))) / y.size
    information = information if information > np.finfo(np.float64).eps else 0.0
    mean = (_entropy(a) + _entropy(b)) / 2
    adjusted = _adjusted(information, mean, (a, b)) if ami else None
    return ClusteringScores(min(1.0, information / mean), f1, adjusted)


def _pairs(sizes: NDArray[np.int64]) -> int:
    """Return how many pairs of items groups of these sizes hold."""
    return int(np.sum(sizes * (sizes - 1))) // 2


def _entropy(sizes: NDArray[np.int64]) -> float:
    """Return the entropy of a partition into groups of these sizes, in nats."""
    share = sizes / sizes.sum()
    return float(-np.sum(share * np.log(share)))


def _adjusted(information: float, mean: float, sizes: tuple[NDArray[np.int64], NDArray[np.int64]]) -> float:
    """Return the AMI of different partitions; as in scikit-learn, it is 0 where one of them is one group."""
    if min(len(part) for part in sizes) == 1:
        return 0.0
    expected = _expected_information(*sizes)
    return _away_from_zero(information - expected) / _away_from_zero(mean - expected)


def _away_from_zero(value: float) -> float:
    """Return the value, or the smallest step of its sign."""
    return float(np.copysign(max(abs(value), np.finfo(np.float64).eps), value))


def _expected_information(a: NDArray[np.int64], b: NDArray[np.int64]) -> float:
    """Return the mean mutual information of partitions with these group sizes (Vinh et al. 2010, theorem 6).

    The sum over pairs of groups is one over pairs of distinct sizes, of which there are few: distinct
    sizes add up to N at most.
    """
    from scipy.special import gammaln

    n = int(a.sum())
    log_factorial = gammaln(np.arange(n + 1) + 1.0)
    second, weight = np.unique(b, return_counts=True)
    total = 0.0
    for first, times in zip(*np.unique(a, return_counts=True), strict=True):
        low, high = np.maximum(1, first + second - n), np.minimum(first, second)
        length = high - low + 1
        other = np.repeat(second, length)
        joint = np.arange(length.sum()) + np.repeat(low - np.cumsum(length) + length, length)
        chance = (
            log_factorial[first] + log_factorial[n - first] - log_factorial[n] - log_factorial[joint]
            + log_factorial[other] + log_factorial[n - other]
            - log_factorial[first - joint] - log_factorial[other - joint]
            - log_factorial[n - first - other + joint]
        )  # fmt: skip
        terms = joint * np.log(joint * (n / first) / other) * np.exp(chance)
        total += float(times * np.sum(np.repeat(weight, length) * terms)) / n
    return total


@dataclass(frozen=True, slots=True, eq=False)
class SeededScores:
    """Scores of k-means with as many clusters as classes, for several seeds.

    Attributes
    ----------
    n_clusters
        K, the number of classes.
    seeds
        One k-means each.
    scores
        In the order of the seeds.
    inertia
        float64 [seeds].
    screen
        Floating type that screened the distances.
    """

    n_clusters: int
    seeds: tuple[int, ...]
    scores: tuple[ClusteringScores, ...]
    inertia: NDArray[np.float64]
    screen: str

    def columns(self) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
        """Return one row a seed, by column."""
        names = self.scores[0].columns()
        values = {name: np.array([score.columns()[name] for score in self.scores]) for name in names}
        return {"seed": np.array(self.seeds), **values, "inertia": self.inertia}

    def summary(self) -> dict[str, float]:
        """Return the mean of each score and, of several seeds, its standard deviation as ``NAME_std``."""
        values = {name: [score.columns()[name] for score in self.scores] for name in self.scores[0].columns()}
        result = {name: float(np.mean(column)) for name, column in values.items()}
        if len(self.seeds) > 1:
            result |= {f"{name}_std": float(np.std(column, ddof=1)) for name, column in values.items()}
        return result


def kmeans_scores(
    z: ArrayLike,
    y: ArrayLike,
    *,
    seeds: Sequence[int] = (FAISS_SEED,),
    iterations: int = 25,
    ami: bool = False,
    device: str = "cpu",
) -> SeededScores:
    """Cluster the embeddings by `kmeans` with K = number of classes; compare the clusters with the classes.

    Parameters
    ----------
    z
        Embeddings [N, D], not necessarily normalised.
    y
        Integer labels [N].
    seeds
        Seeds of k-means, one clustering each.
    iterations
        Lloyd iterations.
    ami
        Whether to compute the AMI, too.
    device
        Torch device that computes; the answer does not depend on it.

    Raises
    ------
    InputError
        No seed, a seed twice or out of range, or rows that are not as many as labels or cannot be normalised.
    """
    labels = check_labels(y)
    if not seeds or len(set(seeds)) < len(seeds):
        message = f"k-means seeds {list(seeds)}; at least one is needed, and each once"
        raise InputError(message)
    check_embeddings(z, rows=labels.size, dim=None)
    n_clusters = np.unique(labels).size
    runs = [kmeans(z, n_clusters, seed=seed, iterations=iterations, device=device) for seed in seeds]
    return SeededScores(
        n_clusters=n_clusters,
        seeds=tuple(seeds),
        scores=tuple(clustering_scores(labels, run.labels, ami=ami) for run in runs),
        inertia=np.array([run.inertia for run in runs]),
        screen=runs[0].screen,
    )
