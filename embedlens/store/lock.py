"""One writer per run directory: a lock file that names the host and the process that hold it.

The file is made by a hard link, which is atomic on local and network file systems. A lock whose process has
ended is taken over on the same host. Whether a process of another host has ended cannot be known, so its lock
is refused with the name of the holder and of the file.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import threading
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError
from embedlens.files import temporary_path
from embedlens.processes import Process

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCK_NAME = ".lock"
LOG_LOCK_NAME = ".log.lock"
_LOG_WAIT_S = 60.0
_UNREADABLE_S = 2.0  # a lock may be empty this long: without hard links it is created first, then written
_POLL_S = 0.02
_LONGEST = 4096  # letters of a lock file that are read


class RunInUse(InputError):
    """Error: another process writes the run."""


@dataclass(slots=True)
class _Held:
    """A lock file that this process has made."""

    file: Path
    text: str
    pid: int
    holders: int = 1

    def stands(self) -> bool:
        return self.pid == os.getpid() and _read(self.file) == self.text


_HELD: dict[str, _Held] = {}
_GUARD = threading.RLock()
_LOG_GUARD = threading.Lock()  # between threads, which share the lock file


class Lock:
    """A hold on a run directory; several of one process share its lock file.

    Parameters
    ----------
    folder
        The run's directory, which must exist.
    name
        Name of the lock file.
    wait
        Seconds to wait while another process holds the lock.
    run
        The run that the message names; by default `folder`.

    Raises
    ------
    RunInUse
        Another process holds the lock.
    """

    def __init__(
        self, folder: Path, *, name: str = LOCK_NAME, wait: float = 0.0, run: Path | None = None
    ) -> None:
        self._key = os.path.join(os.path.realpath(folder), name)
        with _GUARD:
            held = _HELD.get(self._key)
            if held is not None and held.stands():
                held.holders += 1
            else:
                text = _claim()
                _take(Path(self._key), text, run or folder, wait=wait)
                _HELD[self._key] = held = _Held(Path(self._key), text, os.getpid())
        self._held: _Held | None = held

    @property
    def is_held(self) -> bool:
        """Whether the lock file still is that of this process."""
        return self._held is not None and self._held.stands()

    def release(self) -> None:
        """Release this hold; the last hold of a process removes the lock file."""
        with _GUARD:
            held, self._held = self._held, None
            if held is None or held.pid != os.getpid():
                return
            held.holders -= 1
            if held.holders == 0:
                _remove(held)

    def moved(self, folder: Path) -> None:
        """Update the path of the lock file after the run's directory was renamed to `folder`."""
        with _GUARD:
            if self._held is not None:
                _HELD.pop(self._key, None)
                self._key = os.path.join(os.path.realpath(folder), self._held.file.name)
                self._held.file = Path(self._key)
                _HELD[self._key] = self._held

    def __enter__(self) -> Lock:
        return self

    def __exit__(self, *raised: object) -> None:
        self.release()


@contextlib.contextmanager
def log_lock(run: Path) -> Iterator[None]:
    """Lock the log of a run while its rows are read, merged and written."""
    with _LOG_GUARD, Lock(run, name=LOG_LOCK_NAME, wait=_LOG_WAIT_S):
        yield


def check_free(run: Path) -> None:
    """Raise `RunInUse` if another process writes the run; nothing is locked."""
    file = run / LOCK_NAME
    text = _read(file)
    held = _HELD.get(os.path.realpath(file))
    own = held is not None and held.text == text
    if text and not own and not _is_stale(text) and not _is_orphan(text):
        raise _in_use(file, text, run)


def release_all() -> None:
    """Remove all lock files of this process, before it ends."""
    guarded = _GUARD.acquire(timeout=1.0)
    try:
        for held in list(_HELD.values()):
            _remove(held)
    finally:
        if guarded:
            _GUARD.release()


def release_when_terminated() -> None:
    """Make SIGTERM, which clusters send before they end a job, remove the lock files first.

    Nothing is changed where the program handles the signal itself, or outside the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _terminate)


def _terminate(number: int, _frame: object) -> None:
    release_all()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _claim() -> str:
    """Return the text of a new lock file; no two are equal."""
    return json.dumps({**asdict(Process.current()), "claim": uuid.uuid4().hex}) + "\n"


def _take(file: Path, text: str, run: Path, *, wait: float) -> None:
    """Make the lock file, replacing one whose process has ended; wait up to `wait` seconds for another."""
    until = time.monotonic() + wait
    empty_until = time.monotonic() + _UNREADABLE_S
    while not _make(file, text):
        found = _read(file)
        if found is None:
            continue
        if _parse(found) is None and time.monotonic() < empty_until:
            time.sleep(_POLL_S)
        elif _is_stale(found) or _is_orphan(found):
            _break(file, found)
        elif time.monotonic() >= until:
            raise _in_use(file, found, run)
        else:
            time.sleep(_POLL_S)


def _make(file: Path, text: str) -> bool:
    """Make the lock file with its text at once; False where there is one."""
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


def _break(file: Path, found: str) -> None:
    """Remove a lock whose process has ended, unless another process of this host has done so meanwhile.

    The file is locked by the system while it is compared: otherwise, of two processes that both read the old
    lock, one could remove the new lock of the other.
    """
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


def _remove(held: _Held) -> None:
    """Remove a lock file if it is still that of this process."""
    for key in [key for key, other in _HELD.items() if other is held]:
        del _HELD[key]
    with contextlib.suppress(OSError):  # the folder may be gone, or no longer writable
        if held.stands():
            held.file.unlink()


def _read(file: Path) -> str | None:
    """Return the text of a lock file, "" if it is not a regular file, None if it does not exist."""
    if not file.is_symlink() and not file.exists():
        return None
    if not file.is_file():
        return ""
    try:
        with file.open(encoding="utf-8", errors="replace") as handle:
            return handle.read(_LONGEST)
    except FileNotFoundError:
        return None


def _parse(text: str) -> Process | None:
    try:
        fields: dict[str, Any] = json.loads(text)
        words = [str(fields[name]) for name in ("host", "machine", "boot", "space")]
        return Process(words[0], words[1], words[2], words[3], int(fields["pid"]), str(fields["started"]))
    except (ValueError, TypeError, KeyError):
        return None


def _is_stale(text: str) -> bool:
    holder = _parse(text)
    return holder is not None and holder.is_gone


def _is_orphan(text: str) -> bool:
    """Return whether a lock is of this process but unknown to it, as after an interruption."""
    return _parse(text) == Process.current() and all(held.text != text for held in _HELD.values())


def _in_use(file: Path, text: str, run: Path) -> RunInUse:
    holder = _parse(text)
    who = str(holder) if holder else "a process that is not named"
    message = f"{run} is being written by {who}; wait for it or stop it; if it has ended, delete {file}"
    return RunInUse(message)
