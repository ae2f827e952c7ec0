"""Compiled loops that select the most similar candidates, resolving those that screening leaves undecided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.similarity.jit import compiled
from embedlens.similarity.kernels import dot, resolved
from embedlens.similarity.sharing_kernels import shared_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedlens.similarity.sharing_kernels import Tables

    Bits = NDArray[np.signedinteger[Any]]
    Sides = tuple[NDArray[Any], NDArray[np.float64], NDArray[Any], NDArray[np.float64], NDArray[np.int64]]
    """rows and norms of queries, rows and norms of the gallery, the caller's numbers of gallery rows"""

MANY_CANDIDATES = 64
"""A row with more than 4 k + 64 candidates for its k most similar is ambiguous (`exact`)."""


@compiled
def kth_of(values: NDArray[Any], k: int) -> Any:
    """Return the k-th largest of at least k numbers; k is small."""
    # A linear list of the k best: `np.partition` in compiled code took 13 s to compile.
    best = values[:k].copy()
    least = 0
    for at in range(k):
        if best[at] < best[least]:
            least = at
    for p in range(k, values.size):
        if values[p] > best[least]:
            best[least] = values[p]
            for at in range(k):
                if best[at] < best[least]:
                    least = at
    return best[least]


@compiled
def kth_largest(values: Bits, k: NDArray[np.int64], out: Bits) -> None:
    """Write the k[i]-th largest of row i; 0 where the row has fewer."""
    for i in range(values.shape[0]):
        enough = 0 < k[i] <= values.shape[1]
        out[i] = kth_of(values[i], k[i]) if enough else 0


@compiled
def keep(
    block: NDArray[np.float32],
    at: tuple[NDArray[np.int64], int],
    least: NDArray[np.float32],
    room: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]],
) -> None:
    """Write the entries that are at least least[i], as (row, column, value)."""
    rows, start = at
    count = 0
    for i in range(block.shape[0]):
        row = block[i]
        for j in range(row.size):
            if row[j] >= least[i]:
                room[0][count] = rows[i]
                room[1][count] = start + j
                room[2][count] = row[j]
                count += 1


@compiled
def by_row(
    row: NDArray[np.int32], column: NDArray[np.int32], value: NDArray[np.float32], start: int, stop: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
    """Sort the entries whose row is not negative by row: offsets of rows start to stop, columns, values."""
    offsets = np.zeros(stop - start + 1, np.int64)
    for p in range(row.size):
        if row[p] >= 0:
            offsets[row[p] - start + 1] += 1
    for i in range(1, offsets.size):
        offsets[i] += offsets[i - 1]
    columns = np.empty(offsets[-1], np.int32)
    values = np.empty(offsets[-1], np.float32)
    at = offsets[:-1].copy()
    for p in range(row.size):
        if row[p] >= 0:
            place = at[row[p] - start]
            columns[place] = column[p]
            values[place] = value[p]
            at[row[p] - start] += 1
    return offsets, columns, values


@compiled
def insert(
    index: NDArray[np.int64], similarity: NDArray[np.float64], count: int, item: int, value: float
) -> int:
    """Insert an item into a list, by falling similarity and rising number; return the list's length."""
    if count == index.size:
        last = count - 1
        if value < similarity[last] or (value == similarity[last] and item > index[last]):
            return count
    else:
        last = count
    while last > 0 and (
        similarity[last - 1] < value or (similarity[last - 1] == value and index[last - 1] > item)
    ):
        similarity[last], index[last] = similarity[last - 1], index[last - 1]
        last -= 1
    similarity[last], index[last] = value, item
    return min(count + 1, index.size)


@compiled
def best_resolved(
    sides: Sides,
    rows: tuple[int, int, int, int],
    found: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]],
    depth: NDArray[np.int64],
    slack: float,
    top: tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]],
) -> None:
    """Write the depth[i] best candidates of rows start to stop; mark ambiguous rows.

    `rows` is (start, stop, first row of `found`, first row of the band); candidates come with float32
    similarities that are within `slack` / 2 of the resolved ones.
    """
    raw_q, norm_q, raw_g, norm_g, order = sides
    start, stop, base, band = rows
    offsets, columns, values = found
    products = np.empty(raw_q.shape[1])
    for i in range(start, stop):
        low, high = int(offsets[i - base]), int(offsets[i - base + 1])
        k = min(depth[i], high - low)
        if k == 0:
            continue
        kth = kth_of(values[low:high], k)
        undecided = 0
        for p in range(low, high):
            # In float64: float32 would round the threshold, perhaps above a candidate.
            undecided += int(np.float64(values[p]) >= np.float64(kth) - slack)
        if undecided > 4 * k + MANY_CANDIDATES:
            top[2][i] = True
            continue
        q = band + i
        index, similarity, count = top[0][i, : depth[i]], top[1][i, : depth[i]], 0
        for p in range(low, high):
            if np.float64(values[p]) >= np.float64(kth) - slack:
                j = columns[p]
                value = resolved(raw_q[q], norm_q[q], raw_g[j], norm_g[j], products)
                count = insert(index, similarity, count, order[j], value)


