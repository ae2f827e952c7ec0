"""Tick labels of logarithmic axes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from matplotlib.ticker import LogFormatterSciNotation

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.colorbar import Colorbar

_RAISED = str.maketrans("-−0123456789", "⁻⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_POWER = re.compile(r"\^\{([-−]?\d+)\}")


class LogNumbers(LogFormatterSciNotation):
    """Powers of ten as ``10⁻³``, since the style of papers takes no text for mathematics."""

    def __call__(self, x: float, pos: Any = None) -> str:
        """Return the number at a tick."""
        text = str(super().__call__(x, pos))
        text = text.removeprefix(r"$\mathdefault{").removesuffix("}$").replace(r"\times", "×")
        return _POWER.sub(lambda power: power[1].translate(_RAISED), text)


def number_log_axis(axis: Axis, *, powers_only: bool = False) -> None:
    """Write numbers at a logarithmic axis: powers of ten, and between them where few of them are seen.

    Parameters
    ----------
    axis
        The axis, whose scale is logarithmic.
    powers_only
        Whether numbers between powers of ten stand at minor ticks alone.
    """
    axis.set_major_formatter(LogNumbers(labelOnlyBase=powers_only))
    axis.set_minor_formatter(LogNumbers())  # matplotlib's own writes mathematics


def number_log_bar(bar: Colorbar) -> None:
    """Write numbers at a scale of logarithmic colours as `number_log_axis` does an axis.

    Parameters
    ----------
    bar
        The scale.
    """
    bar.formatter = LogNumbers()
    bar.minorformatter = LogNumbers()
