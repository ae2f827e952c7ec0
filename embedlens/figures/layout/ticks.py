"""Tick labels: numbers of logarithmic axes, and labels that are slanted where they would touch."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.ticker import (
    FixedFormatter,
    FixedLocator,
    LogFormatterSciNotation,
    NullFormatter,
    NullLocator,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.colorbar import Colorbar
    from numpy.typing import NDArray

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


def tick_values(axes: Axes, values: NDArray[np.float64]) -> None:
    """Make the x axis logarithmic with base 2, with a tick at each of the values alone.

    Parameters
    ----------
    axes
        The axes.
    values
        float64 [k], ascending, positive.
    """
    axes.set_xscale("log", base=2)
    # In octaves: error bars at the first and the last value, drawn beside each other, stay inside.
    room = max(0.35, 0.06 * np.log2(values[-1] / values[0]))
    axes.set_xlim(values[0] / 2**room, values[-1] * 2**room)
    axes.xaxis.set_major_locator(FixedLocator(values.tolist()))
    axes.xaxis.set_major_formatter(FixedFormatter([f"{value:g}" for value in values]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    slant_ticks(axes)


def slant_ticks(axes: Axes) -> None:
    """Slant the labels at the x axis where they would touch each other."""
    size = mpl.font_manager.FontProperties(size=mpl.rcParams["xtick.labelsize"]).get_size_in_points()
    figure, ticks = axes.get_figure(root=True), axes.xaxis.get_majorticklocs()
    texts = [text.get_text() for text in axes.get_xticklabels()]
    across = axes.get_position().width * (figure.get_figwidth() if figure is not None else 3.25)
    places = axes.transData.transform([(tick, axes.get_ylim()[0]) for tick in ticks])[:, 0]
    edges = axes.transAxes.transform([(0, 0), (1, 0)])[:, 0]
    gaps = np.diff(places) / (edges[1] - edges[0]) * across
    letters = np.array([len(text) for text in texts])
    # A digit is about 0.6 font sizes wide; between two labels as much stays free.
    needed = 0.6 * size / 72 * ((letters[1:] + letters[:-1]) / 2 + 0.6)
    slanted = bool((gaps < needed).any())
    for text in axes.get_xticklabels():
        text.set(
            rotation=40 if slanted else 0,
            horizontalalignment="right" if slanted else "center",
            rotation_mode="anchor" if slanted else "default",
        )
