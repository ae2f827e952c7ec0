"""rich's console, as the commands use it."""

from __future__ import annotations

import errno
import os

from rich.console import Console


class PipedConsole(Console):
    """rich's console, whose reader may leave: that is reported as the pipe that it is, not as status 1."""

    def on_broken_pipe(self) -> None:
        """Pass on what happened."""
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
