"""The class scatter of single components of a spectrum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.analysis.results import Result
from embedlens.analysis.spectrum import spectrum
from embedlens.arguments import check_integers
from embedlens.arrays import check_embeddings, check_labels, unit_rows
from embedlens.errors import InputError
from embedlens.similarity.workers import spans

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from embedlens.analysis.spectrum import Spectrum

LARGEST_AND_SMALLEST = (1, -1)
_ROWS = 1 << 13


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ClassScatter(Result):
    """Every item's value in some components.

    Attributes
    ----------
    classes
        int64 [C]: the labels, ascending.
    rank
        int64 [N]: the place of each item's label among the classes, from 0.
    components
        int64 [M]: numbers of the components, from 1 (the largest) to D (the smallest).
    values
        float64 [N, M]: the coordinates of (z - mean) in the components.
    deviations
        float64 [M]: sigma / sqrt(N - 1) of each component.
    dead
        bool [M]: whether the component cannot be told from rounding.
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
        """Return the columns of the table behind a figure, one row an item."""
        return {
            "row": np.arange(self.rank.size),
            "label": self.classes[self.rank],
            "class": self.rank,
            **{
                f"component_{number}": self.values[:, place]
                for place, number in enumerate(self.components.tolist())
            },
        }


def component_numbers(asked: Sequence[int], dim: int) -> list[int]:
    """Return components of embeddings [N, D] as numbers from 1 to D, each once, in the order asked.

    Parameters
    ----------
    asked
        Numbers from 1 (the largest) or, from the end, from -1 (the smallest).
    dim
        D.

    Raises
    ------
    InputError
        None, or a component that is not there.
    """
    numbers = check_integers(asked, "components").tolist()
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
    """Return each item's value in some components, beside its class.

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
        The spectrum whose components and mean are taken; by default that of `z`.

    Raises
    ------
    InputError
        A component that is not there, fewer than 2 embeddings, labels or embeddings of the wrong form, or a
        basis of other dimensions.
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


def _coordinates(
    array: NDArray[np.floating[Any]], basis: Spectrum, directions: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return (z - mean) V, some rows at a time."""
    values = np.empty((len(array), len(directions)))
    for part in spans(len(array), _ROWS):
        block = unit_rows(array[part]) if basis.normalized else np.asarray(array[part], np.float64)
        values[part] = (block - basis.mean) @ directions.T
    return values
