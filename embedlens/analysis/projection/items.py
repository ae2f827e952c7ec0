"""Input of t-SNE: sampled items, their coordinates before the map, and the graph of nearest neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.neighbors import NearestNeighbors

from embedlens.arguments import check_indices, check_integers
from embedlens.arrays import check_embeddings, check_labels, check_pair, shape_text, to_numpy, unit_rows
from embedlens.errors import InputError
from embedlens.results import Result
from embedlens.similarity import search

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Points(Result):
    """The items of a map.

    Attributes
    ----------
    item
        int64 [n]: their rows in the embeddings, ascending.
    values
        float64 [n, D]: normalised, or in the central latent space.
    central
        Whether class means were subtracted; neighbours are then those of Euclidean distance.
    n_singletons
        Items left out because subtracting the mean of their class leaves nothing.
    """

    item: NDArray[np.int64]
    values: NDArray[np.float64]
    central: bool
    n_singletons: int


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Graph(Result):
    """Exact nearest neighbours of every item, nearest first: rows, int64 [n, k], and distances, float64."""

    index: NDArray[np.int64]
    distance: NDArray[np.float64]

    def kept_of(self, before: Graph) -> float:
        """Return the fraction of the neighbours that are also neighbours in `before`, in [0, 1]."""
        n = len(self.index)
        now, then = (graph.index + n * np.arange(n)[:, None] for graph in (self, before))
        return np.intersect1d(now, then, assume_unique=True).size / now.size


def central_space(z: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
    """Return the central latent space: normalised embeddings minus the mean of their class.

    Parameters
    ----------
    z
        Embeddings [N, D], not necessarily normalised.
    y
        Integer labels [N].

    Returns
    -------
    ndarray
        float64 [N, D]; the mean of every class is zero.

    Raises
    ------
    InputError
        Shapes that do not agree, or embeddings that cannot be normalised.

    Notes
    -----
    Source: Lin et al., "Deep Variational Metric Learning", ECCV 2018, section 4.4.
    """
    labels = check_labels(y)
    unit = _unit(z, labels.size)
    _, group, count = np.unique(labels, return_inverse=True, return_counts=True)
    sums = np.zeros((count.size, unit.shape[1]))
    np.add.at(sums, group, unit)
    centred = unit - (sums / count[:, None])[group]
    centred[count[group] == 1] = 0.0
    return centred


FEWEST_OF_A_CLASS = 10
"""Mean number of items per class below which a sample of every class shows no structure within classes."""


def whole_by_default(y: ArrayLike, n: int, *, first: ArrayLike = ()) -> bool:
    """Return whether a sample of n items takes whole classes by default.

    It does where a sample of every class would have fewer than ten items per class on average, and whole
    classes fit into n items.

    Parameters
    ----------
    y
        Integer labels [N] of embeddings [N, D].
    n
        Items wanted.
    first
        Labels of classes that the sample must contain.
    """
    known, count = np.unique(check_labels(y), return_counts=True)
    needed = int(count[np.isin(known, check_integers(first, "classes that come first"))].sum())
    return bool(n < FEWEST_OF_A_CLASS * known.size and max(needed, count.max()) <= n < count.sum())


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Sample(Result):
    """A sample of items.

    Attributes
    ----------
    rows
        int64 [n]: rows of the items, ascending.
    n_classes, of_classes
        Number of classes in the sample, and of the items it is drawn from.
    whole_classes
        Whether the sample contains all items of these classes.
    by_default
        Whether `whole_classes` was chosen by default.
    """

    rows: NDArray[np.int64]
    n_classes: int
    of_classes: int
    whole_classes: bool
    by_default: bool

    def summary(self) -> dict[str, int | str]:
        """Return how the items were drawn, and the numbers of classes."""
        drawn = "whole classes" if self.whole_classes else "items of every class"
        return {"sampled": drawn, "n_classes": self.n_classes, "of_classes": self.of_classes}


def draw_sample(
    y: ArrayLike, n: int, *, whole_classes: bool | None = None, first: ArrayLike = (), seed: int = 0
) -> Sample:
    """Return a sample by class as `sample` draws it, with whole classes where that is the default.

    Parameters
    ----------
    y
        Integer labels [N] of embeddings [N, D].
    n
        Items wanted.
    whole_classes
        As for `sample`; None: as `whole_by_default` says.
    first, seed
        As for `sample`.

    Raises
    ------
    InputError
        As for `sample`.
    """
    labels = check_labels(y)
    whole = whole_by_default(labels, n, first=first) if whole_classes is None else whole_classes
    rows = sample(labels, n, whole_classes=whole, first=first if whole else (), seed=seed)
    classes, drawn_from = np.unique(labels[rows]).size, np.unique(labels).size
    return Sample(rows, classes, drawn_from, whole, whole_classes is None)


def sample(
    y: ArrayLike, n: int, *, whole_classes: bool = False, first: ArrayLike = (), seed: int = 0
) -> NDArray[np.int64]:
    """Return the rows of a sample by class, ascending, int64 [n].

    Parameters
    ----------
    y
        Integer labels [N] of embeddings [N, D].
    n
        Items wanted.
    whole_classes
        False: from each class a number of items in proportion to its size, drawn by seed (largest remainders
        are rounded up). True: classes drawn by seed, each with all its items, as long as they fit.
    first
        With whole classes: labels of classes that are taken before the drawn ones.
    seed
        Of the draw.

    Raises
    ------
    InputError
        A number that is not between 1 and N, or (whole classes) classes that are larger.
    """
    labels = check_labels(y)
    if not 1 <= n <= labels.size:
        message = f"a sample of {n} items cannot be drawn of {labels.size}; give a number from 1 to that"
        raise InputError(message)
    random = np.random.default_rng(seed)
    known, group, count = np.unique(labels, return_inverse=True, return_counts=True)
    if whole_classes:
        order = random.permutation(count.size)
        named = np.isin(known[order], check_integers(first, "classes that come first"))
        order = np.concatenate([order[named], order[~named]])
        if (needed := int(count[order[: int(named.sum())]].sum())) > n:
            message = (
                f"the classes to highlight have {needed:,} items, more than a sample of {n:,}; sample more"
            )
            raise InputError(message)
        taken = order[np.cumsum(count[order]) <= n]
        if not taken.size:
            message = f"no class fits into {n} items: the first drawn has {count[order[0]]}; sample more"
            raise InputError(message)
        return np.flatnonzero(np.isin(group, taken))
    exact = n * count / labels.size
    quota = np.floor(exact).astype(np.int64)
    quota[np.argsort(quota - exact, kind="stable")[: n - int(quota.sum())]] += 1
    order = random.permutation(labels.size)
    order = order[np.argsort(group[order], kind="stable")]
    place = np.arange(labels.size) - np.repeat(np.cumsum(count) - count, count)
    return np.sort(order[place < np.repeat(quota, count)])


def points_of(z: ArrayLike, y: ArrayLike | None, *, central: bool, rows: NDArray[np.int64] | None) -> Points:
    """Return the items to be mapped, with their coordinates in the embedding.

    Parameters
    ----------
    z, y
        Embeddings [N, D] and labels [N]; labels are needed for the central latent space only.
    central
        Whether the mean of its class, over all of the embeddings, is subtracted from every item.
    rows
        Rows to map [n], ascending; all by default.

    Raises
    ------
    InputError
        Embeddings that cannot be normalised, of one dimension, or all alike; no labels where they are needed.
    """
    array = to_numpy(z) if y is None else check_pair(z, y)[0]
    n = len(array) if array.ndim else 0
    item = np.arange(n) if rows is None else check_indices(rows, "rows to map", rows=n)
    n_singletons = 0
    if not central:
        values = _unit(array[item] if n else array, item.size)
    elif y is None:
        message = "the central latent space needs labels: class means are subtracted; give y"
        raise InputError(message)
    else:
        values = central_space(array, y)[item]
        _, group, count = np.unique(check_labels(y), return_inverse=True, return_counts=True)
        paired = count[group[item]] > 1
        item, values, n_singletons = item[paired], values[paired], int((~paired).sum())
    if values.shape[1] < 2:
        message = "embeddings have 1 dim; a map needs at least 2"
        raise InputError(message)
    if len(values) and not np.ptp(values, axis=0).any():
        message = "all items point in one direction, so there is nothing to map"
        raise InputError(message)
    return Points(item, values, central, n_singletons)


def graph_of(points: Points, k: int, *, metric: str, device: str = "cpu") -> Graph:
    """Return the exact k nearest neighbours of every item.

    Parameters
    ----------
    points
        Items of embeddings [N, D] that are mapped, with values [n, D].
    k
        Neighbours of each, less than n.
    metric
        "cosine": distance 1 - S; "euclidean": distance of normalised rows, sqrt(2 - 2 S). In the central
        latent space always the Euclidean distance of the centred rows.
    device
        Torch device that searches (by cosine); the answer does not depend on it.
    """
    if points.central:
        index_of = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(points.values)
        distance, index = index_of.kneighbors()
        return Graph(index.astype(np.int64), distance.astype(np.float64))
    n = len(points.values)
    index, similarity = np.empty((n, k), np.int64), np.empty((n, k))
    # All labels differ: the engine orders ties by class first, and neighbours must not depend on classes.
    for found in search(points.values, np.arange(n), depth=k, device=device).neighbours():
        index[found.rows], similarity[found.rows] = found.index, found.similarity
    distance = np.maximum(0.0, 1.0 - similarity)
    return Graph(index, distance if metric == "cosine" else np.sqrt(2.0 * distance))


def _unit(z: ArrayLike, rows: int) -> NDArray[np.float64]:
    """Return normalised rows in float64, [N, D]."""
    array = to_numpy(z)
    if array.ndim != 2:
        message = f"embeddings have shape {shape_text(array)}; one row per item is needed: shape (N, D)"
        raise InputError(message)
    return unit_rows(check_embeddings(array, rows=rows, dim=None))
