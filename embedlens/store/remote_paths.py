"""Path at a remote address: the part of pathlib's interface by which the store reads and writes a run."""

from __future__ import annotations

import errno
import functools
import io
import os
import stat
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Any

from embedlens.store.remote_cache import staging_file
from embedlens.store.remote_files import RemoteFiles, files_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@functools.total_ordering
class RemotePath:
    """A file or folder at an address such as ``s3://bucket/runs/mine``.

    It behaves as a `pathlib.Path` does; folders need not be made. What is read is a local copy, which is
    fetched when the file is opened, also by whatever takes an ``os.PathLike``.

    Parameters
    ----------
    address
        Protocol, ``://``, and names that are separated by single slashes.
    files
        The files of its file system; None: found by the address.
    """

    def __init__(self, address: str, files: RemoteFiles | None = None) -> None:
        protocol, _, rest = address.partition("://")
        self.parts = tuple(name for name in rest.split("/") if name and name != ".")
        self._top = f"{protocol}://"
        self._address = self._top + "/".join(self.parts)
        self._files = files or files_at(self._address)

    def __str__(self) -> str:
        return self._address

    def __repr__(self) -> str:
        return f"RemotePath({self._address!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RemotePath) and self._address == other._address

    def __lt__(self, other: RemotePath) -> bool:
        return self.parts < other.parts

    def __reduce__(self) -> tuple[type[RemotePath], tuple[str]]:
        """Return what is pickled: the address, which another process opens for itself."""
        return RemotePath, (self._address,)

    def __hash__(self) -> int:
        return hash(self._address)

    def __truediv__(self, name: str | os.PathLike[str]) -> RemotePath:
        return RemotePath(f"{self._address}/{name}", self._files)

    def __fspath__(self) -> str:
        """Return the path of the local copy of the file."""
        return str(self._files.fetch(self._address))

    @property
    def name(self) -> str:
        """The last name of the address."""
        return self.parts[-1] if self.parts else ""

    @property
    def suffix(self) -> str:
        """The ending of the name, with its dot."""
        return PurePosixPath(self.name).suffix

    @property
    def stem(self) -> str:
        """The name without its ending."""
        return PurePosixPath(self.name).stem

    @property
    def parent(self) -> RemotePath:
        """The folder above."""
        return RemotePath(self._top + "/".join(self.parts[:-1]), self._files)

    @property
    def parents(self) -> list[RemotePath]:
        """The folders above, the next one first."""
        return [self.parent, *self.parent.parents] if self.parts else []

    @property
    def staged(self) -> Path:
        """The local path at which the file is written before it is uploaded."""
        return staging_file(self._address)

    def as_posix(self) -> str:
        """Return the address."""
        return self._address

    def with_name(self, name: str) -> RemotePath:
        """Return the path with another last name."""
        return self.parent / name

    def relative_to(self, other: RemotePath) -> PurePosixPath:
        """Return the names below another path; ValueError if it is not above."""
        if self.parts[: len(other.parts)] != other.parts:
            message = f"{self} is not below {other}"
            raise ValueError(message)
        return PurePosixPath(*self.parts[len(other.parts) :])

    def resolve(self) -> RemotePath:
        """Return the path: an address is absolute, and no link is followed."""
        return self

    absolute = resolve

    def is_absolute(self) -> bool:
        """Return True."""
        return True

    def is_symlink(self) -> bool:
        """Return False."""
        return False

    def is_file(self) -> bool:
        """Return whether there is a file."""
        return self._files.file(self._address) is not None

    def is_dir(self) -> bool:
        """Return whether there is a folder; an object store has those that hold something."""
        return self._files.is_folder(self._address)

    def exists(self) -> bool:
        """Return whether there is a file or a folder."""
        return self.is_dir() or self.is_file()

    def stat(self) -> os.stat_result:
        """Return kind and size, the rest being 0; FileNotFoundError where there is nothing."""
        entry = self._files.file(self._address)
        if entry is not None:
            return os.stat_result((stat.S_IFREG | 0o444, 0, 0, 1, 0, 0, entry.size, 0, 0, 0))
        if self.is_dir():
            return os.stat_result((stat.S_IFDIR | 0o555, 0, 0, 1, 0, 0, 0, 0, 0, 0))
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self._address)

    @property
    def mark(self) -> str:
        """What changes when the file is written again; empty where there is none."""
        entry = self._files.file(self._address)
        return "" if entry is None else entry.mark

    def iterdir(self) -> Iterator[RemotePath]:
        """Yield what is in the folder; FileNotFoundError where there is none."""
        entries = self._files.listing(self._address)
        if entries is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self._address)
        yield from [self / name for name in entries]

    def glob(self, pattern: str) -> Iterator[RemotePath]:
        """Yield the paths below whose names match those of a pattern, one folder after the other."""
        first, _, rest = pattern.partition("/")
        for path in self.iterdir() if self.is_dir() else ():
            if fnmatchcase(path.name, first):
                yield from path.glob(rest) if rest else (path,)

    def rglob(self, pattern: str) -> Iterator[RemotePath]:
        """Yield the paths at any depth whose last name matches."""
        for path in self.iterdir():
            if fnmatchcase(path.name, pattern):
                yield path
            if path.is_dir():
                yield from path.rglob(pattern)

    def open(self, mode: str = "r", **options: Any) -> IO[Any]:
        """Open the local copy of the file for reading; files are written by `upload`."""
        if set(mode) - set("rbt"):
            message = f"{self}: a file at an address is opened for reading alone"
            raise io.UnsupportedOperation(message)
        return open(self.__fspath__(), mode, **options)

    def text_now(self) -> str | None:
        """Return the text of a small file as it is now, past all caches; None if there is none."""
        content = self._files.read_now(self._address)
        return None if content is None else content.decode("utf-8", errors="replace")

    def create(self, text: str) -> bool:
        """Write a small file that is not there; return False if there is one."""
        return self._files.create(self._address, text.encode())

    def upload(self, source: Path) -> None:
        """Write the file from a local one; it appears whole, and replaces one that is there."""
        self._files.put(source, self._address)

    def unlink(self, *, missing_ok: bool = False) -> None:
        """Remove the file."""
        try:
            self._files.remove(self._address)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def mkdir(self, **options: bool) -> None:
        """Do nothing: folders come with their files."""

    def rmdir(self) -> None:
        """Do nothing: folders go with their files."""

    def refreshed(self) -> RemotePath:
        """Return the path; what was listed there before is forgotten."""
        self._files.forget(self._address)
        return self
