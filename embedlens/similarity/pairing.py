"""Pairs of query and gallery rows: one set with itself, or queries with a gallery."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from embedlens.arrays import check_targets
from embedlens.errors import InputError
from embedlens.label_sets import LabelSets, label_codes
from embedlens.similarity import kernels
from embedlens.similarity.gallery import Gallery
from embedlens.similarity.ignored import Ignored
from embedlens.similarity.products import Library, library_for
from embedlens.similarity.rows import Rows
from embedlens.similarity.sharing import Sharing
from embedlens.similarity.threads import in_parallel, spans

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from embedlens.label_sets import Labels
    from embedlens.similarity.gallery import GalleryLike


T = TypeVar("T", bound=np.generic)
_BLOCK = 1024  # rows and columns of pairs that are counted at once
NEGATIVE, POSITIVE, IGNORED = 0, 1, 2
"""What a gallery row is for a query, in blocks of `Pairing.kinds`."""


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
    own_first, own_last
        int64 [N]: a range, within that from first to last, of gallery rows that are ignored for query i, as
        itself is; an empty range at `last` where there are none.
    scattered
        Whether gallery rows outside that range are ignored, too; `kinds` says which.
    """

    def __init__(self, z: ArrayLike, y: ArrayLike, gallery: GalleryLike | None = None) -> None:
        searched = None if gallery is None else Gallery.of(gallery)
        labels, gallery_labels = _alike(y, None if searched is None else searched.labels)
        keys, gallery_keys = _sort_keys(labels, gallery_labels)
        one_set = searched is None or searched.is_itself(z, labels)
        codes = None
        self.gallery_order = np.argsort(gallery_keys, kind="stable")
        if searched is not None:
            codes = Ignored.of(
                (keys, gallery_keys), items=searched.items, junk=searched.junk, excluded=searched.excluded,
                in_ranges=not isinstance(labels, LabelSets),
            )  # fmt: skip
            self.gallery_order = np.lexsort((codes.keys[1], gallery_keys))
        self.query_order = self.gallery_order if one_set else np.argsort(keys, kind="stable")
        self.queries = Rows(z, self.query_order)
        self.gallery = self.queries
        if searched is not None and not one_set:
            self.gallery = Rows(searched.embeddings, self.gallery_order)
            if self.gallery.dim != self.queries.dim:
                message = (
                    f"queries have {self.queries.dim} dims, the gallery {self.gallery.dim}; they must agree"
                )
                raise InputError(message)
        self.query_labels, self.gallery_labels = labels[self.query_order], gallery_labels[self.gallery_order]
        self.first, self.last = (
            np.searchsorted(gallery_keys[self.gallery_order], keys[self.query_order], side=side)
            for side in ("left", "right")
        )
        self._codes = None if codes is None else codes.ordered(self.query_order, self.gallery_order)
        self.scattered = self._codes is not None and self._codes.scattered
        self.own_first, self.own_last = self._own()
        self.sharing: Sharing | None = None
        if isinstance(self.query_labels, LabelSets) and isinstance(self.gallery_labels, LabelSets):
            self.first, self.last = self.own_first, self.own_last
            self.sharing = Sharing(self.query_labels, self.gallery_labels, (self.first, self.last))

    def _own(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the range of gallery rows that are ignored for each query, as far as they are one range."""
        if self._codes is None:
            return np.arange(len(self.queries)), np.arange(1, len(self.queries) + 1)
        first, last = self._codes.ranges()
        none = first == last
        return np.where(none, self.last, first), np.where(none, self.last, last)

    @cached_property
    def _table(self) -> tuple[NDArray[np.int32], NDArray[np.int32], int]:
        assert self._codes is not None
        return self._codes.table()

    @cached_property
    def _counts(self) -> NDArray[np.int64]:
        """int64 [N, 3]: number of negatives, positives and ignored gallery rows, pair by pair."""
        counts = np.zeros((len(self.queries), 3), np.int64)

        def count(rows: slice) -> None:
            for columns in spans(len(self.gallery), _BLOCK):
                kernels.count_kinds(self.kinds(rows, columns), counts[rows])

        in_parallel(count, spans(len(self.queries), _BLOCK))
        return counts

    @property
    def library(self) -> Library:
        """What multiplies queries and gallery on the processor: "numpy" where the matrix is small."""
        return library_for(len(self.queries), len(self.gallery), self.queries.dim)

    @property
    def one_set(self) -> bool:
        """Whether the queries are the gallery, so that no query meets itself."""
        return self.queries is self.gallery

    @property
    def by_ranges(self) -> bool:
        """Whether positives, negatives and what is ignored follow from the four ranges alone."""
        return self.sharing is None and not self.scattered

    @property
    def positives(self) -> NDArray[np.int64]:
        """int64 [N]: number of gallery rows of the class of query i, or that share a label, not ignored."""
        if self.scattered:
            return self._counts[:, POSITIVE]
        if self.sharing is not None:
            return self.sharing.counts
        return self.last - self.first - (self.own_last - self.own_first)

    @property
    def negatives(self) -> NDArray[np.int64]:
        """int64 [N]: number of gallery rows of other classes than that of query i, not ignored."""
        if self.scattered:
            return self._counts[:, NEGATIVE]
        return len(self.gallery) - (self.own_last - self.own_first) - self.positives

    def kinds(self, rows: slice | NDArray[np.int64], columns: slice) -> NDArray[np.int8]:
        """Return what gallery rows are for queries, int8 [n, m]: NEGATIVE, POSITIVE or IGNORED."""
        first, start = self.first[rows], columns.start
        kinds = np.zeros((first.size, columns.stop - start), np.int8)
        kernels.hide(kinds, first, self.last[rows], start, np.int8(POSITIVE))
        if self.sharing is not None:
            self.sharing.hide(kinds, rows, columns, value=POSITIVE)
        if self.scattered:
            queries, gallery, inside = self._table
            kernels.mark(kinds, np.ascontiguousarray(queries[:, rows]), gallery[:, columns], inside)
        kernels.hide(kinds, self.own_first[rows], self.own_last[rows], start, np.int8(IGNORED))
        return kinds

    def hide(
        self, block: NDArray[Any], rows: slice | NDArray[np.int64], columns: slice, *, value: float
    ) -> None:
        """Set the entries of a block [n, m] of queries and gallery rows to a value, but for negatives."""
        number = block.dtype.type(value)
        if self.scattered:
            kernels.hide_marked(block, self.kinds(rows, columns), number)
            return
        if self.sharing is not None:
            self.sharing.hide(block, rows, columns, value=number)
        first, last = self.first[rows], self.last[rows]
        if first.min() < columns.stop and last.max() > columns.start:
            kernels.hide(block, first, last, columns.start, number)

    def in_caller_order(self, values: NDArray[T]) -> NDArray[T]:
        """Return values of the queries [N] in the order in which the caller gave them."""
        result = np.empty_like(values)
        result[self.query_order] = values
        return result

    def gallery_of(self, embeddings: ArrayLike) -> Gallery | None:
        """Return the gallery in this order with other embeddings [M, D]; None: that is the queries."""
        if self._codes is None:
            return None
        codes = self._codes
        return Gallery(embeddings, self.gallery_labels, codes.items, codes.junk, codes.excluded)


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
    if labels is others:
        return (codes := label_codes([labels])), codes
    codes = label_codes([labels, others])
    return codes[: labels.size], codes[labels.size :]
