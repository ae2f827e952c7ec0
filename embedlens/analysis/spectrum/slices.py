"""Recall@1 of equal slices of an embedding: each alone, and the first 1, 2, ..., K together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.analysis.retrieval.neighbours import retrieve
from embedlens.analysis.retrieval.options import RetrievalOptions
from embedlens.arrays import check_embeddings, check_pair, shape_text, to_numpy
from embedlens.errors import InputError
from embedlens.results import Result
from embedlens.similarity import Gallery

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from embedlens.analysis.retrieval.neighbours import Retrieval
    from embedlens.similarity import GalleryLike


@dataclass(frozen=True, slots=True)
class Slice:
    """One slice of an embedding, or several consecutive ones.

    Attributes
    ----------
    first, last
        Numbers of the first and the last slice, from 1.
    of
        Number of slices of the embedding.
    columns
        Their columns.
    """

    first: int
    last: int
    of: int
    columns: slice

    @property
    def name(self) -> str:
        """Name in tables: "2/4" is the second of four slices, "1-2/4" the first two."""
        return f"{self.first}/{self.of}" if self.first == self.last else f"{self.first}-{self.last}/{self.of}"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SliceRecalls(Result):
    """Recall@1 of K slices.

    Attributes
    ----------
    alone
        float64 [K]: Recall@1 of each slice alone.
    joined
        float64 [K]: Recall@1 of the first 1, 2, ..., K slices; the last is that of the whole embedding.
    dim
        Dimensions of a slice.
    n, n_singletons
        Queries counted, and queries left out because no other item has their label.
    """

    alone: NDArray[np.float64]
    joined: NDArray[np.float64]
    dim: int
    n: int
    n_singletons: int

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return the columns of the table behind a figure, one row per slice."""
        return {
            "chunk": np.arange(1, self.alone.size + 1),
            "recall_at_1": self.alone,
            "recall_at_1_joined": self.joined,
        }


def slices_of(dim: int, n_slices: int) -> tuple[list[Slice], list[Slice]]:
    """Return the K slices of embeddings [N, D], and the first 1, 2, ..., K of them joined.

    Parameters
    ----------
    dim
        D, a multiple of `n_slices`.
    n_slices
        K, the number of slices.

    Raises
    ------
    InputError
        A number of slices that does not divide D.
    """
    if n_slices < 1 or dim % n_slices:
        allowed = ", ".join(str(count) for count in range(1, dim + 1) if dim % count == 0)
        message = f"{dim} dims do not divide into {n_slices} equal slices; choose one of: {allowed}"
        raise InputError(message)
    width = dim // n_slices
    alone = [
        Slice(number + 1, number + 1, n_slices, slice(number * width, (number + 1) * width))
        for number in range(n_slices)
    ]
    joined = [Slice(1, slice_.last, n_slices, slice(0, slice_.columns.stop)) for slice_ in alone]
    return alone, joined


def take(z: ArrayLike, slice_: Slice) -> NDArray[np.floating[Any]]:
    """Return the columns of a slice of embeddings, not normalised.

    Parameters
    ----------
    z
        Embeddings [N, D].
    slice_
        A slice from `slices_of`.

    Raises
    ------
    InputError
        Embeddings with too few columns, or rows that are zero in the slice, which have no direction there.
    """
    array = to_numpy(z)
    columns = slice_.columns
    if array.ndim != 2 or array.shape[1] < columns.stop:
        message = (
            f"embeddings have shape {shape_text(array)}; slice {slice_.name} ends with dim {columns.stop}"
        )
        raise InputError(message)
    part = np.ascontiguousarray(array[:, columns])
    try:
        return check_embeddings(part, rows=len(array), dim=None)
    except InputError as error:
        place = f"slice {slice_.name} (dims {columns.start + 1}-{columns.stop})"
        raise error.within(place) from error


def slice_recalls(
    z: ArrayLike, y: ArrayLike, n_slices: int, *, gallery: GalleryLike | None = None, device: str = "cpu"
) -> SliceRecalls:
    """Return Recall@1 of each of K equal slices of an embedding, and of the first 1, 2, ..., K of them.

    Items are compared by the cosine similarity of a slice, or of joined slices, without normalising each
    slice first. So joined slices are weighted by their norms, and with all of them Recall@1 is exactly that
    of the embedding.

    Parameters
    ----------
    z
        Embeddings [N, D], not necessarily normalised.
    y
        Integer labels [N].
    n_slices
        K, the number of slices; it must divide D.
    gallery
        Embeddings [M, D] and labels [M] to search; without it every item searches all others.
    device
        Torch device that screens; the answer does not depend on it.

    Raises
    ------
    InputError
        A number of slices that does not divide D, rows that are zero in a slice, or data without a positive.
    """
    array, labels = check_pair(z, y)
    array = check_embeddings(array, rows=labels.size, dim=None)
    alone, joined = slices_of(array.shape[1], n_slices)
    demands = RetrievalOptions(ks=(1,))
    searched = None if gallery is None else Gallery.of(gallery)

    def recall(slice_: Slice) -> Retrieval:
        part = None if searched is None else searched._replace(embeddings=take(searched.embeddings, slice_))
        return retrieve(take(array, slice_), labels, demands, gallery=part, device=device)

    single, several = [recall(slice_) for slice_ in alone], [recall(slice_) for slice_ in joined[1:]]
    return SliceRecalls(
        np.array([found.recall[1] for found in single]),
        np.array([found.recall[1] for found in [single[0], *several]]),
        array.shape[1] // n_slices,
        single[0].n,
        single[0].n_singletons,
    )
