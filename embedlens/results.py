"""Base class of results: a representation of one line."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

if TYPE_CHECKING:
    from dataclasses import Field

_LONGEST = 160  # letters
_TEXT = 24  # letters of a text


class Result:
    """A frozen result: a dataclass with `repr=False`, whose representation is one line.

    Arrays stand as type and shape, single numbers as they are to four digits, sequences and other results by
    name and length; numbers come first.
    """

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def __repr__(self) -> str:
        shown = [(name.name, getattr(self, name.name)) for name in fields(self)]
        shown.sort(key=lambda one: not isinstance(one[1], (bool, int, float, np.generic)))
        words, used = [], len(type(self).__name__) + 2
        for name, value in shown:
            word = f"{name}={_short(value)}"
            if used + len(word) + 2 > _LONGEST:
                words.append("…")
                break
            words.append(word)
            used += len(word) + 2
        return f"{type(self).__name__}({', '.join(words)})"


def _short(value: Any) -> str:
    """Return what stands for one field."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype}[{', '.join(map(str, value.shape))}]"
    if type(value).__module__ == "torch" and hasattr(value, "shape"):
        return f"{value.dtype}[{', '.join(map(str, value.shape))}]"
    if isinstance(value, (bool, np.bool_)) or value is None:
        return str(value)
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (float, np.floating)):
        return f"{float(value):.4g}"
    if isinstance(value, str):
        return repr(value if len(value) <= _TEXT else f"{value[: _TEXT - 1]}…")
    size = f"[{len(value)}]" if hasattr(value, "__len__") else ""
    return f"{type(value).__name__}{size}"
