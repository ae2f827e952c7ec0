"""Pairs of queries and gallery rows whose label sets share a label."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.label_sets import LabelSets
from embedlens.similarity import sharing_kernels as kernels
from embedlens.similarity.threads import in_parallel, spans

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedlens.similarity.sharing_kernels import Tables

MOST_WORDS = 4
"""Words of 64 bits up to which pairs are tested by bits; with more labels, the rows of each are listed."""

_ROWS = 256


class Sharing:
    """Which queries and gallery rows share a label; memory grows with the labels, not with the pairs.

    Parameters
    ----------
    queries, gallery
        Label sets of N queries and M gallery rows.
    own
        int64 [N] each: the range of gallery rows that are query i itself, from and to.
    """

    def __init__(
        self, queries: LabelSets, gallery: LabelSets, own: tuple[NDArray[np.int64], NDArray[np.int64]]
    ) -> None:
        self.own, self._size = own, len(gallery)
        known = np.intersect1d(queries.indices, gallery.indices)  # others are no query's and row's in common
        asked, held = _numbered(queries, known), _numbered(gallery, known)
        words = -(-known.size // 64) if known.size <= 64 * MOST_WORDS else 0
        bits, others = (np.zeros((len(one), words), np.uint64) for one in (asked, held))
        if words:
            kernels.bits_of(asked.indptr, asked.indices, bits)
            kernels.bits_of(held.indptr, held.indices, others)
        order = np.argsort(held.indices, kind="stable")
        members = np.repeat(np.arange(len(held)), held.counts)[order]
        offsets = np.searchsorted(held.indices[order], np.arange(known.size + 1))
        self.tables: Tables = (
            bits, np.ascontiguousarray(others.T), asked.indptr, asked.indices, offsets, members,
        )  # fmt: skip

    def hide(
        self, block: NDArray[Any], rows: slice | NDArray[np.int64], columns: slice, *, value: float
    ) -> None:
        """Write a value into the entries of a block of query rows and gallery rows that share a label."""
        at = np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows
        kernels.hide_shared(block, at, columns.start, self.tables, block.dtype.type(value))

    def mask(self, query: int) -> NDArray[np.bool_]:
        """Return which gallery rows share a label with a query, its own among them, bool [M]."""
        shared: NDArray[np.bool_] = np.zeros(self._size, np.bool_)
        self.hide(shared[None], np.array([query]), slice(0, self._size), value=True)
        return shared

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """int64 [N]: number of gallery rows that share a label with query i, its own left out."""
        counts = np.zeros(self.own[0].size, np.int64)
        in_parallel(
            lambda part: kernels.count_shared(part.start, part.stop, self.tables, self.own, counts),
            spans(counts.size, _ROWS),
        )
        return counts


def _numbered(sets: LabelSets, known: NDArray[np.int64]) -> LabelSets:
    """Return label sets without labels that are not known, numbered in the order of those that are."""
    at = np.searchsorted(known, sets.indices)
    kept = at < known.size
    kept[kept] = known[at[kept]] == sets.indices[kept]
    ends = np.concatenate([[0], np.cumsum(kept)])[sets.indptr]
    return LabelSets(ends, at[kept])
