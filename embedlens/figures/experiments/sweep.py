"""Scores against learning rate or dims: one line per loss, error bars of one standard deviation."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import ScaledTranslation

from embedlens.errors import unknown
from embedlens.figures.experiments import losses as sweep_losses
from embedlens.figures.layout.canvas import Figure
from embedlens.figures.layout.legends import legend_below
from embedlens.figures.layout.ticks import slant_ticks, tick_values
from embedlens.figures.style import LineStyle, line_styles, max_height_of, width_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from embedlens.analysis.experiments.sweep import Sweep

X_LABELS = {"lr": "learning rate", "dim": "dimensions of the embedding"}
"""What may stand on the x axis, and how it is called there."""

_DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (4, 1.5, 1, 1.5)))
_INITIAL: dict[str, Any] = {"color": "0.5", "linestyle": (0, (2, 1)), "linewidth": 0.9}
_PANEL, _TALLEST = 1.6, 2.3  # inches: least width of a panel, greatest height
_X_LABEL = 0.3  # inches
_APART, _APART_ALL = 2.0, 8.0  # points: between two lines with bars, and between the first and the last
_MARGIN = 0.05  # of the height of the axes: above and below the lines
_LOWEST, _STEP = 0.05, 0.08  # of the height of the axes: the lowest cross, and from one to the next above it


def plot(
    result: Sweep,
    ax: Axes | None = None,
    *,
    dims: Sequence[int] | None = None,
    label: str = "score",
    styles: Mapping[str, LineStyle] | None = None,
) -> Axes:
    """Draw the mean score against learning rate or dims; bars are one sample standard deviation over seeds.

    The x axis is logarithmic with base 2, and its ticks are the values of the grid. A point of which some
    seeds failed is hollow; where all of them failed, a cross stands at the bottom. Where every loss has one
    learning rate and one dim, `embedlens.figures.experiments.losses.plot` draws one row per loss instead.

    Parameters
    ----------
    result
        The sweep.
    ax
        Axes to draw on; new ones, with a legend, by default.
    dims
        The dims to draw against the learning rate, each with dashes of its own; all by default.
    label
        Text at the y axis.
    styles
        Colours by loss, the same for panels of one figure (`line_styles`).

    Returns
    -------
    Axes
        The axes.

    Raises
    ------
    InputError
        Dims that the sweep does not have.
    """
    for number in dims or ():
        if number not in result.dims:
            raise unknown(number, "dim", result.dims)
    if result.axis == "loss":
        return sweep_losses.plot(result, ax, label=label)
    axes = Figure(figsize=(3.25, 2.4), layout="constrained").add_subplot() if ax is None else ax
    styles, places = styles or line_styles(result.losses), result.varied
    shown: list[int | None] = list(dims or result.dims) if result.axis == "lr" else [None]
    axes.grid(axis="y", color="0.9", linewidth=0.5)
    _set_axes(axes, result, label)
    _set_limits(axes, result, stacked=len(shown) > 1)
    missing: dict[float, list[str]] = {}
    lines = len(result.losses) * len(shown)
    for place, loss in enumerate(result.losses):
        for number, dim in enumerate(shown):
            rows = np.flatnonzero((result.loss == loss) & ((result.dim == dim) | (dim is None)))
            name = f"{loss}, {dim} dims" if len(shown) > 1 else loss
            style = LineStyle(styles[loss].color, _DASHES[number % len(_DASHES)])
            moved = min(_APART, _APART_ALL / lines) * (
                (place * len(shown) + number) % lines - (lines - 1) / 2
            )
            _draw(axes, result, rows, x=places[rows], style=style, name=name, moved=moved)
            for x in places[rows][result.n[rows] == 0].tolist():
                missing.setdefault(x, []).append(style.color)
    _draw_initial(axes, result, places, shown)
    _crosses(axes, missing)
    if ax is None:
        legend_below(axes.figure, *_entries(result, styles, dims=shown), most=3)  # type: ignore[arg-type]
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
    """Draw one panel for each dim where learning rates vary, too, with the same limits and one legend.

    Where every loss has one learning rate and one dim, one row per loss, as in
    `embedlens.figures.experiments.losses`.

    Parameters
    ----------
    result
        The sweep.
    venue, width
        Where the figure is to be printed, see `embedlens.figures.style`.
    label
        Name of the score at its axis.
    end
        Name of the end of training beside epoch 0.
    title
        Heading of the figure.
    """
    if result.axis == "loss":
        return sweep_losses.figure(result, venue=venue, width=width, label=label, end=end, title=title)
    inches = width_of(venue, width)
    panels = [[dim] for dim in result.dims] if result.axis == "lr" else [result.dims]
    rows = -(-len(panels) // max(1, int(inches / _PANEL)))
    columns = -(-len(panels) // rows)
    styles = line_styles(result.losses)
    side = min(_TALLEST, max(1.25, 0.66 * inches / columns))
    layout = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.03, wspace=0.03, hspace=0.03)
    figure = Figure(figsize=(inches, rows * side + _X_LABEL), layout=layout)
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
    for number, axes in enumerate(grid.flat):
        if number >= len(panels):
            axes.remove()
            continue
        plot(result, axes, dims=panels[number], label=label, styles=styles)
        axes.label_outer(remove_inner_ticks=False)
        if number + columns >= len(panels):
            axes.set_xlabel(X_LABELS[result.axis])
            axes.tick_params(labelbottom=True)
        if len(panels) > 1:
            axes.set_title(f"{panels[number][0]} dims")
    if title:
        figure.suptitle(title)
    height = figure.get_figheight() + (0.2 if title else 0.0) + (0.15 * rows if len(panels) > 1 else 0.0)
    height += legend_below(figure, *_entries(result, styles), most=6)
    figure.set_figheight(min(height, max_height_of(venue)))
    figure.draw_without_rendering()  # only now is it known how wide the panels are
    for axes in figure.axes:
        slant_ticks(axes)
    return figure


def _draw(
    axes: Axes,
    result: Sweep,
    rows: NDArray[np.intp],
    *,
    x: NDArray[np.float64],
    style: LineStyle,
    name: str,
    moved: float,
) -> None:
    """Draw the line of one loss with its bars, `moved` points aside, so that no bar hides another.

    The marker is hollow where some seeds are missing.
    """
    mean, deviation = result.mean[rows], result.deviation[rows]
    figure = axes.get_figure(root=True)
    aside = axes.transData
    if figure is not None and not np.isnan(result.deviation).all():
        aside = aside + ScaledTranslation(moved / 72, 0, figure.dpi_scale_trans)
    axes.plot(
        x, mean, color=style.color, linestyle=style.dashes, linewidth=1.2, marker="o", markersize=3.5,
        markeredgewidth=0, zorder=3, gid=f"line {name}", transform=aside,
    )  # fmt: skip
    barred = ~np.isnan(deviation)
    if barred.any():
        bars = axes.errorbar(
            x[barred], mean[barred], deviation[barred], fmt="none", ecolor=style.color, elinewidth=0.8,
            capsize=2, capthick=0.8, zorder=2, transform=aside,
        )  # fmt: skip
        bars.lines[2][0].set_gid(f"bars {name}")
    partly = (result.n[rows] > 0) & (result.n_failed[rows] > 0)
    if partly.any():
        axes.plot(
            x[partly], mean[partly], linestyle="none", marker="o", markersize=3.5, markerfacecolor="white",
            markeredgecolor=style.color, markeredgewidth=0.8, zorder=4, gid=f"partly {name}", transform=aside,
        )  # fmt: skip


def _draw_initial(
    axes: Axes, result: Sweep, places: NDArray[np.float64], shown: Sequence[int | None]
) -> None:
    """Draw the mean score at epoch 0 behind the lines: what training begins with at each place.

    The line is broken where the score of a row is not known there, or every run failed.
    """
    drawn = (
        np.isin(result.dim, [dim for dim in shown if dim])
        if result.axis == "lr"
        else np.ones(result.dim.size, bool)
    )
    x = np.unique(places[drawn])
    drawn &= result.n > 0
    there = [result.initial[drawn & (places == place)] for place in x]
    before = np.array([own.mean() if own.size else np.nan for own in there])
    known = ~np.isnan(before)
    if known.any():
        lonely = known & ~np.r_[False, known[:-1]] & ~np.r_[known[1:], False]  # no line would show them
        marked = np.flatnonzero(lonely).tolist()
        axes.plot(
            x, before, **_INITIAL, marker="_", markevery=marked, markersize=6, zorder=1.5, gid="epoch 0"
        )


def _set_axes(axes: Axes, result: Sweep, label: str) -> None:
    """Put a tick at each value of the grid, and few, round ones upwards."""
    tick_values(axes, np.unique(result.varied))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, min_n_ticks=3, steps=[1, 2, 2.5, 5, 10]))
    axes.set_xlabel(X_LABELS[result.axis])
    axes.set_ylabel(label)


def _set_limits(axes: Axes, result: Sweep, *, stacked: bool) -> None:
    """Set the limits upwards from the whole sweep, so that all its panels have the same.

    Below the lines there is room for the crosses: for those of one dim, or of all dims where they are
    `stacked` in one panel.
    """
    failures = zip(result.varied.tolist(), result.dim.tolist(), (result.n == 0).tolist(), strict=True)
    counts = Counter(
        (place, 0 if stacked or result.axis == "dim" else dim) for place, dim, bad in failures if bad
    )
    spread = np.nan_to_num(result.deviation)
    if not result.n.any():
        axes.set_ylim(0, 1)
        return
    drawn = np.concatenate([result.mean - spread, result.mean + spread, result.initial])
    low, high = float(np.nanmin(drawn)), float(np.nanmax(drawn))
    span = (high - low) or max(abs(high), 0.01) / 10
    taken = _LOWEST + _STEP * max(counts.values()) if counts else _MARGIN
    height = span / (1 - _MARGIN - taken)
    axes.set_ylim(low - taken * height, high + _MARGIN * height)


def _crosses(axes: Axes, missing: Mapping[float, Sequence[str]]) -> None:
    """Put a cross for each failure at the bottom, one above the other."""
    for x, colors in missing.items():
        for number, color in enumerate(colors):
            axes.plot(
                x, _LOWEST + _STEP * number, transform=axes.get_xaxis_transform(), marker="x", markersize=4,
                markeredgewidth=1.2, color=color, linestyle="none", gid="failed",
            )  # fmt: skip


def _entries(
    result: Sweep, styles: Mapping[str, LineStyle], *, dims: Sequence[Any] = ()
) -> tuple[list[Any], list[str]]:
    """Name the losses (and the dims by their dashes), what the bars are, and what failed."""
    handles: list[Any] = []
    labels: list[str] = []
    grey: dict[str, Any] = {"color": "0.3", "linestyle": "none"}
    for loss in result.losses:
        handles.append(Line2D([], [], color=styles[loss].color, linewidth=1.2, marker="o", markersize=3.5))
        labels.append(loss)
    for number, dim in enumerate(dims if len(dims) > 1 else ()):
        handles.append(Line2D([], [], color="0.3", linestyle=_DASHES[number % len(_DASHES)], linewidth=1.2))
        labels.append(f"{dim} dims")
    if not np.isnan(result.initial).all():
        handles.append(Line2D([], [], **_INITIAL))
        labels.append("epoch 0")
    if not np.isnan(result.deviation).all():
        seeds = np.unique(result.n + result.n_failed)
        handles.append(Line2D([], [], marker="|", markersize=7, markeredgewidth=0.8, **grey))
        labels.append(f"± s.d. of {seeds[0]} seeds" if seeds.size == 1 else "± s.d. over seeds")
    if (result.n == 0).any():
        handles.append(Line2D([], [], marker="x", markersize=4, markeredgewidth=1.2, **grey))
        labels.append("failed")
    if ((result.n > 0) & (result.n_failed > 0)).any():
        hollow: dict[str, Any] = {"markerfacecolor": "white", "markersize": 3.5, "markeredgewidth": 0.8}
        handles.append(Line2D([], [], marker="o", **hollow, **grey))
        labels.append("some seeds failed")
    return handles, labels
