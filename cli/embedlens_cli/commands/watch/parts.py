"""The parts of `embedlens watch`: which of its figures are due."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from embedlens.store.following import View

_PAUSE = 4.0  # times its own duration, before what is made of all epochs is made again


@dataclass(slots=True)
class Part:
    """One of the figures that are drawn again and again, and what it shows.

    Attributes
    ----------
    name
        Name in the lines that the command prints.
    slow
        Whether it is made of all epochs each time, so that it waits between two drawings for four times as
        long as one takes.
    logged
        Whether it shows numbers of the log.
    view
        What it shows; None: it has not been drawn.
    """

    name: str
    slow: bool
    logged: bool
    view: View | None = None
    _ended: float = 0.0
    _seconds: float = 0.0

    def is_due(self, view: View, *, hurry: bool) -> bool:
        """Return whether the part is to be drawn to show a view; `hurry`: now, without a pause."""
        shown = self.view
        if shown and shown.epochs == view.epochs and (shown.log == view.log or not self.logged):
            return False
        return hurry or not self.slow or time.monotonic() - self._ended >= _PAUSE * self._seconds

    def drawn(self, view: View, started: float) -> None:
        """Note that the part shows a view."""
        self.view, self._ended = view, time.monotonic()
        self._seconds = self._ended - started
