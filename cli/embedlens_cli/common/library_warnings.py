"""Warnings of libraries: collected while a command runs, and reported in one line for each library."""

from __future__ import annotations

import logging
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from embedlens.errors import InputWarning

if TYPE_CHECKING:
    from collections.abc import Iterator

_LETTERS = 200


class _Collector(logging.Handler):
    """Collects warnings of libraries, of `warnings` and `logging`; our own are shown at once, each once."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._ours: set[str] = set()
        self._others: dict[str, dict[str, int]] = {}

    def show(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        """Take the place of `warnings.showwarning`; line and file are of no use to the user."""
        if not issubclass(category, InputWarning):
            self._add(_library(filename), str(message) or category.__name__)
        elif str(message) not in self._ours:
            self._ours.add(str(message))
            _print(" ".join(str(message).split()))

    def emit(self, record: logging.LogRecord) -> None:
        """Take what a library logs."""
        try:
            text = record.getMessage()
        except Exception:  # a broken message of a library must not stop the command
            text = str(record.msg)
        self._add(record.name.partition(".")[0], text)

    def _add(self, library: str, text: str) -> None:
        counts = self._others.setdefault(library, {})
        line = " ".join(text.split())
        counts[line] = counts.get(line, 0) + 1

    def report(self) -> None:
        """Print one line for each library that warned."""
        for library, counts in self._others.items():
            first = next(iter(counts))
            count = sum(counts.values())
            more = f" (and {count - 1:,} more like it)" if count > 1 else ""
            short = first if len(first) <= _LETTERS else f"{first[:_LETTERS]}..."
            _print(f"{library} warns: {short}{more}")
        self._others.clear()


def _library(filename: str) -> str:
    """Return the name of the package that a source file belongs to."""
    parts = Path(filename).parts
    for folder in ("site-packages", "dist-packages"):
        if folder in parts[:-1]:
            return parts[parts.index(folder) + 1].removesuffix(".py")
    return "embedlens" if "embedlens" in parts else Path(filename).stem


def _print(text: str) -> None:
    """Write one line to standard error; nothing heavy is loaded for it."""
    try:
        sys.stderr.write(f"warning: {text}\n")
    except (OSError, ValueError, AttributeError):  # nobody can read it
        return


@contextmanager
def collected() -> Iterator[None]:
    """Collect warnings while the block runs; what libraries warned of is reported at its end."""
    collector, shown = _Collector(), warnings.showwarning
    warnings.showwarning = collector.show
    logging.getLogger().addHandler(collector)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(collector)
        warnings.showwarning = shown
        collector.report()
