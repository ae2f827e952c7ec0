"""Compiled loops over tiles of similarities by the first d columns, for many d at once.

The tile for d columns is that for d - 1 columns plus the product of one column of each side. The maxima of a
row are updated in the same loop that adds the product, while both are in the first-level cache.
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
"""Rows whose first columns have a norm below this are not screened: their float32 products may underflow."""

PANEL = 1024
"""Number of gallery rows of a tile."""

_ROWS = (
    8  # rows whose products are added together, so that a panel of the gallery is read once for all of them
)


@compiled_loosely
def prefix_maxima(
    same: Same,
    x: Float,
    y: Float,
    scale: Float,
    ends: NDArray[np.int64],
    acc: Float,
    best: Float,
    near: Float,
) -> None:
    """Update the row maxima of a tile for consecutive numbers of columns.

    Parameters
    ----------
    same
        Of each row the columns of its class, from and to, and those ignored within them, from and to.
    x, y
        Rows [n, D] and, transposed, the rows [D, PANEL] that they are compared with.
    scale
        [T, PANEL]: factors of the products by the first ``ends[t]`` columns.
    ends
        T consecutive numbers of columns.
    acc
        [n, W]: products by the first ``ends[0] - 1`` columns; by ``ends[-1]`` afterwards.
    best, near
        [n, T]: maxima over other classes and over the row's own, what is ignored left out.
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


@compiled_loosely
def prefix_maxima_by_kind(
    kinds: NDArray[np.int8],
    x: Float,
    y: Float,
    scale: Float,
    ends: NDArray[np.int64],
    acc: Float,
    best: Float,
    near: Float,
) -> None:
    """Update the row maxima of a tile as `prefix_maxima` does, where kinds of pairs [n, W] are no ranges.

    Kinds are 0, a negative, whose maximum is `best`; 1, a positive, of `near`; others count for neither.
    """
    n, width = acc.shape
    none = np.float32(-np.inf)
    for start in range(0, n, _ROWS):
        stop = min(start + _ROWS, n)
        for t in range(ends.size):
            k = ends[t] - 1
            for i in range(start, stop):
                value = x[i, k]
                top, own = best[i, t], near[i, t]
                for j in range(width):
                    acc[i, j] += value * y[k, j]
                    product = acc[i, j] * scale[t, j]
                    top = larger(product if kinds[i, j] == 0 else none, top)
                    own = larger(product if kinds[i, j] == 1 else none, own)
                best[i, t], near[i, t] = top, own


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
def _resolved(
    a: NDArray[Any],
    divisor_a: float,
    b: NDArray[Any],
    divisor_b: float,
    products: NDArray[np.float64],
    limit: float,
) -> float:
    """Return the resolved similarity: float64, fixed order, in [-limit, limit]; 0 if a divisor is 0."""
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
    resolved: tuple[NDArray[Any], NDArray[np.float64], NDArray[Any], NDArray[np.float64]],
    kinds: NDArray[np.int8],
    bound: tuple[float, float, bool],
    hits: NDArray[np.bool_],
) -> None:
    """Decide for some rows whether a row of their own class is strictly the most similar.

    Parameters
    ----------
    rows
        Row numbers [m].
    screened
        Operands of the screen in float32: query rows [M, d], their norms [M], the gallery transposed in
        panels [P, D, PANEL], factors of its products [P, PANEL] (0: not screened), its norms [N].
    resolved
        Rows of the resolved similarity: query rows [M, d] and their divisors [M], gallery rows [N, d] and
        their divisors [N].
    kinds
        [m, N]: what gallery rows are for these rows: 0 negatives, 1 positives, others ignored.
    bound
        Largest error of a float32 product, as a fraction of the product of the norms; the largest norm of the
        gallery, 1 where products are scaled to cosines; whether they are scaled so.
    hits
        [m], written.
    """
    x, size_x, y, scale, size_y = screened
    raw, divisor, other, other_divisor = resolved
    error, widest, cosine = bound
    limit = 1.0 if cosine else np.inf
    products, block = np.empty(raw.shape[1]), np.empty(PANEL, np.float32)
    for m in range(rows.size):
        i = rows[m]
        level = -np.inf
        for j in range(other.shape[0]):
            if kinds[m, j] == 1:
                level = max(level, _resolved(raw[i], divisor[i], other[j], other_divisor[j], products, limit))
        hits[m] = True
        blind = size_x[i] < TINY
        size = size_x[i] if cosine else 1.0
        for p in range(y.shape[0]):
            start, stop = p * PANEL, min(p * PANEL + PANEL, other.shape[0])
            top, odd = _products(x[i], y[p], scale[p], block[: stop - start])
            if not (blind or odd) and top < level * size - error * size_x[i] * widest:
                continue
            for j in range(start, stop):
                if kinds[m, j] != 0:
                    continue
                reach = level * size * (size_y[j] if cosine else 1.0) - error * size_x[i] * size_y[j]
                if (blind or scale[p, j - start] == 0 or block[j - start] >= reach) and (
                    _resolved(raw[i], divisor[i], other[j], other_divisor[j], products, limit) >= level
                ):
                    hits[m] = False
                    break
            if not hits[m]:
                break
