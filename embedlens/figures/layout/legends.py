"""Legends inside axes or below the figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.lines import Line2D

from embedlens.figures.layout.covering import covers
from embedlens.figures.layout.fitting import IN_AXES, fit_texts
from embedlens.figures.layout.text import shorten_part

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend
    from numpy.typing import NDArray

PLACES: tuple[Any, ...] = (
    "upper right",
    "lower left",
    "upper left",
    "lower right",
    "center right",
    "center left",
)
"""Where a legend may stand inside axes, in the order in which places are tried."""
_FEWEST = 8  # letters that are left of a name
_PAD = 3.0  # pixels between a legend and the data
_HIGHEST = 0.8  # of the height of axes, for a legend inside
_STYLE: dict[str, Any] = {"columnspacing": 1.4, "borderpad": 0.1, "handlelength": 1.8}


def legend_below(
    figure: Figure,
    handles: Sequence[Any],
    labels: Sequence[str],
    *,
    endings: Sequence[str] = (),
    loc: Any = "outside lower center",
    most: int = 4,
    **options: Any,
) -> float:
    """Put a legend below all axes, in as many columns as fit; return its height in inches.

    Parameters
    ----------
    figure
        The figure, of its final width.
    handles, labels
        Contents of the legend; the middle is left out of labels that are too long even for one column.
    endings
        Text after each label that is never shortened, such as numbers.
    loc
        Another place outside the axes: "outside upper center".
    most
        Largest number of columns.
    options
        Options of matplotlib's legend.
    """
    ends = list(endings) or [""] * len(labels)

    def put(columns: int, room: int) -> Legend:
        texts = [shorten_part(label, room) + end for label, end in zip(labels, ends, strict=True)]
        return figure.legend(handles, texts, ncols=columns, loc=loc, **(_STYLE | options))

    longest = room = max(len(label) for label in labels)
    for columns in range(min(len(labels), most), 0, -1):
        legend = put(columns, longest)
        while columns == 1 and room > _FEWEST and legend.get_window_extent().width > figure.bbox.width:
            legend.remove()
            room -= max(1, room // 20)
            legend = put(1, room)
        if legend.get_window_extent().width <= figure.bbox.width:
            break
        if columns > 1:
            legend.remove()
    return float(legend.get_window_extent().height / figure.dpi) + 0.05


def place_legend(
    axes: Axes, handles: Sequence[Any], labels: Sequence[str], *, first: Any = PLACES[0], **options: Any
) -> float:
    """Put a legend where it covers no data: inside the axes if its labels fit there, else below.

    Return the height in inches that a legend below takes, 0 for one inside.

    Parameters
    ----------
    axes
        The only axes of a figure, with their data, limits and titles.
    handles, labels
        Contents of the legend.
    first
        The place inside that is tried first.
    options
        Options of matplotlib's legend.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    fit_texts(figure)  # a title that is far too long would squeeze the axes
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
    for place in dict.fromkeys((first, *PLACES)):
        legend = axes.legend(handles, labels, loc=place, **({"handlelength": 1.6} | options))
        if free_inside(axes, legend):
            return 0.0
        legend.remove()
    return legend_below(figure, handles, labels, **options)


def legend_instead(axes: Axes, handles: Sequence[Any], labels: Sequence[str], **options: Any) -> bool:
    """Put a legend in the place of empty axes, if it is small enough; return whether it is.

    Parameters
    ----------
    axes
        Axes of a grid that hold no data and are not drawn.
    handles, labels
        What the legend shows.
    options
        Of matplotlib's legend.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
    legend = axes.legend(handles, labels, loc="center", **({"handlelength": 1.6} | options))
    if free_inside(axes, legend):
        return True
    legend.remove()
    return False


def free_inside(axes: Axes, legend: Legend) -> bool:
    """Return whether a legend inside axes is small enough, and covers no data.

    Parameters
    ----------
    axes, legend
        After the layout.
    """
    box, room = legend.get_window_extent(), axes.get_window_extent()
    fits = box.width <= IN_AXES * room.width and box.height <= _HIGHEST * room.height
    return fits and not covers(axes, box.padded(_PAD))


def class_handles(
    colors: Mapping[int, str], shown: NDArray[np.int64], *, names: Mapping[int, str], rest: str
) -> list[Line2D]:
    """Return the entries of the legend: the coloured classes, and how many others there are.

    Parameters
    ----------
    colors
        Label -> colour.
    shown
        int64 [n]: labels of the items drawn.
    names
        Label -> name; by default the label.
    rest
        Colour of the other classes.
    """
    dot: dict[str, Any] = {"marker": "o", "linestyle": "none", "markersize": 4}
    handles = [
        Line2D([], [], color=color, label=names.get(label, str(label)), **dot)
        for label, color in colors.items()
    ]
    others = len(set(shown.tolist())) - len(colors)
    if others:
        more = f"{others:,} others"
        handles.append(Line2D([], [], color=rest, label=more, **dot))
    return handles
