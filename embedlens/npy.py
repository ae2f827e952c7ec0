"""Headers of ``.npy`` arrays, read with bounds: what an array claims to be, before memory is spent on it."""

from __future__ import annotations

import ast
import math
import re
import warnings
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from embedlens.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

_MAGIC = np.lib.format.MAGIC_PREFIX
_LONGEST = 1 << 16  # bytes of a header; numpy writes 118 for plain arrays
_MOST_DIMS = 32


@dataclass(frozen=True, slots=True)
class ArrayHeader:
    """What the header of an array says.

    Attributes
    ----------
    dtype
        Type of the numbers; never Python objects.
    shape
        Length along each axis.
    fortran_order
        Whether the first axis varies fastest.
    size
        Bytes of the header itself; the numbers begin there.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fortran_order: bool
    size: int

    @property
    def nbytes(self) -> int:
        """Bytes that the numbers take, as the header says."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_array_header(stream: IO[bytes], place: Path | str) -> ArrayHeader:
    """Read the header of an ``.npy`` array from a file, or from a member of an archive.

    At most 64 KiB are read. The stream then stands where the numbers begin.

    Parameters
    ----------
    stream
        Binary stream that stands at the array's first byte.
    place
        What the message calls the file.

    Raises
    ------
    InputError
        Another kind of file, a header that is cut, damaged or too long, or an array of Python objects.
    """
    start = stream.read(8)
    if start[:6] != _MAGIC:
        message = (
            f"{place}: not a .npy array (a pickle, an empty or another kind of file); "
            "write it with numpy.save"
        )
        raise InputError(message)
    width = {1: 2, 2: 4, 3: 4}.get(start[6] if len(start) == 8 else 0)
    if width is None:
        message = f"{place}: a corrupt .npy array (unknown version of its header); write it again"
        raise InputError(message)
    number = stream.read(width)
    length = int.from_bytes(number, "little")
    if length > _LONGEST:
        message = (
            f"{place}: a corrupt .npy array (a header of {length:,} bytes; {_LONGEST:,} is the most); "
            "write it again"
        )
        raise InputError(message)
    raw = stream.read(length)
    if len(number) < width or len(raw) < length:
        message = f"{place}: truncated: the file is shorter than its header says; write it again"
        raise InputError(message)
    try:
        dtype, shape, fortran_order = _parse(raw.decode("utf-8" if start[6] == 3 else "latin-1"))
    except Exception as error:  # a damaged header fails anywhere in the parser, with any exception
        message = f"{place}: a corrupt .npy array (its header does not say type and shape); write it again"
        raise InputError(message) from error
    if dtype.hasobject:
        message = (
            f"{place}: an array of Python objects; write numbers, or text by np.save(FILE, y.astype(str))"
        )
        raise InputError(message)
    return ArrayHeader(dtype, shape, fortran_order, 8 + width + length)


def _parse(text: str) -> tuple[np.dtype[Any], tuple[int, ...], bool]:
    """Return type, shape and order; anything else than a header raises some exception."""
    with warnings.catch_warnings():  # Python warns of odd literals before it refuses them
        warnings.simplefilter("ignore")
        # Python 2 wrote long integers with an L.
        declared = ast.literal_eval(re.sub(r"(\d)L\b", r"\1", text).strip())
        dtype = np.lib.format.descr_to_dtype(declared["descr"])
    shape, order = declared["shape"], declared["fortran_order"]
    whole = all(type(length) is int and 0 <= length < 1 << 62 for length in shape)
    if type(shape) is not tuple or type(order) is not bool or not whole or len(shape) > _MOST_DIMS:
        raise ValueError
    return dtype, shape, order
