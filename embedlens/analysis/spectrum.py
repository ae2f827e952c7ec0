"""The spectrum of the embeddings: how many directions the space uses, and how evenly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedlens.errors import InputError
from embedlens.similarity.rows import Rows
from embedlens.similarity.workers import spans

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_ROWS = 1 << 13
_LEAST = 1e-12


def singular_values(z: ArrayLike) -> NDArray[np.float64]:
    """Return the singular values of the normalised, uncentred embeddings, falling, float64 [min(N, D)].

    Parameters
    ----------
    z
        Embeddings [N, D], not necessarily normalised.

    Raises
    ------
    InputError
        Embeddings that cannot be normalised.

    Notes
    -----
    From the triangular factor of a QR decomposition updated with some rows at a time: float64 accuracy, also
    of small values, which the eigenvalues of z^T z would lose.
    """
    rows = Rows(z)
    triangle: NDArray[np.float64] = np.zeros((0, rows.dim))
    for part in spans(len(rows), _ROWS):
        grown = np.concatenate([triangle, rows.unit(part)])
        triangle = np.asarray(np.linalg.qr(grown, mode="r"), np.float64)
    return np.asarray(np.linalg.svd(triangle, compute_uv=False), np.float64)


def effective_rank(sigma: NDArray[np.float64]) -> float:
    """Return the effective rank: exp of the entropy of the normalised singular values, in [1, D].

    Parameters
    ----------
    sigma
        Singular values of embeddings [N, D], uncentred: those of `singular_values`.

    Notes
    -----
    RankMe: Garrido, Balestriero, Najman, LeCun, ICML 2023; Roy, Vetterli, EUSIPCO 2007.
    """
    share = sigma / sigma.sum()
    share = share[share > 0]
    return float(np.exp(-np.sum(share * np.log(share))))


def spectral_decay(sigma: NDArray[np.float64], dim: int, *, k: int = 1) -> float:
    """Return the spectral decay rho(k): KL(uniform || singular values normalised to sum 1), at least 0.

    Parameters
    ----------
    sigma
        Singular values of embeddings [N, D], uncentred: those of `singular_values`.
    dim
        D; where N < D the missing values count as 0.
    k
        The k - 1 largest values are left out.

    Raises
    ------
    InputError
        k < 1, or no value left.

    Notes
    -----
    Roth, Milbich, Sinha, Gupta, Ommer, Cohen, "Revisiting training strategies and generalization performance
    in deep metric learning", ICML 2020. Values are clipped at 1e-12 of the largest, where a dead dimension
    would give infinity.
    """
    if not 1 <= k <= dim:
        message = f"rho(k) with k = {k}; k must be in 1 to {dim}, the number of dimensions"
        raise InputError(message)
    values = np.zeros(dim)
    values[: sigma.size] = sigma
    values = np.maximum(values, _LEAST * values[0])[k - 1 :]
    share = values / values.sum()
    return max(0.0, float(-np.mean(np.log(share * share.size))))
