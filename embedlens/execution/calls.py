"""Calls of a task where a worker runs it: its result or error, and the warnings, as one value."""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import threading
import traceback
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ONE_AT_A_TIME = threading.Lock()
"""A worker of Dask may have several threads, but torch's number of threads is that of the process."""
_SEEN: dict[str, dict[Any, Any]] = {}
"""Source file -> which of its warnings were shown, so that each is shown once whoever warns."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a task in a worker.

    Attributes
    ----------
    result, error
        Its result, or the error that it raised.
    trace
        Traceback of the error.
    warned
        Warnings: text, category, source file and line.
    logged
        Records of `logging` of level WARNING and higher: name, level, text.
    """

    result: Any
    error: Exception | None
    trace: str
    warned: tuple[tuple[str, type[Warning], str, int], ...]
    logged: tuple[tuple[str, int, str], ...]

    def unpack(self) -> Any:
        """Return the result, or raise the error; warnings are given again in this process."""
        for text, category, file, line in self.warned:
            warnings.warn_explicit(text, category, file, line, registry=_SEEN.setdefault(file, {}))
        for name, level, text in self.logged:
            logging.getLogger(name).log(level, "%s", text)
        if self.error is not None:
            raise self.error from _InWorker(self.trace)
        return self.result


class _InWorker(Exception):
    """The cause of an error that a worker raised: its traceback there."""

    def __str__(self) -> str:
        return f"in a worker\n{self.args[0]}"


class _Records(logging.Handler):
    """Keeps what libraries log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.kept: list[tuple[str, int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record as text."""
        with contextlib.suppress(Exception):  # a broken message of a library
            self.kept.append((record.name, record.levelno, record.getMessage()))


def call(function: Callable[[Any], Any], task: Any, folder: str) -> Outcome:
    """Run a task; `folder` is the working directory, which relative paths are meant from."""
    result, error, trace = None, None, ""
    with _ONE_AT_A_TIME, _working_in(folder), _logged() as records:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                result = function(task)
            except Exception as raised:
                error = _portable(raised)
                trace = "".join(traceback.format_exception(raised))
    warned = tuple((str(one.message), one.category, one.filename, one.lineno) for one in caught)
    return Outcome(result, error, trace, warned, tuple(records.kept))


def _portable(error: Exception) -> Exception:
    """Return an error that can be sent: the same, or one that describes it."""
    with contextlib.suppress(Exception):  # its constructor takes something else than its message
        if str(pickle.loads(pickle.dumps(error))) == str(error):
            return error
    return RuntimeError(f"{type(error).__name__}: {error}")


@contextlib.contextmanager
def _working_in(folder: str) -> Iterator[None]:
    """Work in a directory where there is one of that name."""
    if os.getcwd() == folder or not os.path.isdir(folder):
        yield
        return
    with contextlib.chdir(folder):
        yield


@contextlib.contextmanager
def _logged() -> Iterator[_Records]:
    """Keep what is logged inside the context."""
    records, root = _Records(), logging.getLogger()
    root.addHandler(records)
    try:
        yield records
    finally:
        root.removeHandler(records)
