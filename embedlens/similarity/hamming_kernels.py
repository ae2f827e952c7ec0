"""Compiled loops of the Hamming distances of binary codes, and of the queries that rescore candidates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.similarity.jit import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Words = NDArray[np.uint64]
    Integers = NDArray[np.int64]

_BLOCK = 4096  # codes whose distances are summed while they stay in the cache of a core
_PAIRS, _FOURS, _EIGHTS, _BYTES = (
    np.uint64(value)
    for value in (0x5555555555555555, 0x3333333333333333, 0x0F0F0F0F0F0F0F0F, 0x0101010101010101)
)
_ONE, _TWO, _FOUR, _TOP = (np.uint64(value) for value in (1, 2, 4, 56))


@compiled
def hamming_distances(query: Words, gallery: Words, out: NDArray[np.int32]) -> None:
    """Write the number of bits in which a code [W] differs from each code of [W, M]."""
    words, size = gallery.shape
    for start in range(0, size, _BLOCK):
        stop = min(start + _BLOCK, size)
        for j in range(start, stop):
            out[j] = 0
        for w in range(words):
            code = query[w]
            for j in range(start, stop):
                x = code ^ gallery[w, j]
                x = x - ((x >> _ONE) & _PAIRS)
                x = (x & _FOURS) + ((x >> _TWO) & _FOURS)
                x = (x + (x >> _FOUR)) & _EIGHTS
                out[j] += np.int32((x * _BYTES) >> _TOP)


@compiled
def count_by_distance(
    distance: NDArray[np.int32], kinds: NDArray[np.int8], counts: NDArray[np.int64]
) -> None:
    """Write how many negatives, positives and ignored codes have each distance, [3, D + 1]."""
    counts[:] = 0
    for j in range(distance.size):
        counts[kinds[j], distance[j]] += 1


@compiled
def radius_of(counts: NDArray[np.int64], wanted: int) -> int:
    """Return the smallest distance within which there are `wanted` codes, or the largest that any has."""
    total, last = 0, 0
    for d in range(counts.shape[1]):
        here = counts[0, d] + counts[1, d]
        total += here
        if here > 0:
            last = d
        if total >= wanted:
            return d
    return last


@compiled
def signed_sum(query: NDArray[Any], gallery: Words, column: int) -> float:
    """Return the sum of a query's values in their order, each with the sign of its bit in a code."""
    total = 0.0
    for d in range(query.size):
        word = gallery[d >> 6, column]
        bit = (word >> np.uint64(d & 63)) & _ONE
        value = np.float64(query[d])
        total += value if bit == _ONE else -value
    return total


@compiled
def hamming_ranks(
    queries: tuple[NDArray[Any], Words],
    gallery: Words,
    kinds: NDArray[np.int8],
    candidates: int,
    out: tuple[Integers, Integers],
) -> None:
    """Write the rank of the nearest positive of each query, and the number of codes that it rescored.

    Parameters
    ----------
    queries
        Rows [n, D], and their codes [n, W].
    gallery
        Codes [W, M].
    kinds
        int8 [n, M]: 0 for negatives of a query, 1 for positives, 2 for what is ignored.
    candidates
        Number of nearest codes that a query rescores, and all that are as far as the last of them; 0: none.
    out
        int64 [n] each: the number of negatives that come before the nearest positive, those that tie with it
        included, -1 without a positive; the number of candidates.
    """
    raw, codes = queries
    distance = np.empty(gallery.shape[1], np.int32)
    counts = np.empty((3, raw.shape[1] + 1), np.int64)
    for i in range(raw.shape[0]):
        hamming_distances(codes[i], gallery, distance)
        count_by_distance(distance, kinds[i], counts)
        nearest, rank = -1, 0
        for d in range(counts.shape[1]):
            rank += counts[0, d]
            if counts[1, d] > 0:
                nearest = d
                break
        out[0][i] = rank if nearest >= 0 else -1
        out[1][i] = 0
        if candidates == 0:
            continue
        radius = radius_of(counts, candidates)
        for d in range(radius + 1):
            out[1][i] += counts[0, d] + counts[1, d]
        if nearest < 0 or nearest > radius:  # no positive among the candidates, all of which come before it
            continue
        best = -np.inf
        for j in range(distance.size):
            if distance[j] <= radius and kinds[i, j] == 1:
                best = max(best, signed_sum(raw[i], gallery, j))
        before = 0
        for j in range(distance.size):
            if distance[j] <= radius and kinds[i, j] == 0:
                before += signed_sum(raw[i], gallery, j) >= best
        out[0][i] = before
