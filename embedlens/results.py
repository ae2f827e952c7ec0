"""Base class of results: a representation of one line."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from dataclasses import Field

_LONGEST = 160  # letters
_TEXT = 24  # letters of a text
_FEW = 4  # numbers or texts of a sequence


class Result:
    """A frozen result: a dataclass with `repr=False`, whose representation is one line.

    Arrays stand as type and shape, single numbers to four digits, up to four numbers or texts as they are,
    longer sequences and other results by name and length; numbers come first.
    """

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def __repr__(self) -> str:
        shown = [*self._facts().items(), *((name.name, getattr(self, name.name)) for name in fields(self))]
        shown = [(name, _plain(value)) for name, value in shown]
        shown.sort(key=lambda one: not isinstance(one[1], (bool, int, float)))
        words, used = [], len(type(self).__name__) + 2
        for name, value in shown:
            word = f"{name}={_short(value)}"
            if used + len(word) + 2 > _LONGEST:
                words.append("…")
                break
            words.append(word)
            used += len(word) + 2
        return f"{type(self).__name__}({', '.join(words)})"

    def _facts(self) -> dict[str, int]:
        """Return numbers that are shown besides the fields; quick to compute, whatever the fields hold."""
        return {}


def _plain(value: Any) -> Any:
    """Return a number of numpy as one of Python, without numpy, which the command line loads late."""
    is_number = _library(value) == "numpy" and hasattr(value, "item") and not hasattr(value, "__setitem__")
    return value.item() if is_number else value


def _library(value: Any) -> str:
    return type(value).__module__.partition(".")[0]


def _short(value: Any) -> str:
    """Return what stands for one field."""
    if _is_single(value):
        return _short_single(value)
    if _library(value) in ("numpy", "torch") and hasattr(value, "shape"):
        kind = "str" if getattr(value.dtype, "kind", "") == "U" else value.dtype
        return f"{kind}[{', '.join(map(str, value.shape))}]"
    if isinstance(value, (list, tuple)) and len(value) <= _FEW and all(map(_is_single, value)):
        return f"[{', '.join(map(_short_single, value))}]"
    if isinstance(value, dict) and len(value) <= _FEW and all(map(_is_single, [*value, *value.values()])):
        return f"{{{', '.join(f'{_short_single(key)}: {_short_single(one)}' for key, one in value.items())}}}"
    size = f"[{len(value)}]" if hasattr(value, "__len__") else ""
    return f"{type(value).__name__}{size}"


def _is_single(value: Any) -> bool:
    return _plain(value) is None or isinstance(_plain(value), (bool, int, float, str))


def _short_single(value: Any) -> str:
    plain = _plain(value)
    if isinstance(plain, float):
        return f"{plain:.4g}"
    if isinstance(plain, str):
        return repr(plain if len(plain) <= _TEXT else f"{plain[: _TEXT - 1]}…")
    return str(plain)
