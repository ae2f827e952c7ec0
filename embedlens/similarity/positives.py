"""Most similar positives of every row: each class is a range of rows, screened in float32, then resolved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedlens.similarity import candidates as selection
from embedlens.similarity.exact import sides_of
from embedlens.similarity.negatives import Top
from embedlens.similarity.pairing import POSITIVE
from embedlens.similarity.products import multiply
from embedlens.similarity.screen import Screen, float32_error
from embedlens.similarity.threads import in_parallel, spans

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SMALL_CLASS = 96  # items of a class up to which single products are computed instead of a matrix product
_MANY = 0.15  # fraction of the gallery from which on a matrix product with all of it takes less time
_BLOCK_VALUES = 1 << 22  # float32 similarities of a block of rows of one class


def most_similar_positives(screen: Screen, depth: NDArray[np.int64]) -> Top:
    """Return the `depth` [N] most similar positives of every query, in the pairing's order."""
    pairing = screen.pairing
    wanted = np.minimum(depth, pairing.positives)
    top = Top.empty(wanted, len(pairing.gallery))
    sides = sides_of(pairing)
    if pairing.sharing is not None:
        _compare_listed(screen, wanted, top)
        return top
    slack = 2 * float32_error(pairing.queries.dim)
    ranges = pairing.first, pairing.last, pairing.own_first, pairing.own_last
    units = screen.queries.unit, screen.gallery.unit
    out = top.index, top.similarity, top.undecided

    def compare(rows: slice) -> None:
        """Rows of small classes, product by product."""
        block = np.empty((0, 0), np.float32)
        selection.best_of_class(sides, units, block, (rows.start, rows.stop), ranges, wanted, slack, out)

    def compare_large(rows: slice) -> None:
        """Rows of one large class, as a matrix product."""
        columns = slice(int(pairing.first[rows.start]), int(pairing.last[rows.start]))
        block = multiply(units[0][rows], units[1][columns], pairing.library)
        if not pairing.by_ranges:
            block[pairing.kinds(rows, columns) != POSITIVE] = -np.inf
        selection.best_of_class(sides, units, block, (rows.start, rows.stop), ranges, wanted, slack, out)

    size = pairing.last - pairing.first
    large = size > (_SMALL_CLASS if pairing.by_ranges else 0)  # what is ignored there is hidden in a block
    edges = np.flatnonzero(np.diff(np.where(large, pairing.first, -1), prepend=-2, append=-2))
    small_jobs: list[slice] = []
    large_jobs: list[slice] = []
    for start, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        step = max(1, _BLOCK_VALUES // max(1, int(size[start]))) if large[start] else 256
        jobs = large_jobs if large[start] else small_jobs
        jobs += [slice(part.start + start, part.stop + start) for part in spans(stop - start, step)]
    in_parallel(compare, small_jobs)
    in_parallel(compare_large, large_jobs)
    return top


def _compare_listed(screen: Screen, wanted: NDArray[np.int64], top: Top) -> None:
    """Fill in the positives of queries with label sets, which lie anywhere in the gallery."""
    pairing, sharing = screen.pairing, screen.pairing.sharing
    assert sharing is not None
    sides = sides_of(pairing)
    slack = 2 * float32_error(pairing.queries.dim)
    listed = sharing.tables, pairing.own_first, pairing.own_last
    units = screen.queries.unit, screen.gallery.unit
    out = top.index, top.similarity, top.undecided
    size = len(pairing.gallery)

    def compare(rows: slice) -> None:
        block = np.empty((0, 0), np.float32)
        if pairing.scattered or pairing.positives[rows].mean() > _MANY * size:
            block = multiply(units[0][rows], units[1], pairing.library)
        if pairing.scattered:
            block[pairing.kinds(rows, slice(0, size)) != POSITIVE] = -np.inf
        selection.best_listed(sides, units, block, (rows.start, rows.stop), listed, wanted, slack, out)

    in_parallel(compare, spans(wanted.size, min(256, max(1, _BLOCK_VALUES // size))))
