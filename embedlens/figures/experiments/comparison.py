"""Scores of training methods, one row per method: seeds, mean and standard deviation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from embedlens.errors import InputError, unknown
from embedlens.figures.experiments.curves import metric_label
from embedlens.figures.layout.canvas import Figure
from embedlens.figures.style import line_styles, max_height_of, width_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from embedlens.analysis.experiments.comparison import Comparison

_ROW, _AROUND, _HEADING, _LEGEND = 0.17, 0.42, 0.2, 0.2  # inches
_GAP = 0.45  # rows, between groups
_SEED: dict[str, Any] = {
    "marker": "o",
    "markersize": 2.6,
    "linestyle": "none",
    "alpha": 0.55,
    "markeredgewidth": 0,
}
_MEAN: dict[str, Any] = {"marker": "D", "markersize": 3.6, "linestyle": "none", "markeredgewidth": 0}
_DIFFERENCE: dict[str, Any] = {"marker": "o", "markersize": 3.6, "linestyle": "none", "markeredgewidth": 0}
_COLUMNS, _LEGEND_ROW = 3, 0.17  # of the legend; inches of each further row
_HOLLOW: dict[str, Any] = {"markerfacecolor": "white", "markeredgewidth": 0.9}
_DOTTED: dict[str, Any] = {"linewidth": 0.8, "linestyle": (0, (1, 1.5))}
_ANY = "0.35"
_BAR: dict[str, Any] = {"elinewidth": 0.9, "capsize": 2, "capthick": 0.9}


def plot(result: Comparison, ax: Axes | None = None, *, metric: str | None = None) -> Axes:
    """Draw the scores in one metric: small dots for seeds, a diamond and a bar for mean and deviation.

    A group has its colour; the dotted line is the mean of its plain row, which the others are compared with.
    A row without any score has a cross at the left; the diamond is hollow where some seeds have none.

    Parameters
    ----------
    result
        The comparison.
    ax
        Axes to draw on; new ones by default.
    metric
        One of its metrics; the first by default.

    Returns
    -------
    Axes
        The axes.

    Raises
    ------
    InputError
        A metric that the comparison does not have.
    """
    known = result.metrics.tolist()
    if metric is not None and metric not in known:
        raise unknown(metric, "metric of the comparison", known)
    k = 0 if metric is None else known.index(metric)
    y = rows_of(result)
    height = _ROW * float(y[-1] + 1) + _AROUND
    axes = Figure(figsize=(3.25, height), layout="constrained").add_subplot() if ax is None else ax
    axes.grid(axis="x", color="0.9", linewidth=0.5)
    styles = line_styles(result.groups.tolist())
    mean, deviation = result.mean[:, k], result.deviation[:, k]
    for row, group in enumerate(result.groups.tolist()):
        color = styles[group].color
        seeds = result.scores[row, :, k]
        axes.plot(seeds, np.full(seeds.size, y[row]), color=color, gid=f"seeds {result.names[row]}", **_SEED)
        bar = None if np.isnan(deviation[row]) else deviation[row]
        hollow = _HOLLOW if result.missing[row, k] else {}
        gid = f"mean {result.names[row]}"
        axes.errorbar(
            mean[row],
            y[row],
            xerr=bar,
            color=color,
            zorder=3,
            gid=gid,
            **_MEAN | {"mec": color} | hollow,
            **_BAR,
        )
        if np.isnan(mean[row]):
            axes.plot(
                0.025, y[row], transform=axes.get_yaxis_transform(), marker="x", markersize=4, color="0.3",
                gid="failed",
            )  # fmt: skip
        others = np.flatnonzero(result.plain == row)
        if others.size > 1 and not np.isnan(mean[row]):
            span = [y[others[0]] - 0.4, y[others[-1]] + 0.4]
            axes.plot([mean[row]] * 2, span, color=color, gid="plain", **_DOTTED)
    _set_rows(axes, result)
    axes.set_xlabel(metric_label(known[k], ()))
    return axes


def plot_differences(result: Comparison, ax: Axes | None = None) -> Axes:
    """Draw the difference in R@1 of each row from its baseline, with its bootstrap interval.

    The circle is filled where the interval excludes 0, the dotted line. Rows without a baseline are empty.

    Parameters
    ----------
    result
        The comparison.
    ax
        Axes to draw on; new ones by default.

    Returns
    -------
    Axes
        The axes.

    Raises
    ------
    InputError
        No row has a difference.
    """
    if not any(result.differences):
        message = "no row has a difference from a baseline; give the hits of the runs to compare()"
        raise InputError(message)
    y = rows_of(result)
    height = _ROW * float(y[-1] + 1) + _AROUND
    axes = Figure(figsize=(3.25, height), layout="constrained").add_subplot() if ax is None else ax
    axes.grid(axis="x", color="0.9", linewidth=0.5)
    axes.axvline(0, color=_ANY, gid="zero", **_DOTTED)
    styles = line_styles(result.groups.tolist())
    for row, one in enumerate(result.differences):
        if one is None:
            continue
        color = styles[str(result.groups[row])].color
        ends = [] if np.isnan(one.low) else [[one.value - one.low], [one.high - one.value]]
        open_ = _HOLLOW if one.holds_zero else {}
        axes.errorbar(
            one.value, y[row], xerr=ends or None, color=color, zorder=3,
            gid=f"difference {result.names[row]}",
            **_DIFFERENCE | {"mec": color} | open_, **_BAR | {"capsize": 0},
        )  # fmt: skip
    _set_rows(axes, result)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=3, steps=[1, 2, 5, 10]))  # signs make labels wide
    axes.set_xlabel("difference in R@1")
    return axes


def _set_rows(axes: Axes, result: Comparison) -> None:
    """Name the rows, and set what panels share."""
    y = rows_of(result)
    axes.set_yticks(y, result.names.tolist())
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(y[-1] + 0.7, -0.7)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, min_n_ticks=3, steps=[1, 2, 2.5, 5, 10]))


def figure(
    result: Comparison,
    metrics: Sequence[str],
    *,
    venue: str = "cvpr",
    width: str = "full",
    title: str = "",
) -> Figure:
    """Draw one panel per metric, side by side at their size in print.

    After the first stands a panel of the differences in R@1, where the comparison has any.

    Parameters
    ----------
    result
        The comparison.
    metrics
        Those that are drawn.
    venue, width
        Where the figure is to be printed, see `embedlens.figures.style`.
    title
        Heading of the figure.

    Raises
    ------
    InputError
        No metric, or one that the comparison does not have.
    """
    if not metrics:
        message = "no metric to draw"
        raise InputError(message)
    handles = _handles(result)
    legend = _LEGEND + _LEGEND_ROW * ((len(handles) - 1) // _COLUMNS)
    height = _ROW * float(rows_of(result)[-1] + 1) + _AROUND + legend + (_HEADING if title else 0.0)
    size = width_of(venue, width), min(height, max_height_of(venue))
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(w_pad=0.05, h_pad=0.03))
    shown: list[str | None] = list(metrics)
    if any(result.differences):
        shown.insert(1, None)
    panels = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    for ax, metric in zip(panels, shown, strict=True):
        if metric is None:
            plot_differences(result, ax)
        else:
            plot(result, ax, metric=metric)
    figure.legend(handles=handles, loc="outside lower center", ncols=_COLUMNS, columnspacing=1.2)
    if title:
        figure.suptitle(title)
    return figure


def _handles(result: Comparison) -> list[Line2D]:
    """Return the entries of the legend, of what is drawn in a colour a group."""
    several = result.seeds.size > 1
    dots = [Line2D([], [], color=_ANY, label="one seed", **_SEED)] if several else []
    mean = Line2D([], [], color=_ANY, label="mean ± standard deviation" if several else "score", **_MEAN)
    compared = np.bincount(result.plain[result.plain >= 0], minlength=1).max() > 1
    dotted = {"color": _ANY, **_DOTTED}
    partly = Line2D([], [], color=_ANY, label="some seeds missing", **_MEAN | _HOLLOW)
    return [
        *dots, mean, *([Line2D([], [], label="the loss alone", **dotted)] if compared else []),
        *([partly] if result.missing.any() else []), *_difference_handles(result),
    ]  # fmt: skip


def _difference_handles(result: Comparison) -> list[Line2D]:
    """Return the entries of the legend for differences: with an interval that excludes 0, or holds it."""
    known = [one for one in result.differences if one is not None]
    texts = {False: "95 % interval excludes 0", True: "95 % interval holds 0"}
    return [
        Line2D([], [], color=_ANY, label=texts[odd], **_DIFFERENCE | (_HOLLOW if odd else {}))
        for odd in dict.fromkeys(sorted(one.holds_zero for one in known))
    ]


def rows_of(result: Comparison) -> NDArray[np.float64]:
    """Return where each row stands, float64 [n]: one below the other, groups a little apart."""
    changed = np.r_[False, result.groups[1:] != result.groups[:-1]]
    return np.arange(result.names.size) + _GAP * np.cumsum(changed)
