"""Scores of losses before and after training, one row per loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from embedlens.analysis.experiments.losses import ranked
from embedlens.figures.layout.canvas import Figure
from embedlens.figures.layout.legends import legend_below
from embedlens.figures.style import INITIAL, max_height_of, width_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from embedlens.analysis.experiments.sweep import Sweep

END = "#D55E00"
"""The colour of the score at the end."""

_ROW, _AROUND, _HEADING = 0.155, 0.42, 0.2  # inches: a loss, the x axis, and the text above
_MARGIN = 0.05  # of the width of the axes: beside the outermost dots
_CROSS = 0.025  # of the width of the axes: where a loss stands that has no value
_DOT: dict[str, Any] = {"marker": "o", "markersize": 4, "linestyle": "none"}
_HOLLOW: dict[str, Any] = {"markerfacecolor": "white", "markeredgecolor": END, "markeredgewidth": 1.1}
_BAR: dict[str, Any] = {"elinewidth": 0.8, "capsize": 2, "capthick": 0.8}


def plot(result: Sweep, ax: Axes | None = None, *, label: str = "score", end: str = "end") -> Axes:
    """Draw the mean score of each loss, the best on top, and a thin line from that before training.

    Bars reach one sample standard deviation over the seeds. The dot of a loss whose space had collapsed, of
    one seed at least, is hollow; a loss of which every seed failed has a cross at the left.

    Parameters
    ----------
    result
        A sweep in which every loss has one learning rate and one dim; in any order.
    ax
        Axes to draw on; new ones, with a legend, by default.
    label
        Text at the x axis.
    end
        Name of the end of training in the legend.

    Returns
    -------
    Axes
        The axes.

    Raises
    ------
    InputError
        A loss with several learning rates or dims.
    """
    rows = ranked(result)
    height = _ROW * len(rows.losses) + _AROUND + 0.25
    axes = Figure(figsize=(3.25, height), layout="constrained").add_subplot() if ax is None else ax
    y = np.arange(len(rows.losses), dtype=np.float64)
    axes.grid(axis="x", color="0.9", linewidth=0.5)
    _draw(axes, rows)
    failed = rows.n == 0
    axes.plot(
        np.full(failed.sum(), _CROSS), y[failed], transform=axes.get_yaxis_transform(), marker="x",
        markersize=4, markeredgewidth=1.2, color="0.3", linestyle="none", gid="failed",
    )  # fmt: skip
    axes.set_yticks(y, _names(rows))
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(y[-1] + 0.6, -0.6)
    axes.set_xlim(*_limits(rows))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, min_n_ticks=3, steps=[1, 2, 2.5, 5, 10]))
    axes.set_xlabel(label)
    if ax is None and axes.figure is not None:
        legend_below(axes.figure, *_legend(rows, end))  # type: ignore[arg-type]
    return axes


def figure(
    result: Sweep,
    *,
    venue: str = "cvpr",
    width: str = "column",
    label: str = "score",
    end: str = "end",
    title: str = "",
) -> Figure:
    """Draw the figure at its size in print: as high as the losses need.

    Parameters
    ----------
    result
        The sweep, see `plot`.
    venue, width
        Where the figure is to be printed, see `embedlens.figures.style`.
    label
        Text at the x axis.
    end
        Name of the end of training in the legend.
    title
        Heading of the figure.
    """
    height = _ROW * len(result.losses) + _AROUND + (_HEADING if title else 0.0)
    layout = ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03)
    figure = Figure(figsize=(width_of(venue, width), height), layout=layout)
    plot(result, figure.add_subplot(), label=label, end=end)
    if title:
        figure.suptitle(title)
    height += legend_below(figure, *_legend(ranked(result), end))
    figure.set_figheight(min(height, max_height_of(venue)))
    return figure


def _draw(axes: Axes, rows: Sweep) -> None:
    """Draw the lines, the bars, and the dots of both states."""
    y = np.arange(len(rows.losses), dtype=np.float64)
    known = ~np.isnan(rows.initial) & (rows.n > 0)
    axes.hlines(
        y[known], rows.initial[known], rows.mean[known], color="0.6", linewidth=0.8, zorder=2, gid="gain"
    )
    axes.plot(
        rows.initial[known], y[known], color=INITIAL, markeredgewidth=0, zorder=3, gid="initial", **_DOT
    )
    spread = ~np.isnan(rows.deviation)
    if spread.any():
        bars = axes.errorbar(
            rows.mean[spread],
            y[spread],
            xerr=rows.deviation[spread],
            fmt="none",
            ecolor=END,
            zorder=3,
            **_BAR,
        )
        bars.lines[2][0].set_gid("bars")
    fine = (rows.n > 0) & (rows.n_collapsed == 0)
    axes.plot(rows.mean[fine], y[fine], color=END, markeredgewidth=0, zorder=4, gid="end", **_DOT)
    fallen = rows.n_collapsed > 0
    axes.plot(rows.mean[fallen], y[fallen], zorder=4, gid="collapsed", **_DOT, **_HOLLOW)


def _names(rows: Sweep) -> list[str]:
    """Return what stands at the y axis: the losses, and how many of their seeds failed where some did."""
    return [
        f"{loss} ({failed} of {n + failed} failed)" if failed and n else loss
        for loss, n, failed in zip(rows.loss.tolist(), rows.n.tolist(), rows.n_failed.tolist(), strict=True)
    ]


def _limits(rows: Sweep) -> tuple[float, float]:
    """Return limits that hold all dots and bars, and the crosses beside them."""
    spread = np.nan_to_num(rows.deviation)
    values = np.concatenate([rows.initial, rows.mean - spread, rows.mean + spread])
    values = values[~np.isnan(values)]
    if not values.size:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    span = (high - low) or max(abs(high), 0.01) / 10
    left = _MARGIN + _CROSS if (rows.n == 0).any() else _MARGIN
    return low - left * span, high + _MARGIN * span


def _legend(rows: Sweep, end: str) -> tuple[list[Any], list[str]]:
    """Name both states, what the bars are, and what failed or collapsed; only what is there."""
    entries: list[tuple[bool, Any, str]] = [
        (
            not np.isnan(rows.initial).all(),
            Line2D([], [], color=INITIAL, markeredgewidth=0, **_DOT),
            "epoch 0",
        ),
        (bool(rows.n.any()), Line2D([], [], color=END, markeredgewidth=0, **_DOT), end),
    ]
    seeds = np.unique(rows.n + rows.n_failed)
    spread = f"± s.d. of {seeds[0]} seeds" if seeds.size == 1 else "± s.d. over seeds"
    grey: dict[str, Any] = {"color": "0.3", "linestyle": "none"}
    bar = Line2D([], [], marker="_", markersize=7, markeredgewidth=0.8, color=END, linestyle="none")
    cross = Line2D([], [], marker="x", markersize=4, markeredgewidth=1.2, **grey)
    entries += [
        (not np.isnan(rows.deviation).all(), bar, spread),
        (bool((rows.n_collapsed > 0).any()), Line2D([], [], **_DOT, **_HOLLOW), "collapsed"),
        (bool((rows.n == 0).any()), cross, "failed"),
    ]
    shown = [(handle, text) for there, handle, text in entries if there]
    return [handle for handle, _ in shown], [text for _, text in shown]
