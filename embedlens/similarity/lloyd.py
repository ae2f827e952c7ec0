"""Lloyd's iterations of k-means, step by step as faiss takes them.

faiss (version 1.15), ``Clustering.cpp`` and ``utils/random.cpp``: its Mersenne twister, its choice of initial
points, its means in float32 and its splitting of clusters where others are empty. Later versions draw the
initial points otherwise from the same generator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from embedlens.similarity.jit import compiled
from embedlens.similarity.threads import in_parallel, spans

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedlens.similarity.assignment import NearestCentroids

FAISS_SEED = 1234
FAISS_VERSIONS = "1.15"
"""Releases of faiss whose k-means this equals, as the tests compare them (with the pin of constraints.txt).

1.9 has the same initial points, but splits empty clusters otherwise.
"""
_SPLIT = np.float32(1 / 1024)  # faiss's EPS: what the two halves of a split cluster differ by


def lloyd(search: NearestCentroids, n_clusters: int, *, seed: int, iterations: int) -> NDArray[np.float32]:
    """Return the centroids of k-means after `iterations` iterations; stops early where no label changes.

    Parameters
    ----------
    search
        Assigns the rows to cluster [N, D] to centroids; not used before.
    n_clusters
        K, from 1 to N; if N, the rows themselves are the centroids.
    seed
        Seed of the initial centroids, which are rows.
    iterations
        Largest number of iterations: assign every row, then update the means.

    Returns
    -------
    ndarray
        float32 [K, D].
    """
    unit = search.x
    if n_clusters == len(unit):
        return unit  # as faiss does: it copies the rows and runs no iteration
    centroids = unit[_first_of_permutation(len(unit), n_clusters, seed + 1)]
    means = np.zeros_like(centroids)
    before = np.full(len(unit), -1)
    for _ in range(iterations):
        labels = search.assign(centroids)
        changed = before != labels
        if not changed.any():
            break
        stale = np.zeros(len(means), np.bool_)
        stale[labels[changed]] = True
        stale[before[changed & (before >= 0)]] = True
        _update_means(unit, labels, stale, means)
        centroids = _split_empty(means, np.bincount(labels, minlength=len(means)))
        before = labels
    return centroids


def _update_means(
    unit: NDArray[np.float32], labels: NDArray[np.int64], stale: NDArray[np.bool_], means: NDArray[np.float32]
) -> None:
    """Update the means of the clusters whose items changed."""
    members = np.argsort(labels, kind="stable")
    end = np.cumsum(np.bincount(labels, minlength=len(means)))
    in_parallel(
        lambda part: _means(unit, (members, end, stale), means, part.start, part.stop), spans(len(means), 512)
    )


@compiled
def _means(
    unit: NDArray[np.float32],
    clusters: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]],
    means: NDArray[np.float32],
    first: int,
    last: int,
) -> None:
    """Write the means of clusters `first` to `last` in float32, items in row order, as faiss adds them."""
    members, end, stale = clusters
    for k in range(first, last):
        start = end[k - 1] if k else 0
        if not stale[k] or end[k] == start:
            continue
        mean = means[k]
        mean[:] = 0
        for at in range(start, end[k]):
            row = unit[members[at]]
            for d in range(row.size):
                mean[d] += row[d]
        weight = np.float32(1) / np.float32(end[k] - start)
        for d in range(mean.size):
            mean[d] *= weight


def _split_empty(means: NDArray[np.float32], counts: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return centroids in which every empty cluster took half of another, as faiss's `split_clusters` does.

    Clusters are visited in turn, each split with a probability that grows with its size; the two halves are
    moved apart by 1/1024 of each coordinate, up and down in turn.
    """
    centroids, sizes = means.copy(), counts.astype(np.float32)
    k, spare = len(means), np.float32(counts.sum() - len(means))
    random = _mersenne_twister(1234)
    drawn = np.empty(0, np.float32)
    up = np.where(np.arange(means.shape[1]) % 2 == 0, 1 + _SPLIT, 1 - _SPLIT).astype(np.float32)
    for empty in np.flatnonzero(counts == 0):
        chance = ((sizes.astype(np.float64) - 1) / spare).astype(np.float32)
        while True:
            fresh = random.random_raw(k - drawn.size)
            drawn = np.append(drawn, fresh.astype(np.float32) / np.float32(2**32))
            hits = np.flatnonzero(drawn < chance)
            if hits.size:
                break
            drawn = drawn[:0]
        whole = hits[0]
        drawn = drawn[whole + 1 :]
        centroids[empty] = centroids[whole] * up
        centroids[whole] *= 2 - up
        sizes[empty] = sizes[whole] / 2
        sizes[whole] -= sizes[empty]
    return centroids


def _first_of_permutation(n: int, count: int, seed: int) -> NDArray[np.int64]:
    """Return the first numbers of faiss's `rand_perm` of n: swaps with a later place, drawn modulo."""
    # numpy's own permutation draws otherwise: only this one gives faiss's initial points, and so its NMI.
    draws = _mersenne_twister(seed).random_raw(count)
    permutation = list(range(n))
    for i, draw in enumerate(draws.tolist()):
        j = i + draw % (n - i)
        permutation[i], permutation[j] = permutation[j], permutation[i]
    return np.array(permutation[:count])


def _mersenne_twister(seed: int) -> np.random.MT19937:
    """Return the generator that C++ calls mt19937: numpy seeds its own in this way only in RandomState."""
    generator = np.random.MT19937()
    generator.state = cast("Any", np.random.RandomState(seed).get_state(legacy=False))
    return generator
