"""Rows of embeddings, and the one dot product that settles every comparison.

Every value that embedlens reports is that of float64 arithmetic in one fixed order: products of the
normalised rows, summed by halves (the right half is added to the left until one number is left). Only
element-wise operations are used, so that processors and GPUs give the same bits, and equal rows tie.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from embedlens.arrays import check_embeddings, to_numpy
from embedlens.devices import check_device

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_CHUNK_VALUES = 1 << 22


class Rows:
    """Checked embeddings on a device, as given, with their float64 norms.

    Parameters
    ----------
    values
        Floating-point numbers [N, D]; what cannot be normalised raises `InputError`.
    device
        Torch device.
    order
        Row numbers [N]: row i here is row ``order[i]`` of `values`; as given by default.
    """

    def __init__(self, values: ArrayLike, device: str, order: NDArray[np.int64] | None = None) -> None:
        device = check_device(device)
        array = to_numpy(values)
        rows = order.size if order is not None else array.shape[0] if array.ndim else 0
        checked = check_embeddings(array, rows=rows, dim=None)
        self.raw = torch.from_numpy(_for_torch(checked if order is None else checked[order])).to(device)
        self.norm = torch.cat([_norm(part.double()) for part in self._parts(self.raw)]).to(device)

    def __len__(self) -> int:
        return self.raw.shape[0]

    @property
    def dim(self) -> int:
        """Number of dimensions D."""
        return self.raw.shape[1]

    def unit(self, dtype: torch.dtype) -> torch.Tensor:
        """Return the normalised rows [N, D], divided in float64 and rounded to `dtype`."""
        unit = torch.empty_like(self.raw, dtype=dtype)
        for target, raw, norm in zip(
            self._parts(unit), self._parts(self.raw), self._parts(self.norm), strict=True
        ):
            target.copy_(raw.double() / norm[:, None])
        return unit

    def settle(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """Return the cosine similarities of the pairs (a[i], b[i]), float64 [n], clipped to [-1, 1]."""
        step = max(1, _CHUNK_VALUES // self.dim)
        parts = [
            _sum_by_halves(self._unit_of(i) * self._unit_of(j))
            for i, j in zip(torch.split(a, step), torch.split(b, step), strict=True)
        ]
        return torch.cat(parts).clamp_(-1.0, 1.0) if parts else self.norm[:0]

    def _unit_of(self, index: torch.Tensor) -> torch.Tensor:
        return self.raw[index].double() / self.norm[index, None]

    def _parts(self, tensor: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return torch.split(tensor, max(1, _CHUNK_VALUES // self.dim))


def _for_torch(array: NDArray[Any]) -> NDArray[Any]:
    """Copy what torch does not take: read-only (it warns), strided, foreign byte order, beyond float64."""
    plain = array.flags.writeable and array.flags.c_contiguous and array.dtype.isnative
    if plain and array.dtype.itemsize <= 8:
        return array
    return array.astype("float64" if array.dtype.itemsize > 8 else array.dtype.newbyteorder("="), order="C")


def _norm(rows: torch.Tensor) -> torch.Tensor:
    """Return the norms of float64 rows, on the CPU.

    numpy's root is correctly rounded. Torch's comes from a vector library, whose first call, raced by two
    threads, was seen to be off by 1e-10 in a thousand rows; equal rows then no longer tie.
    """
    return torch.from_numpy(np.sqrt(_sum_by_halves(rows * rows).cpu().numpy()))


def _sum_by_halves(products: torch.Tensor) -> torch.Tensor:
    """Return the row sums of [n, D], in the fixed order; the argument is overwritten."""
    width = products.shape[1]
    while width > 1:
        half = (width + 1) // 2
        products[:, : width - half] += products[:, half:width]
        width = half
    return products[:, 0]


def pair_similarity(
    z: ArrayLike, a: NDArray[np.int64], b: NDArray[np.int64], *, device: str = "cpu"
) -> NDArray[np.float64]:
    """Return the cosine similarity of given pairs of rows.

    Parameters
    ----------
    z
        Embeddings [N, D], not necessarily normalised.
    a, b
        Row numbers [n].
    device
        Torch device.

    Returns
    -------
    ndarray
        float64 [n], in [-1, 1].
    """
    rows = Rows(z, device)
    pairs = torch.from_numpy(a).to(device), torch.from_numpy(b).to(device)
    result: NDArray[np.float64] = rows.settle(*pairs).cpu().numpy()
    return result
