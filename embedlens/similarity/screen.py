"""Screening: tiles of the similarity matrix in a fast floating type, with a bound on its rounding.

For unit rows u, v stored as u', v' with errors e = |u - u'| and f = |v - v'|, Cauchy-Schwarz gives |u.v -
u'.v'| <= e |v'| + f |u|. The product itself is summed in float32: D products and sums are off by at most (2 D
+ 2) roundoffs (Higham, "Accuracy and stability of numerical algorithms", section 3.1). The last rounding, of
the sum to the type of the tile, is monotone: rounding a threshold the same way keeps its order to all sums,
so this error needs no bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from threading import local
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from embedlens.results import Result
from embedlens.similarity import kernels
from embedlens.similarity.products import Library, aligned, multiply
from embedlens.similarity.rows import RESOLVED_ERROR, UNIT_ROUNDOFF, Rows
from embedlens.similarity.threads import in_parallel, spans

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import torch
    from numpy.typing import NDArray

    from embedlens.similarity.pairing import Pairing

TILE = 1024  # rows and columns of a tile
_DEVICE_TILE = 8192  # the same on another device than the processor, which wants larger products
_TABLE_BYTES = 1 << 28  # of group maxima: what bounds the memory of a pass
_DEVICE_TABLE_BYTES = 1 << 31
_PROCESSOR = "cpu"
_GROUPS = (
    128,
    256,
    512,
    1024,
)  # columns of a group; the smallest whose table fits, for it leaves least to recompute
_SMALL_GROUPS, _LONG = (32, 64), 16  # groups for lists of more than 16 neighbours

Bits = "NDArray[np.signedinteger[Any]]"


def float32_error(dim: int) -> float:
    """Return how far a float32 product of unit rows, summed in any order, may be from the resolved one.

    Rounding both rows to float32 takes 2 roundoffs, D products and sums at most 2 D + 2 (see the module).
    """
    # 1.01 covers the terms of second order, here and below.
    return 1.01 * (2 * dim + 4) * UNIT_ROUNDOFF + RESOLVED_ERROR


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ScreenedRows(Result):
    """Normalised rows in the types that screening needs.

    Attributes
    ----------
    rows
        The embeddings.
    unit
        float32 [N, D], on the processor.
    screened
        [N, D] in the screening type: a tensor on the screening device; where numpy multiplies, `unit`.
    error
        float64 [N]: norm of the difference between the screened and the exact unit row.
    """

    rows: Rows
    unit: NDArray[np.float32]
    screened: torch.Tensor | NDArray[np.float32]
    error: NDArray[np.float64]


def screened_rows(rows: Rows, dtype: str, device: str, *, library: Library = "torch") -> ScreenedRows:
    """Normalise rows and round them to the screen's type."""
    unit = aligned((len(rows), rows.dim), np.float32)
    half = aligned((len(rows), rows.dim if dtype == "bfloat16" else 0), np.uint16)
    error = np.empty(len(rows))
    in_parallel(
        lambda part: kernels.normalise(rows.raw[part], rows.norm[part], unit[part], half[part], error[part]),
        spans(len(rows), 2048),
    )
    if library == "numpy":
        return ScreenedRows(rows, unit, unit, error)
    import torch

    narrow = torch.from_numpy(half.view(np.int16)).view(torch.bfloat16)
    source = narrow if dtype == "bfloat16" else torch.from_numpy(unit)
    return ScreenedRows(rows, unit, source.to(device), error)


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile: query rows, gallery rows, and whether it counts for its transpose as well."""

    rows: slice
    columns: slice
    mirrored: bool


class Consumer(Protocol):
    """What reduces tiles: it receives every tile once, from several threads at a time."""

    def reduce(self, tile: Tile, block: NDArray[np.signedinteger[Any]]) -> None:
        """Reduce a block of screened similarities [rows, columns], given as bits."""

    def reduce_on_device(self, tile: Tile, block: torch.Tensor) -> None:
        """Reduce a block that lies on the device, given as bits there; what is kept stays there."""


class Screen:
    """Tiles of the similarity matrix of a pairing, in one floating-point type on one device.

    Attributes
    ----------
    error
        float64 [N]: largest difference between the resolved similarity of query i to any gallery row and the
        screened one before its last rounding.
    """

    def __init__(self, pairing: Pairing, dtype: str, device: str) -> None:
        self.pairing, self.dtype, self.device = pairing, dtype, device
        by_numpy = dtype == "float32" and device == _PROCESSOR
        self.library: Library = pairing.library if by_numpy else "torch"
        rounded = partial(screened_rows, dtype=dtype, device=device, library=self.library)
        self.queries = rounded(pairing.queries)
        self.gallery = self.queries if pairing.one_set else rounded(pairing.gallery)
        self._buffers = local()
        worst = float(self.gallery.error.max())
        self.error = self._bound(self.queries.error, worst)

    def _bound(self, error: NDArray[np.float64], worst: float) -> NDArray[np.float64]:
        """Return the bound of the module's docstring, with the gallery row that rounding changed most."""
        growth = (1 + error) * (1 + worst)
        summing = (2 * self.pairing.queries.dim + 4) * UNIT_ROUNDOFF * growth
        # 2^-23: thresholds pass through float32 before they are rounded as tiles are (`bits`).
        return 1.01 * (error * (1 + worst) + worst + summing) + RESOLVED_ERROR + 2.0**-23

    def bits(self, values: NDArray[np.float64]) -> NDArray[np.signedinteger[Any]]:
        """Round thresholds to the type of the tiles; return their bits, 0 where they are not positive."""
        rounded = np.maximum(values, 0.0).astype(np.float32)
        if self.dtype == "float32":
            return rounded.view(np.int32)
        import torch

        return np.asarray(torch.from_numpy(rounded).bfloat16().view(torch.int16).numpy())

    def values(self, bits: NDArray[np.signedinteger[Any]]) -> NDArray[np.float64]:
        """Return the numbers whose bits are given, float64."""
        wide = bits if self.dtype == "float32" else bits.astype(np.int32) << 16
        return wide.view(np.float32).astype(np.float64)

    @property
    def bit_type(self) -> Any:
        """Signed integer type of numpy as wide as the screening type."""
        return np.int16 if self.dtype == "bfloat16" else np.int32

    def rows(self, rows: NDArray[np.int64] | slice) -> Any:
        """Return some query rows in the screening type, as `block` takes them."""
        if self.library == "numpy" or isinstance(rows, slice):
            return self.queries.screened[rows]
        import torch

        return self.queries.screened[torch.from_numpy(rows).to(self.device)]

    def block(self, rows: Any, columns: slice) -> NDArray[np.signedinteger[Any]]:
        """Return the bits of `rows` times gallery rows; valid until this thread's next block."""
        return self.product(rows, self.gallery.screened[columns])

    def product(self, rows: Any, right: Any) -> NDArray[np.signedinteger[Any]]:
        """Return the bits of `rows` times other rows in the screening type, as `block` does."""
        if self.device != _PROCESSOR:
            return _bits_of((rows @ right.T).cpu())
        shape = rows.shape[0], right.shape[0]
        if self.library == "numpy":
            return multiply(rows, right, "numpy", out=self._buffer(shape, np.float32)).view(np.int32)
        import torch

        out = torch.from_numpy(self._buffer(shape, self.bit_type)).view(rows.dtype)
        return _bits_of(torch.mm(rows, right.T, out=out))

    def _buffer(self, shape: tuple[int, int], dtype: type[np.generic]) -> NDArray[Any]:
        """Return memory of this thread, which its next block overwrites."""
        size = shape[0] * shape[1]
        if getattr(self._buffers, "size", 0) < size:
            self._buffers.flat, self._buffers.size = aligned((size,), dtype), size
        return np.asarray(self._buffers.flat[:size].reshape(shape))

    def sweep(self, band: slice, consumers: Sequence[Consumer]) -> None:
        """Hand every tile of the rows of `band` to the consumers, all entries but negatives set to 0."""
        if self.on_device:
            for tile in self._tiles(band, _DEVICE_TILE):
                block = _integers_of(self.rows(tile.rows) @ self.gallery.screened[tile.columns].T)
                self._hide_on_device(tile, block)
                for consumer in consumers:
                    consumer.reduce_on_device(tile, block)
            return
        in_parallel(partial(self._hand_over, consumers), self._tiles(band, TILE))

    @property
    def on_device(self) -> bool:
        """Whether tiles are reduced where they are computed, on another device than the processor.

        What a query does not meet has to be ranges of gallery rows; elsewhere tiles are copied.
        """
        return self.device != _PROCESSOR and self.pairing.by_ranges

    def _hide_on_device(self, tile: Tile, block: torch.Tensor) -> None:
        """Set the entries of a block of bits to 0, but for negatives."""
        first, last = self.pairing.first[tile.rows], self.pairing.last[tile.rows]
        start = max(int(first.min()), tile.columns.start)
        stop = min(int(last.max()), tile.columns.stop)
        if start >= stop:
            return
        import torch

        columns = torch.arange(start, stop, device=block.device)
        edges = torch.from_numpy(np.stack([first, last])).to(block.device)[:, :, None]
        part = block[:, start - tile.columns.start : stop - tile.columns.start]
        part.masked_fill_((columns >= edges[0]) & (columns < edges[1]), 0)

    def _hand_over(self, consumers: Sequence[Consumer], tile: Tile) -> None:
        block = self.block(self.rows(tile.rows), tile.columns)
        self.pairing.hide(block, tile.rows, tile.columns, value=0)
        for consumer in consumers:
            consumer.reduce(tile, block)

    def _tiles(self, band: slice, size: int) -> Iterator[Tile]:
        """Yield the tiles of a band; of a symmetric matrix only those on and above the diagonal."""
        mirrored = self.is_mirrored(band)
        for start in range(band.start, band.stop, size):
            rows = slice(start, min(start + size, band.stop))
            for column in range(start if mirrored else 0, len(self.pairing.gallery), size):
                columns = slice(column, min(column + size, len(self.pairing.gallery)))
                yield Tile(rows, columns, mirrored and column > start)

    def is_mirrored(self, band: slice) -> bool:
        """Whether only tiles on and above the diagonal are computed: one set, all of it in the band."""
        return self.pairing.one_set and band.stop - band.start == len(self.pairing.queries)

    def plan(self, *, depth: int = 1) -> tuple[int, list[slice]]:
        """Return the columns of a group, and bands of rows whose group maxima fit in memory.

        For long lists of neighbours groups are smaller: nearly each of the `depth` best is in a group of its
        own, and all of these groups are computed again.
        """
        n, m = len(self.pairing.queries), len(self.pairing.gallery)
        size, space = (_DEVICE_TILE, _DEVICE_TABLE_BYTES) if self.on_device else (TILE, _TABLE_BYTES)
        width = np.dtype(self.bit_type).itemsize
        groups = (*_SMALL_GROUPS, *_GROUPS) if depth > _LONG else _GROUPS
        group = next((g for g in groups if n * -(-m // g) * width <= space), groups[-1])
        rows = max(size, space // (-(-m // group) * width) // size * size)
        return group, spans(n, rows)


def _integers_of(tensor: torch.Tensor) -> torch.Tensor:
    """Return the bits of a tensor as signed integers of the same width."""
    import torch

    return tensor.view(torch.int16 if tensor.dtype is torch.bfloat16 else torch.int32)


def _bits_of(tensor: torch.Tensor) -> NDArray[np.signedinteger[Any]]:
    """Return the bits of a tensor on the processor as signed integers of the same width."""
    return np.asarray(_integers_of(tensor).numpy())
