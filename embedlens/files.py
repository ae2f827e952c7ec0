"""Files that appear whole or not at all, and arrays that are read without trusting them."""

from __future__ import annotations

import os
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

TEMPORARY_SUFFIX = ".partial"


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Hand out a temporary path beside `target`; on success it is synced and takes the target's place.

    On any failure the temporary file is removed and `target` stays as it was.
    """
    temporary = target.with_name(f".{target.name}.{os.getpid()}{TEMPORARY_SUFFIX}")
    try:
        yield temporary
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(target: Path, text: str) -> None:
    """Write `text` as UTF-8, whole or not at all."""
    with atomic_path(target) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def write_npy(target: Path, array: NDArray[np.generic]) -> None:
    """Write `array` as plain ``.npy``, whole or not at all."""
    with atomic_path(target) as temporary, temporary.open("wb") as handle:
        # Given the file itself, numpy writes past Python, and a full disk is an error without a number.
        stream: Any = SimpleNamespace(write=handle.write)
        np.lib.format.write_array(stream, array, allow_pickle=False)


def remove_partial(folder: Path) -> None:
    """Remove temporary files that a killed writer left anywhere below `folder`."""
    for leftover in folder.rglob(f".*{TEMPORARY_SUFFIX}"):
        leftover.unlink(missing_ok=True)


def read_npy(path: Path) -> NDArray[np.generic]:
    """Open a ``.npy`` file memory-mapped and read-only; anything else in it raises `InputError`."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        message = f"{path}: no such file"
        raise InputError(message) from None
    except OSError as error:
        message = f"{path}: cannot be read ({error.strerror or error})"
        raise InputError(message) from error
    except Exception as error:  # a damaged header fails anywhere in numpy's parser, with any exception
        message = f"{path}: {_why_unreadable(path, str(error))}"
        raise InputError(message) from error
    if not isinstance(array, np.ndarray):
        array.close()
        message = f"{path}: an .npz archive, not a plain .npy array; `embedlens import` reads archives"
        raise InputError(message)
    return array


def _why_unreadable(path: Path, error: str) -> str:
    """Put numpy's reason for not reading a file into the reader's words."""
    start = b""
    if path.is_file():
        with path.open("rb") as handle:
            start = handle.read(6)
    if start != np.lib.format.MAGIC_PREFIX:
        return "no .npy array (a pickle, an empty or another kind of file); write it with numpy.save"
    if "Object arrays" in error or "Python objects" in error:
        return "an array of Python objects; only numeric arrays are read"
    if "mmap length" in error or "greater than file size" in error or "EOF" in error:
        return "truncated: the file is shorter than its header says; write it again"
    return f"a corrupt .npy array ({' '.join(error.split())}); write it again"
