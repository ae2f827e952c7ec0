"""Gallery that queries search: its rows, and which of them are ignored for a query."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from embedlens.arguments import check_integers
from embedlens.arrays import check_targets, to_numpy
from embedlens.label_sets import LabelSets

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from embedlens.label_sets import Labels
    from embedlens.similarity.ignored import Codes


class Gallery(NamedTuple):
    """Gallery that queries search, and which of its rows are ignored for a query.

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
    junk
        int64 [N] and [M]: a code of each query and of each gallery row, such as its camera; a number below 0
        is none. Positives of a query that have its code are ignored for it, as if they were not there: Zheng
        et al., "Scalable person re-identification: a benchmark", ICCV 2015. None: no row is.
    excluded
        Codes as those of `junk`: gallery rows with the code of a query are ignored for it, whatever their
        label.
    """

    embeddings: ArrayLike
    labels: ArrayLike
    items: Codes | None = None
    junk: Codes | None = None
    excluded: Codes | None = None

    @classmethod
    def itself(
        cls, z: ArrayLike, y: ArrayLike, *, junk: ArrayLike | None = None, excluded: ArrayLike | None = None
    ) -> Gallery:
        """Return the gallery of rows that search each other, each without itself.

        Parameters
        ----------
        z, y
            Embeddings [N, D] and labels [N].
        junk, excluded
            Codes [N] of the rows; None: there are none.
        """
        rows = np.arange(check_targets(y).size)

        def twice(codes: ArrayLike | None) -> Codes | None:
            checked = None if codes is None else check_integers(codes, "codes", shape=rows.shape)
            return None if checked is None else (checked, checked)

        return cls(z, y, (rows, rows), twice(junk), twice(excluded))

    @classmethod
    def of(cls, gallery: GalleryLike) -> Gallery:
        """Return a `Gallery` from a gallery or from a pair (embeddings, labels)."""
        return cls(*gallery)

    def take(self, keep: NDArray[np.bool_], queries: NDArray[np.bool_] | None = None) -> Gallery:
        """Return the gallery rows `keep` (bool [M]) as a gallery of some queries (bool [N]; default: all)."""

        def some(codes: Codes | None) -> Codes | None:
            return (
                None
                if codes is None
                else (codes[0] if queries is None else codes[0][queries], codes[1][keep])
            )

        rows, labels = to_numpy(self.embeddings)[keep], check_targets(self.labels)[keep]
        return Gallery(rows, labels, some(self.items), some(self.junk), some(self.excluded))

    def is_itself(self, z: ArrayLike, y: Labels) -> bool:
        """Return whether the gallery is the queries: the same memory, each row the item that it is there."""
        if self.items is None or not _same_memory(self.embeddings, z):
            return False
        of_queries, of_gallery = self.items
        shared = (self.junk, self.excluded)
        return (
            np.array_equal(of_queries, of_gallery)
            and np.unique(of_queries).size == of_queries.size
            and (self.labels is y or _same_labels(check_targets(self.labels), y))
            and all(codes is None or np.array_equal(*codes) for codes in shared)
        )


GalleryLike: TypeAlias = "tuple[ArrayLike, ArrayLike] | Gallery"
"""A gallery, or its embeddings [M, D] and labels [M]."""


def leaves_out(gallery: GalleryLike | None) -> bool:
    """Return whether a gallery leaves out other rows than the queries themselves."""
    if gallery is None:
        return False
    searched = Gallery.of(gallery)
    return searched.junk is not None or searched.excluded is not None


def _same_labels(one: Labels, other: Labels) -> bool:
    """Return whether two sets of rows have the same labels."""
    if isinstance(one, LabelSets) or isinstance(other, LabelSets):
        return bool(one == other)
    return np.array_equal(one, other)


def _same_memory(one: ArrayLike, other: ArrayLike) -> bool:
    """Return whether two arrays are one."""
    if one is other:
        return True
    if not isinstance(one, np.ndarray) or not isinstance(other, np.ndarray):
        return False
    return bool(one.__array_interface__ == other.__array_interface__)
