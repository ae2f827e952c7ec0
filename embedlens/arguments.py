"""Checks of the other arrays that functions take: numbers, flags, integers, row numbers, shapes.

What can be meant in one way only is converted (lists, tensors, 0 and 1 for bools, whole numbers of any
integer type); anything else raises `InputError`, which names the argument.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.arrays import as_int64, shape_text, to_numpy
from embedlens.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def check_numbers(
    values: ArrayLike,
    name: str,
    *,
    shape: tuple[int | None, ...] | None = (None,),
    finite: bool = True,
    least: float = -np.inf,
) -> NDArray[np.float64]:
    """Return real numbers as float64.

    Parameters
    ----------
    values
        Integers or floating-point numbers.
    name
        What a message calls them.
    shape
        The shape that is needed, None for any size; by default a list [n]. None: any shape.
    finite
        Whether NaN is refused, and infinity.
    least
        The least number that is allowed.
    """
    array = _checked(values, name, shape, kinds="iuf", wanted="numbers")
    array = array.astype(np.float64, copy=False)
    if finite and not np.isfinite(array).all():
        message = f"{name} hold NaN or infinity; all numbers must be finite"
        raise InputError(message)
    if (array < least).any():
        message = f"{name} go down to {np.nanmin(array):g}; {least:g} is the least that is allowed"
        raise InputError(message)
    return array


def check_integers(
    values: ArrayLike, name: str, *, shape: tuple[int | None, ...] = (None,), least: int | None = None
) -> NDArray[np.int64]:
    """Return integers as int64; floating-point numbers, bools and text are refused."""
    array = to_numpy(values)
    if array.size == 0 and array.ndim == len(shape):  # an empty list has no type of its own
        array = array.astype(np.int64)
    integers = as_int64(_checked(array, name, shape, kinds="iu", wanted="integers"), name)
    if least is not None and integers.size and int(integers.min()) < least:
        message = f"{name} go down to {int(integers.min())}; {least} is the least that is allowed"
        raise InputError(message)
    return integers


def check_indices(
    values: ArrayLike, name: str, *, rows: int, shape: tuple[int | None, ...] = (None,)
) -> NDArray[np.int64]:
    """Return row numbers as int64, each in 0 to rows - 1; a mask of bools is refused with the way out."""
    array = to_numpy(values)
    if array.dtype.kind == "b":
        message = f"{name} are bool; row numbers are needed, and numpy.flatnonzero gives those of a mask"
        raise InputError(message)
    numbers = check_integers(array, name, shape=shape)
    if numbers.size and not 0 <= numbers.min() <= numbers.max() < rows:
        message = f"{name} name rows {numbers.min()} to {numbers.max()}, but there are {rows} rows, from 0"
        raise InputError(message)
    return numbers


def check_flags(
    values: ArrayLike, name: str, *, shape: tuple[int | None, ...] = (None,)
) -> NDArray[np.bool_]:
    """Return yes and no as bool; 0 and 1 of any type count as no and yes, all other numbers are refused."""
    array = _checked(values, name, shape, kinds="biuf", wanted="bools")
    if array.dtype.kind != "b" and not ((array == 0) | (array == 1)).all():
        message = f"{name} hold numbers other than 0 and 1; True or False is needed for each"
        raise InputError(message)
    return array.astype(np.bool_, copy=False)


def check_same_length(**arrays: NDArray[Any]) -> None:
    """Refuse arrays that have not equally many rows; the message has their names and numbers of rows."""
    if len({len(array) for array in arrays.values()}) > 1:
        shown = ", ".join(f"{name} {len(array)}" for name, array in arrays.items())
        message = f"arrays of different lengths: {shown}; one entry of each for every item is needed"
        raise InputError(message)


def _checked(
    values: ArrayLike, name: str, shape: tuple[int | None, ...] | None, *, kinds: str, wanted: str
) -> NDArray[Any]:
    """Return an array of one of the kinds and of the shape."""
    array = to_numpy(values)
    if array.dtype.kind not in kinds:
        found = {"U": "text", "S": "text", "O": "Python objects"}.get(array.dtype.kind, str(array.dtype))
        message = f"{name} are {found}; {wanted} are needed"
        raise InputError(message)
    if shape is not None and (
        array.ndim != len(shape)
        or any(size not in (None, got) for size, got in zip(shape, array.shape, strict=True))
    ):
        needed = ", ".join("n" if size is None else str(size) for size in shape)
        needed = f"({needed},)" if len(shape) == 1 else f"({needed})"
        message = f"{name} have shape {shape_text(array)}; shape {needed} is needed"
        raise InputError(message)
    return array


def check_pictures(
    values: ArrayLike, name: str, *, shape: tuple[int | None, ...] | None = None
) -> NDArray[np.uint8]:
    """Return pictures as uint8: integers from 0 to 255, by default [N, h, w] or [N, h, w, 3]."""
    array = to_numpy(values)
    if shape is None:
        shape = (None,) * 3 if array.ndim == 3 else (None, None, None, 3)
    pixels = check_integers(array, name, shape=shape) if array.dtype != np.uint8 else array
    pixels = _checked(pixels, name, shape, kinds="iu", wanted="integers")
    if pixels.dtype != np.uint8 and pixels.size and not 0 <= pixels.min() <= pixels.max() <= 255:
        message = f"{name} go from {pixels.min()} to {pixels.max()}; 0 to 255 is needed"
        raise InputError(message)
    return pixels.astype(np.uint8, copy=False)
