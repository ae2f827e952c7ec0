"""Mean displacement of triplets between two epochs, as arrows on the triplet diagram."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib import patheffects
from matplotlib.lines import Line2D

from embedlens.analysis.triplets.flow import occupied
from embedlens.analysis.triplets.nearest import summarise
from embedlens.figures.layout.border import upper_limit
from embedlens.figures.layout.canvas import Figure
from embedlens.figures.layout.legends import legend_below
from embedlens.figures.style import INITIAL, LineStyle, line_styles
from embedlens.figures.triplets.nearest import (
    HISTOGRAM_ABOVE,
    Scale,
    draw_dots,
    frame,
    is_framed,
    limits_of,
    scale_of,
)
from embedlens.figures.triplets.panels import axes_of, columns_of
from embedlens.figures.triplets.panels import figure as scatter_figure
from embedlens.moments import name_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from matplotlib.axes import Axes

    from embedlens.analysis.triplets.flow import Flow
    from embedlens.analysis.triplets.nearest import Triplets
    from embedlens.figures.triplets.panels import ScatterPanel

_PALEST = 0.3  # opacity of the arrow of the fewest dots; that of the most is 1
_VISIBLE = 0.03  # of the panel's side: arrows that are shorter are drawn longer
_LARGE = 2  # panels side by side, up to which each has a legend of its own
_KEYS = (0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)


def plot(
    result: Flow,
    ax: Axes | None = None,
    *,
    color: str = "black",
    stretch: float | None = None,
    most: int | None = None,
) -> Axes:
    """Draw an arrow for each bin of the flow, over a scatter or on axes of its own.

    An arrow begins at the mean place of the bin's dots. Its length is their mean displacement times
    `stretch`, and a key says what a length means; with a stretch of 1 the tip is where the dots are at the
    end, on average. Its opacity grows with the logarithm of the number of dots.

    Parameters
    ----------
    result
        The flow.
    ax
        Axes to draw on, those of a triplet scatter or empty ones; new ones by default.
    color
        Colour of the arrows.
    stretch
        How many times longer than the displacement arrows are; by default `stretch_of` this flow.
    most
        Dots of an arrow of full opacity, the same for panels that are compared; by default those of the
        fullest bin.

    Returns
    -------
    Axes
        The axes.
    """
    axes = Figure(figsize=(3.25, 3.25), layout="constrained").add_subplot() if ax is None else ax
    if not is_framed(axes):
        frame(axes, limits_of([result]))
        axes.set_xlabel(r"$S_{ap}$", parse_math=True)
        axes.set_ylabel(r"$S_{an}$", parse_math=True)
    if result.count.size == 0:
        return axes
    longer = stretch or stretch_of([result], axes.get_xlim())
    top = most or int(result.count.max())
    fraction = np.log(result.count / result.minimum + 1) / np.log(
        max(top, result.minimum) / result.minimum + 1
    )
    colors = np.tile(mpl.colors.to_rgba(color), (result.count.size, 1))
    colors[:, 3] = _PALEST + (1 - _PALEST) * np.minimum(fraction, 1)
    low, high = axes.get_xlim()
    arrows = axes.quiver(
        result.s_ap,
        result.s_an,
        longer * result.d_ap,
        longer * result.d_an,
        color=colors,
        angles="xy",
        scale_units="xy",
        scale=1,
        units="xy",
        width=0.0038 * (high - low),
        headwidth=4,
        headlength=4.5,
        headaxislength=4,
        minlength=0.5,
        zorder=5,
        gid="flow",
    )
    arrows.set_path_effects([patheffects.withStroke(linewidth=0.8, foreground="white", alpha=0.7)])
    lengths = np.hypot(result.d_ap, result.d_an)
    longest = min(float(lengths.max()), 0.2 * (high - low) / longer)
    key = next((size for size in _KEYS if size <= longest), _KEYS[-1])
    axes.quiverkey(
        arrows,
        0.96 - longer * key / (high - low),
        0.045,
        longer * key,
        f"{key:g}" + (f" (drawn {longer:g} times as long)" if longer != 1 else ""),
        labelpos="W",
        labelsep=0.05,
        color=color,
        fontproperties={"size": mpl.rcParams["xtick.labelsize"]},
        zorder=7,
        gid="flow key",
    )
    return axes


def stretch_of(flows: Iterable[Flow], limits: tuple[float, float]) -> float:
    """Return the factor by which arrows are longer than displacements: above 1 where these are too short."""
    lengths = np.concatenate([np.hypot(flow.d_ap, flow.d_an) for flow in flows])
    long = float(np.quantile(lengths, 0.9)) if lengths.size else 0.0
    wanted = _VISIBLE * (limits[1] - limits[0])
    if not 0 < long < wanted:
        return 1.0
    return next((step for step in (2.0, 5.0, 10.0, 20.0) if step * long >= wanted), 50.0)


def window_of(triplets: Iterable[Triplets]) -> tuple[float, float]:
    """Return limits that hold the triplets but for the lowest 0.5 %: up to 1, from a multiple of 0.2.

    Where the dots of a collapsed space lie at (1, 1), the upper one is 1.04.
    """
    states = list(triplets)
    low, _ = occupied(states)
    return max(-1.0, min(0.8, round(float(np.floor(low * 5 + 1e-9)) / 5, 1))), upper_limit(states)


def figure(
    starts: Sequence[ScatterPanel],
    ends: Sequence[ScatterPanel],
    flows: Sequence[Flow],
    *,
    venue: str = "cvpr",
    width: str = "full",
    note: str = "",
) -> Figure:
    """Draw the flow of several splits and runs over the dots, blue at the start.

    At the end they have the run's colour. More than 100,000 are drawn as a histogram of the start. The
    axes are the same in all panels; they show the part of the diagram that holds 99.5 % of the similarities.

    Parameters
    ----------
    starts, ends
        The triplets at the start and at the end, one panel for each run and split.
    flows
        The flow of each.
    venue, width
        Where the figure is to be printed, see `embedlens.figures.style`.
    note
        Text to add to the heading.
    """
    window = window_of(panel.triplets for panel in (*starts, *ends))
    scale = Scale(window, scale_of((panel.triplets for panel in starts), limits=window).max_count)
    styles = line_styles(panel.run for panel in starts)
    spans = {_span(start, end) for start, end in zip(starts, ends, strict=True)}
    runs = {panel.run for panel in starts}
    shared = [*(runs if len(runs) == 1 else ()), *(spans if len(spans) == 1 else ())]
    heading = [*shared, note] if note else shared or [" "]
    figure = scatter_figure(
        starts, venue=venue, width=width, scale=scale, title=heading, color=INITIAL, faint=True
    )
    stretch = stretch_of(flows, window)
    most = max((int(flow.count.max()) for flow in flows if flow.count.size), default=1)
    parts = {id(start): (end, flow) for start, end, flow in zip(starts, ends, flows, strict=True)}
    below = columns_of(figure) > _LARGE and len(spans) == 1  # small panels have no room for a legend
    if below:
        _legend_below(figure, starts[0], {end.run: end for end in ends}, styles)
    for axes, start in axes_of(figure, starts):
        end, flow = parts[id(start)]
        if end.triplets.s_ap.size <= HISTOGRAM_ABOVE:
            draw_dots(axes, end.triplets, color=styles[end.run].color, faint=True)
            if not below:
                _legend(axes, start, end, color=styles[end.run].color, length=stretch)
        plot(flow, axes, stretch=stretch, most=most)
        _name(axes, start, end, flow=flow, alike=len(spans) == 1)
    return figure


def _legend(axes: Axes, start: ScatterPanel, end: ScatterPanel, *, color: str, length: float) -> None:
    """Add a legend of the runs beside the key of arrows, which are drawn several times longer."""
    handles = [
        Line2D([], [], linestyle="none", marker="o", markersize=3, color=shade, label=name_of(panel.epoch))
        for panel, shade in ((start, INITIAL), (end, color))
    ]
    place = (0.2, 0.01) if length == 1 else (0.4, 0.12)  # right of the diagonal, above a long key of arrows
    axes.legend(handles=handles, loc=place, handletextpad=0.1)


def _legend_below(
    figure: Figure, start: ScatterPanel, ends: Mapping[str, ScatterPanel], styles: Mapping[str, LineStyle]
) -> None:
    """Say below all panels whose dots are whose; the figure becomes higher by as much."""
    dot: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 3}
    handles = [
        Line2D([], [], color=color, **dot) for color in (INITIAL, *(styles[run].color for run in ends))
    ]
    named = [
        f"{run}, {name_of(end.epoch)}" if len(ends) > 1 else name_of(end.epoch) for run, end in ends.items()
    ]
    high = legend_below(figure, handles, [name_of(start.epoch), *named])
    figure.set_figheight(min(figure.get_figheight() + high, figure.tallest or np.inf))


def _span(start: ScatterPanel, end: ScatterPanel) -> str:
    """Return the names of two epochs, "epoch 0 to 3"."""
    return f"{name_of(start.epoch)} to {name_of(end.epoch).removeprefix('epoch ')}"


def _name(axes: Axes, start: ScatterPanel, end: ScatterPanel, *, flow: Flow, alike: bool) -> None:
    """Write what the panel shows: its epochs where they differ, and in the corner the numbers of both."""
    if not alike:
        title = axes.get_title(mpl.rcParams["axes.titlelocation"]).removesuffix(f", {name_of(start.epoch)}")
        axes.set_title(f"{title}, {_span(start, end)}")
    before, after = summarise(start.triplets), summarise(end.triplets)
    below = "R@1" if before.choice == "nearest" else "below"
    thin = f" ({flow.n_thin:,} in thin bins)" if flow.n_thin else ""
    hidden = out_of_sight(start.triplets, end.triplets, axes.get_xlim())
    (numbers,) = (text for text in axes.texts if text.get_gid() == "numbers")
    numbers.set_text(
        f"{below} {before.below_diagonal:.1%} to {after.below_diagonal:.1%}\n"
        f"mean shift ({_signed(flow.mean_d_ap)}, {_signed(flow.mean_d_an)})\n"
        f"n = {flow.n:,}{thin}" + (f"\n{hidden:,} out of sight" if hidden else "")
    )


def out_of_sight(start: Triplets, end: Triplets, window: tuple[float, float]) -> int:
    """Return how many dots lie outside the window, those of both states counted."""
    return sum(int(((s.s_ap < window[0]) | (s.s_an < window[0])).sum()) for s in (start, end))


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "\N{MINUS SIGN}")
