"""Numbers at logarithmic axes, as text without mathematics."""

from __future__ import annotations

import re
from typing import Any

from matplotlib.ticker import LogFormatterSciNotation

_RAISED = str.maketrans("-−0123456789", "⁻⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_POWER = re.compile(r"\^\{([-−]?\d+)\}")


class LogNumbers(LogFormatterSciNotation):
    """Powers of ten as ``10⁻³``, since the style of papers takes no text for mathematics."""

    def __call__(self, x: float, pos: Any = None) -> str:
        """Return the number at a tick."""
        text = str(super().__call__(x, pos))
        text = text.removeprefix(r"$\mathdefault{").removesuffix("}$").replace(r"\times", "×")
        return _POWER.sub(lambda power: power[1].translate(_RAISED), text)