@compiled
def merge(
    at: tuple[NDArray[np.int64], NDArray[np.int64]],
    positive: tuple[NDArray[np.int64], NDArray[np.float64]],
    negative: tuple[NDArray[np.int64], NDArray[np.float64]],
    out: tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]],
) -> None:
    """Merge lists, best first, into (index, similarity, is positive); on ties negatives come first.

    `at` is (rows of the lists, how many are wanted of each).
    """
    for i in range(at[0].size):
        row = at[0][i]
        p = n = 0
        for place in range(at[1][i]):
            has_positive = p < positive[0].shape[1] and positive[0][row, p] >= 0
            has_negative = n < negative[0].shape[1] and negative[0][row, n] >= 0
            if has_negative and (not has_positive or negative[1][row, n] >= positive[1][row, p]):
                out[0][i, place], out[1][i, place] = negative[0][row, n], negative[1][row, n]
                n += 1
            elif has_positive:
                out[0][i, place], out[1][i, place] = positive[0][row, p], positive[1][row, p]
                out[2][i, place] = True
                p += 1


@compiled
def is_ambiguous(values: NDArray[np.float32], k: int, least: float) -> bool:
    """Whether too many candidates for the k most similar reach the level that the bound leaves undecided."""
    undecided = 0
    for p in range(values.size):
        undecided += int(np.float64(values[p]) >= least)
    return undecided > 4 * k + MANY_CANDIDATES


@compiled
def best_of_class(
    sides: Sides,
    units: tuple[NDArray[np.float32], NDArray[np.float32]],
    block: NDArray[np.float32],
    rows: tuple[int, int],
    ranges: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
    depth: NDArray[np.int64],
    slack: float,
    top: tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]],
) -> None:
    """Write the depth[i] most similar rows of its class for the rows start to stop; mark ambiguous rows.

    `block` has their float32 similarities to the class, where all rows are of one class; if it is empty, they
    are computed here. `ranges` has, for every row, the range (first, last) of its class and, within it, that
    of the row itself.
    """
    raw_q, norm_q, raw_g, norm_g, order = sides
    products = np.empty(raw_q.shape[1])
    for i in range(rows[0], rows[1]):
        first, last = ranges[0][i], ranges[1][i]
        own_first, own_last = ranges[2][i], ranges[3][i]
        k = depth[i]
        if k == 0:
            continue
        values = np.zeros(last - first, np.float32)
        if block.shape[0] > 0:
            for p in range(values.size):
                values[p] = block[i - rows[0], p]
        elif k < last - first - (own_last - own_first):
            for j in range(first, last):
                values[j - first] = dot(units[0][i], units[1][j])
        # else all are wanted, whatever their similarity
        for j in range(own_first, own_last):
            values[j - first] = -np.inf
        least = np.float64(kth_of(values, k)) - slack
        if is_ambiguous(values, k, least):
            top[2][i] = True
            continue
        index, similarity, count = top[0][i, :k], top[1][i, :k], 0
        for p in range(values.size):
            if np.float64(values[p]) >= least:
                j = first + p
                value = resolved(raw_q[i], norm_q[i], raw_g[j], norm_g[j], products)
                count = insert(index, similarity, count, order[j], value)


@compiled
def best_listed(
    sides: Sides,
    units: tuple[NDArray[np.float32], NDArray[np.float32]],
    block: NDArray[np.float32],
    rows: tuple[int, int],
    listed: tuple[Tables, NDArray[np.int64], NDArray[np.int64]],
    depth: NDArray[np.int64],
    slack: float,
    top: tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]],
) -> None:
    """Write the depth[i] most similar gallery rows that share a label, for the rows start to stop.

    As `best_of_class`; `block` has float32 similarities to the whole gallery, or is empty. `listed` is (which
    rows share a label, and the range of gallery rows that are each query itself, from and to).
    """
    raw_q, norm_q, raw_g, norm_g, order = sides
    products = np.empty(raw_q.shape[1])
    size = raw_g.shape[0]
    seen, columns = np.full(size, -1), np.empty(size + 1, np.int64)
    for i in range(rows[0], rows[1]):
        k = depth[i]
        if k == 0:
            continue
        count = shared_rows(i, listed[0], (listed[1][i], listed[2][i]), seen, columns)
        values = np.zeros(count, np.float32)
        if block.shape[0] > 0:
            for p in range(count):
                values[p] = block[i - rows[0], columns[p]]
        elif k < count:
            for p in range(count):
                values[p] = dot(units[0][i], units[1][columns[p]])
        least = np.float64(kth_of(values, k)) - slack
        if is_ambiguous(values, k, least):
            top[2][i] = True
            continue
        index, similarity, kept = top[0][i, :k], top[1][i, :k], 0
        for p in range(count):
            if np.float64(values[p]) >= least:
                j = columns[p]
                value = resolved(raw_q[i], norm_q[i], raw_g[j], norm_g[j], products)
                kept = insert(index, similarity, kept, order[j], value)
