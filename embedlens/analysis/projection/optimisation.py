"""Optimisation of t-SNE maps: phases of openTSNE's gradient descent, and its convergence criterion."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import openTSNE
import torch
from openTSNE import initialization as initial_maps
from openTSNE.affinity import PerplexityBasedNN
from openTSNE.nearest_neighbors import PrecomputedNeighbors
from openTSNE.tsne import kl_divergence_bh, kl_divergence_fft
from scipy.sparse.linalg import ArpackError

from embedlens.analysis.projection.gradient import ExactGradient
from embedlens.errors import InputError
from embedlens.results import Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from embedlens.analysis.projection.items import Graph, Points
    from embedlens.analysis.projection.parameters import Parameters

EXACT_BELOW = 30_000
"""Items up to which all pairs are computed by default; beyond, Barnes-Hut is faster."""
REST, REST_APPROXIMATE = 3e-6, 3e-5
"""Gradient of a map (`Optimised.gradient`) up to which it is at rest: exact gradients, and approximate ones.

The divergence is no criterion: it may stand still for 100 iterations before it falls. Approximate gradients
jump where an item changes its cell, and so do not come as near to 0.
"""
_BLOCK = 10  # iterations between two checks of the gradient
_SLACK = 1 + 1e-9  # a gradient that is computed twice may differ by rounding
_FFT = {"n_interpolation_points": 3, "min_num_intervals": 50, "ints_in_interval": 1}  # openTSNE's defaults


@dataclass(frozen=True, slots=True)
class Phase:
    """A phase of gradient descent: iterations with the same settings.

    Attributes
    ----------
    iterations
        Number of iterations; with `rest` the largest number.
    exaggeration, momentum
        Parameters of openTSNE's gradient descent.
    rate
        Learning rate, as a multiple of openTSNE's default, n / exaggeration.
    rest
        The phase ends where the gradient (`Optimised.gradient`) is at most this; None: never before its last
        iteration.
    """

    iterations: int
    exaggeration: float
    momentum: float
    rate: float
    rest: float | None = None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Optimised(Result):
    """A map at the end of its phases.

    Attributes
    ----------
    coordinates
        float64 [n, 2].
    kl_divergence
        Kullback-Leibler divergence, without exaggeration.
    iterations
        Number of iterations.
    gradient
        Root mean square displacement of the items in one step of plain gradient descent at openTSNE's
        learning rate, n / exaggeration, in units of the root mean square distance of the items from the
        centre.
    """

    coordinates: NDArray[np.float64]
    kl_divergence: float
    iterations: int
    gradient: float


def optimised(
    points: Points,
    graph: Graph,
    chosen: Parameters,
    *,
    start: NDArray[np.float64] | None,
    phases: Iterable[Phase],
) -> Optimised:
    """Return the map at the end of the phases.

    Parameters
    ----------
    points, graph
        The items [n], from embeddings [N, D], and their neighbours [n, k].
    chosen
        Parameters of t-SNE.
    start
        Map [n, 2] to begin with; None: the initialisation that `chosen` names. A map that is at rest when the
        only phase begins is returned as it is, without an iteration.
    phases
        The phases, in order.

    Raises
    ------
    InputError
        A spectral initialisation that does not converge; coordinates that overflow.
    """
    threads = chosen.n_jobs or torch.get_num_threads()
    index = PrecomputedNeighbors(graph.index, graph.distance)
    affinities = PerplexityBasedNN(perplexity=chosen.perplexity, knn_index=index, n_jobs=threads)
    with ExitStack() as stack:
        exact = stack.enter_context(ExactGradient(threads))
        kind = _gradient(chosen, len(points.item))
        embedding = openTSNE.TSNEEmbedding(
            _initial(points, affinities, chosen) if start is None else start,
            affinities,
            random_state=chosen.seed,
            dof=chosen.dof,
            theta=chosen.theta,
            n_jobs=threads,
            negative_gradient_method=exact if kind == "exact" else kind,
        )
        descent = _Descent(embedding, chosen, _objective(kind, exact), threads)
        for phase in phases:
            descent.run(phase)
        coordinates = np.array(embedding, np.float64)
        if not np.isfinite(coordinates).all():
            message = "the optimisation diverged; choose a smaller learning rate, or auto"
            raise InputError(message)
        if chosen.dof == 1.0:
            divergence, _ = exact(coordinates, affinities.P, should_eval_error=True)
        else:
            divergence = descent.kl_divergence
        gradient = descent.gradient(chosen.exaggeration)
    return Optimised(coordinates, float(divergence), descent.iterations, gradient)


class _Descent:
    """openTSNE's gradient descent on one embedding, phase after phase."""

    def __init__(
        self,
        embedding: openTSNE.TSNEEmbedding,
        chosen: Parameters,
        objective: Callable[..., Any],
        threads: int,
    ) -> None:
        self._embedding, self._parameters, self._threads = embedding, chosen, threads
        self._objective = objective
        self.iterations = 0

    def run(self, phase: Phase) -> None:
        """Run the iterations of a phase, at most until the map is at rest."""
        left = phase.iterations
        while left > 0 and not self._rests(phase):
            count = left if phase.rest is None else min(left, _BLOCK)
            self._embedding.optimize(
                count,
                exaggeration=phase.exaggeration,
                learning_rate=self._parameters.learning_rate
                or phase.rate * len(self._embedding) / phase.exaggeration,
                momentum=phase.momentum,
                inplace=True,
            )
            left -= count
            self.iterations += count

    @property
    def kl_divergence(self) -> float:
        """Divergence, by openTSNE's approximation where the gradient is approximate."""
        return float(self._evaluate(self._embedding.affinities.P, should_eval_error=True)[0])

    def gradient(self, exaggeration: float) -> float:
        """Return the gradient in the units of `Optimised`."""
        map_ = np.asarray(self._embedding)
        _, gradient = self._evaluate(exaggeration * self._embedding.affinities.P)
        step = np.linalg.norm(gradient) * len(map_) / exaggeration
        return float(step / np.linalg.norm(map_ - map_.mean(axis=0)))

    def _rests(self, phase: Phase) -> bool:
        return phase.rest is not None and self.gradient(phase.exaggeration) <= phase.rest * _SLACK

    def _evaluate(self, affinities: Any, *, should_eval_error: bool = False) -> tuple[float, Any]:
        error, gradient = self._objective(
            np.array(self._embedding, np.float64),
            affinities,
            dof=self._parameters.dof,
            bh_params={"theta": self._parameters.theta},
            fft_params=_FFT,
            should_eval_error=should_eval_error,
            n_jobs=self._threads,
        )
        return error, gradient


