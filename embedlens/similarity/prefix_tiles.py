"""Steps of growing tiles: norms by first columns, consecutive numbers, products by some columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedlens.similarity.prefix_kernels import prefix_norms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from embedlens.similarity.products import Library


def norms_by_prefix(raw: NDArray[np.float64], ends: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the norms [n, T] of rows by their first columns."""
    out = np.empty((len(raw), ends.size))
    prefix_norms(raw, ends, out)
    return out


def consecutive(ends: NDArray[np.int64]) -> Iterator[slice]:
    """Yield the longest parts of `ends` that are consecutive numbers."""
    breaks = [0, *(np.flatnonzero(np.diff(ends) > 1) + 1).tolist(), ends.size]
    for start, stop in zip(breaks[:-1], breaks[1:], strict=True):
        yield slice(start, stop)


def grow(
    acc: NDArray[np.float32],
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    *,
    columns: slice,
    library: Library,
) -> None:
    """Add the products by some columns of x [n, D] and rows of y [D, m] to a tile; the first begin it."""
    left, right = x[:, columns], y[columns]
    if library == "numpy":
        if columns.start == 0:
            np.matmul(left, right, out=acc)
        elif columns.start < columns.stop:
            acc += left @ right
        return
    import torch

    tile, rows, others = torch.from_numpy(acc), torch.from_numpy(left), torch.from_numpy(right)
    if columns.start == 0:
        torch.mm(rows, others, out=tile)
    elif columns.start < columns.stop:
        torch.addmm(tile, rows, others, out=tile)
