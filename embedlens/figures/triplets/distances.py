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
from embedlens.figures.triplets.paired import LONGEST, corner_lines
from embedlens.results import Result
from embedlens.text import for_legend

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.text import Text
    from numpy.typing import NDArray

    from embedlens.analysis.triplets.paired import Paired

X_LABEL = r"distance of $(S_{ap}, S_{an})$ to $(1, 0)$"
_SPARED = 0.001  # fraction of the dots at either end that may lie beyond the axis
_WIDENINGS = 12  # of the axis of cumulative distributions, for the text in the corner
_FEWEST = 8  # letters of a name in the corner, where room is scarce
_WIDE = 0.7  # of the axes: the text in the corner, at most
_BESIDE = 0.15  # of the axes: peaks that are nearer share a text
_MARGIN = 0.03  # of the axes, around the text in the corner
_MEAN: Any = (0, (2, 1.2))
_BLUES = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1.5, 1, 1.5)))  # dashes of initial states that differ


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StateDistribution(Result):
    """One state among several: its distribution, what the legend calls it, whether it is an initial state."""

    name: str
    result: Histogram | Ecdf
    initial: bool = False


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
        What a legend calls it; its mean is added.
    fill
        Opacity of the area under a histogram, in [0, 1].

    Returns
    -------
    Axes
        The axes.
    """
    axes = Figure(figsize=(3.25, 2.4), layout="constrained").add_subplot() if ax is None else ax
    style = style or line_styles(["one"])["one"]
    told = f"{label + ', ' if label else ''}mean {result.mean:.3f}"
    drawn: dict[str, Any] = {"color": style.color, "linestyle": style.dashes, "linewidth": 1.1, "label": told}
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
        What to draw; initial states are blue.
    paired
        Comparisons of the same two states, each with the triplets of another state; the first is told in
        full, of the others their medians.
    n_text
        How many anchors are shown.
    title
        What all states share.
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
            fill=min(0.15, 0.5 / len(shown)),
        )
    hidden = _focus(axes, shown)
    axes.set_title(title, loc="left")
    labels = axes.get_legend_handles_labels()[1]
    lines = [Line2D([], [], color=styles[one.name].color, linestyle=styles[one.name].dashes) for one in shown]
    lines.append(Line2D([], [], color="0.35", linestyle=_MEAN, linewidth=0.9))
    height += legend_below(figure, lines, [*labels, "mean"])
    figure.set_figheight(min(height, max_height_of(venue)))
    more = [*([n_text] if n_text else []), *([f"beyond the axis: {hidden:,}"] if hidden else [])]
    told = [
        [*corner_lines(paired, [one.name for one in shown], letters=letters), *more]
        for letters in range(LONGEST, _FEWEST - 1, -2)
    ]
    _corner(figure, _narrow_enough(figure, told), [one.result for one in shown])
    _name_peaks(axes, shown, styles)
    return figure


def _looks(shown: Sequence[StateDistribution]) -> dict[str, LineStyle]:
    """Return the line style of each state: blue ones differ in their dashes."""
    initial = [one.name for one in shown if one.initial]
    styles = line_styles(one.name for one in shown if not one.initial)
    blue = {name: LineStyle(INITIAL, _BLUES[number % len(_BLUES)]) for number, name in enumerate(initial)}
    return styles | blue


def _focus(axes: Axes, shown: Sequence[StateDistribution]) -> int:
    """Set limits that few dots lie beyond; return their number.

    At either end up to one dot in a thousand of a state may lie beyond. So may the peak of an initial state
    that is more than twice as high as any other; its height is told (`_name_peaks`).
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
        told = f"{ends[0]:,}" if len(ends) == 1 else f"{ends[0]:,} to {ends[-1]:,}"
        edge = (middle - low) / (high - low)
        axes.text(
            min(middle, high), 1.02, f"↑ {told}", transform=axes.get_xaxis_transform(), va="bottom",
            ha="right" if edge > 0.85 else "left" if edge < 0.15 else "center", color=group[0][2],
            fontsize=small_size(), gid="peak",
        )  # fmt: skip


def _height(result: Histogram | Ecdf, at: float) -> float:
    """Return how high the distribution stands at a distance."""
    return float(_heights(result, (at, at)).max())


