"""Compiled loops of the assignment step: measuring centroids, listing candidates, resolving them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.similarity.jit import compiled, compiled_loosely

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Doubles = NDArray[np.float64]
    Numbers = NDArray[np.int64]
    Words = NDArray[np.signedinteger[Any]]

GROUP = 64  # columns whose maximum is compared with the bound before they are looked at one by one


@compiled_loosely
def dot(a: Floats, b: Floats) -> float:
    """Return the float64 dot product of two float32 rows, whose products are exact in float64."""
    total = 0.0
    for d in range(a.size):
        total += np.float64(a[d]) * np.float64(b[d])
    return total


@compiled_loosely
def measure(new: Floats, old: Floats, half: Doubles, moved: Doubles) -> None:
    """Write |c|^2 / 2 of every new centroid, and the distance that it moved."""
    for k in range(new.shape[0]):
        a, b = new[k], old[k]
        square, change = 0.0, 0.0
        for d in range(a.size):
            value = np.float64(a[d])
            step = value - np.float64(b[d])
            square += value * value
            change += step * step
        half[k] = square / 2
        moved[k] = np.sqrt(change)


@compiled
def best_bits(part: Words) -> int:
    """Return the bits of the greatest of some floating-point numbers, given as bits.

    Bits are ordered as the numbers among non-negative numbers, and the other way round among negative
    ones, whose bits are negative integers.
    """
    best = part[0]
    for j in range(part.size):
        best = max(best, part[j])
    if best < 0:
        for j in range(part.size):
            best = min(best, part[j])
    return int(best)


@compiled
def list_candidates(
    bits: Words,
    scratch: tuple[Words, NDArray[np.floating[Any]]],
    columns: tuple[Doubles, Doubles, Doubles, Doubles, Numbers],
    rows: tuple[Doubles, Numbers, Doubles],
    constants: tuple[float, int],
    found: tuple[Numbers, Numbers, Doubles],
) -> None:
    """List the centroids that may be nearest to each row, and bound the scores of the others.

    Parameters
    ----------
    bits
        Screened scores [n, W or more], as bits.
    scratch
        One integer and its view as a floating-point number.
    columns
        What rounding may add to a score: error[i] * reach[j] + spread[j] at most, and a fraction of the score
        itself. `reach` and `spread` [W], their maxima over groups of columns [G], centroid numbers [W].
    rows
        error [n]; number and score of the centroid that each row has [n].
    constants
        The fraction of the score that the last rounding may take; how far bits are shifted to fill the
        integer.
    found
        Written: candidates [n, most] and how many, -1 where there are more than fit [n]; the upper bound [n].
    """
    words, values = scratch
    reach, spread, group_reach, group_spread, number = columns
    error, label, score = rows
    rounding, shift = constants
    candidates, count, upper = found
    width, groups = number.size, group_reach.size
    top, slack = np.empty(groups), np.empty(groups)
    for i in range(bits.shape[0]):
        row = bits[i]
        least = score[i]
        for g in range(groups):
            words[0] = np.int64(best_bits(row[g * GROUP : min((g + 1) * GROUP, width)])) << shift
            top[g] = values[0]
            slack[g] = error[i] * group_reach[g] + group_spread[g] + rounding * abs(top[g])
            least = max(least, top[g] - slack[g])
        others, n = -np.inf, 0
        for g in range(groups):
            if top[g] + slack[g] < least:
                others = max(others, top[g] + slack[g])
                continue
            for j in range(g * GROUP, min((g + 1) * GROUP, width)):
                words[0] = np.int64(row[j]) << shift
                value = np.float64(values[0])
                high = value + error[i] * reach[j] + spread[j] + rounding * abs(value)
                if high < least and number[j] != label[i]:
                    others = max(others, high)
                elif number[j] != label[i]:
                    if n < candidates.shape[1]:
                        candidates[i, n] = number[j]
                    n += 1
        upper[i] = others
        count[i] = n if n <= candidates.shape[1] else -1


@compiled
def resolve_candidates(
    rows: Numbers,
    found: tuple[Numbers, Numbers, Doubles],
    data: tuple[Floats, Floats, Doubles],
    state: tuple[Numbers, Doubles, Doubles],
) -> None:
    """Compare the candidates of rows with the centroid that each row has, by float64 scores.

    `found` is that of `list_candidates`, `data` the rows, the centroids and their |c|^2 / 2, `state` what is
    renewed: number and score of the nearest centroid, and the upper bound on the scores of all others.
    """
    candidates, count, upper = found
    x, centroids, half = data
    label, score, other = state
    for r in range(rows.size):
        i = rows[r]
        best, mine, second = score[i], label[i], max(other[i], upper[r])
        for n in range(max(count[r], 0)):
            k = candidates[r, n]
            value = dot(x[i], centroids[k]) - half[k]
            if value > best or (value == best and k < mine):
                best, mine, value = value, k, best
            second = max(second, value)
        if count[r] >= 0:
            score[i], label[i], other[i] = best, mine, second
