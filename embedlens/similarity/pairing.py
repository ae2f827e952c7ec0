"""Pairs of query and gallery rows: one set with itself, or queries with a gallery."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from embedlens.arrays import check_targets, to_numpy
from embedlens.errors import InputError
from embedlens.label_sets import LabelSets
from embedlens.similarity import kernels
from embedlens.similarity.products import Library, library_for
from embedlens.similarity.rows import Rows
from embedlens.similarity.sharing import Sharing

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from embedlens.label_sets import Labels


class Gallery(NamedTuple):
    """Gallery that queries search, and which of its rows are the queries' own items.

    A plain pair (embeddings, labels) is a gallery that contains none of the queries.

    Attributes
    ----------
    embeddings
        Floating-point numbers [M, D].
    labels
        Integers [M], or `LabelSets` of M items where the queries have label sets, too.
    items
        int64 [N] and [M]: the item of each query and of each gallery row. A gallery row with the item and the
        label (the whole set of labels) of a query is that query itself, and is never its neighbour. None: no
        row is.
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
        return Gallery(to_numpy(self.embeddings)[keep], check_targets(self.labels)[keep], items)


GalleryLike: TypeAlias = "tuple[ArrayLike, ArrayLike] | Gallery"
"""A gallery, or its embeddings [M, D] and labels [M]."""


class Pairing:
    """Queries and gallery, sorted so that the rows that a query never or always meets are ranges.

    Of single labels both are sorted by class: the same-class rows of a query are one range. Of label sets,
    the positives of a query are scattered, and `sharing` says which they are.

    Attributes
    ----------
    queries, gallery
        `Rows`; the same object where one set is compared with itself.
    query_order, gallery_order
        int64 [N] and [M]: row i here is row ``order[i]`` of the caller.
    query_labels, gallery_labels
        int64 [N] and [M], or label sets, in these orders; integers ascend.
    sharing
        Which rows share a label; None where each item has a single label.
    first, last
        int64 [N]: the range of gallery rows that have the class of query i, itself included; with label sets
        the range of the query itself.
    items
        int64 [N] and [M]: items of queries and gallery rows, in these orders; None where the gallery has
        none.
    own_first, own_last
        int64 [N]: the range, within that from first to last, of gallery rows that are query i itself; an
        empty range at `last` where there are none.
    """

    def __init__(self, z: ArrayLike, y: ArrayLike, gallery: GalleryLike | None = None) -> None:
        searched = None if gallery is None else Gallery.of(gallery)
        labels, gallery_labels = _alike(y, None if searched is None else searched.labels)
        self.items: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None
        keys, gallery_keys = _sort_keys(labels, gallery_labels)
        self.query_order = np.argsort(keys, kind="stable")
        self.queries = Rows(z, self.query_order)
        self.gallery, self.gallery_order = self.queries, self.query_order
        if searched is not None:
            self.gallery_order = np.argsort(gallery_keys, kind="stable")
            if searched.items is not None:
                _check_items(searched.items, keys.size, gallery_keys.size)
                self.gallery_order = np.lexsort((searched.items[1], gallery_keys))
                self.items = searched.items[0][self.query_order], searched.items[1][self.gallery_order]
            self.gallery = Rows(searched.embeddings, self.gallery_order)
            if self.gallery.dim != self.queries.dim:
                message = (
                    f"queries have {self.queries.dim} dims, the gallery {self.gallery.dim}; they must agree"
                )
                raise InputError(message)
        self.query_labels, self.gallery_labels = labels[self.query_order], gallery_labels[self.gallery_order]
        self._keys = keys[self.query_order], gallery_keys[self.gallery_order]
        self.first, self.last = (
            np.searchsorted(self._keys[1], self._keys[0], side=side) for side in ("left", "right")
        )
        self.own_first, self.own_last = self._own()
        self.sharing: Sharing | None = None
        if isinstance(self.query_labels, LabelSets) and isinstance(self.gallery_labels, LabelSets):
            self.first, self.last = self.own_first, self.own_last
            self.sharing = Sharing(self.query_labels, self.gallery_labels, (self.first, self.last))

    def _own(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the range of gallery rows that are each query itself."""
        if self.one_set:
            return np.arange(len(self.queries)), np.arange(1, len(self.queries) + 1)
        if self.items is None:
            return self.last, self.last
        of_queries, of_gallery = self.items
        # Numbers that ascend by (label, item) over both sets, so that two searches find the ranges.
        pairs = np.stack([np.r_[self._keys[1], self._keys[0]], np.r_[of_gallery, of_queries]])
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
        if self.sharing is not None:
            return self.sharing.counts
        return self.last - self.first - self.n_own

    @property
    def negatives(self) -> NDArray[np.int64]:
        """int64 [N]: number of gallery rows of other classes than that of query i."""
        return len(self.gallery) - self.n_own - self.positives

    def hide(
        self, block: NDArray[Any], rows: slice | NDArray[np.int64], columns: slice, *, value: float
    ) -> None:
        """Set the entries of a block [n, m] of queries and gallery rows to a value, but for negatives."""
        number = block.dtype.type(value)
        if self.sharing is not None:
            self.sharing.hide(block, rows, columns, value=number)
        first, last = self.first[rows], self.last[rows]
        if first.min() < columns.stop and last.max() > columns.start:
            kernels.hide(block, first, last, columns.start, number)


def _alike(y: ArrayLike, gallery: ArrayLike | None) -> tuple[Labels, Labels]:
    """Return the labels of queries and gallery: sets on both sides, or single labels on both."""
    labels = check_targets(y)
    others = labels if gallery is None else check_targets(gallery)
    if isinstance(labels, LabelSets) is not isinstance(others, LabelSets):
        message = "queries and gallery have label sets on one side only; both need sets, or single labels"
        raise InputError(message)
    return labels, others


def _sort_keys(labels: Labels, others: Labels) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return what queries and gallery rows are sorted by: their labels, or numbers of their label sets."""
    if isinstance(labels, LabelSets) and isinstance(others, LabelSets):
        if labels is others:
            return (codes := labels.codes()), codes
        codes = LabelSets.concatenated([labels, others]).codes()
        return codes[: len(labels)], codes[len(labels) :]
    assert not isinstance(labels, LabelSets)
    assert not isinstance(others, LabelSets)
    return labels, others


def _check_items(items: tuple[NDArray[np.int64], NDArray[np.int64]], n: int, m: int) -> None:
    """Refuse numbers of items that are not one for each row."""
    sizes = tuple(part.size for part in items)
    if sizes != (n, m):
        message = f"items of {sizes[0]} queries and {sizes[1]} gallery rows; got {n} queries and {m} rows"
        raise InputError(message)
