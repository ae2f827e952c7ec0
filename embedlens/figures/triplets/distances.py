"""Histograms and cumulative distributions of the distance to the ideal point (1, 0)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from embedlens.analysis.triplets.distances import Ecdf, Histogram
from embedlens.figures.layout.canvas import Figure
from embedlens.figures.layout.legends import legend_below
from embedlens.figures.layout.text import small_size
from embedlens.figures.style import INITIAL, LineStyle, line_styles, max_height_of, width_of
from embedlens.figures.triplets.paired import (
    LONGEST,
    corner_lines,
    heights_within,
    narrow_enough,
    write_corner,
)
from embedlens.results import Result
from embedlens.text import for_legend

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from embedlens.analysis.triplets.paired import Paired

X_LABEL = r"distance of $(S_{ap}, S_{an})$ to $(1, 0)$"
_SPARED = 0.001  # fraction of the dots at either end that may lie beyond the axis
_FEWEST = 8  # letters of a name in the corner, where room is scarce
_BESIDE = 0.15  # of the axes: peaks that are nearer share a text
_MEAN: Any = (0, (2, 1.2))
_SEVERAL = "0.35"  # colour of what is said of several states
_STARTED: Any = (0, (3, 1))
_BLUES = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1.5, 1, 1.5)))  # dashes of initial states that differ


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StateDistribution(Result):
    """Distribution of one state, and its name in the legend.

    Attributes
    ----------
    name, result
        Name in the legend, and the distribution.
    initial
        Whether it is an initial state.
    becomes
        Name of the state that an initial state of one run becomes, where each run has its own.
    """

    name: str
    result: Histogram | Ecdf
    initial: bool = False
    becomes: str = ""


def plot(
    result: Histogram | Ecdf,
    ax: Axes | None = None,
    *,
    style: LineStyle | None = None,
    label: str | None = None,
    fill: float = 0.15,
) -> Axes:
    """Draw one distribution, and a dashed line at its mean.

    Parameters
    ----------
    result
        A histogram, drawn as an outline with a light fill, or a cumulative distribution, drawn as steps.
    ax
        Axes to draw on; new ones by default. Several distributions on one axes are compared.
    style
        Colour and dashes; by default the first of `embedlens.figures.style.line_styles`.
    label
        Label in the legend; the mean is added.
    fill
        Opacity of the area under a histogram, in [0, 1].

    Returns
    -------
    Axes
        The axes.
    """
    axes = Figure(figsize=(3.25, 2.4), layout="constrained").add_subplot() if ax is None else ax
    style = style or line_styles(["one"])["one"]
    texts = f"{label + ', ' if label else ''}mean {result.mean:.3f}"
    drawn: dict[str, Any] = {
        "color": style.color,
        "linestyle": style.dashes,
        "linewidth": 1.1,
        "label": texts,
    }
    if isinstance(result, Histogram):
        axes.stairs(
            result.count, result.edges, fill=True, color=style.color, alpha=fill, linewidth=0, zorder=2
        )
        axes.stairs(result.count, result.edges, zorder=3, gid="histogram", **drawn)
        axes.set_ylabel("anchors per bin")
        axes.set_ylim(0, max(axes.get_ylim()[1], 1.05 * result.count.max()))
        axes.set_xlim(result.edges[0], result.edges[-1])
    else:
        x = np.concatenate([result.distance[:1], result.distance])
        axes.plot(
            x, np.concatenate([[0.0], result.fraction]), drawstyle="steps-post", zorder=3, gid="ecdf", **drawn
        )
        axes.set(ylabel="fraction of anchors", ylim=(0, 1))
    axes.plot(
        [result.mean] * 2, [0, _height(result, result.mean)], color=style.color, linestyle=_MEAN,
        linewidth=0.9, zorder=4, gid="mean",
    )  # fmt: skip
    axes.set_xlabel(X_LABEL, parse_math=True)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, min_n_ticks=3))
    return axes


def figure(
    shown: Sequence[StateDistribution],
    paired: Sequence[Paired] = (),
    *,
    n_text: str = "",
    title: str = "",
    venue: str = "cvpr",
    width: str = "column",
) -> Figure:
    """Draw several distributions on one axes, the legend below, the paired comparison in a corner.

    Parameters
    ----------
    shown
        What to draw; an initial state is blue, or dashed in the colour of the state that it becomes.
    paired
        Comparisons of the same two states, each with the triplets of another state; the first is given in
        full, of the others their medians.
    n_text
        Text that says how many anchors are shown.
    title
        Heading: what all states share.
    venue, width
        Where the figure is to be printed, see `embedlens.figures.style`.
    """
    inches = width_of(venue, width)
    height = min(0.72 * inches, 2.6)
    figure = Figure(figsize=(inches, height), layout="constrained")
    axes = figure.add_subplot()
    styles = _looks(shown)
    for one in shown:
        plot(
            one.result,
            axes,
            style=styles[one.name],
            label=for_legend(one.name),
            fill=0.0 if one.becomes else min(0.15, 0.5 / len(shown)),
        )
    hidden = _focus(axes, shown)
    axes.set_title(title, loc="left")
    labels = axes.get_legend_handles_labels()[1]
    lines = [Line2D([], [], color=styles[one.name].color, linestyle=styles[one.name].dashes) for one in shown]
    lines.append(Line2D([], [], color="0.35", linestyle=_MEAN, linewidth=0.9))
    height += legend_below(figure, lines, [*labels, "mean"])
    figure.set_figheight(min(height, max_height_of(venue)))
    more = [*([n_text] if n_text else []), *([f"beyond the axis: {hidden:,}"] if hidden else [])]
    texts = [
        [*corner_lines(paired, [one.name for one in shown], letters=letters), *more]
        for letters in range(LONGEST, _FEWEST - 1, -2)
    ]
    write_corner(figure, narrow_enough(figure, texts), [one.result for one in shown])
    _name_peaks(axes, shown, styles)
    return figure


def _looks(shown: Sequence[StateDistribution]) -> dict[str, LineStyle]:
    """Return the line style of each state.

    An initial state is blue; of several, each has the colour of the state that it becomes, dashed, or where
    that is not named another dash.
    """
    styles = line_styles(one.name for one in shown if not one.initial)
    initial = [one for one in shown if one.initial]
    for number, one in enumerate(initial):
        own = styles.get(one.becomes)
        color = own.color if own else INITIAL
        styles[one.name] = LineStyle(color, _STARTED if own else _BLUES[number % len(_BLUES)])
    return styles


def _focus(axes: Axes, shown: Sequence[StateDistribution]) -> int:
    """Set limits that few dots lie beyond; return their number.

    At either end up to one dot in a thousand of a state may lie beyond. So may the peak of an initial state
    that is more than twice as high as any other; its height is written above (`_name_peaks`).
    """
    results = [one.result for one in shown]
    inner = [_inner(result) for result in results]
    low, high = min(span[0] for span in inner), max(span[1] for span in inner)
    axes.set_xlim(low, high)
    peaks = {True: 0.0, False: 0.0}
    for one in shown:
        if isinstance(one.result, Histogram):
            peaks[one.initial] = max(peaks[one.initial], float(one.result.count.max()))
    if peaks[True] > 2 * peaks[False] > 0:
        axes.set_ylim(0, 1.15 * peaks[False])
    return sum(_n_beyond(result, low, high) for result in results)


def _inner(result: Histogram | Ecdf) -> tuple[float, float]:
    """Return the span of all but one dot in a thousand at either end."""
    if isinstance(result, Histogram):
        from_below, from_above = np.cumsum(result.count), np.cumsum(result.count[::-1])
        spared = _SPARED * from_below[-1]
        first, last = (int(np.argmax(sums > spared)) for sums in (from_below, from_above))
        return float(result.edges[first]), float(result.edges[result.edges.size - 1 - last])
    n = result.distance.size
    spared = int(_SPARED * n)
    low, high = float(result.distance[spared]), float(result.distance[n - 1 - spared])
    margin = 0.03 * (high - low) or 0.05
    return max(0.0, low - margin), high + margin


def _n_beyond(result: Histogram | Ecdf, low: float, high: float) -> int:
    """Return how many dots lie outside the limits."""
    if isinstance(result, Histogram):
        outside = (result.edges[1:] <= low) | (result.edges[:-1] >= high)
        return int(result.count[outside].sum())
    return int(np.sum((result.distance < low) | (result.distance > high)))


def _name_peaks(axes: Axes, shown: Sequence[StateDistribution], styles: Mapping[str, LineStyle]) -> None:
    """Say above the axes how high histograms are that reach beyond it; peaks side by side share a text."""
    peaks = []
    for one in shown:
        if isinstance(one.result, Histogram) and one.result.count.max() > axes.get_ylim()[1]:
            at = int(one.result.count.argmax())
            middle = (one.result.edges[at] + one.result.edges[at + 1]) / 2
            peaks.append((float(middle), int(one.result.count.max()), styles[one.name].color))
    low, high = axes.get_xlim()
    groups: list[list[tuple[float, int, str]]] = []
    for peak in sorted(peaks):
        if groups and peak[0] - groups[-1][-1][0] < _BESIDE * (high - low):
            groups[-1].append(peak)
        else:
            groups.append([peak])
    for group in groups:
        middle = float(np.mean([place for place, _, _ in group]))
        title = axes.get_title(loc="left")
        if title and middle < (low + high) / 2:
            axes.set_title("", loc="left")
            axes.set_title(title, loc="right")
        ends = sorted({height for _, height, _ in group})
        texts = f"{ends[0]:,}" if len(ends) == 1 else f"{ends[0]:,} to {ends[-1]:,}"
        edge = (middle - low) / (high - low)
        colors = {color for _, _, color in group}
        axes.text(
            min(middle, high), 1.02, f"↑ {texts}", transform=axes.get_xaxis_transform(), va="bottom",
            ha="right" if edge > 0.85 else "left" if edge < 0.15 else "center", 
            color=colors.pop() if len(colors) == 1 else _SEVERAL,
            fontsize=small_size(), gid="peak",
        )  # fmt: skip


def _height(result: Histogram | Ecdf, at: float) -> float:
    """Return how high the distribution stands at a distance."""
    return float(heights_within(result, (at, at)).max())
