"""Spectra of intra-class covariances, and a permutation test of whether all classes share one covariance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.arrays import OUT_OF_RANGE, check_embeddings, check_labels, in_range, to_numpy, unit_rows
from embedlens.errors import InputError
from embedlens.results import Result

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_CONSTANT = 2.0**-80  # of the mean squared norm: smaller variances are the rounding of equal rows


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ClassSpectra(Result):
    """Spectra of the covariances of C classes.

    Attributes
    ----------
    labels
        int64 [C]: classes of two items or more, ascending.
    counts
        int64 [C]: items of each.
    variances
        float64 [C, D]: eigenvalues of each class's covariance, falling; 0 from number n_c on, since n_c items
        span n_c - 1 directions.
    similarity
        float64 [C]: mean over the other classes of the cosine between covariances, in [0, 1]; NaN for a class
        of equal items, and where there is no other.
    variation_if_alike, similarity_if_alike
        Permutation null: means of `variation` and `mean_similarity` if all classes have one covariance.
    n_alone
        Classes of one item, which are left out.
    normalized
        Whether the rows were normalised first.
    """

    labels: NDArray[np.int64]
    counts: NDArray[np.int64]
    variances: NDArray[np.float64]
    similarity: NDArray[np.float64]
    variation_if_alike: float
    similarity_if_alike: float
    n_alone: int
    normalized: bool

    @property
    def dim(self) -> int:
        """Number of dimensions D."""
        return int(self.variances.shape[1])

    @property
    def totals(self) -> NDArray[np.float64]:
        """Total variance of each class, float64 [C]."""
        return np.asarray(self.variances.sum(axis=1), np.float64)

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean over the classes of the variance of each component, float64 [D]."""
        return np.asarray(self.variances.mean(axis=0), np.float64)

    @property
    def variation(self) -> float:
        """Coefficient of variation over the classes of the total variance: 0 where it is the same."""
        return _variation(self.totals)

    @property
    def mean_similarity(self) -> float:
        """Mean over pairs of classes of the cosine between covariances: 1 where they are proportional."""
        return _mean(self.similarity)

    def summary(self) -> dict[str, float]:
        """Return the numbers by name; NaN where they need two classes."""
        return {
            "n": int(self.counts.sum()),
            "n_classes": self.labels.size,
            "n_alone": self.n_alone,
            "dim": self.dim,
            "mean_variance": float(self.totals.mean()),
            "variation": self.variation,
            "variation_if_alike": self.variation_if_alike,
            "similarity": self.mean_similarity,
            "similarity_if_alike": self.similarity_if_alike,
        }

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return the data behind a figure, one row for each direction that the items of a class span."""
        spanned = np.minimum(self.counts - 1, self.dim)
        rows = np.arange(self.dim) < spanned[:, None]
        return {
            "class": np.repeat(self.labels, spanned),
            "items": np.repeat(self.counts, spanned),
            "component": np.nonzero(rows)[1] + 1,
            "variance": self.variances[rows],
            "mean_of_classes": np.broadcast_to(self.mean, rows.shape)[rows],
            "total_variance": np.repeat(self.totals, spanned),
            "similarity": np.repeat(self.similarity, spanned),
        }


def class_spectra(
    z: ArrayLike, y: ArrayLike, *, normalize: bool = True, permutations: int = 20, seed: int = 0
) -> ClassSpectra:
    """Return the spectrum of each class's covariance, and the similarity of the covariances.

    Parameters
    ----------
    z
        Embeddings [N, D], not necessarily normalised.
    y
        Integer labels [N]; classes of one item are left out.
    normalize
        Whether rows are normalised first; else they are taken as given.
    permutations
        Number of permutations of the deviations from class means among the classes. They give the values of
        variation and similarity expected under the null that all classes have one covariance; covariances of
        few items differ by chance alone.
    seed
        Seed of the permutations.

    Raises
    ------
    InputError
        Shapes that do not agree, embeddings that cannot be normalised, no class of two items, a number of
        permutations below 1.

    Notes
    -----
    The cosine between two covariances is ``tr(A B) / (|A| |B|)`` with Frobenius norms: 1 minus the
    correlation matrix distance of Herdin, Czink, Ozcelik, Bonek, "Correlation matrix distance, a meaningful
    measure for evaluation of non-stationary MIMO channels", VTC Spring 2005. It compares shapes and
    directions; the coefficient of variation compares sizes. Permutation of deviations: Anderson,
    "Distance-based tests for homogeneity of multivariate dispersions", Biometrics 62, 2006; here each
    deviation is first multiplied by sqrt(n_c / (n_c - 1)), since those of small classes are too short on
    average.
    """
    if permutations < 1:
        message = f"{permutations} permutations; a number from 1 is needed"
        raise InputError(message)
    labels = check_labels(y)
    array = check_embeddings(to_numpy(z), rows=labels.size, dim=None)
    known, group, count = np.unique(labels, return_inverse=True, return_counts=True)
    several = count > 1
    if not several.any():
        message = "every class has one item, and a variance needs two; label items by class"
        raise InputError(message)
    rows = np.flatnonzero(several[group])
    rows = rows[np.argsort(group[rows], kind="stable")]
    x = unit_rows(array[rows]) if normalize else array[rows].astype(np.float64)
    if in_range(x) is not x:
        raise InputError(OUT_OF_RANGE)
    classes = _Classes(count[several], _CONSTANT * float(np.mean(np.sum(x**2, axis=1))))
    x = classes.centred(x)
    variances = np.zeros((classes.counts.size, x.shape[1]))
    for place, part in enumerate(classes.parts(x)):
        values = np.linalg.svd(part, compute_uv=False)[: len(part) - 1]
        found = values**2 / (len(part) - 1)
        variances[place, : values.size] = found if found.sum() > classes.least else 0.0
    null = _permutation_null(x, classes, permutations, seed=seed)
    return ClassSpectra(
        known[several], classes.counts, variances, classes.similarity(x), *null,
        n_alone=int((~several).sum()), normalized=normalize,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Classes(Result):
    """Classes of rows [n, D] sorted by class: their sizes; variances up to `least` count as 0."""

    counts: NDArray[np.int64]
    least: float

    @property
    def starts(self) -> NDArray[np.int64]:
        return np.cumsum(self.counts) - self.counts

    def parts(self, x: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """Return the rows of each class."""
        return np.split(x, self.starts[1:])

    def centred(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return rows minus the mean of their class."""
        means = np.add.reduceat(x, self.starts) / self.counts[:, None]
        return np.asarray(x - np.repeat(means, self.counts, axis=0), np.float64)

    def totals(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the total variance of each class [C] from its centred rows."""
        return np.asarray(np.add.reduceat(np.sum(x**2, axis=1), self.starts) / (self.counts - 1), np.float64)

    def similarity(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean cosine of each class's covariance with the others, [C], from the centred rows.

        With covariances scaled to norm 1, the sum of a class over all others is one product with their sum.
        """
        live = self.totals(x) > self.least
        if live.sum() < 2:
            return np.full(live.size, np.nan)
        norms = np.array([_norm(part) for part in self.parts(x)])
        scale = np.zeros(live.size)
        scale[live] = norms[live] ** -0.5
        unit = x * np.repeat(scale, self.counts)[:, None]
        with_all = np.add.reduceat(np.sum((unit @ (unit.T @ unit)) * unit, axis=1), self.starts)
        found = np.clip((with_all - 1) / (live.sum() - 1), 0, 1)
        return np.where(live, found, np.nan)


def _norm(part: NDArray[np.float64]) -> float:
    """Return the Frobenius norm of X^T X, which is that of X X^T, by the smaller of the two."""
    gram = part @ part.T if len(part) <= part.shape[1] else part.T @ part
    return float(np.linalg.norm(gram))


def _permutation_null(
    x: NDArray[np.float64], classes: _Classes, permutations: int, *, seed: int
) -> tuple[float, float]:
    """Return mean variation and similarity over permutations of the deviations [n, D] among the classes."""
    scaled = x * np.repeat(np.sqrt(classes.counts / (classes.counts - 1)), classes.counts)[:, None]
    found = []
    for number in range(permutations):
        order = np.random.default_rng((seed, number)).permutation(len(x))
        permuted = classes.centred(scaled[order])
        found.append((_variation(classes.totals(permuted)), _mean(classes.similarity(permuted))))
    variation, similarity = np.mean(found, axis=0).tolist()
    return variation, similarity


def _variation(totals: NDArray[np.float64]) -> float:
    """Return the coefficient of variation; NaN of one class, or where all is constant."""
    mean = totals.mean()
    return float(totals.std(ddof=1) / mean) if totals.size > 1 and mean > 0 else float("nan")


def _mean(values: NDArray[np.float64]) -> float:
    """Return the mean of the numbers that are not NaN; NaN if there is none."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")
