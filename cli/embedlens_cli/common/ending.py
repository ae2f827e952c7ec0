"""Exit statuses, the one line of each error, and encodings of the standard streams."""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING, Any

import typer

from embedlens.errors import InputError, ReportedElsewhere

if TYPE_CHECKING:
    from collections.abc import Iterator

INTERRUPTED = 130
PIPE_CLOSED = 141
"""What a shell shows for a program that SIGPIPE ended: whoever read the output has seen enough."""
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_WRONG_PLACE = (
    errno.ENOENT,
    errno.EACCES,
    errno.EROFS,
    errno.EPERM,
    errno.EEXIST,
    errno.ENOTDIR,
    errno.EISDIR,
)


def prepare_streams() -> None:
    """Let standard output and error show what their encoding lacks as escapes, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def flush() -> None:
    """Write what stands in the buffer of standard output, so that a failure is reported as any other."""
    if sys.stdout is not None:
        sys.stdout.flush()


def explain(error: BaseException) -> int:
    """Print an error as one line; return the exit status."""
    if isinstance(error, BrokenPipeError):
        _discard_output()
        return PIPE_CLOSED
    message, code = _described(error)
    line = " ".join(message.split())
    if line:
        typer.echo(f"embedlens: {line}", err=True)
    return code


def _described(error: BaseException) -> tuple[str, int]:
    """Return the message and the exit status of an error."""
    if isinstance(error, typer.TyperException):
        message = error.format_message()
        if "unexpected extra argument" in message and {"import", "embed"} & set(sys.argv[1:2]):
            message += "; quote the pattern, or the shell fills in its wildcards"
        return message, error.exit_code
    if isinstance(error, ReportedElsewhere):
        return "", 2
    if isinstance(error, InputError):
        return str(error), 2
    if any(_lacks_handles(one) for one in _chain(error)):
        return "too many open files; allow more, for example with `ulimit -n 1024`", 2
    if isinstance(error, OSError):
        return _of_system(error), 2
    if isinstance(error, MemoryError) or "OutOfMemory" in type(error).__name__ or _lacks_memory(error):
        return f"not enough memory ({' '.join(str(error).split())[:200] or 'no details'})", 2
    if isinstance(error, typer.Abort) and isinstance(error.__cause__, EOFError):
        error = error.__cause__  # typer takes every end of a file for the end of what the user types
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return "", INTERRUPTED
    return f"{type(error).__name__}: {error} (internal error; --debug shows the traceback)", 1


def _of_system(error: OSError) -> str:
    """Return the message for an error of the operating system."""
    reason = error.strerror or " ".join(str(error).split()) or type(error).__name__
    if error.errno in _NO_SPACE:
        return f"no space left: {error.filename or 'writing'} ({reason})"
    if error.errno in _WRONG_PLACE:
        return f"{error.filename}: {reason}; choose another path"
    return f"{error.filename}: {reason}" if error.filename else reason


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Give an error and those that led to it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _lacks_handles(error: BaseException) -> bool:
    """Return whether the system has no file handle left; libraries that cannot be loaded say so in words."""
    number = getattr(error, "errno", None)
    return number in (errno.EMFILE, errno.ENFILE) or os.strerror(errno.EMFILE) in str(error)


def _lacks_memory(error: BaseException) -> bool:
    """Return whether torch could not allocate memory on the processor, which it says in words alone."""
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def _discard_output() -> None:
    """Let the interpreter find nothing to complain of when it closes standard output."""
    try:
        target = os.open(os.devnull, os.O_WRONLY)
        os.dup2(target, sys.stdout.fileno())
        os.close(target)
    except (OSError, ValueError, AttributeError):  # no real file stands behind it
        return
