"""Clusters of Divide and Conquer over the epochs: sizes, purity, and the fraction of items reassigned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedlens.arrays import check_labels
from embedlens.errors import InputError
from embedlens.results import Result

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

MOST_CLUSTERS = 1 << 16


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Clusters(Result):
    """Clusters of N items at one epoch.

    Attributes
    ----------
    sizes
        int64 [K]: items of each cluster.
    purity
        float64 [K]: fraction of the largest class among the items of each cluster; NaN where it is empty.
    mean_purity
        Fraction of the items that are of the largest class of their cluster.
    alone
        Number of items whose class has no other item in their cluster, so that they have no positive pair.
    changed
        Fraction of the items that were in another cluster before; None: there is no earlier clustering.
    """

    sizes: NDArray[np.int64]
    purity: NDArray[np.float64]
    mean_purity: float
    alone: int
    changed: float | None

    def columns(self) -> dict[str, NDArray[np.generic]]:
        """Return a row per cluster, by column."""
        return {"cluster": np.arange(self.sizes.size), "items": self.sizes, "purity": self.purity}


def describe_clusters(
    clusters: ArrayLike, labels: ArrayLike, *, n_clusters: int, before: ArrayLike | None = None
) -> Clusters:
    """Return sizes, purity and changes of clusters.

    Purity: Manning, Raghavan & Schuetze, "Introduction to information retrieval", 2008, section 16.3.

    Parameters
    ----------
    clusters
        Integers [N], 0 to K - 1: cluster of each of the embeddings [N, D].
    labels
        Integers [N]: class of each item.
    n_clusters
        K.
    before
        Integers [N]: the clusters of an earlier epoch.

    Raises
    ------
    InputError
        No integers, unequal numbers of items, clusters outside 0 to K - 1, or more than `MOST_CLUSTERS`.
    """
    found, classes = check_labels(clusters, "clusters"), check_labels(labels)
    earlier = None if before is None else check_labels(before, "earlier clusters")
    if found.size != classes.size or (earlier is not None and earlier.size != found.size):
        message = f"{found.size} clusters of items, but {classes.size} labels; one of each per item is needed"
        raise InputError(message)
    if not 0 <= found.min() <= found.max() < n_clusters:
        message = f"clusters go from {found.min()} to {found.max()}; 0 to {n_clusters - 1} is needed"
        raise InputError(message)
    if n_clusters > MOST_CLUSTERS:
        message = f"{n_clusters:,} clusters; {MOST_CLUSTERS:,} are the most. Number them 0, 1, 2, ..."
        raise InputError(message)
    numbers = np.unique(classes, return_inverse=True)[1]
    n_classes = int(numbers.max()) + 1
    pairs, counts = np.unique(found * n_classes + numbers, return_counts=True)  # K x classes may not fit
    sizes = np.bincount(found, minlength=n_clusters).astype(np.int64)
    largest = np.zeros(n_clusters, dtype=np.int64)
    np.maximum.at(largest, pairs // n_classes, counts)
    purity = np.divide(largest, sizes, out=np.full(n_clusters, np.nan), where=sizes > 0)
    changed = None if earlier is None else float((earlier != found).mean())
    return Clusters(sizes, purity, float(largest.sum() / found.size), int((counts == 1).sum()), changed)
