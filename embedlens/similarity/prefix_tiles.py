"""Steps of growing tiles: norms by first columns, consecutive numbers, products by some columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from embedlens.similarity.prefix_kernels import prefix_norms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


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


def grow(acc: torch.Tensor, x: torch.Tensor, y: torch.Tensor, *, columns: slice) -> None:
    """Add the products by some columns to a tile; the first ones begin it."""
    if columns.start == columns.stop:
        if columns.start == 0:
            acc.zero_()
    elif columns.start == 0:
        torch.mm(x[:, columns], y[columns], out=acc)
    else:
        torch.addmm(acc, x[:, columns], y[columns], out=acc)
