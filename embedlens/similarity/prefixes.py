"""Recall@1 by the first d columns of embeddings, for many d in one pass over the tiles.

Screen, then resolve, as in the engine: tiles grow by columns in float32, with a bound on their rounding; rows
that the bound leaves undecided are resolved by float64 dot products of fixed order. Where the processor
multiplies bfloat16 matrices many times faster, the engine searches for each of a few numbers of columns
instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.devices import check_device
from embedlens.results import Result
from embedlens.similarity.engine import nearest
from embedlens.similarity.hardware import screen_type
from embedlens.similarity.kernels import squares
from embedlens.similarity.pairing import NEGATIVE, POSITIVE
from embedlens.similarity.prefix_kernels import PANEL, TINY, decide, prefix_maxima, prefix_maxima_by_kind
from embedlens.similarity.prefix_tiles import consecutive, grow, norms_by_prefix
from embedlens.similarity.products import aligned
from embedlens.similarity.rows import RESOLVED_ERROR, UNIT_ROUNDOFF
from embedlens.similarity.threads import full_precision, in_parallel, spans

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from embedlens.similarity.pairing import Pairing

_PROCESSOR = "cpu"
_STRIP = 256  # query rows of a tile; one of float32 with 1,024 gallery rows takes 1 MiB
_FEW = 4  # numbers of columns for which as many searches in bfloat16 take less time than a pass in float32
_ROOMY = 8  # columns from which on few rows of a search in bfloat16 are ambiguous
_DEVICE_ENTRIES = 1 << 26  # of a tile on a GPU
_ROTATION = 1e-12  # largest change of a cosine by a rotation in float64


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PrefixHits(Result):
    """Hits of Recall@1 by the first d columns, for several d.

    Attributes
    ----------
    hits
        bool [N, T]: whether a row of query i's class is strictly more similar than all others, by the first
        ``dims[t]`` columns. False without a positive.
    n_positives
        int64 [N]: gallery rows of the query's class, without itself.
    n_undecided
        int64 [T]: number of rows that the pass left undecided; 0 where the engine searched.
    """

    hits: NDArray[np.bool_]
    n_positives: NDArray[np.int64]
    n_undecided: NDArray[np.int64]


def prefix_hits(
    pairing: Pairing,
    coordinates: tuple[NDArray[np.float64], NDArray[np.float64]],
    dims: Sequence[int],
    *,
    rotation: bool,
    cosine: bool = True,
    device: str = "cpu",
    by_engine: bool | None = None,
) -> PrefixHits:
    """Return for every query and every d whether Recall@1 by the first d columns counts a hit.

    Parameters
    ----------
    pairing
        Queries and gallery.
    coordinates
        Their rows in other coordinates, in the order of the pairing: [N, D] and [M, D], the same array where
        one set is compared with itself. Equal rows must have equal coordinates.
    dims
        Numbers of columns, ascending, each in 1 to D.
    rotation
        Whether the coordinates are those of the normalised rows rotated: where all D columns are kept, the
        cosine similarities of the rows as they are count then.
    cosine
        Whether rows are normalised again by their first d columns; else inner products are compared.
    device
        Torch device that screens; the answer does not depend on it.
    by_engine
        Whether the engine searches for each number of columns, instead of tiles that grow; only for cosine
        similarities without zero vectors. By default where that is faster; the answer does not depend on it.
    """
    check_device(device)
    ends = np.asarray(dims, np.int64)
    if by_engine is None:
        large = device != _PROCESSOR or pairing.library == "torch"
        by_engine = large and ends.size <= _FEW and ends[0] >= _ROOMY and screen_type(device) == "bfloat16"
    if by_engine and cosine and all(norms_by_prefix(side, ends[:1]).all() for side in coordinates):
        whole = pairing.queries.dim if rotation else 0
        hits = np.stack(
            [_search_each(pairing, coordinates, end, device, whole) for end in ends.tolist()], axis=1
        )
        undecided = np.zeros_like(hits)
    else:
        work = _Work(pairing, coordinates, ends, rotation=rotation, cosine=cosine)
        hits, undecided = _by_growing_tiles(work, device)
    result = np.empty_like(hits)
    result[pairing.query_order] = hits
    positives = np.empty_like(pairing.positives)
    positives[pairing.query_order] = pairing.positives
    return PrefixHits(result, positives, undecided.sum(axis=0))


def _search_each(
    pairing: Pairing,
    coordinates: tuple[NDArray[np.float64], NDArray[np.float64]],
    end: int,
    device: str,
    whole: int,
) -> NDArray[np.bool_]:
    """Return which rows are hits by the first `end` columns; by the unrotated rows where `end` is `whole`."""
    sides = (pairing.queries.raw, pairing.gallery.raw) if end == whole else coordinates
    queries = np.ascontiguousarray(sides[0][:, :end])
    gallery = queries if pairing.one_set else np.ascontiguousarray(sides[1][:, :end])
    searched = pairing.gallery_of(gallery)
    positive, negative = nearest(queries, pairing.query_labels, gallery=searched, device=device)
    return (positive.index >= 0) & ~(negative.similarity >= positive.similarity)


def _by_growing_tiles(work: _Work, device: str) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which rows are hits, and which the screen left undecided, in one pass over growing tiles."""
    pairing, ends = work.pairing, work.ends
    n = len(pairing.queries)
    hits = np.zeros((n, ends.size), np.bool_)
    undecided = np.zeros((n, ends.size), np.bool_)
    with full_precision():
        if device == _PROCESSOR:
            in_parallel(lambda rows: work.screen(rows, hits[rows], undecided[rows]), spans(n, _STRIP))
        else:
            step = max(1, _DEVICE_ENTRIES // len(pairing.gallery))
            for rows in spans(n, step):
                work.screen_on_device(rows, device, hits[rows], undecided[rows])
    for t in range(ends.size):
        left = np.flatnonzero(undecided[:, t])
        hits[left, t] = work.resolve(t, left)
    return hits, undecided


class _Work:
    """Operands that all strips of rows share: the gallery transposed, and the factors of its products."""

    def __init__(
        self,
        pairing: Pairing,
        coordinates: tuple[NDArray[np.float64], NDArray[np.float64]],
        ends: NDArray[np.int64],
        *,
        rotation: bool,
        cosine: bool,
    ) -> None:
        self.pairing, self.ends, self.rotation, self.cosine = pairing, ends, rotation, cosine
        self.queries, self.gallery = coordinates
        panels = spans(len(self.gallery), PANEL)
        self.y = np.zeros((len(panels), self.gallery.shape[1], PANEL), np.float32)
        self.scale = np.zeros((len(panels), ends.size, PANEL), np.float32)
        self.widest = np.ones(ends.size)
        self.odd = np.zeros(ends.size, np.bool_)
        for number, part in enumerate(panels):
            self._measure(number, self.gallery[part])
        self.error = 1.01 * (2 * ends + 8) * UNIT_ROUNDOFF + RESOLVED_ERROR + _ROTATION

    def _measure(self, number: int, raw: NDArray[np.float64]) -> None:
        """Transpose a panel of gallery rows, and take their norms by their first columns."""
        size = norms_by_prefix(raw, self.ends).T
        tiny = size < TINY
        self.odd |= tiny.any(axis=1)
        self.y[number, :, : len(raw)] = raw.T
        scale = self.scale[number, :, : len(raw)]
        if self.cosine:
            scale[:] = np.where(tiny, 0.0, 1.0 / np.maximum(size, TINY))
        else:
            scale[:] = 1.0
            self.widest = np.maximum(self.widest, size.max(axis=1))

    def screen(self, rows: slice, hits: NDArray[np.bool_], undecided: NDArray[np.bool_]) -> None:
        """Decide the hits of a strip of rows as far as float32 can."""
        raw = self.queries[rows]
        x = np.ascontiguousarray(raw, np.float32)
        best = np.full((len(raw), self.ends.size), -np.inf, np.float32)
        near = best.copy()
        tile = aligned((len(raw) * PANEL,), np.float32)
        for number, columns in enumerate(spans(len(self.gallery), PANEL)):
            width = columns.stop - columns.start
            acc = tile[: len(raw) * width].reshape(len(raw), width)
            y, done = self.y[number, :, :width], 0
            update = self._update(rows, columns)
            for part in consecutive(self.ends):
                ends = self.ends[part]
                grow(acc, x, y, columns=slice(done, int(ends[0]) - 1), library=self.pairing.library)
                update(x, self.y[number], self.scale[number, part], ends, acc, best[:, part], near[:, part])
                done = int(ends[-1])
        self._compare(raw, best, near, hits, undecided)

    def screen_on_device(
        self, rows: slice, device: str, hits: NDArray[np.bool_], undecided: NDArray[np.bool_]
    ) -> None:
        """Decide the hits of a strip of rows as far as float32 can, on a device, in one tile."""
        import torch

        raw = self.queries[rows]
        x = torch.from_numpy(raw.astype(np.float32)).to(device)
        y, scale = (torch.from_numpy(part).to(device) for part in (self.y, self.scale))
        size = len(self.gallery)
        y, scale = (part.transpose(0, 1).flatten(1)[:, :size] for part in (y, scale))
        kinds = torch.from_numpy(self.pairing.kinds(rows, slice(0, size))).to(device)
        own, others = kinds != NEGATIVE, kinds != POSITIVE
        acc = torch.zeros(len(raw), size, device=device)
        best, near, done = [], [], 0
        for t, end in enumerate(self.ends.tolist()):
            acc.addmm_(x[:, done:end], y[done:end])
            scaled = acc * scale[t]
            best.append(scaled.masked_fill(own, -torch.inf).amax(dim=1).cpu())
            near.append(scaled.masked_fill(others, -torch.inf).amax(dim=1).cpu())
            done = end
        self._compare(
            raw, torch.stack(best, dim=1).numpy(), torch.stack(near, dim=1).numpy(), hits, undecided
        )

    def _update(self, rows: slice, columns: slice) -> Callable[..., None]:
        """Return the loop that updates the maxima of a strip by one tile."""
        pairing = self.pairing
        if not pairing.by_ranges:
            return partial(prefix_maxima_by_kind, pairing.kinds(rows, columns))
        width = columns.stop - columns.start
        ranges = pairing.first, pairing.last, pairing.own_first, pairing.own_last
        low, high, own_low, own_high = (part[rows] - columns.start for part in ranges)
        meets = (low < width) & (high > 0)  # where classes do not meet the tile, their range is its end
        low = np.where(meets, np.maximum(low, 0), width)
        high = np.where(meets, np.minimum(high, width), width)
        own = np.clip(own_low, low, high), np.clip(own_high, low, high)
        return partial(prefix_maxima, (low, high, *own))

    def _compare(
        self,
        raw: NDArray[np.float64],
        best: NDArray[np.float32],
        near: NDArray[np.float32],
        hits: NDArray[np.bool_],
        undecided: NDArray[np.bool_],
    ) -> None:
        """Write which rows are hits, and which the bound leaves undecided."""
        size = norms_by_prefix(raw, self.ends)
        slack = 2 * self.error * self.widest * size
        # -4 instead of -inf, where there are no negatives: below every cosine, and no inf - inf below.
        gap = near.astype(np.float64) - np.where(np.isneginf(best), -4.0, best)
        has_positive = ~np.isneginf(near)
        hits[:] = gap > slack
        undecided[:] = has_positive & ((np.abs(gap) <= slack) | (size < TINY) | self.odd)

    def resolve(self, t: int, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which of the rows left undecided by the first ``ends[t]`` columns are hits."""
        decided = np.empty(rows.size, np.bool_)
        if not rows.size:
            return decided
        end = int(self.ends[t])
        sizes, raws = [], []
        for side in (self.queries, self.gallery):
            raws.append(np.ascontiguousarray(side[:, :end]))
            sizes.append(np.empty(len(side)))
            squares(raws[-1], sizes[-1])
            np.sqrt(sizes[-1], out=sizes[-1])
        resolved = self._operands(end, raws, sizes)
        bound = (float(self.error[t]), float(self.widest[t]), self.cosine)
        scale = np.ascontiguousarray(self.scale[:, t])
        every = slice(0, len(self.gallery))
        screened = (raws[0].astype(np.float32), sizes[0], self.y, scale, sizes[1])
        in_parallel(
            lambda part: decide(
                rows[part], screened, resolved, self.pairing.kinds(rows[part], every), bound, decided[part]
            ),
            spans(rows.size, _STRIP),
        )
        return decided

    def _operands(
        self, end: int, raws: list[NDArray[np.float64]], sizes: list[NDArray[np.float64]]
    ) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[Any], NDArray[np.float64]]:
        """Return rows and divisors of the resolved similarities."""
        if self.rotation and end == self.pairing.queries.dim:
            queries, gallery = self.pairing.queries, self.pairing.gallery
            return queries.raw.astype(np.float64), queries.norm, gallery.raw.astype(np.float64), gallery.norm
        if self.cosine:
            return raws[0], sizes[0], raws[1], sizes[1]
        return raws[0], np.ones(len(raws[0])), raws[1], np.ones(len(raws[1]))
