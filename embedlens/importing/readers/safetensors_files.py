"""Tensors of ``.safetensors`` files: a header in JSON, then the numbers, which stay memory-mapped."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.errors import InputError, shortened
from embedlens.files import check_regular
from embedlens.importing.readers.base import ArrayReader, reads
from embedlens.importing.readers.checks import MOST_NAMES

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from embedlens.importing.readers.wanted import Wanted

_LONGEST = 100_000_000  # bytes of a header, the limit of the safetensors library
# https://huggingface.co/docs/safetensors: types by the names that headers have; numbers are little-endian.
_TYPES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4",
    "U64": "<u8", "I64": "<i8", "F16": "<f2", "BF16": "<u2", "F32": "<f4", "F64": "<f8",
}  # fmt: skip


@reads(".safetensors")
class SafetensorsReader(ArrayReader):
    """Reader of files of the safetensors library."""

    def names(self, file: Path) -> list[str]:
        """Return the names of the tensors."""
        return list(_header(file)[0])

    def read(self, wanted: Wanted) -> NDArray[Any]:
        """Return one tensor; bfloat16 as float32."""
        file = wanted.file
        tensors, start = _header(file)
        if not tensors:
            message = f"{file} holds no tensor"
            raise InputError(message)
        name = wanted.only(list(tensors))
        kind, shape, begin, end = _facts(file, name, tensors[name])
        if not 0 <= begin <= end <= file.stat().st_size - start:
            message = f"{file}: tensor {shortened(name)!r} ends after the file; write it again"
            raise InputError(message)
        dtype = np.dtype(_TYPES[kind])
        if math.prod(shape) * dtype.itemsize != end - begin:
            message = f"{file}: tensor {shortened(name)!r} has another size than its shape; write it again"
            raise InputError(message)
        wanted.check_rows(shape)
        array: NDArray[Any] = np.empty(shape, dtype)
        if array.nbytes:
            array = np.memmap(file, dtype, "r", start + begin, shape)
        if kind == "BF16":
            array = (array.astype(np.uint32) << np.uint32(16)).view(np.float32)
        return array


def _header(file: Path) -> tuple[dict[str, Any], int]:
    """Return what the header says of each tensor, and where the numbers begin."""
    size = check_regular(file).st_size
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or length > min(_LONGEST, size - 8):
            message = (
                f"{file} is not a .safetensors file (its header is longer than the file); write it again"
            )
            raise InputError(message)
        raw = stream.read(length)
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError) as error:
        message = f"{file} is not a .safetensors file (its header is no JSON); write it again"
        raise InputError(message) from error
    if not isinstance(content, dict) or len(content) > MOST_NAMES:
        message = f"{file} is not a .safetensors file (its header does not list tensors); write it again"
        raise InputError(message)
    content.pop("__metadata__", None)
    return content, 8 + length


def _facts(file: Path, name: str, entry: object) -> tuple[str, tuple[int, ...], int, int]:
    """Return type, shape, begin and end of a tensor as its entry in the header says them."""
    facts = entry if isinstance(entry, dict) else {}
    kind, shape, place = (facts.get(key, "") for key in ("dtype", "shape", "data_offsets"))
    if not (_is_whole(shape) and _is_whole(place) and len(place) == 2 and len(shape) <= 32):
        message = f"{file}: tensor {shortened(name)!r} has a damaged entry in the header; write it again"
        raise InputError(message)
    if not isinstance(kind, str) or kind not in _TYPES:
        message = (
            f"{file}: tensor {shortened(name)!r} is {shortened(str(kind))}; {', '.join(_TYPES)} are "
            "read, save it as float16 or float32"
        )
        raise InputError(message)
    return kind, tuple(shape), *place


def _is_whole(numbers: object) -> bool:
    """Return whether an entry is a list of whole numbers from 0."""
    return isinstance(numbers, list) and all(type(one) is int and one >= 0 for one in numbers)
