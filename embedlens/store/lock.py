"""One writer per run directory: a lock file that names the host and the process that hold it.

A lock whose process has ended is taken over on the same host. Whether a process of another host has ended
cannot be known, so its lock is refused with the name of the holder and of the file; only at an address it
expires. How the file is made is in `embedlens.store.lock_files`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embedlens.errors import InputError
from embedlens.files import is_remote
from embedlens.processes import Process
from embedlens.store import lock_files
from embedlens.store.lock_renewal import keep_renewing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCK_NAME = ".lock"
LOG_LOCK_NAME = ".log.lock"
_LOG_WAIT_S = 60.0
_UNREADABLE_S = 2.0  # a lock may be empty this long: without hard links it is created first, then written
_POLL_S = 0.02


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
        return self.pid == os.getpid() and lock_files.read(self.file) == self.text


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
        file = lock_files.lock_file(folder, name)
        self._key = str(file)
        with _GUARD:
            held = _HELD.get(self._key)
            if held is not None and held.stands():
                held.holders += 1
            else:
                text = lock_files.lock_text(file)
                _take(file, text, run or folder, wait=wait)
                _HELD[self._key] = held = _Held(file, text, os.getpid())
                if is_remote(file):
                    keep_renewing(_renew_all)
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
                self._held.file = lock_files.lock_file(folder, self._held.file.name)
                self._key = str(self._held.file)
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
    text = lock_files.read(file)
    held = _HELD.get(str(lock_files.lock_file(run, LOCK_NAME)))
    own = held is not None and held.text == text
    if text and not own and not lock_files.is_stale(text) and not _is_orphan(text):
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


def _take(file: Path, text: str, run: Path, *, wait: float) -> None:
    """Make the lock file, replacing one whose process has ended; wait up to `wait` seconds for another."""
    until = time.monotonic() + wait
    empty_until = time.monotonic() + _UNREADABLE_S
    while not lock_files.make(file, text):
        found = lock_files.read(file)
        if found is None:
            continue
        if lock_files.holder_of(found) is None and time.monotonic() < empty_until:
            time.sleep(_POLL_S)
        elif lock_files.is_stale(found) or _is_orphan(found):
            lock_files.remove_stale(file, found)
        elif time.monotonic() >= until:
            raise _in_use(file, found, run)
        else:
            time.sleep(_POLL_S)


def _remove(held: _Held) -> None:
    """Remove a lock file if it is still that of this process."""
    for key in [key for key, other in _HELD.items() if other is held]:
        del _HELD[key]
    with contextlib.suppress(OSError, InputError):  # the folder may be gone, or no longer writable
        if held.stands():
            held.file.unlink()


def _renew_all() -> bool:
    """Renew the locks of this process at addresses; return whether there are any."""
    with _GUARD:
        remote = [held for held in _HELD.values() if is_remote(held.file) and held.pid == os.getpid()]
        for held in remote:
            if held.stands():
                held.text = lock_files.renew(held.file, held.text)
        return bool(remote)


def _is_orphan(text: str) -> bool:
    """Return whether a lock is of this process but unknown to it, as after an interruption."""
    return lock_files.holder_of(text) == Process.current() and all(
        held.text != text for held in _HELD.values()
    )


def _in_use(file: Path, text: str, run: Path) -> RunInUse:
    holder = lock_files.holder_of(text)
    who = str(holder) if holder else "a process that is not named"
    message = f"{run} is being written by {who}; wait for it or stop it; if it has ended, delete {file}"
    return RunInUse(message)
