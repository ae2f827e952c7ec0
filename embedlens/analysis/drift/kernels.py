"""Compiled loops over rows: centring, angles between paired rows, shared neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.similarity.jit import compiled, compiled_loosely

if TYPE_CHECKING:
    from numpy.typing import NDArray

AT_MEAN = 1e-24
"""Squared length, against a mean square of 1, below which a centred row is rounding and has no direction."""


@compiled
def centre(
    raw: NDArray[Any],
    norm: NDArray[np.float64],
    mean: NDArray[np.float64],
    scale: float,
    out: NDArray[Any],
) -> None:
    """Write (raw / norm - mean) * scale, computed in float64 and rounded once to the type of `out`."""
    for i in range(raw.shape[0]):
        for d in range(raw.shape[1]):
            out[i, d] = (np.float64(raw[i, d]) / norm[i] - mean[d]) * scale


# Sums of squares in any order differ by roundoffs of float64 alone, and are summed eight at a time.
@compiled_loosely
def angle_sum(left: NDArray[Any], right: NDArray[Any]) -> tuple[float, int]:
    """Return the sum of the angles between row i of both, in radians, and how many rows have one.

    A row at the mean has no direction. The angle is 2 atan2(|u - v|, |u + v|) of the unit rows, exact
    to roundoffs for small angles, too (Kahan, "How futile are mindless assessments of roundoff", 2006).
    """
    total, count = 0.0, 0
    for i in range(left.shape[0]):
        one = other = 0.0
        for d in range(left.shape[1]):
            one += np.float64(left[i, d]) * np.float64(left[i, d])
            other += np.float64(right[i, d]) * np.float64(right[i, d])
        if one < AT_MEAN or other < AT_MEAN:
            continue
        a, b = 1.0 / np.sqrt(one), 1.0 / np.sqrt(other)
        apart = together = 0.0
        for d in range(left.shape[1]):
            u, v = np.float64(left[i, d]) * a, np.float64(right[i, d]) * b
            apart += (u - v) * (u - v)
            together += (u + v) * (u + v)
        total += 2.0 * np.arctan2(np.sqrt(apart), np.sqrt(together))
        count += 1
    return total, count


@compiled
def count_shared(
    ids: NDArray[np.int32],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    ks: NDArray[np.int64],
    counts: NDArray[np.int64],
    n_rows: int,
) -> None:
    """Add to counts[p, t] how many of the ks[t] nearest rows snapshots first[p] and second[p] share.

    `ids` [S, n, K] has the neighbours of n items in each snapshot, best first; pairs are sorted by `first`.
    """
    n, depth = ids.shape[1], ids.shape[2]
    place = np.full(n_rows, depth, np.int32)  # of a row among the neighbours in the first of two snapshots
    for i in range(n):
        marked = -1
        for p in range(first.size):
            a, b = first[p], second[p]
            if a != marked:
                if marked >= 0:
                    for q in range(depth):
                        place[ids[marked, i, q]] = depth
                for q in range(depth):
                    place[ids[a, i, q]] = q
                marked = a
            for t in range(ks.size):
                shared = 0
                for q in range(ks[t]):
                    shared += int(place[ids[b, i, q]] < ks[t])
                counts[p, t] += shared
        if marked >= 0:
            for q in range(depth):
                place[ids[marked, i, q]] = depth
