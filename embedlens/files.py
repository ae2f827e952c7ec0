"""Atomic writing of files, and bounded reading of files that may be damaged."""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import os
import re
import stat
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import PurePath
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from embedlens.errors import InputError
from embedlens.npy import read_array_header
from embedlens.processes import is_alive, place_digest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

TEMPORARY_SUFFIX = ".partial"
_ARCHIVE = b"PK\x03\x04"
_TEMPORARY = re.compile(r"\.(?P<target>.+)\.(?P<pid>\d{1,18})(-(?P<place>[0-9a-f]{8}))?\.partial", re.DOTALL)
_LONGEST_NAME = 255  # bytes
_PROBE = 1 << 20  # bytes that a disk which is not full can take


def is_remote(path: object) -> bool:
    """Return whether a path is at an address, so that it behaves as pathlib's do, but is none of them.

    It has `staged`, the local path at which it is written first, and `upload`.
    """
    return hasattr(path, "upload") and not isinstance(path, PurePath)


def temporary_path(target: Path) -> Path:
    """Return the temporary path, always a local one, at which this process writes `target`."""
    if is_remote(target):
        target = cast("Any", target).staged
    ending = f".{os.getpid()}-{place_digest()}{TEMPORARY_SUFFIX}"
    name = f".{target.name}{ending}"
    if len(os.fsencode(name)) > _LONGEST_NAME >= len(os.fsencode(target.name)):
        name = f".{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]}{ending}"
    return target.with_name(name)


def temporary_target(name: str) -> str | None:
    """Return the name of the file that a temporary file is for; None for a file of another program."""
    match = _TEMPORARY.fullmatch(name)
    return match["target"] if match else None


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Context manager: a temporary path beside `target`, which is synced and renamed to it on success.

    On any failure the temporary file is removed and `target` stays as it was. What a process that has ended
    left beside the target is removed first.
    """
    remove_leftovers(temporary_path(target).parent)
    with temporary_file(target) as temporary:
        yield temporary


@contextmanager
def temporary_file(target: Path) -> Iterator[Path]:
    """Do what `atomic_path` does, but look at no other file of the folder."""
    temporary = temporary_path(target)
    try:
        yield temporary
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())
        if is_remote(target):
            cast("Any", target).upload(temporary)
        else:
            temporary.replace(target)
    except BaseException as error:
        fault = _fault_of_disk(error, temporary)
        temporary.unlink(missing_ok=True)
        if fault is None:
            raise
        raise OSError(fault.errno, fault.strerror, str(_named(target, temporary))) from error
    if is_remote(target):
        temporary.unlink(missing_ok=True)
    else:
        sync_folder(target.parent)


def _named(target: Path, temporary: Path) -> Path:
    """Return what an error of the disk names: the file, or the folder of what is not uploaded yet."""
    return temporary.parent if is_remote(target) else target


def _fault_of_disk(error: BaseException, temporary: Path) -> OSError | None:
    """Return the system's reason why a file could not be written; None where the error is another.

    Libraries hide it: on a full disk torch raises a RuntimeError, matplotlib an AttributeError. So a little
    more is written to what they left.
    """
    if isinstance(error, OSError) and error.strerror:
        return error if error.filename in (None, str(temporary)) else None
    if not isinstance(error, Exception) or isinstance(error, InputError):
        return None
    try:
        with temporary.open("ab") as handle:
            handle.write(bytes(_PROBE))
            handle.flush()
            os.fsync(handle.fileno())
    except OSError as found:
        return found
    return None


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files in a folder whose process, of this host, has ended."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        match = _TEMPORARY.fullmatch(entry.name)
        if match and match["place"] == place_digest() and not is_alive(int(match["pid"])):
            with suppress(OSError):
                os.unlink(entry.path)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable, where the system can."""
    if os.name != "posix" or is_remote(folder):
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(target: Path, text: str) -> None:
    """Write `text` as UTF-8, whole or not at all."""
    with atomic_path(target) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")


def write_npy(target: Path, array: NDArray[np.generic]) -> None:
    """Write `array` as plain ``.npy``, whole or not at all."""
    with atomic_path(target) as temporary:
        dump_npy(temporary, array)


