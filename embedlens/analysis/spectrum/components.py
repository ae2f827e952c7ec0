"""Values of items in single components of a spectrum, by class."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.analysis.spectrum.values import spectrum
from embedlens.arguments import check_integers
from embedlens.arrays import check_embeddings, check_labels, unit_rows
from embedlens.errors import InputError
from embedlens.results import Result
from embedlens.similarity.threads import spans

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from embedlens.analysis.spectrum.values import Spectrum

LARGEST_AND_SMALLEST = (1, -1)
_ROWS = 1 << 13


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ClassScatter(Result):
    """Values of items in some components, with their classes.

    Attributes
    ----------
    classes
        int64 [C]: the labels, ascending.
    rank
        int64 [N]: position of each item's label among the classes, from 0.
    components
        int64 [M]: numbers of the components, from 1 (the largest) to D (the smallest).
    values
        float64 [N, M]: coordinates of (z - mean) along the components.
    deviations
        float64 [M]: sigma / sqrt(N - 1) of each component.
    dead
        bool [M]: whether the component is dead: its singular value is within rounding of 0.
    dim
        Number of dimensions D.
    kind
        "pca" or "svd".
    normalized
        Whether rows were normalised first.
    """

    classes: NDArray[np.int64]
    rank: NDArray[np.int64]
    components: NDArray[np.int64]
    values: NDArray[np.float64]
    deviations: NDArray[np.float64]
    dead: NDArray[np.bool_]
    dim: int
    kind: str
    normalized: bool

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return the columns of the table behind a figure, one row per item."""
        return {
            "row": np.arange(self.rank.size),
            "label": self.classes[self.rank],
            "class": self.rank,
            **{
                f"component_{number}": self.values[:, place]
                for place, number in enumerate(self.components.tolist())
            },
        }

    def summary(self) -> dict[str, int]:
        """Return the numbers of items, classes and dimensions."""
        return {"n": self.rank.size, "n_classes": self.classes.size, "dim": self.dim}

    def by_component(self) -> dict[str, dict[str, float | bool]]:
        """Return how far each component reaches: number -> name -> value."""
        return {
            str(number): {
                "deviation": float(self.deviations[place]),
                "least": float(self.values[:, place].min()),
                "greatest": float(self.values[:, place].max()),
                "dead": bool(self.dead[place]),
            }
            for place, number in enumerate(self.components.tolist())
        }


def component_numbers(requested: Sequence[int], dim: int) -> list[int]:
    """Return components of embeddings [N, D] as numbers from 1 to D, each once, in the order requested.

    Parameters
    ----------
    requested
        Numbers from 1 (the largest) or, from the end, from -1 (the smallest).
    dim
        D.

    Raises
    ------
    InputError
        No number, or one out of range.
    """
    numbers = check_integers(requested, "components").tolist()
    if not numbers:
        message = f"no component given; choose some of: 1 to {dim}, or -1 (the last) to -{dim}"
        raise InputError(message)
    for number in numbers:
        if not 1 <= abs(number) <= dim:
            message = f"unknown component {number}; choose from 1 to {dim}, or from -1 (the last) to -{dim}"
            raise InputError(message)
    return list(dict.fromkeys(number if number > 0 else dim + 1 + number for number in numbers))


