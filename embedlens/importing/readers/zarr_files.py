"""Arrays of zarr folders and of zip files of them, and AnnData written so."""

from __future__ import annotations

import os
import stat
import warnings
import zipfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.errors import InputError, InputWarning, shortened
from embedlens.files import check_regular
from embedlens.importing.readers.base import reads
from embedlens.importing.readers.checks import MOST_NAMES, check_size, joined_texts
from embedlens.importing.readers.trees import TreeReader
from embedlens.optional import needed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from embedlens.importing.readers.wanted import Wanted

# Codecs that only rearrange or compress numbers and texts. Others run what they read (pickle) or are unknown.
_CODECS = frozenset(
    ("adler32", "astype", "bitround", "blosc", "bytes", "bz2", "crc32", "crc32c", "delta", "fixedscaleoffset")
    + ("fletcher32", "gzip", "jenkins_lookup3", "lz4", "lzma", "packbits", "pcodec", "quantize", "shuffle")
    + ("sharding_indexed", "transpose", "vlen-utf8", "zfpy", "zlib", "zstd")
)
_METADATA = ("zarr.json", ".zarray", ".zgroup")
_MOST_FILES = 10 * MOST_NAMES


@reads(".zarr", ".zip")
class ZarrReader(TreeReader):
    """Reader of zarr arrays and groups, in a folder or a zip file."""

    kind = "zarr array or group"

    @contextmanager
    def opened(self, file: Path) -> Iterator[Any]:
        """Open the store."""
        zarr = needed("zarr", "files", "reading zarr")
        folder = file.is_dir()
        (_check_folder if folder else _check_zip)(file)
        with warnings.catch_warnings():  # of files that are no part of the store
            warnings.simplefilter("ignore")
            if folder:
                yield zarr.open(store=zarr.storage.LocalStore(file, read_only=True), mode="r")
                return
            store = zarr.storage.ZipStore(file, mode="r")
            try:
                yield zarr.open(store=store, mode="r")
            finally:
                store.close()

    def read(self, wanted: Wanted) -> NDArray[Any]:
        """Return one array; blocks that are missing are warned of, and an array of none is refused."""
        array = super().read(wanted)
        with self._guarded(wanted.file) as root:
            if self.is_array(root):
                missing = _missing_blocks(root, str(wanted.file))
            elif wanted.labels and self.is_anndata(root):
                missing = None  # codes and masks are often zeros alone, which are not written
            else:
                node = root[wanted.chosen[-1]]
                place = f"{wanted.file}: {shortened(wanted.chosen[-1])!r}"
                missing = _missing_blocks(node, place) if self.is_array(node) else None
        if missing:
            warnings.warn(missing, InputWarning, stacklevel=2)
        return array

    def is_array(self, node: Any) -> bool:
        """Return whether a node is an array."""
        return hasattr(node, "shape")

    def children(self, node: Any) -> list[str]:
        """Return the names of the arrays and groups in a group.

        zarr's own listing reads all of them at once, and reports damaged ones where nobody can catch it.
        """
        store, prefix = node.store_path.store, f"{node.path}/".lstrip("/")
        if hasattr(store, "root"):
            folder = store.root / node.path
            return [one.name for one in folder.iterdir() if any((one / name).is_file() for name in _METADATA)]
        with zipfile.ZipFile(store.path) as archive:
            names = [name.removeprefix(prefix) for name in archive.namelist() if name.startswith(prefix)]
        parts = [name.split("/") for name in names]
        return list(dict.fromkeys(part[0] for part in parts if len(part) == 2 and part[1] in _METADATA))

    def check(self, node: Any, place: str) -> int:
        """Refuse codecs that hold objects, and blocks that are too large; return the bytes of the others."""
        for name in _codecs(node.metadata.to_dict()):
            if name not in _CODECS:
                message = (
                    f"{place} is stored by the codec {shortened(name)!r}, which may hold objects; write "
                    "plain numbers"
                )
                raise InputError(message)
        stored = int(node.nbytes_stored())
        dtype = node.dtype
        if isinstance(dtype, np.dtype) and not dtype.hasobject and dtype.kind != "T":
            block = int(np.prod(node.chunks, dtype=object)) * dtype.itemsize
            check_size(place.partition(": ")[0], block, stored)
        return stored

    def texts(self, node: Any) -> NDArray[np.str_] | None:
        """Return texts of any length, [N]."""
        dtype = np.dtype(node.dtype)
        if dtype.kind not in "TO":
            return None
        codecs = set(_codecs(node.metadata.to_dict()))
        if len(node.shape) != 1 or not (dtype.kind == "T" or "vlen-utf8" in codecs):
            message = f"an array of objects of shape {node.shape}; one text per item is needed: shape (N,)"
            raise InputError(message)
        step = max(1, int(node.chunks[0]))
        blocks = (node[start : start + step].tolist() for start in range(0, node.shape[0], step))
        return joined_texts([str(text) for text in block] for block in blocks)


def _missing_blocks(node: Any, place: str) -> str | None:
    """Return a warning of blocks that are not in the store and read as its fill value; refuse none at all."""
    if 0 in node.shape:
        return None
    try:
        blocks, written = int(node.nchunks), int(node.nchunks_initialized)
    except ValueError:  # zarr does not count those of an array at the root of a zip file
        return None
    if not written:
        message = f"{place} has none of its {blocks:,} blocks, so its numbers are missing; write it again"
        raise InputError(message)
    if written == blocks:
        return None
    message = (
        f"{place}: {blocks - written:,} of {blocks:,} blocks are missing and read as {node.fill_value}; "
        "write the array again if other numbers stood there"
    )
    return message


def _codecs(metadata: Any) -> list[str]:
    """Return the names of all codecs of an array: of version 2 its filters and compressor, too."""
    found = []
    pending = [metadata.get(key) for key in ("filters", "compressor", "codecs")]
    while pending:
        one = pending.pop()
        if isinstance(one, list | tuple):
            pending += one
        elif isinstance(one, dict):
            found.append(str(one.get("id") or one.get("name") or "").removeprefix("numcodecs."))
            inner = one.get("configuration")
            pending += (
                [inner.get(key) for key in ("codecs", "index_codecs")] if isinstance(inner, dict) else []
            )
        elif one is not None:
            config = getattr(one, "get_config", None) or getattr(one, "to_dict", None)
            pending.append(config() if config else {"name": type(one).__name__})
    return found


def _check_folder(folder: Path) -> None:
    """Refuse a folder with a pipe in it, which would block for ever, or with too many files."""
    pending, count = [os.fspath(folder)], 0
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                mode = entry.stat().st_mode
                count += 1
                if stat.S_ISDIR(mode) and not entry.is_symlink():
                    pending.append(entry.path)
                elif not stat.S_ISREG(mode) or count > _MOST_FILES:
                    what = (
                        "is no regular file"
                        if count <= _MOST_FILES
                        else f"is one of over {_MOST_FILES:,} files"
                    )
                    message = f"{folder}: {shortened(entry.name)!r} {what}"
                    raise InputError(message)


def _check_zip(file: Path) -> None:
    """Refuse a zip file that holds much more than its size."""
    size = check_regular(file).st_size
    with zipfile.ZipFile(file) as archive:
        check_size(file, sum(info.file_size for info in archive.infolist()), size)