def dump_npy(path: Path, array: NDArray[np.generic]) -> str:
    """Write `array` as plain ``.npy`` to a path; return the SHA-256 of the file, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("wb") as handle:

        def write(block: bytes) -> None:
            digest.update(block)
            handle.write(block)

        # Given the file itself, numpy writes past Python, and a full disk is an error without a number.
        stream: Any = SimpleNamespace(write=write)
        np.lib.format.write_array(stream, array, allow_pickle=False)
    return digest.hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def check_regular(path: Path) -> os.stat_result:
    """Return the status of a regular file; another kind is refused, since reading a pipe may block for ever.

    Raises
    ------
    InputError
        No such file, a folder, or a pipe, socket or device.
    """
    try:
        facts = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        message = f"{path}: no such file"
        raise InputError(message) from None
    except (OSError, ValueError) as error:
        message = f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})"
        raise InputError(message) from error
    if not stat.S_ISREG(facts.st_mode):
        kind = "a folder" if stat.S_ISDIR(facts.st_mode) else "a pipe, socket or device"
        message = f"{path} is {kind}; a regular file is needed"
        raise InputError(message)
    return facts


def read_bytes(path: Path, *, limit: int) -> bytes:
    """Return the contents of a regular file of at most `limit` bytes; `InputError` for any other."""
    check_regular(path)
    try:
        with path.open("rb") as handle:
            content = handle.read(limit + 1)
    except OSError as error:
        raise _unreadable(path, error) from error
    if len(content) > limit:
        message = f"{path} has more than {limit:,} bytes, the most that is read of such a file"
        raise InputError(message)
    return content


def read_text(path: Path, *, limit: int) -> str:
    """Return the text of a UTF-8 file of at most `limit` bytes; `InputError` for any other.

    A byte order mark, which editors put before it, is left out.
    """
    content = read_bytes(path, limit=limit)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        message = f"{path}, line {line}: not UTF-8 text ({error.reason}); save the file as UTF-8"
        raise InputError(message) from error


def read_table(path: Path, *, limit: int) -> list[tuple[int, list[str]]]:
    """Return the rows of a CSV file of at most `limit` bytes, each with the number of its last line.

    The first row names the columns. Blank lines are left out.

    Raises
    ------
    InputError
        A file that is too large or not UTF-8, a field of more than 131,072 letters, a column without a
        name or with the name of another, a row of another width.
    """
    reader = csv.reader(io.StringIO(read_text(path, limit=limit), newline=""))
    rows: list[tuple[int, list[str]]] = []
    try:
        for cells in reader:
            if cells:
                rows.append((reader.line_num, cells))
    except csv.Error as error:
        message = f"{path}, line {reader.line_num}: not readable as CSV ({error})"
        raise InputError(message) from error
    header = rows[0][1] if rows else []
    counts = Counter(header)
    twice = next((name for name in header if counts[name] > 1 or not name), None)
    if twice is not None:
        what = f"two columns are named {twice[:60]!r}" if twice else "a column has no name"
        message = f"{path}, line {rows[0][0]}: {what}; every column needs a name of its own"
        raise InputError(message)
    for line, cells in rows:
        if len(cells) != len(header):
            message = (
                f"{path}, line {line}: rows have different numbers of cells ({len(cells)} here, "
                f"{len(header)} in the first)"
            )
            raise InputError(message)
    return rows


def read_npy(path: Path) -> NDArray[np.generic]:
    """Open a ``.npy`` file memory-mapped and read-only; other contents raise `InputError`."""
    size = check_regular(path).st_size
    try:
        with path.open("rb") as handle:
            if handle.read(4) == _ARCHIVE:
                message = (
                    f"{path}: an .npz archive, not a plain .npy array; `embedlens import` reads archives"
                )
                raise InputError(message)
            handle.seek(0)
            header = read_array_header(handle, path)
        if size < header.size + header.nbytes:
            message = f"{path}: truncated: the file is shorter than its header says; write it again"
            raise InputError(message)
        order: Any = "F" if header.fortran_order else "C"
        if not header.nbytes:  # nothing can be mapped
            return np.empty(header.shape, header.dtype, order=order)
        return np.memmap(path, header.dtype, "r", header.size, header.shape, order)
    except OSError as error:
        raise _unreadable(path, error) from error


def native(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array in the byte order of the processor; one that has it already stays mapped."""
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _unreadable(path: Path, error: OSError) -> InputError:
    """Return the error for a file that the system does not let us read; a lack of handles stays its own."""
    if error.errno in (errno.EMFILE, errno.ENFILE):
        raise error
    return InputError(f"{path}: cannot be read ({error.strerror or error})")
