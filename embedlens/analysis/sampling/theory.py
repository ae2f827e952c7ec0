"""Sampling theory: losses of a pair by distance, distances on the sphere, gradient noise.

Source: Wu, Manmatha, Smola, Krähenbühl, "Sampling matters in deep embedding learning", ICCV 2017.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import betaln, gammaln, hyp1f1, xlog1py, xlogy

from embedlens.arguments import check_numbers
from embedlens.errors import InputError
from embedlens.results import Result

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

MARGIN, BETA = 0.2, 1.2
CONTRASTIVE_MARGIN = 1.0
PARTNER = 1.0
"""Distance of the other pair of a triplet, whose loss is drawn against the distance of one pair."""
DIMS = (4, 8, 16, 32, 64, 128, 256, 512)
SCALES = (0.01, 0.03, 0.1, 0.3)
FARTHEST = 2.0
"""Greatest distance of two unit vectors."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LossCurve(Result):
    """The loss of one pair against its distance.

    Attributes
    ----------
    loss
        Name of the loss.
    distance
        float64 [n], Euclidean distances of unit vectors.
    positive, negative
        float64 [n]: the loss of a genuine and of an impostor pair.
    """

    loss: str
    distance: NDArray[np.float64]
    positive: NDArray[np.float64]
    negative: NDArray[np.float64]

    def columns(self) -> dict[str, NDArray[np.float64]]:
        """Return the data that a figure of the curve shows, by column."""
        return {"distance": self.distance, "positive": self.positive, "negative": self.negative}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SphereDensity(Result):
    """The density q(d) of the distance of two independent uniform points on the unit sphere.

    Attributes
    ----------
    dim
        D of the space R^D that contains the sphere; need not be an integer.
    distance
        float64 [n], in [0, 2].
    density
        float64 [n]: q(d) per unit of distance; its integral from 0 to 2 is 1.
    """

    dim: float
    distance: NDArray[np.float64]
    density: NDArray[np.float64]

    def columns(self) -> dict[str, NDArray[np.float64]]:
        """Return the data that a figure of the density shows, by column."""
        return {"distance": self.distance, "density": self.density}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class GradientNoise(Result):
    """Variance of the direction of the gradient on a negative under noise.

    Attributes
    ----------
    dim
        D.
    scale
        Standard deviation s of the noise in each dimension.
    distance
        float64 [n]: distances d of anchor and negative.
    variance
        float64 [n], in [0, 1]: trace of the covariance of the direction.
    """

    dim: int
    scale: float
    distance: NDArray[np.float64]
    variance: NDArray[np.float64]

    def columns(self) -> dict[str, NDArray[np.float64]]:
        """Return the data that a figure of the noise shows, by column."""
        return {"distance": self.distance, "variance": self.variance}


def check_margin(margin: float, *, name: str = "margin") -> float:
    """Return a margin or boundary of distances of unit vectors [N, D], if it is in range.

    Parameters
    ----------
    margin
        In Euclidean distance of the normalised embeddings, above 0 and at most 2.
    name
        Its name in the message.

    Raises
    ------
    InputError
        Not above 0, or more than 2, which is the greatest distance there is.
    """
    if not 0 < margin <= FARTHEST:
        message = f"{name} is {margin:g}; distances of unit vectors need a number above 0 and at most 2"
        raise InputError(message)
    return float(margin)


