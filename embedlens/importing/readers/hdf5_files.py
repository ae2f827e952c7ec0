"""Datasets of HDF5 files (.h5, .hdf5), and AnnData in .h5ad files, which are HDF5, too."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.errors import InputError, shortened
from embedlens.files import check_regular
from embedlens.importing.readers.base import reads
from embedlens.importing.readers.checks import check_size, joined_texts
from embedlens.importing.readers.trees import TreeReader
from embedlens.optional import needed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

_ROWS = 1 << 16  # texts that are read at once


@reads(".h5", ".hdf5", ".h5ad")
class Hdf5Reader(TreeReader):
    """Reader of HDF5 files; links to other files are not followed."""

    kind = "HDF5 file"

    @contextmanager
    def opened(self, file: Path) -> Iterator[Any]:
        """Open the file."""
        check_regular(file)
        h5py = needed("h5py", "files", f"reading {file.suffix} files")
        with h5py.File(file, "r", locking=False) as root:
            yield root

    def is_array(self, node: Any) -> bool:
        """Return whether a node is a dataset."""
        return hasattr(node, "shape")

    def children(self, node: Any) -> list[str]:
        """Return the names of datasets and groups, less those that are links to other places."""
        import h5py

        found = []
        for name in node:
            hard = isinstance(node.get(name, getlink=True), h5py.HardLink)
            if hard and node.get(name, getclass=True) in (h5py.Dataset, h5py.Group):
                found.append(name)
        return found

    def check(self, node: Any, place: str) -> int:
        """Refuse datasets whose numbers stand in other files; return the bytes of the others."""
        import h5py

        if node.external or node.is_virtual:
            message = f"{place} has its numbers in other files; write them into one"
            raise InputError(message)
        if node.dtype.hasobject and h5py.check_string_dtype(node.dtype) is None:
            message = (
                f"{place} holds objects ({shortened(str(node.dtype))}); arrays of numbers or text are read"
            )
            raise InputError(message)
        stored = int(node.id.get_storage_size())
        if node.chunks and not node.dtype.hasobject:
            block = int(np.prod(node.chunks, dtype=object)) * node.dtype.itemsize
            check_size(node.file.filename, block, stored)
        return stored

    def texts(self, node: Any) -> NDArray[np.str_] | None:
        """Return texts of any length, [N]."""
        import h5py

        info = h5py.check_string_dtype(node.dtype)
        if info is None or info.length is not None:
            return None
        shape = node.shape
        if len(shape) != 1:
            message = f"texts have shape {shape}; one per item is needed: shape (N,)"
            raise InputError(message)
        _check_lengths(node)
        texts = (node.asstr()[start : start + _ROWS] for start in range(0, shape[0], _ROWS))
        return joined_texts([str(text) for text in block] for block in texts)


def _check_lengths(node: Any) -> None:
    """Refuse texts that are longer than the file: the library takes memory for a length before it reads.

    Each text is a length of 4 bytes, and 12 bytes that say where its letters stand. In blocks that are
    compressed they cannot be seen; a length there is 4 GiB at most.
    """
    start, count = node.id.get_offset(), node.shape[0]
    if start is None:
        return
    with open(node.file.filename, "rb") as stream:
        stream.seek(start)
        raw = stream.read(16 * count)
        size = stream.seek(0, 2)
    lengths = np.frombuffer(raw, np.uint8)[: len(raw) // 16 * 16].reshape(-1, 16)[:, :4].copy().view("<u4")
    if int(lengths.sum(dtype=np.uint64)) > size:
        message = f"texts of {int(lengths.sum(dtype=np.uint64)):,} letters in a file of {size:,} bytes"
        raise ValueError(message)
