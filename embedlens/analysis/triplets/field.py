"""Gradient field of a loss on the triplet scatter: the change of a triplet's dot by a gradient step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from embedlens.arguments import check_numbers, check_same_length
from embedlens.arrays import to_numpy
from embedlens.errors import InputError, unknown
from embedlens.objectives.easy_positive import pair_loss
from embedlens.results import Result

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

TripletLoss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""From S_ap [n] and S_an [n] to the loss of each triplet, [n]."""

BINS = 16
ANGLE = 90.0
TEMPERATURE = 0.1


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Field(Result):
    """Velocities of triplet dots under gradient descent on a loss.

    Attributes
    ----------
    s_ap, s_an
        float64 [m]: positions, cosine similarities.
    d_ap, d_an
        float64 [m]: change of S_ap and of S_an, per unit of the learning rate, in the limit of a small step.
    loss
        The name of the loss, with its order where it has one.
    angle
        Angle between the planes (a, p) and (a, n), in degrees.
    """

    s_ap: NDArray[np.float64]
    s_an: NDArray[np.float64]
    d_ap: NDArray[np.float64]
    d_an: NDArray[np.float64]
    loss: str
    angle: float

    @property
    def speed(self) -> NDArray[np.float64]:
        """Length of each arrow, float64 [m]."""
        return np.hypot(self.d_ap, self.d_an)

    def columns(self) -> dict[str, NDArray[np.float64]]:
        """Return the data that a figure of the field shows, by column."""
        return {name: getattr(self, name) for name in ("s_ap", "s_an", "d_ap", "d_an")}


def field(
    loss: str | TripletLoss,
    places: tuple[ArrayLike, ArrayLike] | None = None,
    *,
    order: int | None = None,
    angle: float = ANGLE,
    limits: tuple[float, float] = (-0.2, 1.0),
    bins: int = BINS,
) -> Field:
    """Return the change of (S_ap, S_an) under gradient descent on the three unit vectors of a triplet.

    Anchor a, positive p and negative n take one step against the gradient and are normalised again. With
    L(P, N) the loss, P = a.p, N = a.n, and phi the angle between the planes (a, p) and (a, n), the change is,
    divided by the learning rate and in the limit of a small one,

        dP = -2 L_P (1 - P^2) - L_N c,    dN = -2 L_N (1 - N^2) - L_P c,
        c = p.n - P N = cos(phi) sqrt((1 - P^2) (1 - N^2)).

    The factor 2: both ends of a pair move. torch differentiates L. Where ``|P|`` or ``|N|`` is 1 there is no
    plane and no direction of change: that similarity does not change, and the other changes as with c = 0.

    Parameters
    ----------
    loss
        A name in `LOSSES`, or a function of S_ap [n] and S_an [n].
    places
        S_ap [m] and S_an [m], each in [-1, 1]; by default the middles of `bins` x `bins` squares in `limits`.
        Unit vectors of every such pair and angle exist for embeddings [N, D] of D >= 3; an angle of
        0 or 180 needs D = 2 only.
    order
        1 or 2, for losses that have one (ephn, epshn); 1 by default.
    angle
        phi in degrees, 0 to 180; 90: positive and negative lie in unrelated directions.
    limits, bins
        The default places.

    Raises
    ------
    InputError
        Unknown loss or order, an angle outside 0 to 180, similarities outside [-1, 1].

    Notes
    -----
    The field is that of the loss alone, without the choice of a miner. Xuan et al., ECCV 2020 (arXiv
    2007.12749), draw such fields. At P = N = 0.95 and 90 degrees EPSHN of first order moves a dot along
    (1, -1), of second order along (1, -19).
    """
    name, function = _named(loss, order)
    if not 0 <= angle <= 180:
        message = f"angle {angle:g} between the planes; choose one of 0 to 180 degrees"
        raise InputError(message)
    s_ap, s_an = _middles(limits, bins) if places is None else places
    s_ap, s_an = (
        check_numbers(np.atleast_1d(to_numpy(values)), f"{name} of places", finite=False)
        for name, values in (("s_ap", s_ap), ("s_an", s_an))
    )
    check_same_length(s_ap=s_ap, s_an=s_an)
    if not (np.abs(s_ap) <= 1).all() or not (np.abs(s_an) <= 1).all():
        message = "similarities of a field lie in [-1, 1]; got others"
        raise InputError(message)
    slope_ap, slope_an = _slopes(function, s_ap, s_an)
    free_ap, free_an = (1 - s_ap) * (1 + s_ap), (1 - s_an) * (1 + s_an)
    # rounded: the cosine of 90 degrees is 0
    common = np.round(np.cos(np.deg2rad(angle)), 15) * np.sqrt(free_ap * free_an)
    return Field(
        s_ap=s_ap,
        s_an=s_an,
        d_ap=0.0 - 2 * slope_ap * free_ap - slope_an * common,
        d_an=0.0 - 2 * slope_an * free_an - slope_ap * common,
        loss=name,
        angle=float(angle),
    )


