"""Scores by code against the bytes of an item, on a logarithmic axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from embedlens.analysis.compression.kinds import CODES, FULL
from embedlens.figures.experiments.curves import metric_label
from embedlens.figures.layout.arrangement import columns_of
from embedlens.figures.layout.canvas import Figure
from embedlens.figures.layout.legends import legend_below
from embedlens.figures.style import INITIAL, max_height_of, width_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from embedlens.analysis.compression.curves import Compression

_BESIDE = 4  # inches: a figure wider than that has panels side by side
_COLUMNS = 3
_TICKS = 7  # most numbers of bytes at the axis


@dataclass(frozen=True, slots=True)
class _CodeStyle:
    """How a code is drawn in every figure."""

    color: str
    marker: str
    name: str


_STYLES = {
    FULL: _CodeStyle("black", "D", "float32"),
    "dims": _CodeStyle("#D55E00", "o", "first dims"),
    "pca": _CodeStyle("#009E73", "s", "principal components"),
    "int8": _CodeStyle("#7F3C00", "P", "int8"),
    "binary": _CodeStyle("#56B4E9", "v", "binary"),
    "rescored": _CodeStyle(INITIAL, "^", "binary, {candidates:,} rescored"),
    "pq": _CodeStyle("#CC79A7", "X", "product quantisation, {bits} bits"),
}


def plot(result: Compression, ax: Axes | None = None, *, metric: str = "recall_at_1") -> Axes:
    """Draw a score by code against the bytes of an item.

    Parameters
    ----------
    result
        The scores.
    ax
        Axes to draw on; new ones by default.
    metric
        Which of the scores.

    Returns
    -------
    Axes
        The axes. A dashed line is the score of the float32 embedding.
    """
    axes = Figure(figsize=(3.25, 2.4), layout="constrained").add_subplot() if ax is None else ax
    values = result.scores[metric]
    axes.axhline(values[0], color="0.5", linestyle=(0, (4, 2)), linewidth=0.8, zorder=1, gid="full")
    for code in (*CODES, FULL):
        at = result.points(code)
        if not at.size:
            continue
        drawn = _STYLES[code]
        axes.plot(
            result.bytes[at],
            values[at],
            color=drawn.color,
            marker=drawn.marker,
            markersize=4.5,
            linewidth=1.2,
            linestyle="-" if at.size > 1 else "none",
            markeredgecolor="white",
            markeredgewidth=0.4,
            label=drawn.name.format(candidates=result.candidates, bits=result.bits),
            zorder=3 if at.size > 1 else 4,
            gid=code,
        )
    axes.set_xlabel("bytes per item")
    axes.set_ylabel(metric_label(metric))
    _bytes_axis(axes)
    axes.grid(visible=True, color="0.9", linewidth=0.5)
    return axes


def figure(
    results: Mapping[str, Compression],
    *,
    venue: str = "cvpr",
    width: str = "column",
    title: str = "",
) -> Figure:
    """Draw a panel for each result and each of its scores, with one legend.

    Parameters
    ----------
    results
        Name -> scores; all have the same.
    venue, width
        Where the figure is to be printed, see `embedlens.figures.style`.
    title
        Heading: what all results share.
    """
    inches = width_of(venue, width)
    panels = [(name, one, metric) for name, one in results.items() for metric in one.scores]
    columns = _columns(len(results), len(panels) // len(results)) if inches > _BESIDE else 1
    rows = -(-len(panels) // columns)
    side = min(2.5, max(1.5, 0.74 * inches / columns))
    figure = Figure(figsize=(inches, rows * side), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    handles: dict[str, Any] = {}
    for axes, (name, one, metric) in zip(grid, panels, strict=False):
        plot(one, axes, metric=metric)
        axes.set_title(name if len(results) > 1 else "")
        _say_n(axes, one.n)
        found, labels = axes.get_legend_handles_labels()
        handles |= dict(zip(labels, found, strict=True))
    for axes in grid[len(panels) :]:
        axes.remove()
    _share_heights(grid.tolist(), [metric for _, _, metric in panels])
    for axes in grid[: len(panels) - columns]:
        axes.set_xlabel("")
    if len(panels) == 1:
        grid[0].set_title(title)
    else:
        figure.suptitle(title)
    height = rows * side + legend_below(figure, list(handles.values()), list(handles), most=3)
    figure.set_figheight(min(height, max_height_of(venue)))
    return figure


def _columns(results: int, metrics: int) -> int:
    """Return the number of panels side by side: the scores of a result stand in one row, where they fit."""
    if results > 1 and 1 < metrics <= _COLUMNS:
        return metrics
    return columns_of(results * metrics, _COLUMNS)


def _share_heights(grid: Sequence[Axes], metrics: Sequence[str]) -> None:
    """Give panels of one score the same limits."""
    for metric in dict.fromkeys(metrics):
        axes = [one for one, name in zip(grid, metrics, strict=False) if name == metric]
        limits = np.array([one.get_ylim() for one in axes])
        for one in axes:
            one.set_ylim(limits[:, 0].min(), limits[:, 1].max())


def _bytes_axis(axes: Axes) -> None:
    """Set a logarithmic axis with powers of two, written out; of many every second, or fewer."""
    drawn = np.concatenate([np.asarray(line.get_xdata(), float) for line in axes.get_lines()[1:]])
    low, high = drawn.min(), drawn.max()
    axes.set_xscale("log", base=2)
    powers = np.arange(np.ceil(np.log2(low)), np.floor(np.log2(high)) + 1)
    step = -(-powers.size // _TICKS)
    axes.xaxis.set_major_locator(FixedLocator((2.0 ** powers[::step]).tolist()))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_minor_locator(NullLocator())
    margin = max(1.15, (high / low) ** 0.04)
    axes.set_xlim(low / margin, high * margin)


def _say_n(axes: Axes, n: int) -> None:
    """Write how many queries the scores are of into the corner that rising curves leave free."""
    axes.text(
        0.97,
        0.04,
        f"n = {n:,}",
        transform=axes.transAxes,
        ha="right",
        va="bottom",
        fontsize=mpl.rcParams["xtick.labelsize"],
        gid="n",
    )
