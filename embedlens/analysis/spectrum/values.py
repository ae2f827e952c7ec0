"""Spectrum of embeddings: singular values, principal directions, and scores of dimensionality."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.analysis.spectrum.factorisation import decompose, mean_row, triangle
from embedlens.analysis.spectrum.ranks import effective_rank, participation_ratio, spectral_decay
from embedlens.arrays import to_numpy
from embedlens.errors import InputError, unknown
from embedlens.results import Result
from embedlens.similarity.rows import Rows

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

PERCENTAGES = (90, 95, 99)
_RESOLUTION = {2: 2.0**-11}  # bytes per number -> relative rounding error of stored numbers
_FINE = 2.0**-20  # of float32 and float64
KINDS = {"pca": "PCA", "svd": "SVD"}
"""Kinds of spectra with their names in figures: "pca" of centred, "svd" of uncentred embeddings."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Spectrum(Result):
    """Singular values and directions of embeddings [N, D].

    Attributes
    ----------
    singular_values
        float64 [D], descending; 0 where fewer than D items (PCA: D + 1) leave a direction unused.
    components
        float64 [D, D]: row k is the direction of singular value k. The rows are an orthonormal basis of R^D;
        the entry of largest magnitude of each (the first on ties) is positive.
    mean
        float64 [D]: mean of the (normalised) embeddings, for both kinds.
    n
        Number of items N.
    kind
        "pca" (of centred embeddings) or "svd" (of uncentred ones).
    normalized
        Whether it is the spectrum of the normalised rows.
    resolution
        Singular values up to this are within the rounding of the stored numbers; their directions are dead.
    """

    singular_values: NDArray[np.float64]
    components: NDArray[np.float64]
    mean: NDArray[np.float64]
    n: int
    kind: str
    normalized: bool
    resolution: float

    @property
    def dim(self) -> int:
        """Number of dimensions D."""
        return self.singular_values.size

    @property
    def deviations(self) -> NDArray[np.float64]:
        """Values sigma / sqrt(N - 1), float64 [D]; for PCA the standard deviation along each component."""
        return np.asarray(self.singular_values / np.sqrt(self.n - 1), np.float64)

    @property
    def dead(self) -> NDArray[np.bool_]:
        """Which directions are dead, bool [D]; they are the last ones."""
        return self.singular_values <= self.resolution

    @property
    def n_dead(self) -> int:
        """Number of dead directions."""
        return int(self.dead.sum())

    @property
    def cumulative(self) -> NDArray[np.float64]:
        """Fraction of the sum of all sigma^2 in the leading components, float64 [D]; NaN if all are dead.

        For PCA this is the fraction of the variance, for SVD that of the squared norms.
        """
        if self.dead.all():
            return np.full(self.dim, np.nan)
        sums = np.cumsum(self.singular_values**2)
        return np.asarray(sums / sums[-1], np.float64)

    def dims_for(self, fraction: float) -> int | None:
        """Return the smallest number of leading components with a fraction of the sum of all sigma^2.

        None if all directions are dead.

        Parameters
        ----------
        fraction
            In (0, 1].

        Raises
        ------
        InputError
            A fraction out of range.
        """
        if not 0 < fraction <= 1:
            message = f"fraction {fraction:g}; a number in (0, 1] is needed"
            raise InputError(message)
        # the sum of all may round to just below 1
        reached = self.cumulative >= fraction * (1 - 1e-12)
        return int(reached.argmax()) + 1 if reached.any() else None

    def uncentred(self) -> Spectrum:
        """Return the spectrum of the uncentred embeddings (SVD), computed from that of the centred ones.

        From z^T z = (z - mean)^T (z - mean) + N mean mean^T, by the singular values of the stacked factors.
        """
        if self.kind == "svd":
            return self
        factor = np.vstack([self.singular_values[:, None] * self.components, np.sqrt(self.n) * self.mean])
        values, components = decompose(factor)
        return Spectrum(values, components, self.mean, self.n, "svd", self.normalized, self.resolution)

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return the columns of the table behind a figure, one row per component."""
        return {
            "component": np.arange(1, self.dim + 1),
            "singular_value": self.singular_values,
            "deviation": self.deviations,
            "cumulative": self.cumulative,
            "dead": self.dead.astype(np.int64),
        }

    def summary(self, kind: str = "pca", *, k: int = 1) -> dict[str, float]:
        """Return scores of dimensionality by name; NaN where all directions are dead.

        Parameters
        ----------
        kind
            "pca" or "svd": the spectrum in which dead dimensions and dims are counted.
        k
            The k - 1 largest values are left out of rho.

        Returns
        -------
        dict
            ``n``, ``dim``, ``n_dead``; ``effective_rank`` and ``rho`` (uncentred), ``participation_ratio``
            (centred); ``dims_90``, ``dims_95``, ``dims_99``: number of leading components that hold that
            percentage of the sum of all sigma^2 (of the variance).

        Raises
        ------
        InputError
            A spectrum of uncentred embeddings, an unknown kind, or k out of range.
        """
        if kind not in KINDS:
            raise unknown(kind, "kind of spectrum", KINDS)
        if self.kind != "pca":
            message = "a spectrum of uncentred embeddings (SVD); summaries need that of centred ones (PCA)"
            raise InputError(message)
        uncentred = self.uncentred()
        ratio = float("nan") if self.dead.all() else participation_ratio(self.singular_values)
        counted = self if kind == "pca" else uncentred
        dims = {f"dims_{percent}": counted.dims_for(percent / 100) for percent in PERCENTAGES}
        return {
            "n": counted.n,
            "dim": counted.dim,
            "n_dead": counted.n_dead,
            "effective_rank": effective_rank(uncentred.singular_values),
            "participation_ratio": ratio,
            "rho": spectral_decay(uncentred.singular_values, uncentred.dim, k=k),
            **{name: float("nan") if count is None else count for name, count in dims.items()},
        }


def spectrum(z: ArrayLike, center: bool = True, *, normalize: bool = True) -> Spectrum:
    """Return singular values and principal directions of embeddings.

    Parameters
    ----------
    z
        Embeddings [N, D], N at least 2, not necessarily normalised.
    center
        True: PCA, the eigenvectors of the covariance. False: SVD of the uncentred embeddings.
    normalize
        Whether rows are normalised first; else they are taken as given.

    Raises
    ------
    InputError
        Fewer than 2 embeddings, or some that cannot be normalised.

    Notes
    -----
    Computed from the triangular factor of a QR decomposition of the (centred) rows, block by block, with
    float64 accuracy even of small values, which the eigenvalues of z^T z would lose. A direction is dead if
    its sigma is at most 2^-20 (eight roundoffs of float32; float16: 2^-11, one roundoff) of the root of the
    sum of all squared (uncentred) numbers: by Weyl's inequality, rounding adds at most one roundoff to an
    unused direction.
    """
    array = to_numpy(z)
    rows = Rows(array)
    if len(rows) < 2:
        message = "1 embedding; a spectrum needs at least 2"
        raise InputError(message)
    mean = mean_row(rows, normalize=normalize)
    factor = triangle(rows, mean if center else np.zeros(rows.dim), normalize=normalize)
    values, components = decompose(factor)
    squares = np.sum(values**2) + (len(rows) * np.sum(mean**2) if center else 0.0)
    resolution = resolution_of(array.dtype.itemsize) * float(np.sqrt(squares))
    kind = "pca" if center else "svd"
    return Spectrum(values, components, mean, len(rows), kind, normalize, resolution)


def resolution_of(itemsize: int) -> float:
    """Return the length below which a direction of unit rows [N, D] is dead; `itemsize` is in bytes."""
    return _RESOLUTION.get(itemsize, _FINE)


def singular_values(z: ArrayLike) -> NDArray[np.float64]:
    """Return the singular values of the normalised, uncentred embeddings, descending, float64 [min(N, D)].

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
    From the triangular factor of a QR decomposition, as in `spectrum`.
    """
    rows = Rows(z)
    factor = triangle(rows, np.zeros(rows.dim), normalize=True)
    return np.asarray(np.linalg.svd(factor, compute_uv=False), np.float64)
