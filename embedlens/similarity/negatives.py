"""Most similar negatives of every row, exact, by maxima over groups of columns of screened tiles.

Of every tile only the maximum of each group of columns is kept. At least k negatives are certainly as similar
as the k-th largest maximum of a row less the bound; so only groups whose maximum reaches that level, less the
bound once more, can hold one of the k most similar. Those groups are computed again in float32, and what that
leaves undecided is resolved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.results import Result
from embedlens.similarity import candidates as selection
from embedlens.similarity.kernels import group_maxima
from embedlens.similarity.products import multiply
from embedlens.similarity.screen import Screen, Tile, float32_error
from embedlens.similarity.threads import in_parallel, spans

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

_ENTRIES = 1 << 23  # float32 similarities held at once while groups are computed again
_BLOCK = 256  # rows whose maxima a thread transposes at once


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Top(Result):
    """Most similar gallery rows of one kind (positives or negatives) of every query, best first.

    Attributes
    ----------
    index
        int32 [n, k], int64 of a gallery that needs it; -1 where there are fewer than k.
    similarity
        float64 [n, k], resolved; NaN where there are fewer than k.
    undecided
        bool [n]: ambiguous rows, whose entries are not filled in yet.
    """

    index: NDArray[np.signedinteger[Any]]
    similarity: NDArray[np.float64]
    undecided: NDArray[np.bool_]

    @classmethod
    def empty(cls, depth: NDArray[np.int64], gallery: int) -> Top:
        """Return room for the `depth` [n] most similar of a number of gallery rows."""
        shape = depth.size, max(1, int(depth.max(initial=1)))
        number = np.int32 if gallery <= np.iinfo(np.int32).max else np.int64
        return cls(np.full(shape, -1, number), np.full(shape, np.nan), np.zeros(depth.size, np.bool_))

    def part(self, rows: slice) -> Top:
        """Return some rows; what is written to them is written here."""
        return Top(self.index[rows], self.similarity[rows], self.undecided[rows])


class GroupMaxima:
    """Keeps, for the rows of a band, the largest screened similarity to each group of gallery rows."""

    def __init__(self, screen: Screen, band: slice, group: int) -> None:
        self._screen, self._band, self._group = screen, band, group
        groups = -(-len(screen.pairing.gallery) // group)
        self._table = np.zeros((groups, band.stop - band.start), screen.bit_type)
        self._on_device: torch.Tensor | None = None  # the table, where tiles are reduced there

    def reduce(self, tile: Tile, block: NDArray[np.signedinteger[Any]]) -> None:
        """Take the maxima of a tile, for its rows and, mirrored, for its columns."""
        by_row = self._part(tile.columns, tile.rows)
        by_column = self._part(tile.rows, tile.columns) if tile.mirrored else self._table[:0]
        group_maxima(block, self._group, by_row, by_column)

    def reduce_on_device(self, tile: Tile, block: torch.Tensor) -> None:
        """Take the maxima of a tile of bits that lies on the device."""
        import torch

        if self._on_device is None:
            self._on_device = torch.zeros(self._table.shape, dtype=block.dtype, device=block.device)
        sides = [(block.T, tile.columns, tile.rows)]
        if tile.mirrored:
            sides.append((block, tile.rows, tile.columns))
        for bits, groups, rows in sides:
            whole = bits.shape[0] // self._group * self._group
            parts = [bits[:whole].reshape(-1, self._group, bits.shape[1]), bits[None, whole:]]
            maxima = torch.cat([part.amax(1) for part in parts if part.numel()])
            self._on_device[self._at(groups, rows)] = maxima.clamp_(min=0)

    def _part(self, groups: slice, rows: slice) -> NDArray[np.signedinteger[Any]]:
        """Return the part of the table for groups of some gallery rows, by query rows."""
        return self._table[self._at(groups, rows)]

    def _at(self, groups: slice, rows: slice) -> tuple[slice, slice]:
        """Return where the table has the groups of some gallery rows, by query rows."""
        start = self._band.start
        by_group = slice(groups.start // self._group, -(-groups.stop // self._group))
        return by_group, slice(rows.start - start, rows.stop - start)

    def most_similar(self, depth: NDArray[np.int64], top: Top) -> None:
        """Write the `depth` [n] most similar negatives of the band's rows, in its order."""
        if self._on_device is not None:
            self._table, self._on_device = self._on_device.cpu().numpy(), None
        n = depth.size
        floor, near = self._near_groups(depth)
        counts = np.diff(near[0])
        cost = np.cumsum(counts) * self._group
        start = 0
        while start < n:
            before = cost[start - 1] if start else 0
            stop = max(start + 1, int(np.searchsorted(cost, before + _ENTRIES, side="right")))
            self._decide(slice(start, stop), depth, floor, near, top)
            start = stop

    def _near_groups(
        self, depth: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], tuple[NDArray[np.int64], NDArray[np.int32]]]:
        """Return a lower bound of each row's k-th best, and the groups that may hold one of its k best.

        The groups are (offsets [n + 1], group numbers).
        """
        n = depth.size
        error = self._screen.error[self._band]
        floor = np.empty(n)
        counts = np.zeros(n, np.int64)
        threshold = np.zeros(n, self._table.dtype)

        def count(part: slice) -> None:
            maxima = np.ascontiguousarray(self._table[:, part].T)
            best = np.zeros(len(maxima), self._screen.bit_type)
            selection.kth_largest(maxima, depth[part], best)
            floor[part] = self._at_least(best, error[part])
            threshold[part] = self._screen.bits(floor[part] - error[part])
            counts[part] = (maxima >= threshold[part, None]).sum(axis=1)

        def fill(part: slice) -> None:
            maxima = np.ascontiguousarray(self._table[:, part].T)
            numbers[offsets[part.start] : offsets[part.stop]] = np.nonzero(maxima >= threshold[part, None])[1]

        in_parallel(count, spans(n, _BLOCK))
        counts[depth == 0] = 0
        threshold[depth == 0] = np.iinfo(self._screen.bit_type).max
        offsets = np.concatenate([[0], np.cumsum(counts)])
        numbers = np.empty(offsets[-1], np.int32)
        in_parallel(fill, spans(n, _BLOCK))
        return floor, (offsets, numbers)

    def _at_least(
        self, best: NDArray[np.signedinteger[Any]], error: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return a lower bound of the resolved value behind screened bits; -1 where the bits are 0."""
        below = self._screen.values(np.maximum(best - 1, 0))
        midway = (self._screen.values(best) + below) / 2  # what rounds up to `best` lies above this
        return np.where(best > 0, midway - error, -1.0)

    def _decide(
        self,
        part: slice,
        depth: NDArray[np.int64],
        floor: NDArray[np.float64],
        near: tuple[NDArray[np.int64], NDArray[np.int32]],
        top: Top,
    ) -> None:
        """Compute the near groups of some rows in float32, and resolve what may be among the best."""
        offsets, numbers = near
        rows = np.repeat(np.arange(part.start, part.stop), np.diff(offsets[part.start : part.stop + 1]))
        groups = numbers[offsets[part.start] : offsets[part.stop]]
        by_group = np.argsort(groups, kind="stable")
        rows, groups = rows[by_group], groups[by_group]
        bounds = np.flatnonzero(np.diff(groups, prepend=-1, append=-1))
        space = rows.size * self._group
        found = np.empty(space, np.int32), np.empty(space, np.int32), np.empty(space, np.float32)
        least = (floor - float32_error(self._screen.pairing.queries.dim)).astype(np.float32)
        found[0].fill(-1)

        def compute(span: tuple[int, int]) -> None:
            self._compute_group(
                int(groups[span[0]]), rows[slice(*span)], least, _room(found, span, self._group)
            )

        in_parallel(compute, list(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)))
        by_row = selection.by_row(*found, part.start, part.stop)
        self._resolve(part, depth, by_row, top)

    def _compute_group(
        self,
        group: int,
        rows: NDArray[np.int64],
        least: NDArray[np.float32],
        room: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]],
    ) -> None:
        """Write (row, column, float32 similarity) of the entries of a group that are at least `least`."""
        screen = self._screen
        columns = slice(group * self._group, min((group + 1) * self._group, len(screen.pairing.gallery)))
        at = rows + self._band.start
        pairing = screen.pairing
        block = multiply(screen.queries.unit[at], screen.gallery.unit[columns], pairing.library)
        pairing.hide(block, at, columns, value=-np.inf)
        selection.keep(block, (rows, columns.start), least[rows], room)

    def _resolve(
        self,
        part: slice,
        depth: NDArray[np.int64],
        found: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]],
        top: Top,
    ) -> None:
        """Resolve the candidates of some rows and write the best of them."""
        pairing = self._screen.pairing
        queries, gallery = pairing.queries, pairing.gallery
        slack = 2 * float32_error(queries.dim)

        def resolve(rows: slice) -> None:
            selection.best_resolved(
                (queries.raw, queries.norm, gallery.raw, gallery.norm, pairing.gallery_order),
                (rows.start, rows.stop, part.start, self._band.start),
                found,
                depth,
                slack,
                (top.index, top.similarity, top.undecided),
            )

        in_parallel(
            resolve,
            [slice(s.start + part.start, s.stop + part.start) for s in spans(part.stop - part.start, 512)],
        )


def _room(
    found: tuple[NDArray[Any], ...], span: tuple[int, int], group: int
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]:
    """Return the part of the candidates' arrays that belongs to a span of (row, group) pairs."""
    row, column, value = (array[span[0] * group : span[1] * group] for array in found)
    return row, column, value
