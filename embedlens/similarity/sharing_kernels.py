"""Compiled loops over pairs of rows that share a label of their sets.

A pair is tested by bits, 64 labels in a word, where there are few labels; else the rows of each label are
listed, and those of a query's labels are marked, which takes time for positives only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.similarity.jit import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Integers = NDArray[np.int64]
    Words = NDArray[np.uint64]
    Tables = tuple[Words, Words, Integers, Integers, Integers, Integers]
    """bits of queries [N, W] and, transposed, of the gallery [W, M]; W = 0: lists are used. Labels of queries
    (indptr, indices); gallery rows of each label (offsets, rows)."""


@compiled
def bits_of(indptr: Integers, indices: Integers, words: Words) -> None:
    """Set the bits of each item's labels in words [N, W]."""
    for i in range(words.shape[0]):
        for p in range(indptr[i], indptr[i + 1]):
            words[i, indices[p] // 64] |= np.uint64(1) << np.uint64(indices[p] % 64)


@compiled
def _first_at_least(members: Integers, low: int, high: int, row: int) -> int:
    """Return the first place from low to high whose member is at least `row`; members ascend."""
    while low < high:
        middle = (low + high) // 2
        if members[middle] < row:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def hide_shared(block: NDArray[Any], at: Integers, start: int, tables: Tables, value: Any) -> None:
    """Write a value into the entries of a block whose two rows share a label.

    Row i of the block is query ``at[i]``, its first column gallery row `start`.
    """
    bits, others, indptr, indices, offsets, members = tables
    stop = start + block.shape[1]
    common = np.empty(block.shape[1], np.uint64)
    for i in range(block.shape[0]):
        row, q = block[i], at[i]
        if bits.shape[1] == 0:
            for p in range(indptr[q], indptr[q + 1]):
                label = indices[p]
                place = _first_at_least(members, offsets[label], offsets[label + 1], start)
                while place < offsets[label + 1] and members[place] < stop:
                    row[members[place] - start] = value
                    place += 1
            continue
        common[:] = np.uint64(0)
        for w in range(bits.shape[1]):
            word = bits[q, w]
            if word != 0:
                other = others[w, start:stop]
                for j in range(row.size):
                    common[j] |= word & other[j]
        for j in range(row.size):
            row[j] = value if common[j] != 0 else row[j]


@compiled
def shared_rows(q: int, tables: Tables, own: tuple[int, int], seen: Integers, rows: Integers) -> int:
    """Write the gallery rows that share a label with query q, but for its own, in any order; return how many.

    `seen` [M] holds numbers other than q; the rows that share a label get q.
    """
    bits, others, indptr, indices, offsets, members = tables
    count = 0
    for w in range(bits.shape[1]):
        word = bits[q, w]
        if word == 0:
            continue
        for j in range(seen.size):
            if word & others[w, j] != 0 and seen[j] != q:
                seen[j] = q
                rows[count] = j
                count += int(j < own[0] or j >= own[1])
    if bits.shape[1] == 0:
        for p in range(indptr[q], indptr[q + 1]):
            for place in range(offsets[indices[p]], offsets[indices[p] + 1]):
                j = members[place]
                if seen[j] != q:
                    seen[j] = q
                    rows[count] = j
                    count += int(j < own[0] or j >= own[1])
    return count


@compiled
def count_shared(
    start: int, stop: int, tables: Tables, own: tuple[Integers, Integers], counts: Integers
) -> None:
    """Write for the queries from start to stop how many gallery rows but their own share a label."""
    size = tables[1].shape[1]
    seen, rows = np.full(size, -1), np.empty(size + 1, np.int64)
    for q in range(start, stop):
        counts[q] = shared_rows(q, tables, (own[0][q], own[1][q]), seen, rows)