def loss_curves(
    distance: ArrayLike,
    *,
    margin: float = MARGIN,
    beta: float = BETA,
    contrastive_margin: float = CONTRASTIVE_MARGIN,
    partner: float = PARTNER,
) -> list[LossCurve]:
    """Return contrastive, triplet and margin loss of a pair against its distance.

    Contrastive: d^2 and max(0, m - d)^2. Triplet: max(0, d - partner + margin) and
    max(0, partner - d + margin), with the triplet's other pair at a given distance. Margin:
    max(0, margin + d - beta) and max(0, margin - d + beta). Wu et al., ICCV 2017, section 4.

    Parameters
    ----------
    distance
        Distances [n] of rows of normalised embeddings [N, D], in [0, 2].
    margin
        Alpha of triplet and margin loss, in distance.
    beta
        The margin loss's boundary between the two kinds of pairs.
    contrastive_margin
        m of the contrastive loss.
    partner
        Distance of the triplet's other pair.

    Raises
    ------
    InputError
        Distances, margins, beta or partner that unit vectors do not allow.
    """
    d = _check_distances(distance)
    alpha, m = check_margin(margin), check_margin(contrastive_margin, name="contrastive margin")
    boundary, other = check_margin(beta, name="beta"), check_margin(partner, name="partner")
    return [
        LossCurve("contrastive", d, d**2, np.maximum(0, m - d) ** 2),
        LossCurve("triplet", d, np.maximum(0, d - other + alpha), np.maximum(0, other - d + alpha)),
        LossCurve("margin", d, np.maximum(0, alpha + d - boundary), np.maximum(0, alpha - d + boundary)),
    ]


def sphere_density(distance: ArrayLike, dim: float) -> SphereDensity:
    """Return q(d) ~ d^(D-2) (1 - d^2/4)^((D-3)/2), normalised to an integral of 1 over [0, 2].

    d^2/4 has the beta distribution with both parameters (D-1)/2, which gives the constant. Source of q:
    Wu et al., ICCV 2017, section 4.

    Parameters
    ----------
    distance
        Distances [n] of rows of normalised embeddings [N, D], in [0, 2].
    dim
        D, above 1; not necessarily an integer, so that an effective dimension can be used.

    Raises
    ------
    InputError
        One dimension or less, or distances that unit vectors cannot have.
    """
    d = _check_distances(distance)
    if not 1 < dim < np.inf:
        message = f"dimension {dim:g}; the density of distances on a sphere needs more than 1"
        raise InputError(message)
    half = (dim - 1) / 2
    constant = (dim - 2) * np.log(2) + betaln(half, half)
    # At the ends the density is infinite in less than two or three dimensions.
    with np.errstate(divide="ignore"):
        logarithm = xlogy(dim - 2, d) + xlog1py((dim - 3) / 2, -np.square(d / 2)) - constant
    return SphereDensity(dim, d, np.exp(logarithm))


def gradient_noise(distance: ArrayLike, dim: int, scale: float) -> GradientNoise:
    """Return the variance of ``(z_a - z_n + e) / |z_a - z_n + e|``, e ~ N(0, s^2 I), at ``|z_a - z_n| = d``.

    The direction has length 1, so the trace of its covariance is 1 - r^2 with r the length of its mean.
    Exactly, r = (d/s) Gamma((D+1)/2) / (sqrt(2) Gamma(D/2+1)) 1F1(1/2; D/2+1; -d^2 / (2 s^2)), the mean
    resultant length of the projected normal distribution. For s << d the variance is about (D-1) s^2 / d^2;
    at d = 0 it is 1. For its meaning for mining see Wu et al., ICCV 2017, section 4.

    Parameters
    ----------
    distance
        Distances [n] of anchor and negative, rows of normalised embeddings [N, D], in [0, 2].
    dim
        D.
    scale
        s, in distance, above 0.

    Raises
    ------
    InputError
        No dimension, a scale that is not above 0, or distances that unit vectors cannot have.
    """
    d = _check_distances(distance)
    if dim < 1 or not 0 < scale < np.inf:
        message = f"dimension {dim}, scale of the noise {scale:g}; 1 is the least dimension, scales exceed 0"
        raise InputError(message)
    ratio = d / scale
    constant = np.exp(gammaln((dim + 1) / 2) - gammaln(dim / 2 + 1)) / np.sqrt(2)
    length = constant * ratio * hyp1f1(0.5, dim / 2 + 1, -np.square(ratio) / 2)
    return GradientNoise(dim, scale, d, np.clip(1 - np.square(length), 0, 1))


def _check_distances(distance: ArrayLike) -> NDArray[np.float64]:
    d = check_numbers(distance, "distances", finite=False)
    if not ((d >= 0) & (d <= FARTHEST)).all():
        message = "distances of unit vectors are a list of numbers from 0 to 2"
        raise InputError(message)
    return d