def _triplet(s_ap: torch.Tensor, s_an: torch.Tensor, *, margin: float = 0.2) -> torch.Tensor:
    """FaceNet's max(0, d_ap - d_an + margin), d the Euclidean distance of unit vectors."""
    return functional.relu((2 - 2 * s_ap).sqrt() - (2 - 2 * s_an).sqrt() + margin)


def _contrastive(s_ap: torch.Tensor, s_an: torch.Tensor, *, margin: float = 1.0) -> torch.Tensor:
    """Hadsell's d_ap^2 + max(0, margin - d_an)^2, one pair of each kind."""
    return (2 - 2 * s_ap) + functional.relu(margin - (2 - 2 * s_an).sqrt()) ** 2


def _n_pair(s_ap: torch.Tensor, s_an: torch.Tensor) -> torch.Tensor:
    """Sohn's log(1 + exp(a.n - a.p)) with one negative, of unit vectors."""
    return functional.softplus(s_an - s_ap)


def _softmax(s_ap: torch.Tensor, s_an: torch.Tensor, *, order: int = 1) -> torch.Tensor:
    """`pair_loss` at the temperature of the training losses."""
    return pair_loss(s_ap, s_an, order=order, temperature=TEMPERATURE)


LOSSES: dict[str, Callable[..., torch.Tensor]] = {
    "contrastive": _contrastive,
    "ep": _softmax,
    "ephn": _softmax,
    "epshn": _softmax,
    "n-pair-mc": _n_pair,
    "triplet": _triplet,
}
"""Losses of one triplet by the names of training: at their defaults, with one negative, of unit vectors."""

ORDERED = ("ephn", "epshn")


def _named(loss: str | TripletLoss, order: int | None) -> tuple[str, TripletLoss]:
    """Return the name and the function of a loss."""
    if order not in (None, 1, 2):
        raise unknown(order, "order", (1, 2))
    if isinstance(loss, str) and loss not in LOSSES:
        raise unknown(loss, "loss of a field", LOSSES)
    if order is not None and loss not in ORDERED:
        message = f"loss {loss!r} has no order; those that have one are: {', '.join(ORDERED)}"
        raise InputError(message)
    if not isinstance(loss, str):
        return getattr(loss, "__name__", "loss"), loss
    if loss in ORDERED:
        return f"{loss}, order {order or 1}", partial(_softmax, order=order or 1)
    return loss, LOSSES[loss]


def _middles(limits: tuple[float, float], bins: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the middles of the bins of a square, S_ap [m] and S_an [m]."""
    low, high = limits
    if bins < 1 or not -1 <= low < high <= 1:
        message = f"a field in {bins} bins from {low} to {high}; one bin or more, within -1 and 1"
        raise InputError(message)
    middle = low + (np.arange(bins) + 0.5) * (high - low) / bins
    s_ap, s_an = np.meshgrid(middle, middle, indexing="ij")
    return s_ap.ravel(), s_an.ravel()


def _slopes(
    loss: TripletLoss, s_ap: NDArray[np.float64], s_an: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the derivatives of each triplet's loss by its two similarities, [m] each.

    At a similarity of 1 a distance has an infinite slope, but the change is 0, so the slope counts as 0.
    """
    places = [torch.tensor(values, requires_grad=True) for values in (s_ap, s_an)]
    slopes = torch.autograd.grad(loss(*places).sum(), places, allow_unused=True)
    filled = [np.zeros(s_ap.shape) if slope is None else slope.numpy() for slope in slopes]
    ap, an = (
        np.where(np.abs(values) == 1, 0.0, slope) for values, slope in zip((s_ap, s_an), filled, strict=True)
    )
    return ap, an
