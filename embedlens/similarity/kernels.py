"""Compiled loops: normalisation of rows, the resolved similarity of a pair, reductions of a tile.

A tile of screened similarities arrives as integers, the bits of its floating-point numbers: among
non-negative numbers the order is the same, and the loops become plain integer loops. Negative numbers have
negative bits and count as 0 here; a maximum of 0 says only that nothing is positive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.similarity.jit import compiled, compiled_loosely

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bits = NDArray[np.signedinteger[Any]]


@compiled
def sum_by_halves(products: NDArray[np.float64]) -> float:
    """Return the sum of [D] in the fixed order: halves are added until one number is left; overwrites [D].

    Each term passes through log2(D) additions, so the error grows with log2(D) roundoffs only.
    """
    width = products.size
    while width > 1:
        half = (width + 1) // 2
        for d in range(width - half):
            products[d] += products[half + d]
        width = half
    return float(products[0])


@compiled
def squares(raw: NDArray[Any], out: NDArray[np.float64]) -> None:
    """Write the squared norm of every row."""
    products = np.empty(raw.shape[1])
    for i in range(raw.shape[0]):
        row = raw[i]
        for d in range(row.size):
            value = np.float64(row[d])
            products[d] = value * value
        out[i] = sum_by_halves(products)


@compiled
def resolved(
    a: NDArray[Any], norm_a: float, b: NDArray[Any], norm_b: float, products: NDArray[np.float64]
) -> float:
    """Return the cosine similarity of two rows: float64, in one fixed order, in [-1, 1]."""
    for d in range(a.size):
        products[d] = (np.float64(a[d]) / norm_a) * (np.float64(b[d]) / norm_b)
    return min(1.0, max(-1.0, sum_by_halves(products)))


@compiled
def resolve_pairs(
    raw_a: NDArray[Any],
    norm_a: NDArray[np.float64],
    raw_b: NDArray[Any],
    norm_b: NDArray[np.float64],
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    out: NDArray[np.float64],
) -> None:
    """Write the resolved similarity of the pairs (a[p], b[p])."""
    products = np.empty(raw_a.shape[1])
    for p in range(a.size):
        i, j = a[p], b[p]
        out[p] = resolved(raw_a[i], norm_a[i], raw_b[j], norm_b[j], products)


@compiled
def normalise(
    raw: NDArray[Any],
    norm: NDArray[np.float64],
    unit: NDArray[np.float32],
    half: NDArray[np.uint16],
    error: NDArray[np.float64],
) -> None:
    """Write unit rows in float32, as bits of bfloat16 unless `half` is empty, and their rounding errors.

    `error` [N] is the norm of a row's rounding errors, in bfloat16 where `half` is written, else in float32.
    """
    one = np.empty(1, np.float32)
    bits = one.view(np.uint32)
    back = np.empty(1, np.uint32)
    rounded = back.view(np.float32)
    for i in range(raw.shape[0]):
        total = 0.0
        for d in range(raw.shape[1]):
            value = np.float64(raw[i, d]) / norm[i]
            one[0] = np.float32(value)
            unit[i, d] = one[0]
            if half.size:
                # Round to nearest, ties to even: add half a unit of the upper 16 bits, less 1 where they are
                # even.
                top = (
                    bits[0] + np.uint32(0x7FFF) + ((bits[0] >> np.uint32(16)) & np.uint32(1))
                ) >> np.uint32(16)
                half[i, d] = np.uint16(top)
                back[0] = np.uint32(top) << np.uint32(16)
                gap = value - np.float64(rounded[0])
            else:
                gap = value - np.float64(one[0])
            total += gap * gap
        error[i] = np.sqrt(total) * (1 + 1e-9)  # the sum itself is rounded


@compiled
def hide(
    block: NDArray[Any], first: NDArray[np.int64], last: NDArray[np.int64], column: int, value: Any
) -> None:
    """Set entries of a tile to a value: in row i those of gallery rows first[i] to last[i].

    The tile's first column is gallery row `column`; the value is of the tile's type.
    """
    for i in range(block.shape[0]):
        low = max(first[i] - column, 0)
        high = min(last[i] - column, block.shape[1])
        for j in range(low, high):
            block[i, j] = value


@compiled
def mark(
    kinds: NDArray[np.int8], queries: NDArray[np.int32], gallery: NDArray[np.int32], inside: int
) -> None:
    """Set kinds of pairs to 2 where both rows have the same code; no row shares a code below 0.

    Codes are [K, n] and [K, m]. The first `inside` of them count for pairs whose kind is not 0 alone.
    """
    for i in range(kinds.shape[0]):
        row = kinds[i]
        for k in range(queries.shape[0]):
            code = queries[k, i]
            if code < 0:
                continue
            others = gallery[k]
            if k < inside:
                for j in range(row.size):
                    row[j] = np.int8(2) if others[j] == code and row[j] != 0 else row[j]
            else:
                for j in range(row.size):
                    row[j] = np.int8(2) if others[j] == code else row[j]


@compiled
def hide_marked(block: NDArray[Any], kinds: NDArray[np.int8], value: Any) -> None:
    """Set the entries of a block whose kind is not 0 to a value, which is of the block's type."""
    for i in range(block.shape[0]):
        for j in range(block.shape[1]):
            block[i, j] = value if kinds[i, j] != 0 else block[i, j]


