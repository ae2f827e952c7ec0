"""Centred kernel alignment, orthogonal Procrustes residual and angles after alignment, of pairs of spaces.

All of them follow from X_a^T X_b [D_a, D_b] of the centred rows, summed over blocks of rows: no matrix of
items by items is computed. Products are float64; only the rotated rows, whose rounding errors average out in
the mean of many angles, are float32 where there are many of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.analysis.drift import kernels
from embedlens.results import Result
from embedlens.similarity.threads import in_parallel, spans

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from embedlens.analysis.drift.spaces import Space

    Matrices = dict[tuple[int, int], NDArray[Any]]

_LARGE = 1 << 32  # N D^2 of a pair from which on rows are rotated in float32
_NEAR = 1e-5  # residual below which angles are so small that float32 would show in them
_BLOCK_VALUES = 1 << 23  # of all spaces of a tile together
_SUMS = 1 << 24  # float64 numbers of the sums of a tile: 128 MiB


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Tile(Result):
    """Pairs of spaces that are compared together, so that each block of rows is read once for all of them.

    Attributes
    ----------
    spaces
        Number of the space -> the space.
    pairs
        Pairs of numbers (a, b), a <= b; (a, a) asks for what the pairs with a are divided by.
    procrustes, angles
        Whether these are computed.
    """

    spaces: dict[int, Space]
    pairs: list[tuple[int, int]]
    procrustes: bool = True
    angles: bool = True
    place: str = field(default="comparison of snapshots")

    @classmethod
    def cover(
        cls, spaces: Sequence[Space], pairs: Sequence[tuple[int, int]], *, procrustes: bool, angles: bool
    ) -> list[Tile]:
        """Return tiles of some pairs of spaces, and of each space with itself."""
        widest = max(space.dim for space in spaces)
        most = max(1, int((_SUMS / widest**2) ** 0.5))
        wanted = {*pairs, *((a, a) for a in range(len(spaces)))}
        groups = [group.tolist() for group in np.array_split(range(len(spaces)), -(-len(spaces) // most))]
        tiles = []
        for row, lower in enumerate(groups):
            for upper in groups[row:]:
                own = [(a, b) for a in lower for b in upper if (a, b) in wanted]
                used = {number: spaces[number] for number in sorted({one for pair in own for one in pair})}
                if own:
                    tiles.append(cls(used, own, procrustes, angles))
        return tiles


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TileScores(Result):
    """What a tile gives: ``|X_a^T X_b|_F``, ``|X_a^T X_b|_* / N`` and the mean angle, radians, of pairs.

    Attributes
    ----------
    frobenius, nuclear, angle
        Pair -> number; a pair (a, a) has the first alone.
    """

    frobenius: dict[tuple[int, int], float]
    nuclear: dict[tuple[int, int], float]
    angle: dict[tuple[int, int], float]


def scores_of(tile: Tile) -> TileScores:
    """Return the scores of the pairs of a tile, in two passes over the rows of its spaces."""
    n = next(iter(tile.spaces.values())).n
    sums = _products(tile)
    frobenius = {pair: float(np.linalg.norm(matrix)) for pair, matrix in sums.items()}
    nuclear: dict[tuple[int, int], float] = {}
    rotations: Matrices = {}

    def decompose(pair: tuple[int, int]) -> None:
        """Find the nuclear norm, and the orthogonal matrix nearest to the product (Schönemann 1966)."""
        if tile.angles:
            left, sigma, right = np.linalg.svd(sums.pop(pair), full_matrices=False)
            rotations[pair] = left @ right
        else:
            sigma = np.linalg.svd(sums.pop(pair), compute_uv=False)
        nuclear[pair] = float(sigma.sum()) / n

    if tile.procrustes or tile.angles:
        in_parallel(decompose, [(a, b) for a, b in tile.pairs if a != b])
    sums.clear()
    angle = _angles(tile, rotations, nuclear) if tile.angles else {}
    return TileScores(frobenius, nuclear, angle)


def _blocks(tile: Tile, dtype: type[np.floating[Any]]) -> Iterator[dict[int, NDArray[np.floating[Any]]]]:
    """Yield the same block of rows of all spaces, centred."""
    n = next(iter(tile.spaces.values())).n
    step = max(1, _BLOCK_VALUES // sum(space.dim for space in tile.spaces.values()))
    for part in spans(n, min(step, 2048)):
        read: dict[int, NDArray[np.floating[Any]]] = {}

        def load(number: int, part: slice = part, into: dict[int, Any] = read) -> None:
            into[number] = tile.spaces[number].block(part, dtype)

        in_parallel(load, list(tile.spaces))
        yield read


def _products(tile: Tile) -> Matrices:
    """Return X_a^T X_b of each pair, float64."""
    shapes = {(a, b): (tile.spaces[a].dim, tile.spaces[b].dim) for a, b in tile.pairs}
    sums: Matrices = {pair: np.zeros(shape) for pair, shape in shapes.items()}
    for rows in _blocks(tile, np.float64):

        def add(pair: tuple[int, int], rows: dict[int, NDArray[Any]] = rows) -> None:
            sums[pair] += rows[pair[0]].T @ rows[pair[1]]

        in_parallel(add, tile.pairs)
    return sums


def _angles(
    tile: Tile, rotations: Matrices, nuclear: dict[tuple[int, int], float]
) -> dict[tuple[int, int], float]:
    """Return the mean angle of each item to itself after the rotation, of each pair, in radians."""
    n, dim = next(iter(tile.spaces.values())).n, max(space.dim for space in tile.spaces.values())
    is_far = all(2.0 - 2.0 * value >= _NEAR for value in nuclear.values())
    dtype = np.float32 if is_far and n * dim * dim >= _LARGE else np.float64
    turned = {pair: matrix.astype(dtype, copy=False) for pair, matrix in rotations.items()}
    found = {pair: np.zeros(2) for pair in turned}
    for rows in _blocks(tile, dtype):

        def add(pair: tuple[int, int], rows: dict[int, NDArray[Any]] = rows) -> None:
            left, right, rotation = rows[pair[0]], rows[pair[1]], turned[pair]
            if left.shape[1] > right.shape[1]:  # the space of fewer dims is rotated into the other
                left, right, rotation = right, left, rotation.T
            found[pair] += kernels.angle_sum(left @ rotation, right)

        in_parallel(add, list(turned))
    return {pair: float(total / count) if count else float("nan") for pair, (total, count) in found.items()}
