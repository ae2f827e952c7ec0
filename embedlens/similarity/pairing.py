"""Pairs of query and gallery rows: one set with itself, or queries with a gallery."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from embedlens.arrays import check_labels, to_numpy
from embedlens.errors import InputError
from embedlens.similarity.products import Library, library_for
from embedlens.similarity.rows import Rows

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class Gallery(NamedTuple):
    """Gallery that queries search, and which of its rows are the queries' own items.

    A plain pair (embeddings, labels) is a gallery that contains none of the queries.

    Attributes
    ----------
    embeddings
        Floating-point numbers [M, D].
    labels
        Integers [M].
    items
        int64 [N] and [M]: the item of each query and of each gallery row. A gallery row with the item and the
        label of a query is that query itself, and is never its neighbour. None: no row is.
    """

    embeddings: ArrayLike
    labels: ArrayLike
    items: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None

    @classmethod
    def of(cls, gallery: GalleryLike) -> Gallery:
        """Return a `Gallery` from a gallery or from a pair (embeddings, labels)."""
        return cls(*gallery)

    def take(self, keep: NDArray[np.bool_], queries: NDArray[np.bool_] | None = None) -> Gallery:
        """Return the gallery rows `keep` (bool [M]) as a gallery of some queries (bool [N]; default: all)."""
        items = self.items
        if items is not None:
            items = items[0] if queries is None else items[0][queries], items[1][keep]
        return Gallery(to_numpy(self.embeddings)[keep], check_labels(self.labels)[keep], items)


GalleryLike: TypeAlias = "tuple[ArrayLike, ArrayLike] | Gallery"
"""A gallery, or its embeddings [M, D] and labels [M]."""


class Pairing:
    """Queries and gallery, both sorted by class, so that the same-class rows of a query are one range.

    Attributes
    ----------
    queries, gallery
        `Rows`; the same object where one set is compared with itself.
    query_order, gallery_order
        int64 [N] and [M]: row i here is row ``order[i]`` of the caller.
    query_labels, gallery_labels
        int64 [N] and [M]: labels, ascending.
    first, last
        int64 [N]: the range of gallery rows that have the class of query i, itself included.
    items
        int64 [N] and [M]: items of queries and gallery rows, in these orders; None where the gallery has
        none.
    own_first, own_last
        int64 [N]: the range, within that of the class, of gallery rows that are query i itself; an empty
        range at `last` where there are none.
    """

    def __init__(self, z: ArrayLike, y: ArrayLike, gallery: GalleryLike | None = None) -> None:
        labels = check_labels(y)
        self.query_order = np.argsort(labels, kind="stable")
        self.queries = Rows(z, self.query_order)
        self.gallery, self.gallery_order = self.queries, self.query_order
        gallery_labels, self.items = labels, None
        if gallery is not None:
            searched = Gallery.of(gallery)
            gallery_labels = check_labels(searched.labels)
            self.gallery_order = np.argsort(gallery_labels, kind="stable")
            if searched.items is not None:
                _check_items(searched.items, labels.size, gallery_labels.size)
                self.gallery_order = np.lexsort((searched.items[1], gallery_labels))
                self.items = searched.items[0][self.query_order], searched.items[1][self.gallery_order]
            self.gallery = Rows(searched.embeddings, self.gallery_order)
            if self.gallery.dim != self.queries.dim:
                message = (
                    f"queries have {self.queries.dim} dims, the gallery {self.gallery.dim}; they must agree"
                )
                raise InputError(message)
        self.gallery_labels = gallery_labels[self.gallery_order]
        self.query_labels = labels[self.query_order]
        self.first = np.searchsorted(self.gallery_labels, self.query_labels, side="left")
        self.last = np.searchsorted(self.gallery_labels, self.query_labels, side="right")
        self.own_first, self.own_last = self._own()

    def _own(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the range of gallery rows that are each query itself."""
        if self.one_set:
            return np.arange(len(self.queries)), np.arange(1, len(self.queries) + 1)
        if self.items is None:
            return self.last, self.last
        of_queries, of_gallery = self.items
        # Numbers that ascend by (label, item) over both sets, so that two searches find the ranges.
        pairs = np.stack([np.r_[self.gallery_labels, self.query_labels], np.r_[of_gallery, of_queries]])
        _, code = np.unique(pairs, axis=1, return_inverse=True)
        code = code.ravel()
        in_gallery, in_queries = code[: of_gallery.size], code[of_gallery.size :]
        first, last = (np.searchsorted(in_gallery, in_queries, side=side) for side in ("left", "right"))
        none = first == last
        return np.where(none, self.last, first), np.where(none, self.last, last)

    @property
    def library(self) -> Library:
        """What multiplies queries and gallery on the processor: "numpy" where the matrix is small."""
        return library_for(len(self.queries), len(self.gallery), self.queries.dim)

    @property
    def one_set(self) -> bool:
        """Whether the queries are the gallery, so that no query meets itself."""
        return self.queries is self.gallery

    @property
    def n_own(self) -> NDArray[np.int64]:
        """int64 [N]: number of gallery rows that are query i itself."""
        return self.own_last - self.own_first

    @property
    def positives(self) -> NDArray[np.int64]:
        """int64 [N]: number of gallery rows of the class of query i, without itself."""
        return self.last - self.first - self.n_own

    @property
    def negatives(self) -> NDArray[np.int64]:
        """int64 [N]: number of gallery rows of other classes than that of query i."""
        return len(self.gallery) - (self.last - self.first)


def _check_items(items: tuple[NDArray[np.int64], NDArray[np.int64]], n: int, m: int) -> None:
    """Refuse numbers of items that are not one for each row."""
    sizes = tuple(part.size for part in items)
    if sizes != (n, m):
        message = f"items of {sizes[0]} queries and {sizes[1]} gallery rows; got {n} queries and {m} rows"
        raise InputError(message)
