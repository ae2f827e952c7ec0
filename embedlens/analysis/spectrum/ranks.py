"""Scalar summaries of a spectrum: participation ratio, effective rank, spectral decay rho and alpha."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedlens.arguments import check_numbers
from embedlens.errors import InputError
from embedlens.results import Result

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

POWER_LAW_RANGE = (11, 500)
"""Numbers of the first and last eigenvalue that alpha is fitted to (Stringer et al.)."""

_LEAST = 1e-12  # of the largest singular value: smaller ones are clipped in rho


def participation_ratio(sigma: ArrayLike) -> float:
    """Return the participation ratio (sum l)^2 / sum l^2, l = sigma^2, in [1, D]; NaN where all are 0.

    Parameters
    ----------
    sigma
        Singular values of centred embeddings [N, D] (`spectrum`); their squares are the eigenvalues l of the
        covariance, up to a factor.

    Notes
    -----
    Gao et al., "A theory of multineuronal dimensionality, dynamics and measurement", bioRxiv 2017.
    """
    sigma = check_numbers(sigma, "singular values", least=0)
    if not np.any(sigma > 0):
        return float("nan")
    squares = (sigma / sigma.max()) ** 2
    return float(squares.sum() ** 2 / np.sum(squares**2))


def effective_rank(sigma: ArrayLike) -> float:
    """Return the effective rank: exp of the entropy of the normalised singular values, in [1, D].

    Parameters
    ----------
    sigma
        Singular values of uncentred embeddings [N, D] (`singular_values`).

    Notes
    -----
    RankMe: Garrido, Balestriero, Najman, LeCun, ICML 2023; Roy, Vetterli, EUSIPCO 2007.
    """
    sigma = check_numbers(sigma, "singular values", least=0)
    if not sigma.any():
        message = "no singular value is above 0, so there is no rank; one or more is needed"
        raise InputError(message)
    p = sigma / sigma.sum()
    p = p[p > 0]
    return float(np.exp(-np.sum(p * np.log(p))))


def spectral_decay(sigma: ArrayLike, dim: int, *, k: int = 1) -> float:
    """Return the spectral decay rho(k): KL(uniform || singular values normalised to sum 1), at least 0.

    Parameters
    ----------
    sigma
        Singular values of uncentred embeddings [N, D] (`singular_values`).
    dim
        D; if N < D, the missing values count as 0.
    k
        The k - 1 largest values are left out.

    Raises
    ------
    InputError
        k < 1, or no value left.

    Notes
    -----
    Roth, Milbich, Sinha, Gupta, Ommer, Cohen, "Revisiting training strategies and generalization performance
    in deep metric learning", ICML 2020. Values are clipped at 1e-12 of the largest, since a dead
    dimension would give infinity.
    """
    if not 1 <= k <= dim:
        message = f"rho(k) with k = {k}; k must be in 1 to {dim}, the number of dimensions"
        raise InputError(message)
    sigma = np.sort(check_numbers(sigma, "singular values", least=0))[::-1]
    if sigma.size > dim or not sigma.any():
        message = f"{sigma.size} singular values; rho needs 1 to {dim} (one for each dim), and not all 0"
        raise InputError(message)
    values = np.zeros(dim)
    values[: sigma.size] = sigma
    values = np.maximum(values, _LEAST * values[0])[k - 1 :]
    p = values / values.sum()
    return max(0.0, float(-np.mean(np.log(p * p.size))))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PowerLaw(Result):
    """A power law k^-alpha fitted to eigenvalues; NaN where fewer than two of them are in the range.

    Attributes
    ----------
    alpha
        The exponent.
    first, last
        Numbers of the first and last eigenvalue in the fit, from 1; `last` is below `first` where there are
        none.
    """

    alpha: float
    first: int
    last: int

    def summary(self) -> dict[str, float]:
        """Return the numbers by name."""
        return {name: getattr(self, name) for name in self.__slots__}


def power_law(
    sigma: ArrayLike, *, first: int = POWER_LAW_RANGE[0], last: int = POWER_LAW_RANGE[1], least: float = 0.0
) -> PowerLaw:
    """Return the exponent alpha of the power law k^-alpha that the eigenvalues sigma_k^2 decay by.

    Parameters
    ----------
    sigma
        Singular values of centred embeddings [N, D] (`spectrum`), descending.
    first, last
        The range of k that is fitted, from 1; it ends at the last singular value above `least`.
    least
        Singular values up to this are dead, and not fitted.

    Raises
    ------
    InputError
        A range that does not begin at 1 or later, or is empty.

    Notes
    -----
    Least squares of log sigma_k^2 against log k, weighted by 1 / k since large k lie close together on a
    logarithmic axis, for k from 11 to 500: Stringer, Pachitariu, Steinmetz, Carandini, Harris,
    "High-dimensional geometry of population responses in visual cortex", Nature 2019. Of networks: Agrawal,
    Mondal, Ghosh, Richards, "alpha-ReQ: Assessing representation quality in self-supervised learning by
    measuring eigenspectrum decay", NeurIPS 2022.
    """
    if not 1 <= first < last:
        message = f"a power law from eigenvalue {first} to {last}; a range such as 11 to 500 is needed"
        raise InputError(message)
    sigma = np.sort(check_numbers(sigma, "singular values", least=0))[::-1]
    end = min(last, int(np.sum(sigma > least)))
    if end <= first:
        return PowerLaw(float("nan"), first, end)
    k = np.arange(first, end + 1)
    weight, x, y = 1 / k, np.log(k), 2 * np.log(sigma[first - 1 : end])
    x = x - np.sum(weight * x) / weight.sum()
    return PowerLaw(float(-np.sum(weight * x * y) / np.sum(weight * x * x)), first, end)
