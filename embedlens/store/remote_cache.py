"""Cache of remote files on the local disk: each copy is known by address, size and modification mark.

The folder is ``$EMBEDLENS_CACHE``, by default ``embedlens/remote`` in the user's folder for caches. Its
copies have 20 GB together, or as many as ``$EMBEDLENS_CACHE_GB`` says: before a file is fetched, those that
were not used for longest are removed, but none that was used in the last ten minutes. So a command that reads
more than the limit at once exceeds it, and the next one removes the rest. A copy appears by a rename and is
never changed, so several processes can share the folder; on POSIX systems a removed copy stays readable where
it is open.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from embedlens.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

_DEFAULT_GB = 20.0
_IN_USE_S = 600.0
_ABANDONED_S = 86_400.0  # of a download that was killed


def cache_root() -> Path:
    """Return the folder of everything that is kept of remote runs."""
    if named := os.environ.get("EMBEDLENS_CACHE"):
        return Path(named).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(base) if base else Path("~/.cache").expanduser()) / "embedlens" / "remote"


def staging_file(address: str) -> Path:
    """Return the local path at which what is to be uploaded to an address is written first."""
    folder = cache_root() / "staging"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{_digest(address)}-{address.rpartition('/')[2][-100:]}"


def cached(facts: tuple[str, int, str], download: Callable[[Path], None]) -> Path | None:
    """Return the local copy of a remote file, downloaded if it is not there.

    Parameters
    ----------
    facts
        Address, size in bytes, and modification mark.
    download
        Writes the file to a path.

    Returns
    -------
    Path or None
        None: the file has another size by now.
    """
    size = facts[1]
    file = cache_root() / "files" / _digest(*map(str, facts))
    with suppress(OSError):
        os.utime(file)  # a copy that is used stays
        if file.stat().st_size == size:
            return file
    file.parent.mkdir(parents=True, exist_ok=True)
    _make_room(file.parent, size)
    handle, draft = tempfile.mkstemp(dir=file.parent, prefix=".", suffix=".partial")
    os.close(handle)
    try:
        download(Path(draft))
        if os.path.getsize(draft) != size:
            return None
        os.replace(draft, file)
    finally:
        with suppress(OSError):
            os.unlink(draft)
    return file


def _digest(*facts: str) -> str:
    return hashlib.sha256("\n".join(facts).encode(errors="surrogateescape")).hexdigest()[:32]


def _limit() -> float:
    """Return the largest number of bytes of all copies."""
    text = os.environ.get("EMBEDLENS_CACHE_GB") or str(_DEFAULT_GB)
    try:
        value = float(text)
        if value >= 0:
            return value * 1e9
    except ValueError:
        pass
    message = f"EMBEDLENS_CACHE_GB is {text!r}; a number of gigabytes from 0 is needed"
    raise InputError(message)


def _make_room(folder: Path, size: int) -> None:
    """Remove the copies that were not used for longest, until one of `size` bytes fits."""
    now, found, total = time.time(), [], size
    for entry in os.scandir(folder):
        with suppress(OSError):
            facts = entry.stat()
            total += facts.st_size
            idle = _ABANDONED_S if entry.name.endswith(".partial") else _IN_USE_S
            if now - facts.st_mtime > idle:
                found.append((facts.st_mtime, facts.st_size, entry.path))
    limit = _limit()
    for _, bytes_, path in sorted(found):
        if total <= limit:
            return
        with suppress(OSError):
            os.unlink(path)
            total -= bytes_
