"""Trajectories of single triplets on the triplet diagram."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D

from embedlens.errors import InputError
from embedlens.figures.layout.arrangement import columns_of
from embedlens.figures.layout.canvas import Figure
from embedlens.figures.layout.item_pictures import ABOVE, BESIDE, draw_thumbnails
from embedlens.figures.layout.item_pictures import Thumbnail as Thumbnail
from embedlens.figures.layout.legends import legend_below
from embedlens.figures.layout.limits import open_inset
from embedlens.figures.layout.numbers import marked_states, number_epochs
from embedlens.figures.layout.text import printable, shorten
from embedlens.figures.style import INITIAL, LineStyle, line_styles, max_height_of, width_of
from embedlens.figures.triplets import nearest as triplets
from embedlens.results import Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from matplotlib.axes import Axes

    from embedlens.analysis.triplets.trajectory import Path

_STEPS = 20  # places on a line between two states, which an inset must not hide
_SAME_PLACE = 1e-6  # initial states of two runs that are so close are one dot
_MARGIN, _GAP, _ROW = 0.57, 0.2, 0.65  # inches: labels; between panels; text above and below a panel
_HEAD_AND_LEGEND = 0.5  # inches
_NARROW = 4.5  # inches; below that two panels stand side by side, else four
_HEADING_LETTERS, _NAME_LETTERS, _TITLE_LETTERS = 110, 94, 28
_BELOW_HEADING = 0.08  # inches
_START: dict[str, Any] = {
    "color": INITIAL, "marker": "o", "markersize": 4.5, "linestyle": "none", "markeredgecolor": "white",
    "markeredgewidth": 0.5, "clip_on": False,
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TrajectoryPanel(Result):
    """One anchor: its paths, one per run, its title, and images of anchor, positive and negative, or none."""

    paths: tuple[Path, ...]
    title: str = ""
    thumbnails: tuple[Thumbnail, ...] = ()


def plot(
    result: Sequence[Path],
    ax: Axes | None = None,
    *,
    styles: Mapping[str, LineStyle] | None = None,
    limits: tuple[float, float] | None = None,
    numbers: bool = True,
) -> Axes:
    """Draw the path of one triplet in one run or several.

    Every state is a mark (of more than 25 states every second, fifth, tenth, ...), the initial one blue, the
    last one large. Where initial states coincide they are one dot.

    Parameters
    ----------
    result
        The paths, one per run.
    ax
        Axes to draw on; new ones by default.
    styles
        Colours by run, the same for panels of one figure.
    limits
        Limits of both axes, the same for panels that are compared; by default [-0.2, 1], the lower one moved
        down where the data asks.
    numbers
        Whether to write the numbers of the epochs where there is room, at the size that the axes have now.

    Returns
    -------
    Axes
        The axes, with equal scales.
    """
    axes = Figure(figsize=(3.25, 3.25), layout="constrained").add_subplot() if ax is None else ax
    styles = styles or line_styles(path.run for path in result)
    triplets.frame(axes, limits or limits_of(result))
    _draw_paths(axes, result, styles)
    axes.set_xlabel(r"$S_{ap}$, same positive", parse_math=True)
    axes.set_ylabel(r"$S_{an}$, same negative", parse_math=True)
    if numbers:
        number_epochs(axes, result, {run: style.color for run, style in styles.items()})
    return axes


def _draw_paths(axes: Axes, result: Sequence[Path], styles: Mapping[str, LineStyle]) -> None:
    """Draw paths, their states, and their ends."""
    for path in result:
        style, marked = styles[path.run], marked_states(path)
        axes.plot(
            path.s_ap, path.s_an, color=style.color, linestyle=style.dashes, linewidth=0.9, zorder=4,
            gid=f"path {path.run}",
        )  # fmt: skip
        axes.plot(
            path.s_ap[marked], path.s_an[marked], color=style.color, linestyle="none", marker="o",
            markersize=2.2, markeredgewidth=0, zorder=4, clip_on=False, gid=f"states {path.run}",
        )  # fmt: skip
        axes.plot(path.s_ap[-1:], path.s_an[-1:], **_end(style), zorder=6, gid=f"end {path.run}")
    for place in _initial_places(result):
        axes.plot(*([value] for value in place), **_START, zorder=6.5, gid="initial")


def _open_inset(axes: Axes, result: Sequence[Path], styles: Mapping[str, LineStyle]) -> Axes | None:
    """Enlarge paths that leave most of their panel empty."""
    lines = [np.column_stack([path.s_ap, path.s_an]) for path in result]
    steps = np.linspace(0.0, 1.0, _STEPS)[:, None, None]
    along = [(line[:-1] + steps * np.diff(line, axis=0)).reshape(-1, 2) for line in lines]
    inset = open_inset(axes, np.concatenate(lines), along=np.concatenate(along))
    if inset is not None:
        _draw_paths(inset, result, styles)
        inset.set(xlim=inset.get_xlim(), ylim=inset.get_ylim())
    return inset


def figure(
    panels: Sequence[TrajectoryPanel],
    *,
    venue: str = "cvpr",
    width: str = "full",
    title: str = "",
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Draw one panel per anchor, with the same axes: up to four side by side, then further rows.

    Parameters
    ----------
    panels
        What to draw, of the same runs in each.
    venue, width
        Where the figure is to be printed, see `embedlens.figures.style`.
    title
        Heading: what all panels share.
    limits
        Of both axes of all panels, see `plot`. Without them paths are enlarged in an inset where they leave
        80 % of a panel empty.

    Raises
    ------
    InputError
        More panels than fit a page.
    """
    check_count(len(panels), venue, width)
    inches = width_of(venue, width)
    columns = columns_of(len(panels), _most_columns(inches))
    rows = -(-len(panels) // columns)
    beside = columns == 1
    side = (inches - _MARGIN) / (1.05 + BESIDE) if beside else _side(inches, columns)
    paths = [path for panel in panels for path in panel.paths]
    styles = line_styles(path.run for path in paths)
    tallest = max_height_of(venue)
    figure = Figure(figsize=(inches, tallest))
    grid = figure.subplots(rows, columns, squeeze=False)
    shared = limits or limits_of(paths)
    numbered: list[tuple[Axes, Sequence[Path]]] = []
    for number, axes in enumerate(grid.flat):
        if number >= len(panels):
            axes.remove()
            continue
        plot(panels[number].paths, axes, styles=styles, limits=shared, numbers=False)
        inset = _open_inset(axes, panels[number].paths, styles) if limits is None else None
        numbered.append((axes if inset is None else inset, panels[number].paths))
        for line in axes.lines if limits else ():  # what lies beyond limits by option stays out of sight
            line.set_clip_on(True)
        if columns > 1:
            triplets.half_ticks(axes, shared)
        top = draw_thumbnails(axes, panels[number].thumbnails, side=side, beside=beside)
        above = shorten(printable(panels[number].title), _TITLE_LETTERS)
        axes.set_title(above, parse_math=False, y=top)
        axes.set_ylabel("" if number % columns else axes.get_ylabel())
        axes.set_xlabel(axes.get_xlabel() if number + columns >= len(panels) else "")
    heading = None
    if title:
        heading = figure.suptitle(shorten(title, _HEADING_LETTERS), parse_math=False)
    others = legend_below(figure, *_legend(panels, styles))
    figure.fit()  # the height is that of the titles' lines
    if heading is not None:
        others += heading.get_window_extent().height / figure.dpi + _BELOW_HEADING
    _fit_height(figure, grid, others, tallest)
    for axes, shown in numbered:
        number_epochs(axes, shown, {run: style.color for run, style in styles.items()})
    return figure


def check_count(count: int, venue: str, width: str) -> None:
    """Refuse more anchors than fit a page.

    Parameters
    ----------
    count
        How many.
    venue, width
        Where the figure is to be printed.

    Raises
    ------
    InputError
        None, or too many.
    """
    inches = width_of(venue, width)
    columns = _most_columns(inches)
    row = (1 + ABOVE) * _side(inches, columns) + _ROW
    most = columns * int((max_height_of(venue) - _HEAD_AND_LEGEND) / row)
    if not 1 <= count <= most:
        message = f"{count} anchors requested; 1 to {most} fit a figure of width {width!r} for {venue!r}"
        raise InputError(message)


def _most_columns(inches: float) -> int:
    """Return how many panels stand side by side in a figure of that width, at most."""
    return 4 if inches > _NARROW else 2


def _side(inches: float, columns: int) -> float:
    """Return the side of one of several panels side by side, in inches."""
    return (inches - _MARGIN - _GAP * (columns - 1)) / columns


def limits_of(paths: Iterable[Path]) -> tuple[float, float]:
    """Return limits for all of the given paths: [-0.2, 1], the lower one moved down in steps of 0.2."""
    return triplets.limits_of(path.dots() for path in paths)


def _end(style: LineStyle) -> dict[str, Any]:
    """Return how the end of a path is drawn."""
    return {
        "color": style.color, "marker": "o", "markersize": 6, "linestyle": "none", "markeredgecolor": "black",
        "markeredgewidth": 0.5, "clip_on": False,
    }  # fmt: skip


def _initial_places(paths: Sequence[Path]) -> list[tuple[float, float]]:
    """Return where the initial states lie, those at one place once."""
    places: list[tuple[float, float]] = []
    for path in paths:
        place = float(path.s_ap[0]), float(path.s_an[0])
        if not any(np.hypot(place[0] - x, place[1] - y) <= _SAME_PLACE for x, y in places):
            places.append(place)
    return places


def _legend(
    panels: Sequence[TrajectoryPanel], styles: Mapping[str, LineStyle]
) -> tuple[list[Line2D], list[str]]:
    """Return what the legend shows: the initial state and which it is, every run and its last epoch."""
    first = {path.run: path for path in panels[0].paths}
    starts = {run: path.states[0] for run, path in first.items()}
    kinds = list(dict.fromkeys(starts.values()))
    starts = {shorten(run, _NAME_LETTERS): state for run, state in starts.items()}
    which = kinds[0] if len(kinds) == 1 else "; ".join(f"{run}: {state}" for run, state in starts.items())
    handles = [Line2D([], [], **_START)]
    for run in first:
        style = styles[run]
        handles.append(Line2D([], [], **{**_end(style), "linestyle": style.dashes, "linewidth": 0.9}))
    return handles, [
        f"initial state ({which})",
        *(f"{shorten(run, _NAME_LETTERS)}, {path.states[-1]}" for run, path in first.items()),
    ]


def _fit_height(figure: Figure, grid: Any, others: float, tallest: float) -> None:
    """Make the figure as high as its panels are at its width, and what stands above and below them.

    The layout stays as it is then: what is written into the panels later needs their final size.
    """
    layout = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.03, wspace=0.03, hspace=0.03)
    # What stands above a panel grows with it, so the margins settle after a few rounds only.
    for _ in range(2):
        layout.execute(figure)
        rows = [[axes.get_tightbbox().height for axes in row if axes.figure is not None] for row in grid]
        used = sum(max(row) for row in rows if row) / figure.dpi + 0.06 * len(rows) + others
        figure.set_figheight(min(used, tallest))
    layout.execute(figure)
    for axes in figure.axes:
        axes.apply_aspect()
        for inset in axes.child_axes:
            locator: Any = inset.get_axes_locator()
            inset.apply_aspect(locator(inset, None))
