"""k-means as faiss runs it, over normalised embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedlens.devices import check_device
from embedlens.errors import InputError
from embedlens.results import Result
from embedlens.similarity.assignment import NearestCentroids
from embedlens.similarity.lloyd import FAISS_SEED, lloyd
from embedlens.similarity.rows import Rows
from embedlens.similarity.threads import in_parallel, spans

if TYPE_CHECKING:
    import torch
    from numpy.typing import ArrayLike, NDArray

_LARGEST_SEED = 2**31 - 1


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Clustering(Result):
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
        Iterations requested; fewer are run where the clusters stop changing before, with the same result.
    screen
        Floating-point type that screened the distances, "bfloat16" or "float32".
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
    """Cluster the normalised embeddings by k-means, as faiss does: one start, all points used.

    Follows ``faiss.Kmeans(D, K, niter=25, nredo=1, seed=seed, max_points_per_centroid=N)`` step by step:
    the same initial points, means in float32, empty clusters filled by splitting others. The nearest
    centroid is that of float64 arithmetic, ties to the lower number; faiss's own are float32, so a few
    near ties may differ.

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
        K outside 1 to N, a seed or number of iterations out of range, embeddings that cannot be normalised,
        or a device that is not available.

    Notes
    -----
    faiss, ``Clustering.cpp`` and ``utils/random.cpp`` (version 1.15; later versions draw the initial points
    otherwise). Labels are those of the final centroids, as pytorch-metric-learning's NMI takes them.
    """
    rows = Rows(z)
    _check_numbers(len(rows), n_clusters, seed=seed, iterations=iterations)
    unit = _unit(rows)
    del rows  # the iterations need the normalised rows alone
    search = NearestCentroids(unit, device=check_device(device), dtype=_dtype)
    centroids = lloyd(search, n_clusters, seed=seed, iterations=iterations)
    labels = search.assign(centroids)
    squares = np.einsum("nd,nd->n", unit, unit, dtype=np.float64)
    inertia = float(np.maximum(squares - 2 * search.score, 0).sum())
    screen = str(search.dtype).removeprefix("torch.")
    return Clustering(labels, centroids, inertia, seed, iterations, screen)


def _unit(rows: Rows) -> NDArray[np.float32]:
    """Return normalised rows."""
    unit = np.empty((len(rows), rows.dim), np.float32)

    def normalise(part: slice) -> None:
        unit[part] = rows.unit(part)

    in_parallel(normalise, spans(len(rows), 2048))
    return unit


def _check_numbers(n: int, n_clusters: int, *, seed: int, iterations: int) -> None:
    """Refuse numbers that faiss does not accept."""
    if not 1 <= n_clusters <= n:
        message = f"{n_clusters} clusters of {n} items; k-means needs at least 1 and at most as many as items"
        raise InputError(message)
    if not 0 <= seed <= _LARGEST_SEED:
        message = f"k-means seed {seed}; it must be from 0 to {_LARGEST_SEED}, as in faiss"
        raise InputError(message)
    if iterations < 1:
        message = f"{iterations} k-means iterations; at least 1 is needed"
        raise InputError(message)