@compiled
def count_kinds(kinds: NDArray[np.int8], counts: NDArray[np.int64]) -> None:
    """Add the numbers of the kinds 0, 1 and 2 in each row to counts [n, 3]."""
    for i in range(kinds.shape[0]):
        positives = ignored = 0
        for j in range(kinds.shape[1]):
            positives += kinds[i, j] == 1
            ignored += kinds[i, j] == 2
        counts[i, 0] += kinds.shape[1] - positives - ignored
        counts[i, 1] += positives
        counts[i, 2] += ignored


@compiled
def group_maxima(block: Bits, group: int, by_row: Bits, by_column: Bits) -> None:
    """Write the maxima of groups of columns for every row, and of groups of rows for every column.

    `by_row` is [groups of columns, rows]; `by_column` is [groups of rows, columns], or has no rows where
    the tile counts for its rows only.
    """
    zero = by_row.dtype.type(0)
    n, width = block.shape
    mirrored = by_column.shape[0] > 0
    columns = np.zeros(width, by_row.dtype)  # contiguous, unlike `by_column`: the loop below is vectorised
    for first in range(0, n, group):
        for i in range(first, min(first + group, n)):
            row = block[i]
            for g in range(0, width, group):
                size = min(group, width - g)
                part = row[g : g + size]
                best = zero
                if mirrored:
                    column = columns[g : g + size]
                    for j in range(size):
                        best = max(best, part[j])
                        column[j] = max(column[j], part[j])
                else:
                    for j in range(size):
                        best = max(best, part[j])
                by_row[g // group, i] = best
        if mirrored:
            for j in range(width):
                by_column[first // group, j] = columns[j]
                columns[j] = zero


@compiled
def count_by_row(block: Bits, maybe: Bits, sure: Bits, counts: NDArray[np.int64]) -> None:
    """Add to counts[i] the numbers of entries of row i that are at least maybe[i] and at least sure[i]."""
    # Counters of int16 are as wide as the entries of bfloat16 tiles; 256 columns cannot overflow them.
    for i in range(block.shape[0]):
        row = block[i]
        low, high = maybe[i], sure[i]
        for start in range(0, row.size, 256):
            part = row[start : min(start + 256, row.size)]
            reach, pass_ = np.int16(0), np.int16(0)
            for j in range(part.size):
                reach = np.int16(reach + np.int16(part[j] >= low))
                pass_ = np.int16(pass_ + np.int16(part[j] >= high))
            counts[i, 0] += reach
            counts[i, 1] += pass_


@compiled
def count_by_column(block: Bits, maybe: Bits, sure: Bits, counts: NDArray[np.int64]) -> None:
    """Add to counts[j] the numbers of entries of column j that are at least maybe[j] and at least sure[j]."""
    width = block.shape[1]
    reach, pass_ = np.zeros(width, np.int16), np.zeros(width, np.int16)
    for i in range(block.shape[0]):
        row = block[i]
        for j in range(width):
            reach[j] = np.int16(reach[j] + np.int16(row[j] >= maybe[j]))
        for j in range(width):
            pass_[j] = np.int16(pass_[j] + np.int16(row[j] >= sure[j]))
    for j in range(width):
        counts[j, 0] += reach[j]
        counts[j, 1] += pass_[j]


@compiled_loosely
def dot(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Return the product of two float32 rows, summed in any order."""
    total = np.float32(0)
    for d in range(a.size):
        total += a[d] * b[d]
    return np.float64(total)
