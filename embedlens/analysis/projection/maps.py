"""t-SNE maps of the embeddings, of one epoch or of a series.

The optimiser is openTSNE's (Policar, Strazar, Zupan, JSS 2024). It gets the exact neighbours, and the exact
gradient where all pairs are faster than an approximation (`gradient`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.analysis.projection.alignment import align
from embedlens.analysis.projection.items import Graph, Points, graph_of, points_of, sample, whole_by_default
from embedlens.analysis.projection.optimisation import Phase, optimised, rest_of
from embedlens.analysis.projection.parameters import Parameters
from embedlens.arrays import to_numpy
from embedlens.errors import InputError
from embedlens.results import Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Parameters",
    "Projection",
    "Step",
    "rest_of",
    "sample",
    "tsne",
    "tsne_series",
    "whole_by_default",
]
STEADY = 0.85
"""Fraction of neighbours kept from which a map of a series starts from the previous coordinates, unscaled.

From 0.75 to 0.85, the divergence so was 1.05 to 1.87 times that of a map from scratch; contracted first, 0.93
to 1.01 times.
"""
_SPREAD = 1.0  # standard deviation to which a map is contracted before it is re-optimised
_REGROWTH = 60  # iterations with exaggeration after the contraction
_EXAGGERATION = (
    4.0  # with 12, as for a map from scratch, divergences are 1.02 to 1.04 of it; with 4, 0.98 to 1.006
)
_RATES = (2.0, 6.0)  # learning rates of the two phases, as multiples of openTSNE's default
_MOMENTUM = (0.85, 0.9)  # of the second phase: of small maps, and of large ones, which take longer to expand
_LARGE = 5_000  # items
FAR = 0.1
"""Distance from which an item counts as moved, in root mean square distances of the items from the centre."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Projection(Result):
    """t-SNE map of embeddings, in two dimensions.

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
        Number of iterations.
    gradient
        Root mean square step of the items in one iteration of plain gradient descent at openTSNE's learning
        rate, in units of the root mean square distance of the items from the centre.
    perplexity
        Perplexity of the map.
    """

    item: NDArray[np.int64]
    coordinates: NDArray[np.float64]
    kl_divergence: float
    n_singletons: int
    iterations: int
    gradient: float = float("nan")
    perplexity: float = float("nan")

    def columns(self) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
        """Return the data that a figure of the map shows, by column."""
        return {"item": self.item, "x": self.coordinates[:, 0], "y": self.coordinates[:, 1]}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Step(Result):
    """Map of one epoch of a series, with its change from the previous map.

    Attributes
    ----------
    projection
        The map, aligned to the one before by the best rotation or reflection.
    start
        "cold": from scratch; "contracted": the previous map was scaled to a small spread and re-optimised;
        "continued": optimised from the previous coordinates.
    kept
        Fraction of the nearest neighbours that were neighbours in the previous epoch; 0 for the first.
    residual
        Root mean square displacement of the items from the previous map, after Procrustes alignment, in units
        of the root mean square distance of the items from the centre of that map; 0 for the first.
    moved
        Fraction of the items whose displacement is more than `FAR` in these units; 0 for the first.
    at_rest
        Whether the optimisation ended because the gradient was small enough: `rest_of`, or that of the map
        before. False: it ended at its largest number of iterations.
    """

    projection: Projection
    start: str
    kept: float
    residual: float
    moved: float = 0.0
    at_rest: bool = False


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
        Parameters of t-SNE, by their names in `Parameters`.

    Raises
    ------
    InputError
        A perplexity too large for the number of items, parameters out of range, embeddings that cannot be
        normalised or are all alike.

    Notes
    -----
    Source: van der Maaten and Hinton, JMLR 2008; central latent space: Lin et al., ECCV 2018.
    """
    points, graph, chosen = _items(z, y, parameters, central=central, rows=rows, device=device)
    return _first(points, graph, chosen, to_rest=False).projection


def tsne_series(
    embeddings: Iterable[ArrayLike],
    y: ArrayLike | None = None,
    *,
    central: bool = False,
    rows: NDArray[np.int64] | None = None,
    device: str = "cpu",
    **parameters: Any,
) -> Iterator[Step]:
    """Yield the maps of the same items, epoch after epoch, each starting from and aligned to the one before.

    The first map is optimised until its gradient is at most `rest_of`, for `settle_iter` additional
    iterations at most. Where the fraction `STEADY` of the neighbours is kept, the next map starts from the
    previous coordinates, without exaggeration, and ends when its gradient is at most `rest_of` or that of the
    previous map, or after `warm_iter` iterations. So an unchanged epoch has an unchanged map, without an
    iteration. Where more neighbours change, clusters would have to pass through one another: the previous map
    is contracted and re-optimised.

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
    before: tuple[Projection, Graph] | None = None
    size = 0
    for z in embeddings:
        array = to_numpy(z)
        n = len(array) if array.ndim else 0
        if size not in (0, n):
            message = f"an epoch has {n} items, the first has {size}; a series follows the same items"
            raise InputError(message)
        size = n
        points, graph, chosen = _items(array, y, parameters, central=central, rows=rows, device=device)
        step = (
            _first(points, graph, chosen, to_rest=True)
            if before is None
            else _next(points, graph, chosen, before)
        )
        before = step.projection, graph
        yield step


