"""Compiled loops of long lists of neighbours: which entries of a tile are candidates, and which are best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.similarity.candidates import insert, kth_of
from embedlens.similarity.jit import compiled
from embedlens.similarity.kernels import dot, resolved

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bits = NDArray[np.signedinteger[Any]]


@compiled
def count_candidates(block: Bits, by_row: Bits, by_column: Bits) -> int:
    """Return how many entries reach the threshold of their row, and of their column, together.

    `by_column` is empty where a tile counts for its rows only.
    """
    found = 0
    for i in range(block.shape[0]):
        row, least = block[i], by_row[i]
        reach = np.int32(0)
        for j in range(row.size):
            reach += np.int32(row[j] >= least)
        if by_column.size:
            for j in range(row.size):
                reach += np.int32(row[j] >= by_column[j])
        found += int(reach)
    return found


@compiled
def write_candidates(
    block: Bits,
    thresholds: tuple[Bits, Bits],
    at: tuple[int, int],
    out: tuple[NDArray[np.int32], NDArray[np.int32], Bits],
) -> None:
    """Write the entries that `count_candidates` counts as (row, column, bits), the latter transposed."""
    by_row, by_column = thresholds
    count = 0
    for i in range(block.shape[0]):
        row, least = block[i], by_row[i]
        for j in range(row.size):
            value = row[j]
            if value >= least:
                out[0][count], out[1][count], out[2][count] = at[0] + i, at[1] + j, value
                count += 1
            if by_column.size and value >= by_column[j]:
                out[0][count], out[1][count], out[2][count] = at[1] + j, at[0] + i, value
                count += 1


@compiled
def count_rows(row: NDArray[np.int32], first: int, counts: NDArray[np.int64]) -> None:
    """Add to counts[i + 1] the number of entries of row first + i."""
    for p in range(row.size):
        counts[row[p] - first + 1] += 1


@compiled
def sort_by_row(
    found: tuple[NDArray[np.int32], NDArray[np.int32], Bits],
    first: int,
    place: NDArray[np.int64],
    out: tuple[NDArray[np.int32], Bits],
) -> None:
    """Write columns and bits at the next free place of their row."""
    row, column, bits = found
    for p in range(row.size):
        i = row[p] - first
        out[0][place[i]] = column[p]
        out[1][place[i]] = bits[p]
        place[i] += 1


@compiled
def best_of_candidates(
    rows: tuple[int, int, int],
    units: NDArray[np.float32],
    exact: tuple[NDArray[Any], NDArray[np.float64]],
    listed: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]],
    bounds: tuple[NDArray[np.float64], NDArray[np.float64], float, float],
    out: tuple[NDArray[np.int32], NDArray[np.bool_]],
) -> None:
    """Write the k best candidates of rows start to stop; mark the rows of which that is not certain.

    `rows` is (start, stop, first row of the lists); `listed` has offsets, columns and screened similarities;
    `bounds` the error of these, what every row that is not listed is certainly below, the error of float32,
    and the relative error of the last rounding of what was screened. Candidates that are as similar within
    the error of float32 are resolved.
    """
    start, stop, first = rows
    raw, norm = exact
    offsets, columns, screened = listed
    error, missing, error32, rounding = bounds
    depth = out[0].shape[1]
    products = np.empty(raw.shape[1])
    most = 4 * depth + 64
    index, value = np.empty(most, np.int64), np.empty(most)
    near = np.empty(most, np.float32)
    tied_index, tied_value = np.empty(most, np.int64), np.empty(most)
    for q in range(start, stop):
        low, high = int(offsets[q - first]), int(offsets[q - first + 1])
        if high - low < depth:
            out[1][q - first] = True
            continue
        least = np.float64(kth_of(screened[low:high], depth)) * (1 - 2 * rounding) - 2 * error[q]
        count = 0
        for p in range(low, high):
            if np.float64(screened[p]) >= least:
                if count == most:
                    count += 1
                    break
                index[count] = columns[p]
                near[count] = np.float32(dot(units[q], units[columns[p]]))
                count += 1
        if count > most:
            out[1][q - first] = True
            continue
        kth = np.float64(kth_of(near[:count], depth))
        if kth - error32 < missing[q]:
            out[1][q - first] = True
            continue
        kept = 0
        for p in range(count):
            if np.float64(near[p]) >= kth - 2 * error32:
                kept = insert(tied_index, tied_value, kept, index[p], np.float64(near[p]))
        # Neighbours within the bound of the one before form a run; only inside a run may the order change.
        done = 0
        while done < depth:
            end = done + 1
            while end < kept and tied_value[end - 1] - tied_value[end] <= 2 * error32:
                end += 1
            if end - done == 1:
                out[0][q - first, done] = tied_index[done]
            else:
                size = 0
                for p in range(done, end):
                    j = tied_index[p]
                    exactly = resolved(raw[q], norm[q], raw[j], norm[j], products)
                    size = insert(index[: end - done], value[: end - done], size, j, exactly)
                for p in range(done, min(end, depth)):
                    out[0][q - first, p] = index[p - done]
            done = end
