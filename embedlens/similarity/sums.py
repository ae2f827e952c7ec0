"""Mean over all pairs of rows of a function of their distance: float32 tiles, summed in float64."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedlens.similarity.rows import Rows
from embedlens.similarity.screen import TILE
from embedlens.similarity.threads import in_parallel, spans

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def mean_gaussian(z: ArrayLike, t: float) -> float:
    """Return the mean of exp(-t |u - v|^2) over all pairs of different rows, u and v normalised.

    Parameters
    ----------
    z
        Embeddings [N, D], N at least 2.
    t
        Scale, above 0.

    Notes
    -----
    |u - v|^2 = 2 - 2 u.v is computed in float32: a relative error of about 1e-6 t.
    """
    import torch

    rows = Rows(z)
    unit = np.empty((len(rows), rows.dim), np.float32)
    for part in spans(len(rows), 1 << 14):
        unit[part] = rows.unit(part)
    parts = spans(len(rows), TILE)
    tiles = [(i, j) for i in range(len(parts)) for j in range(i, len(parts))]
    sums = np.zeros((len(parts), len(parts)))

    def add(tile: tuple[int, int]) -> None:
        left, right = (torch.from_numpy(unit[parts[number]]) for number in tile)
        block = torch.mm(left, right.T).numpy()
        block -= np.float32(1)
        block *= np.float32(2 * t)
        np.exp(block, out=block)
        sums[tile] = block.sum(dtype=np.float64)
        if tile[0] == tile[1]:
            sums[tile] = (sums[tile] - np.trace(block, dtype=np.float64)) / 2

    in_parallel(add, tiles)
    return float(sums.sum() / (len(rows) * (len(rows) - 1) / 2))
