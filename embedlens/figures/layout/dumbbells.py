"""Rows of two dots joined by a line: a number on two sides, by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from embedlens.figures.layout.canvas import Figure
from embedlens.figures.layout.legends import legend_below
from embedlens.figures.layout.text import printable, shorten, small_size
from embedlens.figures.style import line_styles, max_height_of, width_of
from embedlens.results import Result
from embedlens.text import for_legend

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

_ROW, _HEADING = 0.155, 1.25  # inches of a row; rows that a heading takes with its gap
_AROUND, _TITLE = 0.42, 0.2  # inches: x axis, title
_LETTERS = 28  # of a name


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Rows(Result):
    """Rows under one heading.

    Attributes
    ----------
    heading
        What they have in common.
    names, notes
        What stands at the left and at the right of each row.
    values
        float64 [n, 2]: the numbers on the first and on the second side.
    """

    heading: str
    names: Sequence[str]
    notes: Sequence[str]
    values: NDArray[np.float64]


class Changes(Protocol):
    """A number of each of n things on two sides."""

    @property
    def first(self) -> NDArray[np.float64]:
        """The number on the first side, [n]."""

    @property
    def second(self) -> NDArray[np.float64]:
        """The number on the second side, [n]."""

    @property
    def n(self) -> NDArray[np.int64]:
        """Of how many anchors, [n]."""

    def largest(self, most: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the places of the largest changes up, and down."""


def rows_of_changes(
    result: Changes, most: int, totals: Mapping[str, int], *, named: Callable[[int], str]
) -> list[Rows]:
    """Return the largest changes up and down, each kind under its heading; none where nothing changed.

    Parameters
    ----------
    result
        What changed.
    most
        Number of rows of either kind.
    totals
        What happened, up and then down, such as "gained" and "lost" -> to how many.
    named
        Returns the name of the thing at a place.
    """
    groups = []
    for (verb, total), places in zip(totals.items(), result.largest(most), strict=True):
        if not places.size:
            continue
        groups.append(
            Rows(
                heading=f"{verb} most ({places.size} of {total:,})" if places.size < total else verb,
                names=[named(place) for place in places.tolist()],
                notes=[f"n = {n:,}" for n in result.n[places].tolist()],
                values=np.stack([result.first[places], result.second[places]], axis=1),
            )
        )
    return groups


def draw_rows(groups: Sequence[Rows], ax: Axes | None, *, x_label: str) -> Axes:
    """Draw groups of rows below each other, each under its heading; a hollow dot is the first side.

    Parameters
    ----------
    groups
        The rows.
    ax
        Axes to draw on; None: new ones.
    x_label
        Label of the numbers.
    """
    axes = ax or Figure(figsize=(3.25, _height(groups)), layout="constrained").add_subplot()
    styles = _styles()
    y, ticks = 0.0, []
    for group in groups:
        y += _HEADING
        axes.text(
            0.01, y - 0.85, group.heading, transform=axes.get_yaxis_transform(), ha="left", va="center",
            fontsize=small_size(), color="0.35", gid="heading of rows",
        )  # fmt: skip
        for pair in group.values.tolist():
            axes.plot(pair, [y, y], color="0.6", linewidth=1.1, zorder=2, gid="change")
            for value, style in zip(pair, styles, strict=True):
                axes.plot(value, y, zorder=3, clip_on=False, **style)
            ticks.append(y)
            y += 1.0
    names = [shorten(printable(name), _LETTERS) for group in groups for name in group.names]
    axes.set_yticks(ticks, names)
    axes.set_ylim(y - 0.3, 0.0)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="0.9", linewidth=0.5)
    axes.set_xlabel(x_label)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, min_n_ticks=3, steps=[1, 2, 2.5, 5, 10]))
    right = axes.secondary_yaxis("right")
    right.set_yticks(ticks, [note for group in groups for note in group.notes])
    right.tick_params(axis="y", length=0, labelsize=small_size(), labelcolor="0.35")
    right.spines["right"].set_visible(False)  # the frame of the axes is there
    return axes


def figure_of_rows(
    groups: Sequence[Rows], names: tuple[str, str], *, x_label: str, venue: str, width: str, title: str
) -> Figure:
    """Return the whole figure, with the names of the two sides below.

    Parameters
    ----------
    groups
        The rows.
    names
        Names of the two sides.
    x_label
        Label of the numbers.
    venue, width
        Where the figure is to be printed, see `embedlens.figures.style`.
    title
        Heading of the figure.
    """
    height = _height(groups) + (_TITLE if title else 0.0)
    figure = Figure(figsize=(width_of(venue, width), height), layout="constrained")
    axes = draw_rows(groups, figure.add_subplot(), x_label=x_label)
    axes.set_title(title, loc="left")
    handles = [Line2D([], [], **style) for style in _styles()]
    height += legend_below(figure, handles, [for_legend(name) or "" for name in names])
    figure.set_figheight(min(height, max_height_of(venue)))
    return figure


def _styles() -> list[dict[str, Any]]:
    """Return how the dots of the two sides are drawn."""
    shapes: dict[str, dict[str, Any]] = {
        "first": {"markersize": 4.6, "markerfacecolor": "white"},
        "second": {"markersize": 4.2},
    }
    colors = line_styles(shapes)
    return [
        {"color": colors[side].color, "marker": "o", "linestyle": "none", "markeredgewidth": 0.9, "gid": side}
        | shape
        for side, shape in shapes.items()
    ]


def _height(groups: Sequence[Rows]) -> float:
    """Return the height in inches of groups of rows with their headings and the x axis."""
    return _ROW * sum(len(group.names) + _HEADING for group in groups) + _AROUND
