"""Functions of the user's own code, by the names ``module:function``, and the errors that they raise."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import sys
import sysconfig
import traceback
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError, first_sentence, shortened, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_LETTERS = 300
_WORKER = "Original Traceback"  # in the text of an error that a worker of a loader had
_FRAME = re.compile(r'File "([^"\n]+)", line (\d+)')
_OWN = Path(__file__).parents[2]
_INSTALLED = tuple(
    str(Path(path)) + os.sep
    for name, path in sysconfig.get_paths().items()
    if name in ("stdlib", "platstdlib", "purelib", "platlib")
)


@dataclass(frozen=True, slots=True)
class UserFunction:
    """A function of the user.

    Attributes
    ----------
    name
        ``module:function``.
    function
        The function.
    """

    name: str
    function: Callable[..., Any]

    def __call__(self, *values: object) -> Any:
        """Call it; what it raises becomes an `InputError` with file and line of the user's code."""
        with reported(self.name):
            return self.function(*values)

    def digest(self) -> str | None:
        """Return the SHA-256 of the file that defines the function; None where there is no file."""
        module = sys.modules.get(getattr(self.function, "__module__", None) or "")
        file = getattr(module, "__file__", None)
        return None if file is None else sha256(Path(file).read_bytes()).hexdigest()

    def check_takes(self, *, arguments: int, what: str) -> None:
        """Refuse a function that cannot be called with this number of arguments."""
        try:
            # A decorated function has the parameters of its wrapper: Lightning's load_from_checkpoint binds
            # its class there.
            signature = inspect.signature(self.function, follow_wrapped=False)
        except (TypeError, ValueError):  # of a compiled function
            return
        try:
            signature.bind(*range(arguments))
        except TypeError as error:
            message = f"{self.name} has the parameters {shortened(str(signature))}; it is called with {what}"
            raise InputError(message) from error


@contextmanager
def current_folder() -> Iterator[None]:
    """Let modules of the current folder be imported first, as ``python -m`` does."""
    folder = str(Path.cwd())
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        with suppress(ValueError):  # the user's code may have changed the list
            sys.path.remove(folder)


def load_function(text: str, option: str) -> UserFunction:
    """Return the function that ``module:function`` names.

    Parameters
    ----------
    text
        Its name, with dots for a module in packages, and for a method of a class.
    option
        The option that names it, for messages.

    Raises
    ------
    InputError
        A name of another form, a module or function that is missing, an error while the module is imported.
    """
    place, colon, name = text.partition(":")
    if not colon or not place or not name or place.endswith(".py") or "/" in place:
        module = place.removesuffix(".py").strip("./").replace("/", ".") or "net"
        message = (
            f"{option} {shortened(text)!r} is not MODULE:FUNCTION; write {module}:{name or 'load'} for the "
            f"function {name or 'load'} in {module.replace('.', '/')}.py"
        )
        raise InputError(message)
    importlib.invalidate_caches()
    try:
        found: Any = importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{place}.".startswith(f"{error.name}."):
            message = (
                f"{option} {shortened(text)!r}: no module {error.name!r} in the current folder or among the "
                "installed packages; call embedlens in the folder of the module"
            )
            raise InputError(message) from error
        raise error_of(error, text) from error
    except (Exception, SystemExit) as error:
        raise error_of(error, text) from error
    for part in name.split("."):
        if not hasattr(found, part):
            place = getattr(found, "__file__", None) or place
            option = f"{option} {text}"
            raise unknown(part, f"function of {_shown(place)}", _functions(found)).within(option)
        found = getattr(found, part)
    if not callable(found):
        message = f"{option} {shortened(text)!r} is {type(found).__name__}; a function is needed"
        raise InputError(message)
    return UserFunction(text, found)


def _functions(holder: Any) -> list[str]:
    """Return the names of the functions that a module or a class defines itself, else of all it has."""
    public = {name: value for name, value in vars(holder).items() if callable(value) and name[:1] != "_"}
    own = [name for name, value in public.items() if getattr(value, "__module__", None) == holder.__name__]
    return own or list(public)


@contextmanager
def reported(place: str) -> Iterator[None]:
    """Turn what the user's code raises in the block into an `InputError` with its file and line."""
    try:
        yield
    except (Exception, SystemExit) as error:
        if _lacks_memory(error):
            raise
        raise error_of(error, place) from error


def iterated(values: Iterable[Any], place: str) -> Iterator[Any]:
    """Yield what the user's object yields; its errors are reported as those of `reported`."""
    with reported(place):
        iterator = iter(values)
    while True:
        with reported(place):
            try:
                value = next(iterator)
            except StopIteration:
                return
        yield value


def error_of(error: BaseException, place: str) -> InputError:
    """Return the error of the user's code as one line: place, file, line, and what it says."""
    where = _where(error)
    text = _said(error)
    line = f"{place}: {where}{type(error).__name__}: {text}; --debug shows the traceback"
    return InputError(line)


def _said(error: BaseException) -> str:
    """Return what an error says, on one line; of a worker of a loader, the error that it had."""
    lines = str(error).strip().splitlines()
    if len(lines) > 1 and _WORKER in str(error):
        return lines[-1].strip().removeprefix(f"{type(error).__name__}: ")[:_LETTERS]
    text = first_sentence(error) if str(error) else "no message"
    return text if len(text) <= _LETTERS else f"{text[: _LETTERS - 3]}..."


def _where(error: BaseException) -> str:
    """Return file and line of the user's code in which an error was raised; empty where it was in none."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{_shown(error.filename)}, line {error.lineno}: "
    frames = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if _WORKER in str(error):
        frames += [(file, int(line)) for file, line in _FRAME.findall(str(error))]
    own = [(file, line) for file, line in frames if _is_of_user(file)]
    return f"{_shown(own[-1][0])}, line {own[-1][1]}: " if own else ""


def _is_of_user(file: str) -> bool:
    """Return whether a source file is neither of this package, nor installed, nor of Python."""
    path = Path(file).resolve()
    return not (file.startswith("<") or path.is_relative_to(_OWN) or str(path).startswith(_INSTALLED))


def _shown(file: str) -> str:
    """Return a path relative to the current folder, where it is below it."""
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _lacks_memory(error: BaseException) -> bool:
    """Return whether memory ran out, which the program reports itself."""
    return isinstance(error, MemoryError) or "OutOfMemory" in type(error).__name__
