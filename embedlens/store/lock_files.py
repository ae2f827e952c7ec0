"""Lock files: made at once or not at all, read, and removed if their process has ended.

On a disk the file is made by a hard link, which is atomic on local and network file systems. At an address it
is an object that is created on the condition that there is none, as S3, Google Cloud Storage and Azure offer
it; a store that ignores the condition lets two writers begin that start in the same second. Nothing there
says whether a process of another host runs, so the lock of an address says until when it holds, and its
process renews it (`embedlens.store.lock_renewal`): one that was not renewed for ten minutes is taken over.
The clocks of hosts that write one run must agree to a few minutes.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import time
import uuid
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from embedlens.files import is_remote, temporary_path
from embedlens.processes import Process

if TYPE_CHECKING:
    from embedlens.store.remote_paths import RemotePath

LEASE_S = 600.0
_LONGEST = 4096  # letters of a lock file that are read


def lock_file(folder: Path, name: str) -> Path:
    """Return the one path of the lock file of a folder, whatever links lead there."""
    return folder / name if is_remote(folder) else Path(os.path.join(os.path.realpath(folder), name))


def lock_text(file: Path) -> str:
    """Return the text of a new lock file; no two are equal."""
    until = {"until": time.time() + LEASE_S} if is_remote(file) else {}
    return json.dumps({**asdict(Process.current()), "claim": uuid.uuid4().hex, **until}) + "\n"


def make(file: Path, text: str) -> bool:
    """Make the lock file with its text at once; False where there is one."""
    if is_remote(file):
        return _remote(file).create(text)
    draft = temporary_path(file)
    try:
        draft.write_text(text, encoding="utf-8")
        os.link(draft, file)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OSError(error.errno, error.strerror, str(file)) from error
        if not draft.exists():  # the user knows the folder, not the temporary file
            raise OSError(error.errno, error.strerror, str(file.parent)) from error
    else:
        return True
    finally:
        draft.unlink(missing_ok=True)
    return _make_exclusively(file, text)  # the file system has no hard links


def _make_exclusively(file: Path, text: str) -> bool:
    try:
        with file.open("x", encoding="utf-8") as handle:
            handle.write(text)
    except FileExistsError:
        return False
    return True


def renew(file: Path, text: str) -> str:
    """Write the lock of an address, whose text is known, with a later time; return its text."""
    renewed = json.dumps({**json.loads(text), "until": time.time() + LEASE_S}) + "\n"
    draft = temporary_path(file)
    try:
        draft.write_text(renewed, encoding="utf-8")
        _remote(file).upload(draft)
    finally:
        draft.unlink(missing_ok=True)
    return renewed


def remove_stale(file: Path, found: str) -> None:
    """Remove a lock whose process has ended, unless another process of this host has done so meanwhile.

    The file is locked by the system while it is compared: otherwise, of two processes that both read the old
    lock, one could remove the new lock of the other. At an address it is only compared.
    """
    if is_remote(file):
        if read(file) == found:
            file.unlink(missing_ok=True)
        return
    try:
        with file.open("r+", encoding="utf-8") as handle:
            _flock(handle.fileno())
            same = os.fstat(handle.fileno())
            now = file.stat()
            if (same.st_ino, same.st_dev) == (now.st_ino, now.st_dev) and handle.read() == found:
                file.unlink()
    except FileNotFoundError:
        return


def _flock(descriptor: int) -> None:
    """Lock an open file by the system's flock, where it exists."""
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except (ImportError, OSError):
        return


def read(file: Path) -> str | None:
    """Return the text of a lock file, "" if it is not a regular file, None if it does not exist."""
    if is_remote(file):
        text = _remote(file).text_now()
        return None if text is None else text[:_LONGEST]
    if not file.is_symlink() and not file.exists():
        return None
    if not file.is_file():
        return ""
    try:
        with file.open(encoding="utf-8", errors="replace") as handle:
            return handle.read(_LONGEST)
    except FileNotFoundError:
        return None


def holder_of(text: str) -> Process | None:
    """Return the process that a lock file names; None if it names none."""
    try:
        fields: dict[str, Any] = json.loads(text)
        words = [str(fields[name]) for name in ("host", "machine", "boot", "space")]
        return Process(words[0], words[1], words[2], words[3], int(fields["pid"]), str(fields["started"]))
    except (ValueError, TypeError, KeyError):
        return None


def is_stale(text: str) -> bool:
    """Return whether the process of a lock has certainly ended, or did not renew its lock."""
    holder = holder_of(text)
    return holder is not None and (holder.is_gone or _is_expired(text))


def _is_expired(text: str) -> bool:
    until: object = None
    with contextlib.suppress(ValueError, AttributeError):
        until = json.loads(text).get("until")
    return isinstance(until, int | float) and until < time.time()


def _remote(file: Path) -> RemotePath:
    return cast("RemotePath", file)
