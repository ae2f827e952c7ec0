"""Arrays of ``.npy`` files and ``.npz`` archives."""

from __future__ import annotations

import zipfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.errors import InputError, first_sentence, shortened
from embedlens.files import check_regular, read_npy
from embedlens.importing.readers.base import ArrayReader, reads
from embedlens.importing.readers.checks import check_size
from embedlens.npy import read_array_header

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from embedlens.importing.readers.wanted import Wanted
    from embedlens.npy import ArrayHeader

_BLOCK = 1 << 22  # bytes that are decompressed at once


@reads(".npy")
class NpyReader(ArrayReader):
    """Reader of ``.npy`` files, which stay memory-mapped."""

    holds_labels = False

    def read(self, wanted: Wanted) -> NDArray[Any]:
        """Return the array."""
        array: NDArray[Any] = read_npy(wanted.file)
        wanted.check_rows(array.shape)
        return array


@reads(".npz")
class NpzReader(ArrayReader):
    """Reader of ``.npz`` archives."""

    def names(self, file: Path) -> list[str]:
        """Return the names of the arrays in an archive."""
        with _opened(file) as members:
            return list(members)

    def read(self, wanted: Wanted) -> NDArray[Any]:
        """Return one array of an archive, after its declared size is checked."""
        with _archived(wanted) as (stream, header, size):
            wanted.check_rows(header.shape)
            check_size(wanted.file, header.nbytes, size)
            array = np.empty(header.shape, header.dtype, order="F" if header.fortran_order else "C")
            target = array.reshape(-1, order="A").view(np.uint8) if array.nbytes else np.empty(0, np.uint8)
            for start in range(0, target.size, _BLOCK):
                part = stream.read(min(_BLOCK, target.size - start))
                target[start : start + len(part)] = np.frombuffer(part, np.uint8)
            stream.read(1)  # the end of the member, where its checksum is compared
            return array


@contextmanager
def _opened(file: Path) -> Iterator[dict[str, tuple[zipfile.ZipFile, zipfile.ZipInfo]]]:
    """Open an archive: its members by the names of their arrays; every error is one line."""
    check_regular(file)
    try:
        with zipfile.ZipFile(file) as archive:
            yield {info.filename.removesuffix(".npy"): (archive, info) for info in archive.infolist()}
    except Exception as error:  # a damaged archive fails anywhere in the reader, with any exception
        if isinstance(error, InputError) and str(file) in str(error):
            raise
        reason = str(error) if isinstance(error, InputError) else shortened(first_sentence(error))
        message = f"{file} is not a readable .npz of plain arrays ({reason})"
        raise InputError(message) from error


@contextmanager
def _archived(wanted: Wanted) -> Iterator[tuple[Any, ArrayHeader, int]]:
    """Open one array of an .npz: a stream positioned at its data, its header, its compressed size."""
    with _opened(wanted.file) as members:
        archive, info = members[wanted.only(list(members))]
        with archive.open(info) as stream:
            header = read_array_header(stream, info.filename)
            if header.size + header.nbytes != info.file_size:
                message = f"{info.filename} is truncated or damaged"
                raise InputError(message)
            yield stream, header, info.compress_size
