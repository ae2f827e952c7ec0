"""Clustering scores: agreement of k-means clusters with classes (NMI, AMI, F1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedlens.arguments import check_integers
from embedlens.arrays import check_embeddings, check_labels
from embedlens.errors import InputError
from embedlens.results import Result
from embedlens.similarity.kmeans import kmeans
from embedlens.similarity.lloyd import FAISS_SEED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ClusteringScores(Result):
    """Agreement of clusters with classes.

    Attributes
    ----------
    nmi
        Mutual information over the arithmetic mean of the two entropies, in [0, 1].
    f1
        2 TP / (2 TP + FP + FN) over pairs of items, positive where they share a class, in [0, 1].
    ami
        NMI adjusted for chance, at most 1; None where it was not requested.
    """

    nmi: float
    f1: float
    ami: float | None = None

    def summary(self) -> dict[str, float]:
        """Return the scores by name."""
        scores = {"nmi": self.nmi, "f1": self.f1}
        return scores if self.ami is None else {**scores, "ami": self.ami}


def clustering_scores(labels: ArrayLike, clusters: ArrayLike, *, ami: bool = False) -> ClusteringScores:
    """Return the agreement of a clustering with the classes.

    Parameters
    ----------
    labels
        Integer labels [N].
    clusters
        Integer cluster numbers [N], e.g. of `kmeans` over embeddings [N, D].
    ami
        Whether to compute the AMI.

    Raises
    ------
    InputError
        No items, or different numbers of labels and clusters.

    Notes
    -----
    NMI and AMI with arithmetic means, as scikit-learn's defaults; Vinh, Epps, Bailey, JMLR 2010, for the
    AMI. Pair counts are exact integers. Equal partitions score 1, even without a pair or without entropy.
    """
    y, c = check_labels(labels), check_labels(clusters, "cluster numbers")
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
    """Return the number of pairs of items within groups of these sizes."""
    return int(np.sum(sizes * (sizes - 1))) // 2


def _entropy(sizes: NDArray[np.int64]) -> float:
    """Return the entropy of a partition into groups of these sizes, in nats."""
    p = sizes / sizes.sum()
    return float(-np.sum(p * np.log(p)))


def _adjusted(information: float, mean: float, sizes: tuple[NDArray[np.int64], NDArray[np.int64]]) -> float:
    """Return the AMI of different partitions; as in scikit-learn, it is 0 where one of them is one group."""
    if min(len(part) for part in sizes) == 1:
        return 0.0
    expected = _expected_information(*sizes)
    return _away_from_zero(information - expected) / _away_from_zero(mean - expected)


def _away_from_zero(value: float) -> float:
    """Return the value, or the smallest float64 step of its sign: denominators must not be 0."""
    return float(np.copysign(max(abs(value), np.finfo(np.float64).eps), value))


def _expected_information(a: NDArray[np.int64], b: NDArray[np.int64]) -> float:
    """Return the mean mutual information of partitions with these group sizes (Vinh et al. 2010, theorem 6).

    The sum runs over pairs of distinct group sizes with their multiplicities; these are few, since distinct
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


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SeededScores(Result):
    """Scores of k-means with as many clusters as classes, for several seeds.

    Attributes
    ----------
    n_clusters
        K, the number of classes.
    seeds
        Seeds, one k-means each.
    scores
        Scores in the order of the seeds.
    inertia
        float64 [seeds]: sum of squared distances to the centroids.
    screen
        Floating-point type that screened the distances.
    """

    n_clusters: int
    seeds: tuple[int, ...]
    scores: tuple[ClusteringScores, ...]
    inertia: NDArray[np.float64]
    screen: str

    def columns(self) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
        """Return one row per seed, by column."""
        names = self.scores[0].summary()
        values = {name: np.array([score.summary()[name] for score in self.scores]) for name in names}
        return {"seed": np.array(self.seeds), **values, "inertia": self.inertia}

    def summary(self) -> dict[str, float]:
        """Return the mean of each score and, of several seeds, its standard deviation as ``NAME_std``."""
        values = {name: [score.summary()[name] for score in self.scores] for name in self.scores[0].summary()}
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
        Whether to compute the AMI.
    device
        Torch device that computes; the answer does not depend on it.

    Raises
    ------
    InputError
        No seed, a seed twice or out of range, different numbers of rows and labels, or embeddings that cannot
        be normalised.
    """
    labels = check_labels(y)
    starts = check_integers(seeds, "k-means seeds").tolist()
    if not starts or len(set(starts)) < len(starts):
        message = f"k-means seeds {starts}; at least one is needed, and each once"
        raise InputError(message)
    array = check_embeddings(z, rows=labels.size, dim=None)
    n_clusters = np.unique(labels).size
    runs = [kmeans(array, n_clusters, seed=seed, iterations=iterations, device=device) for seed in starts]
    return SeededScores(
        n_clusters=n_clusters,
        seeds=tuple(starts),
        scores=tuple(clustering_scores(labels, run.labels, ami=ami) for run in runs),
        inertia=np.array([run.inertia for run in runs]),
        screen=runs[0].screen,
    )
