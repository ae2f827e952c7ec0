"""Training curves: one panel per metric, one line per run, mean and band for runs that differ in the seed."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import EngFormatter, MaxNLocator

from embedlens.analysis.experiments.curves import MONITOR, Band
from embedlens.errors import unknown
from embedlens.figures.layout.canvas import Figure
from embedlens.figures.layout.legends import legend_below, legend_instead
from embedlens.figures.layout.text import shorten
from embedlens.figures.style import LineStyle, line_styles, max_height_of, width_of
from embedlens.results import Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from embedlens.analysis.experiments.curves import Curve

X_LABELS = {"epoch": "epoch", "step": "optimiser step", "seconds": "training time (s)"}
"""What may stand on the x axis, and how it is called there."""

_ACRONYMS = {
    "ami": "AMI", "f1": "F1", "knn_accuracy": "kNN accuracy", "lr": "learning rate", "map_at_r": "MAP@R",
    "nmi": "NMI", "r_precision": "R-precision", "nc1": "NC1", "nc2_norms": "NC2 norms",
    "nc2_angles": "NC2 angles", "nc2_max_angles": "NC2 max angles", "lidar": "LiDAR", "opis": "OPIS",
    "intrinsic_dim_twonn": "dimension (TwoNN)", "intrinsic_dim_mle": "dimension (MLE)",
    "far_spread": "FAR spread", "tar_spread": "TAR spread",
}  # fmt: skip
_FRACTION = re.compile(r"(recall_at_|map_at_|f1$|knn_accuracy$|nmi$|r_precision$)")
_MARKED_UP_TO = 25  # epochs; longer lines get no markers
_LABEL_LINES = 2  # of each part of a label beside a panel: a score, and the loss that it was trained with
_PANEL, _TALLEST = 1.6, 2.4  # inches: least width of a panel, greatest height
_X_LABEL = 0.3  # inches
_LEGEND: dict[str, Any] = {"handler_map": {tuple: HandlerTuple()}}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CurvePanel(Result):
    """The curves of one metric, and the text at their y axis."""

    label: str
    curves: tuple[Curve | Band, ...]


def metric_label(metric: str, splits: Iterable[str] = ()) -> str:
    """Return a metric as papers print it: "test_recall_at_1" of a split "test" is "test R@1".

    A loss on fixed batches, "monitor_triplet", is "triplet loss".

    Parameters
    ----------
    metric
        Name of the metric, with or without its split before it.
    splits
        Names of the splits.
    """
    for split in sorted(splits, key=len, reverse=True):
        if metric.startswith(f"{split}_"):
            return f"{split} {metric_label(metric.removeprefix(f'{split}_'))}"
    at = re.fullmatch(r"(recall|map)_at_(\d+)", metric)
    if at:
        return f"{'R' if at[1] == 'recall' else 'MAP'}@{at[2]}"
    if metric.startswith(MONITOR):
        return f"{metric.removeprefix(MONITOR)} loss"
    return _ACRONYMS.get(metric, metric.replace("_", " "))


def plot(
    result: Sequence[Curve | Band],
    ax: Axes | None = None,
    *,
    x: str = "epoch",
    label: str | None = None,
    styles: Mapping[str, LineStyle] | None = None,
) -> Axes:
    """Draw the curves of one metric.

    A run is a line, a group of runs its mean with a band of one standard deviation; up to 25 epochs are
    marked, and values without a neighbour always.

    Parameters
    ----------
    result
        The curves, one for each run or group.
    ax
        Axes to draw on; new ones, with a legend where there are several curves, by default.
    x
        Quantity on the x axis: "epoch", "step" or "seconds".
    label
        Text at the y axis; by default the metric's name as papers spell it.
    styles
        Colours by name, the same for panels of one figure (`line_styles`).

    Returns
    -------
    Axes
        The axes.
    """
    if x not in X_LABELS:
        raise unknown(x, "x axis", X_LABELS)
    axes = Figure(figsize=(3.25, 2.4), layout="constrained").add_subplot() if ax is None else ax
    styles = styles or line_styles(curve.name for curve in result)
    axes.grid(axis="y", color="0.9", linewidth=0.5)
    for curve in result:
        _draw(axes, curve, styles[curve.name])
    if all(np.isnan(_heights(curve)).all() for curve in result):
        axes.text(
            0.5, 0.5, "no finite value", transform=axes.transAxes, ha="center", va="center", gid="empty",
            fontsize=mpl.rcParams["xtick.labelsize"], color="0.35",
        )  # fmt: skip
        axes.set(ylim=(0, 1), yticks=[])
    axes.set_xlabel(X_LABELS[x])
    axes.set_ylabel(label or metric_label(result[0].metric))
    _ticks(axes, x)
    if ax is None and len(result) > 1:
        handles, names, endings = _entries([CurvePanel("", tuple(result))], styles)
        labels = [name + ending for name, ending in zip(names, endings, strict=True)]
        axes.legend(handles, labels, loc="best", **_LEGEND)
    return axes


def figure(
    panels: Sequence[CurvePanel],
    *,
    x: str = "epoch",
    venue: str = "cvpr",
    width: str = "full",
    title: str = "",
) -> Figure:
    """Draw one panel per metric, side by side as far as the width allows, with one legend.

    The legend stands in a place of the grid that no metric takes, if it fits there, else above all panels.

    Parameters
    ----------
    panels
        What to draw.
    x
        Quantity on the x axis: "epoch", "step" or "seconds"; its limits are the same in all panels.
    venue, width
        Where the figure is to be printed, see `embedlens.figures.style`.
    title
        Stands above the figure where there is one run, which needs no legend.
    """
    inches = width_of(venue, width)
    rows = -(-len(panels) // max(1, int(inches / _PANEL)))
    columns = -(-len(panels) // rows)
    styles = line_styles(curve.name for panel in panels for curve in panel.curves)
    side = min(_TALLEST, max(1.25, 0.72 * inches / columns))
    letters = int((side - 0.2) * 72 / (0.6 * mpl.rcParams["font.size"]))  # that fit beside a panel
    layout = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.03, wspace=0.04, hspace=0.04)
    figure = Figure(figsize=(inches, rows * side + _X_LABEL), layout=layout)
    grid = figure.subplots(rows, columns, sharex=True, squeeze=False)
    *_, empty = [None, *grid.flat[len(panels) :]]  # the last, where there are several
    for axes in grid.flat[len(panels) :]:
        axes.set_axis_off()
    for number, (axes, panel) in enumerate(zip(grid.flat, panels, strict=False)):
        label = "\n".join(
            textwrap.fill(shorten(line, _LABEL_LINES * letters), letters) for line in panel.label.splitlines()
        )
        plot(panel.curves, axes, x=x, label=label, styles=styles)
        lowest = number + columns >= len(panels)
        axes.tick_params(labelbottom=lowest)
        axes.set_xlabel(axes.get_xlabel() if lowest else "")
    figure.align_ylabels()
    header = 0.2 if title else 0.0
    if title:
        figure.suptitle(title)
    if len(styles) > 1 or not title:
        handles, names, endings = _entries(panels, styles)
        labels = [name + ending for name, ending in zip(names, endings, strict=True)]
        if empty is None or not legend_instead(empty, handles, labels, **_LEGEND):
            header += legend_below(
                figure, handles, names, endings=endings, loc="outside upper center", most=5, **_LEGEND
            )
    for axes in grid.flat[len(panels) :]:
        if axes.get_legend() is None:
            axes.remove()
    figure.set_figheight(min(figure.get_figheight() + header, max_height_of(venue)))
    return figure


def _draw(axes: Axes, curve: Curve | Band, style: LineStyle) -> None:
    """Draw a line, and around the mean of several runs its band."""
    heights = _heights(curve)
    there = ~np.isnan(heights)
    alone = there & ~np.r_[False, there[:-1]] & ~np.r_[there[1:], False]
    marked = np.flatnonzero(there if there.sum() <= _MARKED_UP_TO else alone)
    axes.plot(
        curve.x, heights, color=style.color, linestyle=style.dashes, linewidth=1.2, marker="o",
        markersize=2.5, markeredgewidth=0, markevery=marked.tolist(), zorder=3, gid=f"line {curve.name}",
    )  # fmt: skip
    # matplotlib's limits leave out points without a height; a run that diverged keeps its axis.
    axes.update_datalim(np.column_stack([curve.x, np.zeros(curve.x.size)]), updatey=False)
    if isinstance(curve, Band):
        low, high = curve.mean - curve.deviation, curve.mean + curve.deviation
        if _FRACTION.search(curve.metric):  # no run is beyond these, where mean and deviation may reach
            low, high = np.maximum(low, 0.0), np.minimum(high, 1.0)
        axes.fill_between(
            curve.x, low, high, color=style.color, alpha=0.2, linewidth=0, zorder=2, gid=f"band {curve.name}"
        )


def _heights(curve: Curve | Band) -> NDArray[np.float64]:
    return curve.mean if isinstance(curve, Band) else curve.value


def _ticks(axes: Axes, x: str) -> None:
    """Put few, round ticks, whole ones for epochs and steps; no offsets."""
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=x != "seconds", steps=[1, 2, 5, 10]))
    if x != "epoch" and axes.get_xlim()[1] >= 10_000:
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    if axes.get_yticks().size:
        axes.yaxis.set_major_locator(MaxNLocator(nbins=6, min_n_ticks=3, steps=[1, 2, 2.5, 5, 10]))
    axes.ticklabel_format(axis="y", useOffset=False)


def _entries(
    panels: Sequence[CurvePanel], styles: Mapping[str, LineStyle]
) -> tuple[list[tuple[Patch | Line2D, ...]], list[str], list[str]]:
    """Return handles, names and endings of the legend; a group says of how many runs it is the mean."""
    handles: list[tuple[Patch | Line2D, ...]] = []
    endings = []
    curves = {curve.name: curve for panel in panels for curve in panel.curves}
    for name, curve in curves.items():
        line = Line2D([], [], color=styles[name].color, linestyle=styles[name].dashes, linewidth=1.2)
        if isinstance(curve, Band):
            patch = Patch(facecolor=styles[name].color, alpha=0.2, linewidth=0)
            handles.append((patch, line))
            endings.append(f" (mean ± s.d. of {len(curve.runs)})")
        else:
            handles.append((line,))
            endings.append("")
    return handles, list(curves), endings
