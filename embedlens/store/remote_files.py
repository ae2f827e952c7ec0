"""Files of a remote file system of fsspec: listings, local copies, uploads, and errors in one line."""

from __future__ import annotations

import errno
import os
import threading
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError, first_sentence, unknown
from embedlens.optional import needed
from embedlens.store.remote_cache import cached

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_LISTING_S = 2.0
_LISTING_TIMES = 20.0
_TRIES = 3
_MARKS = (
    "ETag", "etag", "generation", "md5Hash", "content_md5", "mtime", "LastModified", "last_modified",
    "updated", "modified", "created",
)  # fmt: skip
_OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "oci", "tos"}
_COMMON = ("s3", "gs", "abfs", "memory", "file")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder of a listing: its size in bytes, and what changes when it is written again."""

    size: int
    mark: str
    is_folder: bool


class RemoteFiles:
    """The files of one file system of fsspec, by their addresses.

    A listing of a folder is used for two seconds, or for 20 times as long as it took, and forgotten when this
    process writes there.
    """

    def __init__(self, system: Any) -> None:
        self._system = system
        self._listings: dict[str, tuple[float, dict[str, Entry] | None]] = {}
        self._guard = threading.RLock()

    def listing(self, folder: str) -> dict[str, Entry] | None:
        """Return the entries of a folder by name; None if there is no such folder."""
        with self._guard:
            until, entries = self._listings.get(folder, (0.0, None))
            begun = time.monotonic()
            if until <= begun:
                entries = self._list(folder)
                now = time.monotonic()
                self._listings[folder] = (now + max(_LISTING_S, _LISTING_TIMES * (now - begun)), entries)
            return entries

    def is_folder(self, address: str) -> bool:
        """Return whether there is a folder; a listing of the one above answers if it is known."""
        above, _, name = address.rpartition("/")
        with self._guard:
            until, entries = self._listings.get(above, (0.0, None))
        if until > time.monotonic() and entries is not None:
            return name in entries and entries[name].is_folder
        return self.listing(address) is not None

    def file(self, address: str) -> Entry | None:
        """Return the entry of a file; None where there is none, or a folder."""
        above, _, name = address.rpartition("/")
        if above.endswith("/"):  # of a bucket
            return None
        entry = (self.listing(above) or {}).get(name)
        return None if entry is None or entry.is_folder else entry

    def forget(self, address: str) -> None:
        """Forget the listings of the folders above an address, and of all below."""
        with self._guard:
            for folder in list(self._listings):
                if address.startswith(folder) or folder.startswith(address):
                    del self._listings[folder]

    def fetch(self, address: str) -> Path:
        """Return the local copy of a file; FileNotFoundError where there is none."""
        for _ in range(_TRIES):
            entry = self.file(address)
            if entry is None:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), address)
            with reported(address, "read"):
                copy = cached(
                    (address, entry.size, entry.mark),
                    lambda path: self._system.get_file(self._path(address), str(path)),
                )
            if copy is not None:
                return copy
            self.forget(address)
        message = f"{address} is being replaced while it is read; try again"
        raise InputError(message)

    def read_now(self, address: str) -> bytes | None:
        """Return the contents of a small file as they are now; None if there is none."""
        with reported(address, "read"):
            try:
                return bytes(self._system.cat_file(self._path(address)))
            except FileNotFoundError:
                return None

    def put(self, source: Path, address: str) -> None:
        """Upload a file, which appears whole."""
        path = self._path(address)
        with reported(address, "written"):
            if _OBJECT_STORES.intersection(_protocols(self._system)):
                self._system.put_file(str(source), path)
            else:  # elsewhere a file grows where it stands
                folder, _, name = path.rpartition("/")
                self._system.makedirs(folder, exist_ok=True)
                draft = f"{folder}/.{name}.{uuid.uuid4().hex}.partial"
                self._system.put_file(str(source), draft)
                self._system.mv(draft, path)
        self.forget(address)

    def create(self, address: str, content: bytes) -> bool:
        """Write a small file that is not there; return False if there is one."""
        with reported(address, "written"):
            try:
                self._system.pipe_file(self._path(address), content, mode="create")
            except FileExistsError:
                return False
        self.forget(address)
        return True

    def remove(self, address: str) -> None:
        """Remove a file; FileNotFoundError where there is none."""
        if self.file(address) is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), address)
        with reported(address, "removed"):
            self._system.rm_file(self._path(address))
        self.forget(address)

    def _path(self, address: str) -> str:
        return str(self._system._strip_protocol(address))

    def _list(self, folder: str) -> dict[str, Entry] | None:
        """Return the entries of a folder as they are now."""
        path = self._path(folder).rstrip("/")
        with reported(folder, "read"):
            try:
                self._system.invalidate_cache(path)
                found = self._system.ls(path, detail=True)
            except (FileNotFoundError, NotADirectoryError):
                return None
        entries = {}
        for info in found:
            above, _, name = str(info["name"]).rstrip("/").rpartition("/")
            if above == path and name:
                is_folder = info.get("type") == "directory"
                entries[name] = Entry(int(info.get("size") or 0), _mark(info), is_folder)
            elif name and info.get("type") == "file" and f"{above}/{name}".strip("/") == path.strip("/"):
                return None  # of a file, its own entry is listed
        return entries


def files_at(address: str) -> RemoteFiles:
    """Return the files of the file system of an address.

    Raises
    ------
    InputError
        A protocol that fsspec does not know, or whose library is not installed.
    """
    needed("fsspec", "remote", "reading addresses such as s3://bucket/run")
    from fsspec.core import url_to_fs
    from fsspec.registry import known_implementations, registry

    protocol = address.partition("://")[0]
    if protocol not in known_implementations and protocol not in registry:
        raise unknown(protocol, "protocol", _COMMON).within(address)
    library = known_implementations.get(protocol, {}).get("class", "fsspec").partition(".")[0]
    if library == "s3fs":
        needed(library, "remote", f"reading {protocol}:// addresses")
    try:
        with reported(address, "read"):
            system, _ = url_to_fs(address, use_listings_cache=False)
    except ImportError as error:
        message = f"{protocol}:// addresses need {library}; install it by: pip install {library}"
        raise InputError(message) from error
    with _GUARD:
        return _OPEN.setdefault(system, RemoteFiles(system))


_OPEN: dict[Any, RemoteFiles] = {}
_GUARD = threading.Lock()


@contextmanager
def reported(address: str, doing: str) -> Iterator[None]:
    """Turn whatever a file system raises into one line; ImportError and FileExistsError stay.

    Parameters
    ----------
    address
        What the message names.
    doing
        What cannot be done: "read", "written", "removed".
    """
    try:
        yield
    except (InputError, ImportError, FileExistsError, MemoryError):
        raise
    except Exception as error:  # each library has exceptions of its own, down to those of its network
        reason, kind = first_sentence(error), type(error).__name__
        advice = "check the address and the network"
        if isinstance(error, PermissionError):
            advice = "check the rights that your credentials have there"
        elif "Credential" in kind or "Auth" in kind or "credentials" in reason.lower():
            advice = "set the credentials in the environment or in the files of the provider's own tools"
        message = f"{address} cannot be {doing} ({kind}: {reason}); {advice}"
        raise InputError(message) from error


def _mark(info: Mapping[str, Any]) -> str:
    """Return what changes when a file is written again; where nothing does, a copy is used once."""
    found = next((f"{name}={info[name]}" for name in _MARKS if info.get(name)), None)
    return found or uuid.uuid4().hex


def _protocols(system: Any) -> set[str]:
    named = system.protocol
    return {named} if isinstance(named, str) else set(named)
