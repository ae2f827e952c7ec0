"""Functions shared by methods whose embedding consists of slices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn import functional

from embedlens.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor


def unit_slices(z: Tensor, width: int) -> Tensor:
    """Return embeddings [B, D] in which every slice of `width` columns is normalised."""
    return functional.normalize(z.reshape(len(z), -1, width), dim=2).flatten(1)


def check_whole(name: str, value: int, least: int) -> None:
    """Refuse a number that is not whole or below `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        message = f"{name} is {value}; a whole number from {least} is needed"
        raise InputError(message)


def check_divides(n_slices: int, dim: int, *, name: str) -> None:
    """Refuse a number of slices that does not divide the dims."""
    if dim % n_slices:
        fitting = ", ".join(str(k) for k in range(1, dim + 1) if dim % k == 0)
        message = f"{n_slices} {name} do not divide {dim} dims into equal slices; choose one of: {fitting}"
        raise InputError(message)
