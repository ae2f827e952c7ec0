"""Who is compared with whom: one set with itself, or queries with a gallery."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedlens.arrays import check_labels
from embedlens.errors import InputError
from embedlens.similarity.rows import Rows

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

NOBODY = -1


class Pairing:
    """Queries and gallery, both sorted by class, so that the same-class rows of a query are one range.

    Attributes
    ----------
    queries, gallery
        `Rows`; the same object where one set is compared with itself.
    query_order, gallery_order
        int64: row numbers as the caller knows them.
    query_labels, gallery_labels
        int64: their labels, ascending.
    first, last
        int64 [N]: the range of gallery rows that have the class of query i, itself included.
    """

    def __init__(
        self, z: ArrayLike, y: ArrayLike, gallery: tuple[ArrayLike, ArrayLike] | None = None
    ) -> None:
        labels = check_labels(y)
        self.query_order = np.argsort(labels, kind="stable")
        self.queries = Rows(z, self.query_order)
        self.gallery, self.gallery_order = self.queries, self.query_order
        gallery_labels = labels
        if gallery is not None:
            gallery_labels = check_labels(gallery[1])
            self.gallery_order = np.argsort(gallery_labels, kind="stable")
            self.gallery = Rows(gallery[0], self.gallery_order)
            if self.gallery.dim != self.queries.dim:
                message = (
                    f"queries have {self.queries.dim} dims, the gallery {self.gallery.dim}; they must agree"
                )
                raise InputError(message)
        self.gallery_labels = gallery_labels[self.gallery_order]
        self.query_labels = labels[self.query_order]
        self.first = np.searchsorted(self.gallery_labels, self.query_labels, side="left")
        self.last = np.searchsorted(self.gallery_labels, self.query_labels, side="right")

    @property
    def one_set(self) -> bool:
        """Whether the queries are the gallery, so that no query meets itself."""
        return self.queries is self.gallery

    @property
    def itself(self) -> NDArray[np.int64]:
        """int64 [N]: the gallery row that is query i itself; -1 where the gallery is another set."""
        if self.one_set:
            return np.arange(len(self.queries))
        return np.full(len(self.queries), NOBODY)

    @property
    def positives(self) -> NDArray[np.int64]:
        """int64 [N]: how many gallery rows have the class of query i, without itself."""
        return self.last - self.first - int(self.one_set)

    @property
    def negatives(self) -> NDArray[np.int64]:
        """int64 [N]: how many gallery rows have another class than query i."""
        return len(self.gallery) - (self.last - self.first)