def _items(
    z: ArrayLike,
    y: ArrayLike | None,
    given: Mapping[str, Any],
    *,
    central: bool,
    rows: NDArray[np.int64] | None,
    device: str,
) -> tuple[Points, Graph, Parameters]:
    """Return the items of a map, their neighbours, and the parameters for their number."""
    chosen = Parameters.of(given)
    points = points_of(z, y, central=central, rows=rows)
    chosen = chosen.for_items(len(points.item), adapt="perplexity" not in given)
    return points, graph_of(points, int(3 * chosen.perplexity), metric=chosen.metric, device=device), chosen


def _first(points: Points, graph: Graph, chosen: Parameters, *, to_rest: bool) -> Step:
    """Map from scratch; with `to_rest`, until the map is at rest."""
    early = chosen.early_exaggeration or max(12.0, chosen.exaggeration)
    rest = rest_of(chosen, len(points.item))
    phases = [
        Phase(chosen.early_exaggeration_iter, early, chosen.initial_momentum, 1.0),
        Phase(chosen.n_iter, chosen.exaggeration, chosen.final_momentum, 1.0),
    ]
    if to_rest:
        phases.append(_rest_phase(chosen, chosen.settle_iter, rest))
    found = _optimised(points, graph, chosen, start=None, phases=phases)
    return Step(found, "cold", 0.0, 0.0, at_rest=found.gradient <= rest)


def _next(points: Points, graph: Graph, chosen: Parameters, before: tuple[Projection, Graph]) -> Step:
    """Map with the previous map as its start."""
    last, graph_before = before
    kept = graph.kept_of(graph_before)
    rest, stood = max(rest_of(chosen, len(points.item)), last.gradient), last.coordinates
    if kept >= STEADY:
        how, start = "continued", stood
        phases = [_rest_phase(chosen, chosen.warm_iter, rest)]
    else:
        how, start = "contracted", stood / np.std(stood, axis=0).max() * _SPREAD
        fast = (_MOMENTUM[len(points.item) > _LARGE], _RATES[1])
        momentum, rate = fast if chosen.exaggeration == 1.0 else (chosen.final_momentum, 1.0)
        phases = [
            Phase(_REGROWTH, max(_EXAGGERATION, chosen.exaggeration), 0.8, _RATES[0]),
            Phase(chosen.warm_iter, chosen.exaggeration, momentum, rate),
            _rest_phase(chosen, chosen.warm_iter // 2, rest),
        ]
    found = _optimised(points, graph, chosen, start=start, phases=phases)
    at_rest = found.gradient <= rest * (1 + 1e-9)
    if not found.iterations:  # unchanged; alignment would only add rounding errors
        return Step(found, how, kept, 0.0, at_rest=at_rest)
    aligned, residual = align(found.coordinates, stood)
    radius = np.sqrt(((stood - stood.mean(axis=0)) ** 2).sum(axis=1).mean())
    moved = float(np.mean(np.hypot(*(aligned - stood).T) > FAR * radius))
    return Step(replace(found, coordinates=aligned), how, kept, residual, moved, at_rest)


def _rest_phase(chosen: Parameters, iterations: int, rest: float) -> Phase:
    """Return the phase that ends where the map is at rest."""
    # 3 times the learning rate converges; 6 times with momentum 0.95, or 10 times with 0.9, never did (n =
    # 300), nor do faster steps than openTSNE's under exaggeration.
    momentum, rate = (0.9, 3.0) if chosen.exaggeration == 1.0 else (chosen.final_momentum, 1.0)
    return Phase(iterations, chosen.exaggeration, momentum, rate, rest=rest)


def _optimised(
    points: Points,
    graph: Graph,
    chosen: Parameters,
    *,
    start: NDArray[np.float64] | None,
    phases: Iterable[Phase],
) -> Projection:
    """Return the map at the end of the phases."""
    found = optimised(points, graph, chosen, start=start, phases=phases)
    return Projection(
        points.item, found.coordinates, found.kl_divergence, points.n_singletons, found.iterations,
        found.gradient, chosen.perplexity,
    )  # fmt: skip
