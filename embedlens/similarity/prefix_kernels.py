"""Loops over tiles of similarities by the first d columns, for many d at once.

The tile for d columns is that for d - 1 columns plus one product of columns. A row's largest entries are
taken in the same loop that adds the product, while both are in the processor's first cache.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.similarity.jit import compiled, compiled_loosely, larger
from embedlens.similarity.kernels import sum_by_halves

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Float = NDArray[np.float32]
    Same = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]

TINY = 1e-15
"""Rows whose first columns have a norm below this are not screened, for their products may underflow."""

PANEL = 1024
"""Gallery rows that are compared at once."""

_ROWS = 8


@compiled_loosely
def prefix_maxima(
    x: Float,
    y: Float,
    scale: Float,
    ends: NDArray[np.int64],
    acc: Float,
    same: Same,
    best: Float,
    near: Float,
) -> None:
    """Raise the row maxima of a tile for consecutive numbers of columns.

    Parameters
    ----------
    x, y
        Rows [n, D] and, transposed, the rows [D, PANEL] that they are compared with.
    scale
        [T, PANEL]: what the products by the first ``ends[t]`` columns are multiplied with.
    ends
        T consecutive numbers of columns.
    acc
        [n, W]: products by the first ``ends[0] - 1`` columns; by ``ends[-1]`` afterwards.
    same
        Of each row the columns of its class, from and to, and those of itself within them, from and to.
    best, near
        [n, T]: maxima over other classes and over the row's own, itself left out.
    """
    low, high, own_low, own_high = same
    n, width = acc.shape
    for start in range(0, n, _ROWS):
        stop = min(start + _ROWS, n)
        for t in range(ends.size):
            k = ends[t] - 1
            for i in range(start, stop):
                value = x[i, k]
                a, b = low[i], high[i]
                top = best[i, t]
                for j in range(a):
                    acc[i, j] += value * y[k, j]
                    top = larger(acc[i, j] * scale[t, j], top)
                for j in range(b, width):
                    acc[i, j] += value * y[k, j]
                    top = larger(acc[i, j] * scale[t, j], top)
                best[i, t] = top
                if a < b:
                    top = near[i, t]
                    for j in range(a, own_low[i]):
                        acc[i, j] += value * y[k, j]
                        top = larger(acc[i, j] * scale[t, j], top)
                    for j in range(own_high[i], b):
                        acc[i, j] += value * y[k, j]
                        top = larger(acc[i, j] * scale[t, j], top)
                    near[i, t] = top


@compiled
def prefix_norms(raw: NDArray[np.float64], ends: NDArray[np.int64], out: NDArray[np.float64]) -> None:
    """Write the norms [N, T] of the first ``ends[t]`` columns of rows [N, D]; `ends` ascends."""
    for i in range(raw.shape[0]):
        total, k = 0.0, 0
        for t in range(ends.size):
            while k < ends[t]:
                total += raw[i, k] * raw[i, k]
                k += 1
            out[i, t] = np.sqrt(total)


@compiled
def _settled(
    a: NDArray[Any],
    divisor_a: float,
    b: NDArray[Any],
    divisor_b: float,
    products: NDArray[np.float64],
    limit: float,
) -> float:
    """Return the similarity that counts: float64, in fixed order, at most `limit`; 0 if a divisor is 0."""
    if divisor_a == 0 or divisor_b == 0:
        return 0.0
    for d in range(a.size):
        products[d] = (np.float64(a[d]) / divisor_a) * (np.float64(b[d]) / divisor_b)
    return min(limit, max(-limit, sum_by_halves(products)))


@compiled_loosely
def _products(x: Float, y: Float, scale: Float, out: Float) -> tuple[float, bool]:
    """Write the products of a row [d] with columns; return the largest scaled one, and if a scale is 0."""
    for j in range(out.size):
        out[j] = x[0] * y[0, j]
    for k in range(1, x.size):
        value = x[k]
        for j in range(out.size):
            out[j] += value * y[k, j]
    top, none = np.float32(-np.inf), 0
    for j in range(out.size):
        top = larger(out[j] * scale[j], top)
        none += scale[j] == 0
    return np.float64(top), none > 0


@compiled
def decide(
    rows: NDArray[np.int64],
    screened: tuple[Float, NDArray[np.float64], Float, Float, NDArray[np.float64]],
    settled: tuple[NDArray[Any], NDArray[np.float64], NDArray[Any], NDArray[np.float64]],
    same: Same,
    bound: tuple[float, float, bool],
    hits: NDArray[np.bool_],
) -> None:
    """Decide for some rows whether a row of their own class is strictly the most similar.

    Parameters
    ----------
    rows
        Row numbers [m].
    screened
        What is multiplied in float32: query rows [M, d], their norms [M], the gallery transposed in panels
        [P, D, PANEL], what its products are multiplied with [P, PANEL] (0: not screened), its norms [N].
    settled
        What counts: query rows [M, d] and what they are divided by [M], gallery rows [N, d] and the same.
    same
        Of every query the range of gallery rows of its class, and that of itself within it, from and to.
    bound
        How far a float32 product may be from the exact one, as a fraction of both norms; the largest of the
        gallery's norms, 1 where products are scaled to cosines; and whether they are.
    hits
        [m], written.
    """
    x, size_x, y, scale, size_y = screened
    raw, divisor, other, other_divisor = settled
    low, high, own_low, own_high = same
    error, widest, cosine = bound
    limit = 1.0 if cosine else np.inf
    products, block = np.empty(raw.shape[1]), np.empty(PANEL, np.float32)
    for m in range(rows.size):
        i = rows[m]
        level = -np.inf
        for j in range(low[i], high[i]):
            if j < own_low[i] or j >= own_high[i]:
                level = max(level, _settled(raw[i], divisor[i], other[j], other_divisor[j], products, limit))
        hits[m] = True
        blind = size_x[i] < TINY
        size = size_x[i] if cosine else 1.0
        for p in range(y.shape[0]):
            start, stop = p * PANEL, min(p * PANEL + PANEL, other.shape[0])
            top, odd = _products(x[i], y[p], scale[p], block[: stop - start])
            if not (blind or odd) and top < level * size - error * size_x[i] * widest:
                continue
            for j in range(start, stop):
                if low[i] <= j < high[i]:
                    continue
                reach = level * size * (size_y[j] if cosine else 1.0) - error * size_x[i] * size_y[j]
                if (blind or scale[p, j - start] == 0 or block[j - start] >= reach) and (
                    _settled(raw[i], divisor[i], other[j], other_divisor[j], products, limit) >= level
                ):
                    hits[m] = False
                    break
            if not hits[m]:
                break
