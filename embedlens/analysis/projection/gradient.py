"""Exact gradient of t-SNE over all pairs, for openTSNE's optimiser.

openTSNE approximates the repulsion of all pairs, by Barnes-Hut trees or by interpolation on a grid. In
vectorised float32 loops all pairs take less time than either up to some ten thousand items, and the
divergence is exact.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.similarity.jit import compiled, compiled_loosely
from embedlens.similarity.threads import spans

if TYPE_CHECKING:
    from types import TracebackType

    from numpy.typing import NDArray

_ROWS = 1024  # of a block; blocks are fixed, so that the order of sums does not depend on the threads
_RUN = 1024  # terms of a float32 sum; these sums are added in float64, which keeps rounding small


class ExactGradient:
    """Kullback-Leibler divergence and gradient of a map in two dimensions, for openTSNE's `gradient_descent`.

    With ``q_ij = 1 / (1 + |y_i - y_j|^2)`` and Z the sum of q over all pairs, the gradient (without the
    factor 4, which openTSNE leaves to the learning rate) is sum_j (p_ij - q_ij / Z) q_ij (y_i - y_j).

    Parameters
    ----------
    threads
        Number of threads; the answer does not depend on it.

    Notes
    -----
    Source: van der Maaten and Hinton, JMLR 2008, equation 5. The distances of a pair have the rounding of
    float32, relative to the size of the map.
    """

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(max(1, threads))

    def __enter__(self) -> ExactGradient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()

    def __call__(
        self, embedding: NDArray[np.float64], P: Any, should_eval_error: bool = False, **_: Any
    ) -> tuple[float, NDArray[np.float64]]:
        """Return the divergence (0 unless it is requested) and the gradient [N, 2].

        `P` is the sparse matrix of affinities [N, N], in rows; openTSNE exaggerates it beforehand.
        """
        map_ = np.ascontiguousarray(embedding, np.float64).view(np.ndarray)
        x, y = np.ascontiguousarray(map_.T, np.float32)
        parts = spans(len(map_), _ROWS)
        run = self._pool.map if len(parts) > 1 else map
        repulsion, gradient = np.empty_like(map_), np.empty_like(map_)
        total = sum(run(lambda part: _repulsion(x, y, part.start, repulsion[part]), parts))
        affinities = P.indptr, P.indices, P.data
        errors = run(
            lambda part: _attraction(
                map_, part.start, affinities, repulsion[part], total, should_eval_error, gradient[part]
            ),
            parts,
        )
        error = sum(errors)
        if not should_eval_error:
            return 0.0, gradient
        return error + float(P.data.sum()) * float(np.log(total)), gradient


@compiled_loosely
def _repulsion(x: NDArray[np.float32], y: NDArray[np.float32], start: int, out: NDArray[np.float64]) -> float:
    """Write sum_j q_ij^2 (y_i - y_j) of some rows, and return their sum of q_ij without i = j."""
    total = 0.0
    one = np.float32(1)
    for row in range(out.shape[0]):
        x_i, y_i = x[start + row], y[start + row]
        out[row, 0] = out[row, 1] = 0.0
        for first in range(0, x.size, _RUN):
            x_j, y_j = x[first : first + _RUN], y[first : first + _RUN]
            sum_x = sum_y = sum_q = np.float32(0)
            for j in range(x_j.size):
                dx, dy = x_i - x_j[j], y_i - y_j[j]
                # `/` checks for a zero divisor, so its loop is not vectorised: 150 ms instead of 20.
                q = np.divide(one, one + dx * dx + dy * dy)
                sum_q += q
                sum_x += q * q * dx
                sum_y += q * q * dy
            out[row, 0] += sum_x
            out[row, 1] += sum_y
            total += float(sum_q)
        total -= 1.0
    return total


@compiled
def _attraction(
    map_: NDArray[np.float64],
    start: int,
    affinities: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]],
    repulsion: NDArray[np.float64],
    total: float,
    with_error: bool,
    out: NDArray[np.float64],
) -> float:
    """Write the gradient of some rows; return their sum of p_ij log(p_ij / q_ij), q not yet divided by Z."""
    offsets, columns, values = affinities
    error = 0.0
    for row in range(out.shape[0]):
        i = start + row
        sum_x = sum_y = 0.0
        for at in range(offsets[i], offsets[i + 1]):
            j, p = columns[at], values[at]
            dx, dy = map_[i, 0] - map_[j, 0], map_[i, 1] - map_[j, 1]
            distance = 1.0 + dx * dx + dy * dy
            pull = np.divide(p, distance)
            sum_x += pull * dx
            sum_y += pull * dy
            if with_error and p > 0.0:
                error += p * np.log(p * distance)
        out[row, 0] = sum_x - repulsion[row, 0] / total
        out[row, 1] = sum_y - repulsion[row, 1] / total
    return error
