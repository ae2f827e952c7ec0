"""Neural collapse (NC1, NC2) and LiDAR: scatter within classes against that of class means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedlens.analysis.collapse.moments import ClassMoments, class_moments
from embedlens.analysis.spectrum.ranks import effective_rank
from embedlens.results import Result
from embedlens.similarity.products import library_for, multiply
from embedlens.similarity.threads import spans

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

DELTA = 1e-4
"""LiDAR adds this times the identity to the scatter within classes (Thilak et al.)."""
_ROWS = 1 << 11


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class NeuralCollapse(Result):
    """Neural collapse of classes, and LiDAR; NaN where class means are one point.

    Attributes
    ----------
    nc1
        Scatter within classes, measured by that of the class means: trace(S_W pinv(S_B)) / C, at least 0.
    nc2_norms
        Coefficient of variation of the lengths of the centred class means, at least 0.
    nc2_angles
        Standard deviation of the cosines of pairs of centred class means, at least 0.
    nc2_max_angles
        Mean deviation of these cosines from -1 / (C - 1), at least 0.
    lidar
        Effective rank of the matrix of linear discriminant analysis, in [1, min(D, C - 1)].
    n, n_classes
        Number of items and of classes C.
    """

    nc1: float
    nc2_norms: float
    nc2_angles: float
    nc2_max_angles: float
    lidar: float
    n: int
    n_classes: int

    def summary(self) -> dict[str, float]:
        """Return the numbers by name."""
        return {name: getattr(self, name) for name in self.__slots__}


def neural_collapse(z: ArrayLike, y: ArrayLike) -> NeuralCollapse:
    """Return NC1, NC2 and LiDAR.

    Parameters
    ----------
    z
        Embeddings [N, D], not necessarily normalised; they are normalised first.
    y
        Integer labels [N].

    Raises
    ------
    InputError
        One class only, no class of two items, or embeddings that cannot be normalised.

    Notes
    -----
    Papyan, Han, Donoho, "Prevalence of neural collapse during the terminal phase of deep learning training",
    PNAS 2020, of the last features of a classifier; here of normalised embeddings. S_W is the mean over items
    of the outer products of u - m_c, S_B that over classes of m_c - m, where m is the mean of the class
    means: every class alike, so that a simplex has NC2 = 0 whatever the sizes of its classes. The
    pseudo-inverse leaves out directions whose eigenvalue is within rounding: at most resolution^2 (as in
    `spectrum`), or D 2^-52 of the largest. A centred mean of length zero has no direction; its cosines count
    as 0.

    LiDAR: Thilak et al., "LiDAR: Sensing linear probing performance in joint embedding SSL architectures",
    ICLR 2024, equations 1 to 3, with the classes themselves in place of views of one image:
    ``exp(-sum p log p)``, p the eigenvalues of ``(S_W + delta I)^-1/2 S_B (S_W + delta I)^-1/2`` over
    their sum, delta = 1e-4.
    """
    moments = class_moments(z, y)
    values, directions = np.linalg.eigh(moments.between)
    floor = max(moments.resolution**2, values[-1] * values.size * 2.0**-52)
    kept = values > floor
    kept[: max(0, values.size - moments.counts.size + 1)] = False  # at most C - 1 directions
    if not kept.any():
        lost = float("nan")
        return NeuralCollapse(lost, lost, lost, lost, lost, int(moments.counts.sum()), moments.counts.size)
    basis = directions[:, kept]
    within = np.einsum("dk,dk->k", basis, moments.within @ basis)
    norms, angles, largest = _class_means(moments)
    return NeuralCollapse(
        nc1=float(np.sum(within / values[kept]) / moments.counts.size),
        nc2_norms=norms,
        nc2_angles=angles,
        nc2_max_angles=largest,
        lidar=_lidar(moments),
        n=int(moments.counts.sum()),
        n_classes=moments.counts.size,
    )


def _lidar(moments: ClassMoments) -> float:
    """Return LiDAR: the effective rank of the between-class scatter, whitened by that within classes."""
    values, directions = np.linalg.eigh(moments.within)
    root = directions / np.sqrt(np.maximum(values, 0.0) + DELTA)
    found = np.linalg.eigvalsh(root.T @ moments.between @ root)
    # Negative values are rounding; the whole matrix has C - 1 eigenvalues at most.
    found = np.maximum(found[::-1][: moments.counts.size - 1], 0.0)
    return effective_rank(found)


def _class_means(moments: ClassMoments) -> tuple[float, float, float]:
    """Return NC2: variation of lengths, deviation of cosines, and their distance from those of a simplex."""
    centred = moments.centred
    length = np.linalg.norm(centred, axis=1)
    pointed = length > moments.resolution
    unit = np.divide(centred, length[:, None], out=np.zeros_like(centred), where=pointed[:, None])
    count = len(unit)
    sums, squares, sizes = 0.0, 0.0, 0.0
    library = library_for(count, count, unit.shape[1])
    for part in spans(count, _ROWS):
        rest: NDArray[np.float64] = multiply(unit[part], unit[part.start :], library)
        rest += 1 / (count - 1)  # deviations from a simplex, so that sums of squares lose nothing
        above = np.triu_indices(len(rest), 1)
        for block in (rest[:, : len(rest)][above], rest[:, len(rest) :]):
            sums += float(block.sum())
            squares += float(np.square(block).sum())
            sizes += float(np.abs(block).sum())
    pairs = count * (count - 1) / 2
    spread = np.sqrt(max(0.0, squares / pairs - (sums / pairs) ** 2))
    return float(length.std() / length.mean()), float(spread), sizes / pairs