def rest_of(chosen: Parameters, n: int) -> float:
    """Return the gradient (`Optimised.gradient`) up to which a map is at rest.

    Parameters
    ----------
    chosen
        Parameters of t-SNE.
    n
        Number of items of the map, from embeddings [N, D].
    """
    return REST if _gradient(chosen, n) == "exact" else REST_APPROXIMATE


def _objective(kind: str, exact: ExactGradient) -> Callable[..., Any]:
    """Return the objective of openTSNE's optimiser for a gradient method."""
    found: Callable[..., Any] = {"exact": exact, "bh": kl_divergence_bh, "fft": kl_divergence_fft}[kind]
    return found


def _gradient(chosen: Parameters, n: int) -> str:
    """Return the gradient method for n items."""
    if chosen.gradient != "auto":
        return chosen.gradient
    return "exact" if n <= EXACT_BELOW and chosen.dof == 1.0 else "bh"


def _initial(points: Points, affinities: PerplexityBasedNN, chosen: Parameters) -> NDArray[np.float64]:
    """Return the initial map, float64 [n, 2], of small spread."""
    if chosen.initialization == "pca":
        found = initial_maps.pca(points.values, random_state=chosen.seed)
    elif chosen.initialization == "random":
        found = initial_maps.random(len(points.item), random_state=chosen.seed)
    else:
        try:
            found = initial_maps.spectral(affinities.P, random_state=chosen.seed)
        except ArpackError as error:
            message = "the spectral initialisation did not converge; choose initialization pca"
            raise InputError(message) from error
    return np.ascontiguousarray(found, np.float64)
