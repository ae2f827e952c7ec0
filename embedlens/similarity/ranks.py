"""Ranks of the nearest positives, exact at given cutoffs, counted on screened tiles.

The rank of a row is the number of negatives that are at least as similar as its nearest positive. Screened
tiles give a lower and an upper bound of it. Only rows for which some cutoff lies between the two are counted
again, and there only the entries within the rounding bound are computed in float32, and resolved where
float32 leaves them undecided.
"""

from __future__ import annotations

from threading import Lock, local
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.similarity.jit import compiled
from embedlens.similarity.kernels import count_by_column, count_by_row, dot, resolved
from embedlens.similarity.screen import TILE, Screen, Tile, float32_error
from embedlens.similarity.threads import in_parallel, spans

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from numpy.typing import NDArray

    from embedlens.similarity.candidates import Sides

    Bits = NDArray[np.signedinteger[Any]]

_ROWS = 512
HIDDEN = -1  # as bits a NaN, which no product of finite rows is


class RankCounts:
    """Counts for every row the negatives certainly and possibly at least as similar as the nearest positive.

    Parameters
    ----------
    screen
        The screened pairing.
    similarity
        float64 [N]: similarity of every query to its nearest positive; NaN where there is none.
    """

    def __init__(self, screen: Screen, similarity: NDArray[np.float64]) -> None:
        self._screen, self._similarity = screen, similarity
        never = np.iinfo(screen.bit_type).max
        has = ~np.isnan(similarity)
        level = np.where(has, similarity, 0.0)
        low, high = screen.bits(level - screen.error), screen.bits(level + screen.error)
        # Bits of numbers that are not positive are 0: tiles cannot tell which reach a level of 0 or less.
        self._blind = has & (low == 0)
        self._maybe = np.where(has, np.maximum(low, 1), never).astype(screen.bit_type)
        self._sure = np.where(has, np.maximum(high, 0) + 1, never).astype(screen.bit_type)
        self._threads, self._lock = local(), Lock()
        self._counts: list[NDArray[np.int64]] = []
        self._on_device: tuple[torch.Tensor, torch.Tensor] | None = None  # levels and counts, int [2, N]

    def reduce(self, tile: Tile, block: Bits) -> None:
        """Count in a tile, for its rows and, mirrored, for its columns."""
        counts = getattr(self._threads, "counts", None)
        if counts is None:
            counts = self._threads.counts = np.zeros((self._similarity.size, 2), np.int64)
            with self._lock:
                self._counts.append(counts)
        rows, columns = tile.rows, tile.columns
        count_by_row(block, self._maybe[rows], self._sure[rows], counts[rows])
        if tile.mirrored:
            count_by_column(block, self._maybe[columns], self._sure[columns], counts[columns])

    def reduce_on_device(self, tile: Tile, block: torch.Tensor) -> None:
        """Count in a tile of bits that lies on the device."""
        import torch

        if self._on_device is None:
            levels = torch.from_numpy(np.stack([self._maybe, self._sure])).to(block.device)
            self._on_device = levels, torch.zeros(levels.shape, dtype=torch.int64, device=block.device)
        for levels, counts in zip(*self._on_device, strict=True):
            counts[tile.rows] += (block >= levels[tile.rows, None]).sum(1)
            if tile.mirrored:
                counts[tile.columns] += (block >= levels[tile.columns]).sum(0)

    def bounds(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return a lower and an upper bound of every rank, int64 [N] each."""
        if self._on_device is not None:
            counts = self._on_device[1].cpu().numpy().T
        else:
            counts = np.sum(self._counts, axis=0)
        greatest = np.where(self._blind, self._screen.pairing.negatives, counts[:, 0])
        return counts[:, 1], np.maximum(counts[:, 1], greatest)

    def recount(self, rows: NDArray[np.int64], enough: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the exact ranks of some rows; counting stops where a rank is at least enough[i]."""
        result = np.zeros(rows.size, np.int64)
        in_parallel(
            lambda part: self._recount(rows[part], enough[part], result[part]), spans(rows.size, _ROWS)
        )
        return result

    def _recount(self, rows: NDArray[np.int64], enough: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
        screen, pairing = self._screen, self._screen.pairing
        left = screen.rows(rows)
        sides = (pairing.queries.raw, pairing.queries.norm, pairing.gallery.raw, pairing.gallery.norm, rows)
        least = np.iinfo(screen.bit_type).min
        maybe = np.where(self._blind[rows], least, self._maybe[rows]).astype(screen.bit_type)
        for columns in spans(len(pairing.gallery), TILE):
            block = screen.block(left, columns)
            pairing.hide(block, rows, columns, value=HIDDEN)
            count_in_doubt(
                sides,
                (screen.queries.unit, screen.gallery.unit),
                block,
                columns.start,
                (maybe, self._sure[rows], self._similarity[rows], enough),
                float32_error(pairing.queries.dim),
                counts,
            )


def certified_ranks(
    counts: RankCounts, known: NDArray[np.int64], cutoffs: Sequence[int] | None
) -> NDArray[np.int64]:
    """Return ranks, int64 [N], for which ``rank < K`` is certain for every cutoff K.

    Parameters
    ----------
    counts
        Counts of all tiles.
    known
        int64 [N]: ranks that are known already; -1 where they are not.
    cutoffs
        The K of Recall@K; None: all, so that every rank is exact.
    """
    least, greatest = counts.bounds()
    rank = np.where(known >= 0, known, least)
    if cutoffs is None:
        rows = np.flatnonzero((known < 0) & (least < greatest))
        enough = np.full(rows.size, np.iinfo(np.int64).max)
    else:
        limits = np.asarray(sorted(cutoffs), np.int64)
        undecided = (least[:, None] < limits) & (limits <= greatest[:, None]) & (known < 0)[:, None]
        rows = np.flatnonzero(undecided.any(axis=1))
        enough = np.where(undecided[rows], limits, 0).max(axis=1, initial=0)
    if rows.size:
        rank[rows] = counts.recount(rows, enough)
    return rank


@compiled
def count_in_doubt(
    sides: Sides,
    units: tuple[NDArray[np.float32], NDArray[np.float32]],
    block: Bits,
    start: int,
    levels: tuple[Bits, Bits, NDArray[np.float64], NDArray[np.int64]],
    error: float,
    counts: NDArray[np.int64],
) -> None:
    """Add to counts[i] the number of entries that are at least the level of row i, exactly.

    Entries that do not count are HIDDEN. `sides` ends with the query rows of the block; `levels` is (bits
    that may reach it, bits that surely do, the level itself, how many are enough); `error` bounds that of a
    float32 product.
    """
    raw_q, norm_q, raw_g, norm_g, rows = sides
    maybe, sure, level, enough = levels
    products = np.empty(raw_q.shape[1])
    for i in range(block.shape[0]):
        if counts[i] >= enough[i]:
            continue
        row = block[i]
        q = rows[i]
        for first in range(0, row.size, 64):
            part = row[first : min(first + 64, row.size)]
            reach, pass_ = np.int16(0), np.int16(0)
            for j in range(part.size):
                reach = np.int16(reach + np.int16(part[j] >= maybe[i]))
                pass_ = np.int16(pass_ + np.int16(part[j] >= sure[i]))
            counts[i] += pass_
            if reach == pass_:
                continue
            for j in range(part.size):
                if part[j] >= maybe[i] and part[j] < sure[i] and part[j] != HIDDEN:
                    column = start + first + j
                    value = dot(units[0][q], units[1][column])
                    if abs(value - level[i]) <= error:
                        value = resolved(raw_q[q], norm_q[q], raw_g[column], norm_g[column], products)
                    counts[i] += value >= level[i]
