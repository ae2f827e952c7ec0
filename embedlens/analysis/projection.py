"""t-SNE maps of the embeddings, of one epoch or of a series.

The optimiser is openTSNE's (Policar, Strazar, Zupan, JSS 2024). It is given the exact neighbours, and the
gradient of all pairs where that is faster than an approximation (`projection_gradient`).
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import openTSNE
import torch
from openTSNE import initialization as initial_maps
from openTSNE.affinity import PerplexityBasedNN
from openTSNE.nearest_neighbors import PrecomputedNeighbors
from scipy.sparse.linalg import ArpackError

from embedlens.analysis.projection_gradient import ExactGradient
from embedlens.analysis.projection_items import Graph, Points, graph_of, points_of, sample
from embedlens.analysis.projection_parameters import Parameters
from embedlens.arrays import to_numpy
from embedlens.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import ArrayLike, NDArray

__all__ = ["Parameters", "Projection", "Step", "align", "sample", "tsne", "tsne_series"]
EXACT_BELOW = 30_000
"""Items up to which all pairs are computed by default; beyond, Barnes-Hut is faster."""
STEADY = 0.85
"""Share of neighbours kept from which on a map of a series goes on from where the one before stands."""
_SPREAD = 1.0  # standard deviation to which a map is drawn together before it grows anew
_REGROWTH = 60  # iterations
_EXAGGERATION = 4.0  # 12, as for a map from scratch, leaves more of the clusters in pieces
_HASTE = (2.0, 6.0)  # learning rates of the two phases, in those of openTSNE's rule
_MOMENTUM = (0.85, 0.9)  # of the second phase: of small maps, and of large ones, which have longer to grow
_LARGE = 5_000  # items


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """A map of embeddings in the plane.

    Attributes
    ----------
    item
        int64 [n]: rows of the embeddings that are mapped, ascending.
    coordinates
        float64 [n, 2], in the order of `item`.
    kl_divergence
        Kullback-Leibler divergence of the map, without exaggeration; of all pairs where dof is 1.
    n_singletons
        Items left out of the central latent space because their class has one item only.
    iterations
        Iterations that led to it.
    """

    item: NDArray[np.int64]
    coordinates: NDArray[np.float64]
    kl_divergence: float
    n_singletons: int
    iterations: int

    def columns(self) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
        """Return the data that a figure of the map shows, by column."""
        return {"item": self.item, "x": self.coordinates[:, 0], "y": self.coordinates[:, 1]}


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A map of a series, and how it follows from the one before.

    Attributes
    ----------
    projection
        The map, aligned to the one before by the best rotation or reflection.
    start
        "cold": from scratch; "contracted": the map before, drawn together, grew anew; "continued": from
        the map before as it stood.
    kept
        Share of the nearest neighbours that were neighbours in the epoch before; 0 for the first.
    residual
        Root mean square way of the items from the map before, after alignment, in units of the root mean
        square distance of the items from the centre of that map; 0 for the first.
    """

    projection: Projection
    start: str
    kept: float
    residual: float


def tsne(
    z: ArrayLike,
    y: ArrayLike | None = None,
    *,
    central: bool = False,
    rows: NDArray[np.int64] | None = None,
    device: str = "cpu",
    **parameters: Any,
) -> Projection:
    """Return the t-SNE map of embeddings, by cosine distance and exact neighbours.

    Parameters
    ----------
    z
        Embeddings [N, D], not necessarily normalised.
    y
        Integer labels [N]; needed for the central latent space only.
    central
        Subtract the mean of its class from every item first, and map by Euclidean distance. Items alone in
        their class are left out.
    rows
        Rows to map [n], ascending (`sample`); all by default. Class means are those of all items.
    device
        Torch device that searches the neighbours; the answer does not depend on it.
    **parameters
        What t-SNE is told, by the names in `Parameters`.

    Raises
    ------
    InputError
        A perplexity too large for the number of items, parameters out of range, embeddings that cannot be
        normalised or are all alike.

    Notes
    -----
    Source: van der Maaten and Hinton, JMLR 2008; central latent space: Lin et al., ECCV 2018.
    """
    (step,) = tsne_series([z], y, central=central, rows=rows, device=device, **parameters)
    return step.projection


def tsne_series(
    embeddings: Iterable[ArrayLike],
    y: ArrayLike | None = None,
    *,
    central: bool = False,
    rows: NDArray[np.int64] | None = None,
    device: str = "cpu",
    **parameters: Any,
) -> Iterator[Step]:
    """Yield the maps of the same items, epoch after epoch, each led on from and aligned to the one before.

    Where nearly all neighbours stay what they were, a map goes on from the coordinates of the one before, as
    they stand, without exaggeration. Else clusters would have to form through one another, which that leaves
    undone: the map before is drawn together, and grows anew.

    Parameters
    ----------
    embeddings
        Embeddings [N, D] of each epoch, rows the same items; taken one by one.
    y, central, rows, device, **parameters
        As for `tsne`.

    Raises
    ------
    InputError
        As for `tsne`; another number of items than in the first epoch.
    """
    told = Parameters.of(parameters)
    before: tuple[NDArray[np.float64], Graph] | None = None
    size = 0
    for z in embeddings:
        n = len(to_numpy(z)) if np.ndim(z) else 0
        if size not in (0, n):
            message = f"an epoch has {n} items, the first has {size}; a series follows the same items"
            raise InputError(message)
        size = n
        points = points_of(z, y, central=central, rows=rows)
        _check_perplexity(told.perplexity, len(points.item))
        graph = graph_of(points, int(3 * told.perplexity), metric=told.metric, device=device)
        step = _first(points, graph, told) if before is None else _next(points, graph, told, before)
        before = step.projection.coordinates, graph
        yield step


