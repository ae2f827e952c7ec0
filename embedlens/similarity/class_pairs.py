"""Genuine and impostor pairs of each class, counted by their distance; of many pairs a sample.

Every item is compared with the same drawn items (impostor pairs) and with drawn items of its own class
(genuine pairs): all of them where they are few enough. Similarities are in float32, counts are integers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedlens.arrays import check_pair
from embedlens.results import Result
from embedlens.similarity.jit import compiled
from embedlens.similarity.products import library_for, multiply
from embedlens.similarity.rows import Rows
from embedlens.similarity.threads import in_parallel, spans

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

BINS = 1 << 16
"""Bins of the distance from 0 to 2, of equal width; thresholds are edges of bins."""
PAIRS = 1 << 27
"""Most pairs of each kind that are compared, unless every item would have fewer than `LEAST` partners."""
LEAST = 1 << 10
_OWN = 1 << 4  # bins that are joined where the thresholds of single classes are found
_TILE, _ROWS = 1 << 22, 1 << 10


@compiled
def count_pairs(
    tile: NDArray[np.float32],
    line: NDArray[np.int64],
    apart: tuple[NDArray[np.int64], NDArray[np.int64]],
    places: NDArray[np.int64],
    counts: NDArray[np.int64],
    own: NDArray[np.int64],
) -> None:
    """Count the similarities of a tile by the bin of their distance, in the lines of their rows.

    A pair is left out where the numbers `apart` of its row and column are equal. `places` is the column of
    `counts` for each bin; `own` may have no line.
    """
    for i in range(tile.shape[0]):
        for j in range(tile.shape[1]):
            if apart[0][i] == apart[1][j]:
                continue
            square = max(0.0, 2.0 - 2.0 * np.float64(tile[i, j]))
            at = min(BINS - 1, int(np.sqrt(square) * (BINS // 2)))
            counts[line[i], places[at]] += 1
            if own.shape[0]:
                own[line[i], at // _OWN] += 1


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ClassCounts(Result):
    """Pairs of each class by distance.

    Attributes
    ----------
    impostor, genuine
        int64 [C, E + 1]: pairs of each class nearer than each threshold, and in all.
    own
        int64 [C, F]: the largest threshold, in bins, below which at most a fraction FAR of the impostor pairs
        of the class lie; -1 where they are fewer than 1 / FAR.
    """

    impostor: NDArray[np.int64]
    genuine: NDArray[np.int64]
    own: NDArray[np.int64]


class ClassPairs:
    """The pairs of some embeddings, by class.

    Parameters
    ----------
    z
        Embeddings [N, D], not necessarily normalised.
    y
        Integer labels [N].
    seed
        Seed of the partners, where they are drawn.

    Attributes
    ----------
    classes, sizes
        int64 [C]: labels, ascending, and their numbers of items.
    n_partners
        Number of items that every item is compared with for impostor pairs, and the most for genuine pairs;
        N where all pairs are counted.
    """

    def __init__(self, z: ArrayLike, y: ArrayLike, *, seed: int = 0) -> None:
        array, labels = check_pair(z, y)
        order = np.argsort(labels, kind="stable")
        rows = Rows(array, order)
        self.classes, at, self.sizes = np.unique(labels[order], return_inverse=True, return_counts=True)
        self._class: NDArray[np.int64] = at.astype(np.int64)
        self._item = np.arange(order.size)
        self._start = np.cumsum(self.sizes) - self.sizes
        self._unit = np.empty((order.size, rows.dim), np.float32)
        for part in spans(order.size, 1 << 14):
            self._unit[part] = rows.unit(part)
        self.n_partners = min(order.size, max(LEAST, PAIRS // order.size))
        self._library = library_for(order.size, self.n_partners, rows.dim)
        random = np.random.default_rng(seed)
        self._partners = self._draw(random, 0, order.size)
        self._own_partners = {
            number: self._draw(random, int(self._start[number]), int(self.sizes[number]))
            for number in np.flatnonzero(self.sizes > 1).tolist()
        }

    def _draw(self, random: np.random.Generator, start: int, count: int) -> NDArray[np.int64]:
        """Return partners among consecutive items: all, or as many as are compared."""
        if count <= self.n_partners:
            return np.arange(start, start + count)
        return np.asarray(start + np.sort(random.choice(count, self.n_partners, replace=False)), np.int64)

    def impostor_distances(self) -> NDArray[np.int64]:
        """Return the number of impostor pairs in every bin of the distance, int64 [BINS]."""
        unit, total = self._unit[self._partners], np.zeros(BINS, np.int64)
        places, none = np.arange(BINS), np.zeros((0, 1), np.int64)
        tiles = self._tiles(0, self._item.size, len(unit))
        for group in spans(len(tiles), 16):
            found = np.zeros((len(tiles[group]), 1, BINS), np.int64)

            def count(number: int, found: NDArray[np.int64] = found, start: int = group.start) -> None:
                part = tiles[start + number]
                line, apart = np.zeros(part.stop - part.start, np.int64), self._class[self._partners]
                tile = multiply(self._unit[part], unit, self._library)
                count_pairs(tile, line, (self._class[part], apart), places, found[number], none)

            in_parallel(count, range(len(found)))
            total += found.sum(axis=(0, 1))
        return total

    def counted(self, edges: NDArray[np.int64], fars: Sequence[float]) -> ClassCounts:
        """Return the pairs of each class below thresholds, and the thresholds of the class itself.

        Parameters
        ----------
        edges
            int64 [E], ascending: thresholds of the distance, as numbers of bins.
        fars
            False accept rates.
        """
        places = np.searchsorted(edges, np.arange(BINS), side="right")
        shape = self.classes.size, edges.size + 1
        impostor, genuine = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        own = np.full((self.classes.size, len(fars)), -1)
        unit, apart = self._unit[self._partners], self._class[self._partners]
        none = np.zeros((0, 1), np.int64)

        def count(group: range) -> None:
            bins = np.zeros((len(group), BINS // _OWN), np.int64)
            first, last = group[0], group[-1]
            mine = slice(first, last + 1)
            for part in self._tiles(self._start[first], self._start[last] + self.sizes[last], len(unit)):
                tile, line = multiply(self._unit[part], unit, self._library), self._class[part] - first
                count_pairs(tile, line, (self._class[part], apart), places, impostor[mine], bins)
            own[mine] = _own_thresholds(bins, fars)
            for number in group:
                others = self._own_partners.get(number)
                if others is None:
                    continue
                start = self._start[number]
                for part in self._tiles(start, start + self.sizes[number], others.size):
                    tile = multiply(self._unit[part], self._unit[others], self._library)
                    line = np.full(len(tile), number)
                    count_pairs(tile, line, (self._item[part], others), places, genuine, none)

        in_parallel(count, self._groups())
        return ClassCounts(np.cumsum(impostor, axis=1), np.cumsum(genuine, axis=1), own)

    def _groups(self) -> list[range]:
        """Return consecutive classes that have about `_ROWS` items together."""
        number = self._start // _ROWS
        firsts = np.flatnonzero(np.r_[True, number[1:] != number[:-1]])
        return [range(a, b) for a, b in zip(firsts, [*firsts[1:], number.size], strict=True)]

    def _tiles(self, start: int, stop: int, width: int) -> list[slice]:
        step = max(1, min(_ROWS, _TILE // width))
        return [slice(start + part.start, start + part.stop) for part in spans(stop - start, step)]


def _own_thresholds(bins: NDArray[np.int64], fars: Sequence[float]) -> NDArray[np.int64]:
    """Return the threshold of each class at each FAR, from its impostor pairs by distance [L, bins]."""
    below, found = np.cumsum(bins, axis=1), np.full((len(bins), len(fars)), -1)
    for place, far in enumerate(fars):
        allowed = (far * below[:, -1] + 1e-9).astype(np.int64)
        edge = np.sum(below <= allowed[:, None], axis=1)
        found[:, place] = np.where(allowed > 0, edge * _OWN, -1)
    return found