def _heights(result: Histogram | Ecdf, span: tuple[float, float]) -> NDArray[np.float64]:
    """Return the heights of the distribution within a span of distances; at its ends, too."""
    if isinstance(result, Histogram):
        last = result.count.size - 1
        first, stop = (
            int(np.clip(np.searchsorted(result.edges, x, side="right") - 1, 0, last)) for x in span
        )
        return result.count[first : stop + 1].astype(np.float64)
    padded = np.concatenate([[0.0], result.fraction])
    first, stop = (int(np.searchsorted(result.distance, x, side="right")) for x in span)
    return padded[first : stop + 1]


def _narrow_enough(figure: Figure, told: Sequence[list[str]]) -> list[str]:
    """Return the first of several lists of lines that leaves room for curves, else the last, broken."""
    figure.get_layout_engine().execute(figure)  # type: ignore[union-attr]
    (axes,) = figure.axes
    room = _WIDE * axes.get_window_extent().width
    broken = [line.replace(": ", ":\n ") if line.startswith("(") else line for line in told[-1]]
    for lines in [*told, "\n".join(broken).split("\n")]:
        text = axes.text(0, 0, "\n".join(lines), fontsize=small_size())
        width = text.get_window_extent().width
        text.remove()
        if width <= room:
            break
    return lines


def _corner(figure: Figure, lines: Sequence[str], results: Sequence[Histogram | Ecdf]) -> None:
    """Write lines in a corner that the curves leave free; room is made above histograms where none is."""
    if not lines:
        return
    (axes,) = figure.axes
    places = [("right", "top"), ("left", "top"), ("right", "bottom")]
    if isinstance(results[0], Histogram):
        places.pop()
    tried: list[tuple[float, Text]] = []
    for x, y in places:
        text = axes.text(
            1 - _MARGIN if x == "right" else _MARGIN,
            1 - _MARGIN if y == "top" else _MARGIN,
            "\n".join(lines),
            transform=axes.transAxes,
            ha=x,
            va=y,
            fontsize=small_size(),
            linespacing=1.25,
            zorder=6,
            gid="corner",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.6, "pad": 0.5},
        )
        text.set_in_layout(False)
        needed = _needed(figure, text, results)
        if needed <= 1:
            return
        tried.append((needed, text))
        text.remove()
    if isinstance(results[0], Histogram):
        needed, text = min(tried, key=lambda one: one[0])
        axes.add_artist(text)
        if np.isfinite(needed):
            axes.set_ylim(0, axes.get_ylim()[1] * needed)
        return
    # Cumulative distributions begin at 0: further left there is room at the top; no number stands below 0.
    text = tried[1][1]
    axes.add_artist(text)
    limits = axes.get_xlim()
    for _ in range(_WIDENINGS):
        low, high = axes.get_xlim()
        axes.set_xlim(low - 0.06 * (high - low), high)
        if _needed(figure, text, results) <= 1:
            low, high = axes.get_xlim()
            if low < 0:  # no distance is
                axes.set_xticks([tick for tick in axes.get_xticks() if 0 <= tick <= high])
            return
    axes.set_xlim(limits)
    _put_above(figure, text)


def _put_above(figure: Figure, text: Text) -> None:
    """Put a text above the axes, and the title above it; the figure becomes higher by as much."""
    (axes,) = figure.axes
    text.set(position=(0.0, 1.02), horizontalalignment="left", verticalalignment="bottom", bbox=None)
    text.set_in_layout(True)
    high = text.get_window_extent().height / figure.dpi
    axes.set_title(axes.get_title(loc="left"), loc="left", pad=72 * high + 4)
    figure.set_figheight(figure.get_figheight() + high)


def _needed(figure: Figure, text: Text, results: Sequence[Histogram | Ecdf]) -> float:
    """Return by what the height of the axes must be multiplied for the text to be free of the curves."""
    figure.get_layout_engine().execute(figure)  # type: ignore[union-attr]
    box = text.get_window_extent()
    (left, bottom), (right, top) = figure.axes[0].transData.inverted().transform(box.get_points())
    heights = np.concatenate([_heights(result, (left, right)) for result in results])
    if text.get_verticalalignment() == "bottom":
        return 1.0 if heights.min() > top else np.inf
    return float(1.03 * heights.max() / bottom) if bottom > 0 else np.inf
