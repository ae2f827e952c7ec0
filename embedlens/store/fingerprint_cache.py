"""Cache of the files whose fingerprint was compared with run.json: once per process, not once per epoch."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    State = tuple[tuple[int, ...] | None, ...]

_MOST = 1000  # splits that are remembered
_states: dict[tuple[str, str], State] = {}


def agrees(files: Sequence[Path], stated: str, compute: Callable[[], str], *, before: State | None) -> bool:
    """Return whether files have a fingerprint; it is computed unless it was, and they are as they were.

    Parameters
    ----------
    files
        The files, the first of which names them.
    stated
        The fingerprint that they should have.
    compute
        Returns the one that they have.
    before
        Their state before they were read; another process may replace one meanwhile.
    """
    key = str(files[0]), stated
    if before is not None and _states.get(key) == before:
        return True
    if compute() != stated:
        return False
    if before is not None and before == state_of(files):
        if len(_states) >= _MOST:
            _states.clear()
        _states[key] = before
    return True


def state_of(files: Sequence[Path]) -> State | None:
    """Return what changes when a file is written; None where that is not known, as of remote files."""
    found: list[tuple[int, ...] | None] = []
    for file in files:
        state = None
        with suppress(OSError):  # whoever reads the file says what is wrong with it
            is_at = file.stat()
            if not is_at.st_mtime_ns:
                return None
            state = is_at.st_ino, is_at.st_size, is_at.st_mtime_ns, is_at.st_ctime_ns
        found.append(state)
    return tuple(found)
