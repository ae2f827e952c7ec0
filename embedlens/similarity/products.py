"""Matrix products on the processor, by numpy or by torch.

Small matrices are multiplied by numpy: what torch gains on them is less than the second that it takes to
load. The library depends on the sizes alone, never on what happens to be loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Library = Literal["numpy", "torch"]

SMALL = 1 << 35
"""Products of single numbers up to which numpy computes: about half a second of two cores."""


def library_for(queries: int, gallery: int, dim: int) -> Library:
    """Return the library for all products of rows [queries, dim] and [gallery, dim]."""
    return "numpy" if queries * gallery * dim <= SMALL else "torch"


def multiply(
    left: NDArray[Any], right: NDArray[Any], library: Library, *, out: NDArray[Any] | None = None
) -> NDArray[Any]:
    """Return the inner products [n, m] of rows [n, D] and [m, D], float32 or float64."""
    if library == "numpy":
        result: NDArray[Any] = np.matmul(left, right.T, out=out)
        return result
    import torch

    to = None if out is None else torch.from_numpy(out)
    product: NDArray[Any] = torch.mm(torch.from_numpy(left), torch.from_numpy(right).T, out=to).numpy()
    return product


def aligned(shape: tuple[int, ...], dtype: type[np.generic]) -> NDArray[Any]:
    """Return memory that begins at a cache line: products take half the time."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    space = np.empty(size + 64, np.uint8)
    start = -space.ctypes.data % 64
    return space[start : start + size].view(dtype).reshape(shape)
