"""Ctrl-C that is not lost where Python or a library drops its exception."""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_AGAIN_S = 0.05
_asked = False


@contextmanager
def kept() -> Iterator[None]:
    """Stop the program by Ctrl-C wherever it runs.

    An exception in a finalizer or in the callback of a weak reference, which every import calls, is printed
    and dropped; Ctrl-C is then sent again. What a library drops in silence is left to `check`.
    """
    global _asked  # noqa: PLW0603 - signals belong to the process
    report = sys.unraisablehook
    in_main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT)
    replaced = in_main and handler is signal.default_int_handler
    _asked = False

    def repeat(dropped: Any) -> None:
        if issubclass(dropped.exc_type, KeyboardInterrupt):
            again = threading.Timer(_AGAIN_S, _thread.interrupt_main)  # here it would be dropped, too
            again.daemon = True
            again.start()
        else:
            report(dropped)

    sys.unraisablehook = repeat
    if replaced:
        signal.signal(signal.SIGINT, _stop)
    try:
        yield
    finally:
        sys.unraisablehook = report
        if replaced:
            signal.signal(signal.SIGINT, handler)


def check() -> None:
    """Stop where Ctrl-C was pressed and its exception was lost: in loops that have no end of their own."""
    if _asked:
        raise KeyboardInterrupt


def _stop(number: int, frame: Any) -> None:
    """Note that Ctrl-C was pressed, and stop as Python does."""
    global _asked  # noqa: PLW0603 - signals belong to the process
    _asked = True
    signal.default_int_handler(number, frame)
