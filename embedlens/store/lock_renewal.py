"""Renewal of the locks of runs at addresses, by a thread, while their process lives."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

EVERY_S = 120.0
_GUARD = threading.Lock()
_RENEWING: list[int] = []  # process that has the thread; a forked one has none


def keep_renewing(renew_all: Callable[[], bool]) -> None:
    """Call a function every two minutes until it returns False; one thread of a process does it.

    What it raises is ignored: a lock that cannot be renewed now may be at the next time.
    """
    with _GUARD:
        if os.getpid() in _RENEWING:
            return
        _RENEWING[:] = [os.getpid()]
    threading.Thread(target=_renew, args=(renew_all,), name="embedlens-locks", daemon=True).start()


def _renew(renew_all: Callable[[], bool]) -> None:
    wait = threading.Event()
    while not wait.wait(EVERY_S):
        with contextlib.suppress(Exception):
            if not renew_all():
                break
    with _GUARD:
        _RENEWING.clear()
