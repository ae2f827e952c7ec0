"""Where a run lives: a local folder, or an address of fsspec such as ``s3://bucket/runs/mine``.

The store has one way of reading and writing, by paths. For a local folder these are pathlib's, and nothing
else is imported; for an address they are of `embedlens.store.remote_paths.RemotePath`, which has the methods
that the store calls. So every function that takes a run's `Path` takes either.

Reading. A folder is listed when it is asked for. A file is fetched whole when it is opened, since each reader
checks every value, into a cache that is keyed by address, size and modification mark (`remote_cache`); a
second reading costs a listing. Arrays are mapped from their copies. Errors name the address.

Writing. A file is written to a temporary local path and then uploaded where a local one would be renamed: an
object appears whole, as a renamed file does. So the order of the store holds the promise at an address, too.
An epoch is there when every split has its snapshot; the snapshot of the first split is uploaded last and is
the commit mark; an epoch that is replaced loses its snapshots first; run.json is written after all that it
describes; the log and the checkpoint are single objects. A run that is made in one go (`import`, `concat`) is
made locally and uploaded with run.json last, since an object store cannot rename a folder.

Locking. The lock is an object that is created on the condition that there is none, with the host, the process
and the time; see `embedlens.store.lock_files` for its limits.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, cast

from embedlens.errors import InputError
from embedlens.files import is_remote

if TYPE_CHECKING:
    import os

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(?=://)")
_MANGLED = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/[^/]")
_LOCAL = ("file", "local")


def is_address(text: object) -> bool:
    """Return whether a text is an address of fsspec; a path with a drive letter is none."""
    return isinstance(text, str) and _ADDRESS.match(text) is not None


def is_mangled(path: Path) -> bool:
    """Return whether a path was made of an address, which loses a slash so."""
    return _MANGLED.match(str(path)) is not None and not path.exists()


def run_path(path: str | os.PathLike[str]) -> Path:
    """Return the path of a run, or of a folder of runs, as the store uses it.

    Parameters
    ----------
    path
        Path of a local folder, or an address; ``file://`` addresses are local folders.

    Returns
    -------
    Path
        Of an address, an object that behaves as one (`RemotePath`); what was listed there is forgotten.

    Raises
    ------
    InputError
        A protocol that fsspec does not know, or whose library is not installed.
    """
    if isinstance(path, str) and is_address(path):
        protocol, _, rest = path.partition("://")
        if protocol.lower() in _LOCAL:
            return Path(rest[1:] if re.match(r"/[A-Za-z]:", rest) else rest)
        from embedlens.store.remote_paths import RemotePath

        return cast("Path", RemotePath(path).refreshed())
    if is_remote(path):
        return cast("Path", path)
    local = Path(path)
    if is_mangled(local):
        message = (
            f"{local}: an address has two slashes, as in s3://bucket/run; pathlib takes one away, so pass "
            "it as text"
        )
        raise InputError(message)
    return local