def class_scatter(
    z: ArrayLike,
    y: ArrayLike,
    components: Sequence[int] = LARGEST_AND_SMALLEST,
    *,
    center: bool = True,
    normalize: bool = True,
    basis: Spectrum | None = None,
) -> ClassScatter:
    """Return the values of items in some components, with their classes.

    Parameters
    ----------
    z
        Embeddings [N, D], not necessarily normalised.
    y
        Integer labels [N]; one class is enough.
    components
        Numbers from 1 (the largest) or, from the end, from -1 (the smallest).
    center
        True: principal components (PCA). False: singular vectors of the uncentred embeddings (SVD). Values
        are those of (z - mean) either way.
    normalize
        Whether rows are normalised first.
    basis
        The spectrum whose components and mean are used; by default that of `z`.

    Raises
    ------
    InputError
        A component out of range, fewer than 2 embeddings, labels or embeddings of the wrong shape, or a basis
        of other dimensions.
    """
    labels = check_labels(y)
    array = check_embeddings(z, rows=labels.size, dim=None)
    numbers = component_numbers(components, array.shape[1])
    found = spectrum(array, center, normalize=normalize) if basis is None else basis
    if found.dim != array.shape[1]:
        message = f"the basis has {found.dim} dims, but the embeddings have {array.shape[1]}"
        raise InputError(message)
    chosen = np.array(numbers, np.int64)
    directions = found.components[chosen - 1]
    classes, rank = np.unique(labels, return_inverse=True)
    return ClassScatter(
        classes=classes,
        rank=rank.astype(np.int64),
        components=chosen,
        values=_coordinates(array, found, directions),
        deviations=found.deviations[chosen - 1],
        dead=found.dead[chosen - 1],
        dim=found.dim,
        kind=found.kind,
        normalized=found.normalized,
    )


def score_correlations(one: ClassScatter, other: ClassScatter) -> NDArray[np.float64]:
    """Return the correlation of the values of the same items in each component of two results, float64 [M].

    Pearson's correlation; NaN where all values of one component are equal.

    Parameters
    ----------
    one, other
        Values of the same items in the same M components, for example at two epochs, of embeddings [N, D].

    Raises
    ------
    InputError
        Results of different items or components.
    """
    _check_alike(one, other)
    first, second = (part.values - part.values.mean(axis=0) for part in (one, other))
    # Scaled by the largest value first: squares of very small values would underflow.
    scales = [np.abs(part).max(axis=0) for part in (first, second)]
    with np.errstate(invalid="ignore"):
        first, second = (part / scale for part, scale in zip((first, second), scales, strict=True))
    norms = np.linalg.norm(first, axis=0) * np.linalg.norm(second, axis=0)
    return np.asarray(np.clip((first * second).sum(axis=0) / norms, -1.0, 1.0), np.float64)


def align_signs(results: Sequence[ClassScatter]) -> list[ClassScatter]:
    """Return results in which the sign of every component is consistent with the previous result.

    The sign of a component is arbitrary: a decomposition gives v or -v. Since the basis rotates from epoch to
    epoch, the values of the same items are compared, not the directions: where they correlate negatively with
    those of the same component in the previous result, they are negated.

    Parameters
    ----------
    results
        Values [N, M] of the same items in the same components, in the order of epochs; the first is not
        changed.

    Raises
    ------
    InputError
        Results of different items or components.
    """
    aligned: list[ClassScatter] = []
    for result in results:
        if aligned:
            turned = score_correlations(aligned[-1], result) < 0
            aligned.append(replace(result, values=np.where(turned, -result.values, result.values)))
        else:
            aligned.append(result)
    return aligned


def _check_alike(one: ClassScatter, other: ClassScatter) -> None:
    """Refuse results of other items or other components."""
    if not np.array_equal(one.components, other.components):
        first, second = (", ".join(map(str, part.components[:10].tolist())) for part in (one, other))
        message = f"one result has components {first}, the other {second}; they must have the same"
        raise InputError(message)
    first_labels, second_labels = (part.classes[part.rank] for part in (one, other))
    if not np.array_equal(first_labels, second_labels):
        message = (
            f"one result has {len(first_labels):,} items, the other {len(second_labels):,}, or other labels; "
            "give results of the same items"
        )
        raise InputError(message)


def _coordinates(
    array: NDArray[np.floating[Any]], basis: Spectrum, directions: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return (z - mean) V, some rows at a time."""
    values = np.empty((len(array), len(directions)))
    for part in spans(len(array), _ROWS):
        block = unit_rows(array[part]) if basis.normalized else np.asarray(array[part], np.float64)
        values[part] = (block - basis.mean) @ directions.T
    return values
