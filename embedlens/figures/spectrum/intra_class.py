"""Spectra of the covariance of each class, and their mean."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D

from embedlens.figures.layout.canvas import Figure
from embedlens.figures.layout.legends import legend_below
from embedlens.figures.layout.text import printable, small_size
from embedlens.figures.layout.ticks import number_log_axis
from embedlens.figures.spectrum.values import component_ticks
from embedlens.figures.style import RASTERISE_ABOVE, class_colors, max_height_of, width_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from embedlens.analysis.spectrum.intra_class import ClassSpectra

_THIN, _FAINTEST, _OPAQUE_UP_TO = "0.45", 0.12, 40  # grey, and how thin lines of many classes get fainter
_COLORED_UP_TO = 10
_LEAST = 1e-7  # of the largest variance: what is drawn below it is rounding
_CUT = 0.001  # fraction of the smallest variances that may fall below the axes
_HEADING, _SIDE = 0.2, 2.4  # inches


def plot(result: ClassSpectra, ax: Axes | None = None, *, colors: Mapping[int, str] | None = None) -> Axes:
    """Draw the variance of each class against the number of the component, on a logarithmic axis.

    A class's line ends with the directions that its items span; the mean, where half of the classes end. The
    corner states how much the total variance varies over the classes, how alike their covariances are, and
    what both would be if all classes had one covariance.

    Parameters
    ----------
    result
        The spectra.
    ax
        Axes to draw on; new ones by default.
    colors
        Label -> colour; by default all classes are grey.

    Returns
    -------
    Axes
        The axes.
    """
    axes = Figure(figsize=(3.25, 2.4), layout="constrained").add_subplot() if ax is None else ax
    spanned = np.minimum(result.counts - 1, result.dim)
    number = np.arange(1, int(spanned.max()) + 1)
    lines = [
        np.column_stack([number[:last], _above_zero(row[:last])])
        for row, last in zip(result.variances, spanned.tolist(), strict=True)
    ]
    tints = [(colors or {}).get(label, _THIN) for label in result.labels.tolist()]
    axes.add_collection(
        LineCollection(
            lines, colors=tints, linewidths=0.8 if colors else 0.5, zorder=2, gid="classes",
            alpha=None if colors else max(_FAINTEST, min(0.6, _OPAQUE_UP_TO * 0.6 / len(lines))),
            rasterized=sum(map(len, lines)) > RASTERISE_ABOVE,
        )
    )  # fmt: skip
    mean = _above_zero(result.mean[: int(np.median(spanned))])
    marker = "" if mean.size > 1 else "o"
    axes.plot(number[: mean.size], mean, color="black", linewidth=1.8, marker=marker, zorder=4, gid="mean")
    low, high = _limits(np.concatenate([*(line[:, 1] for line in lines), mean]))
    axes.set_yscale("log")
    number_log_axis(axes.yaxis)
    axes.set(ylim=(low, high), xlabel="component", ylabel=_label(result))
    _number(axes, number.size)
    axes.grid(axis="y", color="0.9", linewidth=0.5)
    axes.text(
        0.02, 0.02, _statistics(result), transform=axes.transAxes, ha="left", va="bottom",
        fontsize=small_size(), zorder=5, gid="numbers", bbox={"facecolor": "white", "edgecolor": "none",
        "alpha": 0.8, "pad": 1.0},
    )  # fmt: skip
    return axes


def figure(
    runs: Mapping[str, ClassSpectra],
    *,
    names: Mapping[int, str] | None = None,
    venue: str = "cvpr",
    width: str = "column",
    title: str = "",
) -> Figure:
    """Draw the spectra of several runs, a panel each, with the same limits in all.

    Up to ten classes have colours, and a legend; more are grey.

    Parameters
    ----------
    runs
        Name -> spectra.
    names
        Label -> name, for the legend.
    venue, width
        Where the figure is to be printed, see `embedlens.figures.style`.
    title
        Heading: what all panels share.
    """
    inches = width_of(venue, width)
    columns = 1 if inches < 4 or len(runs) == 1 else 2 if len(runs) in (2, 4) else 3
    down = -(-len(runs) // columns)
    height = down * (_SIDE + (_HEADING if len(runs) > 1 else 0.0)) + _HEADING
    figure = Figure(figsize=(inches, min(height, max_height_of(venue))), layout="constrained")
    grid = figure.subplots(down, columns, squeeze=False)
    labels = np.concatenate([result.labels for result in runs.values()])
    colors = class_colors(labels) if np.unique(labels).size <= _COLORED_UP_TO else None
    drawn = []
    for axes, (name, result) in zip(grid.flat, runs.items(), strict=False):
        drawn.append(plot(result, axes, colors=colors))
        axes.set_title(name if len(runs) > 1 else "")
    for axes in grid.flat[len(runs) :]:
        axes.remove()
    for axes in drawn:
        _number(axes, max(int((result.counts - 1).clip(max=result.dim).max()) for result in runs.values()))
        axes.set_ylim(_widest([other.get_ylim() for other in drawn]))
        axes.label_outer()
    figure.suptitle(title)
    handles, texts = _entries(colors, names or {})
    below = legend_below(figure, handles, texts)
    figure.set_figheight(min(height + below, max_height_of(venue)))
    return figure


def _entries(colors: Mapping[int, str] | None, names: Mapping[int, str]) -> tuple[list[Line2D], list[str]]:
    """Return handles and texts of the legend."""
    mean = Line2D([], [], color="black", linewidth=1.8)
    if colors is None:
        return [Line2D([], [], color=_THIN, linewidth=0.5), mean], ["one class", "mean of the classes"]
    handles = [Line2D([], [], color=color, linewidth=0.8) for color in colors.values()]
    return [*handles, mean], [*(printable(names.get(label, str(label))) for label in colors), "mean"]


def _statistics(result: ClassSpectra) -> str:
    """Return what the corner says."""
    numbers = {name: "-" if math.isnan(value) else f"{value:.2f}" for name, value in result.summary().items()}
    classes = "1 class" if result.labels.size == 1 else f"{result.labels.size:,} classes"
    alone = f", {result.n_alone:,} of one item left out" if result.n_alone else ""
    return (
        f"{classes}{alone}\n"
        f"variation {numbers['variation']} (null {numbers['variation_if_alike']})\n"
        f"similarity {numbers['similarity']} (null {numbers['similarity_if_alike']})"
    )


def _label(result: ClassSpectra) -> str:
    return "variance within the class" + ("" if result.normalized else ", rows as given")


def _above_zero(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values for a logarithmic axis: NaN for 0."""
    return np.where(values > 0, values, np.nan)


def _limits(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return limits that hold all values but those that are rounding."""
    known = values[~np.isnan(values)]
    if not known.size:
        return 0.1, 1.0
    high = float(known.max())
    low = np.quantile(known[known >= _LEAST * high], _CUT)
    return float(low) / 1.5, 1.5 * high


def _number(axes: Axes, last: int) -> None:
    """Make room for components 1 to `last`, and number them."""
    margin = 0.02 * max(last - 1, 5)
    axes.set_xlim(1 - margin, last + margin)
    axes.set_xticks(component_ticks(last))


def _widest(limits: list[tuple[float, float]]) -> Any:
    """Return limits that hold all of these."""
    lows, highs = zip(*limits, strict=True)
    return min(lows), max(highs)
