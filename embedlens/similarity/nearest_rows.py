"""The k most similar rows of each row, whatever their labels: exact, for long lists too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.arrays import to_numpy
from embedlens.devices import check_device
from embedlens.errors import InputError
from embedlens.similarity.candidates import kth_largest
from embedlens.similarity.exact import exact_neighbours
from embedlens.similarity.hardware import chosen_type
from embedlens.similarity.negatives import GroupMaxima, Top
from embedlens.similarity.pairing import Pairing
from embedlens.similarity.row_candidates import (
    best_of_candidates,
    count_candidates,
    count_rows,
    sort_by_row,
    write_candidates,
)
from embedlens.similarity.screen import TILE, Screen, float32_error
from embedlens.similarity.threads import full_precision, in_parallel, spans

if TYPE_CHECKING:
    import torch
    from numpy.typing import ArrayLike, NDArray

    from embedlens.similarity.screen import Tile

_SHORT = 16  # neighbours up to which maxima of groups leave little to compute again
_MANY = 1 << 14  # rows from which on a sample of the columns sets thresholds
_SAMPLE = 4096
_CANDIDATES = 1 << 25  # of a band, 10 bytes each


def nearest_rows(z: ArrayLike, k: int, *, device: str = "cpu") -> NDArray[np.int32]:
    """Return the k most similar other rows of each row by cosine similarity, best first.

    Ties go to the lower row number. All rows are compared in one pass over tiles, in bounded memory.

    Parameters
    ----------
    z
        Embeddings [N, D], any floating type, not necessarily normalised.
    k
        Number of neighbours, from 1 to N - 1.
    device
        Torch device that screens; the answer does not depend on it.

    Returns
    -------
    ndarray
        int32 [N, k]: row numbers.

    Raises
    ------
    InputError
        NaN, infinity, a zero vector, a number of neighbours out of range, or a device that is not available.
    """
    check_device(device)
    array = to_numpy(z)
    n = array.shape[0] if array.ndim else 0
    pairing = Pairing(array, np.arange(max(n, 1)))  # a label for each row: all others are negatives
    if not 1 <= k < n:
        message = f"{k} neighbours of each row; of {n} rows, 1 to {n - 1} can be listed"
        raise InputError(message)
    found = np.empty((n, k), np.int32)
    with full_precision():
        screen = Screen(pairing, chosen_type(None, device, pairing.library), device)
        search = _by_threshold if k > _SHORT and n >= _MANY and not screen.on_device else _by_groups
        rows = np.flatnonzero(search(screen, found))
        for some in exact_neighbours(pairing, rows, np.full(rows.size, k), kind="all"):
            found[some.rows] = some.index
    return found


def _by_groups(screen: Screen, found: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Fill in the neighbours by maxima of groups of columns; return which rows are ambiguous, bool [N]."""
    ambiguous = np.zeros(len(found), np.bool_)
    group, bands = screen.plan(depth=found.shape[1])
    for band in bands:
        maxima = GroupMaxima(screen, band, group)
        screen.sweep(band, [maxima])
        depth = np.full(band.stop - band.start, found.shape[1])
        top = Top.empty(depth, len(found))
        maxima.most_similar(depth, top)
        found[band], ambiguous[band] = top.index, top.undecided
    return ambiguous


def _by_threshold(screen: Screen, found: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Do the same by candidates above a threshold for each row, found in one pass over the tiles.

    The neighbours of a long list are in nearly as many groups, which would have to be computed again. The
    threshold of a row is one that about twice as many candidates as neighbours reach, by a sample of the
    columns; where fewer candidates are certain, the row is ambiguous.
    """
    n, k = found.shape
    bits, ambiguous = _thresholds(screen, k)
    error32 = float32_error(screen.pairing.queries.dim)
    missing = screen.values(bits) + screen.error
    rounding = 2.0**-8 if screen.dtype == "bfloat16" else 2.0**-23
    step = max(TILE, _CANDIDATES // (4 * k) // TILE * TILE)
    for band in spans(n, step):
        above = Above(screen, band, bits)
        screen.sweep(band, [above])
        listed = above.by_row()
        part = ambiguous[band]

        def choose(rows: slice, band: slice = band, listed: Any = listed, part: Any = part) -> None:
            best_of_candidates(
                (band.start + rows.start, band.start + rows.stop, band.start),
                screen.queries.unit,
                (screen.pairing.queries.raw, screen.pairing.queries.norm),
                listed,
                (screen.error, missing, error32, rounding),
                (found[band], part),
            )

        in_parallel(choose, spans(band.stop - band.start, 512))
    return ambiguous


def _thresholds(screen: Screen, k: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return the bits that candidates of each row reach, and the rows whose threshold separates nothing."""
    n = len(screen.pairing.queries)
    columns = np.sort(np.random.default_rng(0).choice(n, _SAMPLE, replace=False))
    expected = k * _SAMPLE / n
    rank = int(np.ceil(expected + 3 * np.sqrt(expected) + 2))  # one more, since a row may be in the sample
    bits = np.zeros(n, screen.bit_type)
    ambiguous = np.zeros(n, np.bool_)
    sample = screen.rows(columns)

    def find(part: slice) -> None:
        block = screen.product(screen.rows(part), sample)
        best = np.zeros(len(block), screen.bit_type)
        kth_largest(block, np.full(len(block), rank), best)
        bits[part] = screen.bits(screen.values(best) - screen.error[part])
        reach = (block >= bits[part, None]).sum(axis=1)
        ambiguous[part] = (bits[part] <= 0) | (reach > 4 * rank)

    in_parallel(find, spans(n, TILE))
    bits[ambiguous] = np.iinfo(screen.bit_type).max
    return bits, ambiguous


class Above:
    """Keeps the entries of tiles that reach the threshold of their row.

    Parameters
    ----------
    screen, band
        The tiles, and the rows whose candidates are kept.
    bits
        Thresholds of all rows, [N].
    """

    def __init__(self, screen: Screen, band: slice, bits: NDArray[Any]) -> None:
        self._screen, self._band, self._bits = screen, band, bits
        self._found: list[tuple[NDArray[np.int32], NDArray[np.int32], NDArray[Any]]] = []

    def reduce(self, tile: Tile, block: NDArray[np.signedinteger[Any]]) -> None:
        """Take the candidates of a tile, for its rows and, mirrored, for its columns."""
        by_row = self._bits[tile.rows]
        by_column = self._bits[tile.columns] if tile.mirrored else self._bits[:0]
        count = count_candidates(block, by_row, by_column)
        out = np.empty(count, np.int32), np.empty(count, np.int32), np.empty(count, block.dtype)
        write_candidates(block, (by_row, by_column), (tile.rows.start, tile.columns.start), out)
        self._found.append(out)

    def reduce_on_device(self, tile: Tile, block: torch.Tensor) -> None:
        """Take the candidates of a tile of bits that lies on the device."""
        self.reduce(tile, block.cpu().numpy())

    def by_row(self) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
        """Return offsets [n + 1], columns and screened similarities of the candidates of each row."""
        first = self._band.start
        offsets = np.zeros(self._band.stop - first + 1, np.int64)
        for row, _, _ in self._found:
            count_rows(row, first, offsets)
        np.cumsum(offsets, out=offsets)
        columns = np.empty(offsets[-1], np.int32)
        bits = np.empty(offsets[-1], self._screen.bit_type)
        place = offsets[:-1].copy()
        while self._found:
            sort_by_row(self._found.pop(), first, place, (columns, bits))
        return offsets, columns, self._screen.values(bits).astype(np.float32)
