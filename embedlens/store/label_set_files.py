"""labels.npz: the label sets of the items of a split, as indptr and indices of a CSR matrix."""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.errors import InputError, first_sentence, listed
from embedlens.files import read_bytes
from embedlens.label_sets import LabelSets
from embedlens.npy import read_array_header

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_MEMBERS = ("indptr", "indices")
_BYTES_PER_ITEM = 1 << 16  # 8,191 labels
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError)


def label_set_bytes(sets: LabelSets) -> bytes:
    """Return the contents of labels.npz: two arrays of int64, not compressed; equal sets give equal bytes."""
    stream = io.BytesIO()
    np.savez(stream, indptr=sets.indptr, indices=sets.indices)
    return stream.getvalue()


def read_label_sets(file: Path, *, items: int) -> LabelSets:
    """Read labels.npz.

    Parameters
    ----------
    file
        Its path.
    items
        Number of items that the split should have, which limits the size of the file.

    Raises
    ------
    InputError
        No archive, a damaged or compressed one, other arrays than the two of int64, or no label sets; or a
        split without any label.
    """
    content = read_bytes(file, limit=_BYTES_PER_ITEM * (items + 1))
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            indptr, indices = (_member(archive, name, file) for name in _MEMBERS)
    except InputError:
        raise
    except _DAMAGED as error:
        message = f"{file}: a damaged .npz archive ({first_sentence(error)}); put back a copy"
        raise InputError(message) from error
    try:
        return LabelSets(indptr, indices)
    except InputError as error:
        raise error.within(str(file)) from error


def _member(archive: zipfile.ZipFile, name: str, file: Path) -> NDArray[Any]:
    """Return an array of int64 of an archive, whose size the size of the file bounds."""
    if f"{name}.npy" not in archive.namelist():
        message = f"{file} has no array {name!r}, it has {listed(archive.namelist())}"
        raise InputError(message)
    entry = archive.getinfo(f"{name}.npy")
    if entry.compress_type != zipfile.ZIP_STORED:
        message = f"{file} is compressed; labels.npz holds plain arrays, as numpy.savez writes them"
        raise InputError(message)
    with archive.open(entry) as stream:
        header = read_array_header(stream, file)
        content = stream.read()
    if header.dtype != np.int64 or len(header.shape) != 1 or header.nbytes != len(content):
        message = f"{file}: {name} is {header.dtype} of shape {header.shape}; int64 of one axis is needed"
        raise InputError(message)
    return np.frombuffer(content, header.dtype)