def align(coordinates: NDArray[np.float64], to: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Turn or reflect a map so that it lies as near as possible to another: orthogonal Procrustes.

    Parameters
    ----------
    coordinates, to
        Maps [n, 2] of the same items, from embeddings [N, D].

    Returns
    -------
    aligned, residual
        The map, centred where the other is; and the root mean square distance between the two, in units of
        the root mean square distance of `to` from its centre.
    """
    centre = to.mean(axis=0)
    left, right = coordinates - coordinates.mean(axis=0), to - centre
    u, _, v = np.linalg.svd(left.T @ right)
    turned = left @ (u @ v)
    residual = np.sqrt(((turned - right) ** 2).sum() / (right**2).sum())
    return turned + centre, float(residual)


def _check_perplexity(perplexity: float, n: int) -> None:
    """Refuse a perplexity whose neighbours, three times as many, are not there."""
    if n <= 3 * perplexity:
        most = f"at most {np.floor((n - 1) / 3 * 10) / 10:g}" if n > 4 else "no perplexity"
        message = f"perplexity {perplexity:g} is too large for {n} items: {most} is allowed, (n - 1) / 3"
        raise InputError(message)


def _first(points: Points, graph: Graph, told: Parameters) -> Step:
    """Map from scratch."""
    early = told.early_exaggeration or max(12.0, told.exaggeration)
    phases = (
        _Phase(told.early_exaggeration_iter, early, told.initial_momentum, 1.0),
        _Phase(told.n_iter, told.exaggeration, told.final_momentum, 1.0),
    )
    found = _optimised(points, graph, told, None, phases)
    return Step(found, "cold", 0.0, 0.0)


def _next(points: Points, graph: Graph, told: Parameters, before: tuple[NDArray[np.float64], Graph]) -> Step:
    """Map from where the map before left the items."""
    stood, graph_before = before
    kept = graph.kept_of(graph_before)
    how = "continued" if kept >= STEADY else "contracted"
    phases = (
        _Phase(0 if how == "continued" else _REGROWTH, max(_EXAGGERATION, told.exaggeration), 0.8, _HASTE[0]),
        _Phase(told.warm_iter, told.exaggeration, _MOMENTUM[len(points.item) > _LARGE], _HASTE[1]),
    )
    start = stood / np.std(stood, axis=0).max() * _SPREAD if how == "contracted" else stood
    found = _optimised(points, graph, told, start, phases)
    aligned, residual = align(found.coordinates, stood)
    return Step(replace(found, coordinates=aligned), how, kept, residual)


@dataclass(frozen=True, slots=True)
class _Phase:
    """Iterations of one kind; the learning rate is that of openTSNE's rule, times `haste`."""

    iterations: int
    exaggeration: float
    momentum: float
    haste: float


def _optimised(
    points: Points,
    graph: Graph,
    told: Parameters,
    start: NDArray[np.float64] | None,
    phases: Iterable[_Phase],
) -> Projection:
    """Return the map at the end of the phases."""
    threads = told.n_jobs or torch.get_num_threads()
    index = PrecomputedNeighbors(graph.index, graph.distance)
    affinities = PerplexityBasedNN(perplexity=told.perplexity, knn_index=index, n_jobs=threads)
    n, iterations = len(points.item), 0
    with ExitStack() as stack:
        exact: Callable[..., Any] = stack.enter_context(ExactGradient(threads))
        embedding = openTSNE.TSNEEmbedding(
            _initial(points, affinities, told) if start is None else start,
            affinities,
            random_state=told.seed,
            dof=told.dof,
            theta=told.theta,
            n_jobs=threads,
            negative_gradient_method=exact if _gradient(told, n) == "exact" else _gradient(told, n),
        )
        for phase in phases:
            rate = told.learning_rate or phase.haste * n / phase.exaggeration
            embedding.optimize(
                phase.iterations,
                exaggeration=phase.exaggeration,
                learning_rate=rate,
                momentum=phase.momentum,
                inplace=True,
            )
            iterations += phase.iterations
        coordinates = np.array(embedding, np.float64)
        divergence = embedding.kl_divergence
        if not np.isfinite(coordinates).all():
            message = "the map flew apart; choose a smaller learning rate, or auto"
            raise InputError(message)
        if told.dof == 1.0:
            divergence, _ = exact(coordinates, affinities.P, should_eval_error=True)
    return Projection(points.item, coordinates, float(divergence), points.n_singletons, iterations)


def _gradient(told: Parameters, n: int) -> str:
    """Return the gradient method for n items."""
    if told.gradient != "auto":
        return told.gradient
    return "exact" if n <= EXACT_BELOW and told.dof == 1.0 else "bh"


def _initial(points: Points, affinities: PerplexityBasedNN, told: Parameters) -> NDArray[np.float64]:
    """Return the map to begin with, float64 [n, 2], small."""
    if told.initialization == "pca":
        found = initial_maps.pca(points.values, random_state=told.seed)
    elif told.initialization == "random":
        found = initial_maps.random(len(points.item), random_state=told.seed)
    else:
        try:
            found = initial_maps.spectral(affinities.P, random_state=told.seed)
        except ArpackError as error:
            message = "the spectral initialisation did not converge; choose initialization pca"
            raise InputError(message) from error
    return np.ascontiguousarray(found, np.float64)
