"""t-SNE maps: one dot or thumbnail per item, coloured by class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np

from embedlens.arguments import check_indices, check_pictures, check_same_length
from embedlens.arrays import check_labels
from embedlens.figures.layout.arrangement import columns_of
from embedlens.figures.layout.canvas import Figure
from embedlens.figures.layout.legends import class_handles, legend_below
from embedlens.figures.layout.limits import limits_of_one_shape
from embedlens.figures.layout.thumbnails import SIDE, draw_pictures
from embedlens.figures.projection import synthesis
from embedlens.figures.style import RASTERISE_ABOVE, class_colors, max_height_of, width_of
from embedlens.results import Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray

    from embedlens.analysis.projection.maps import Projection
    from embedlens.analysis.projection.synthesis import SynthesisedMap

DRAW_SEED = 0
GREY = "0.78"
_MARGIN = 0.04  # of the extent of the map: room around it
_FOOT = 0.16  # of half its height: room for the words below
_FLATTEST = 2 / 3  # least ratio of height and width, or of width and height
_MAX_COLUMNS = 3
_BESIDE_RINGS = 4.0  # points squared, at most
_COVER = 850.0  # points squared that all dots take of a square inch, at most


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Map(Result):
    """One map of a figure, with labels and pictures of its items.

    Attributes
    ----------
    title
        Title, by which it differs from the others.
    projection
        The map of n items.
    labels
        int64 [N]: labels of all items of the split.
    thumbnails
        uint8 [N, h, w] or [N, h, w, 3]: pictures to draw instead of dots; None for dots.
    thumbnail_size
        Side of a picture, inches.
    synthesised
        The map of items and synthesised points; `projection` is its items. None: nothing is synthesised.
    note
        Text in the corner, after the number of items.
    """

    title: str
    projection: Projection
    labels: NDArray[np.int64]
    thumbnails: NDArray[np.uint8] | None = None
    thumbnail_size: float = SIDE
    synthesised: SynthesisedMap | None = None
    note: str = ""

    @property
    def limits(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Limits of x and of y that hold all that is drawn."""
        return limits_of([self.projection if self.synthesised is None else self.synthesised])


def limits_of(
    maps: Iterable[Projection | SynthesisedMap],
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return limits of x and of y that hold all of the given maps, none less than two thirds of the other."""
    points = np.concatenate([one.coordinates for one in maps])
    centre = (points.min(axis=0) + points.max(axis=0)) / 2
    half = np.ptp(points, axis=0) / 2
    half = np.maximum(half, max(_FLATTEST * float(half.max()), 1e-9)) * (1 + 2 * _MARGIN)
    (x0, y0), (x1, y1) = (centre - half - [0, _FOOT * half[1]]).tolist(), (centre + half).tolist()
    return (x0, x1), (y0, y1)


def plot(
    result: Projection,
    ax: Axes | None = None,
    *,
    labels: ArrayLike | None = None,
    colors: Mapping[int, str] | None = None,
    thumbnails: ArrayLike | None = None,
    thumbnail_size: float = SIDE,
    limits: tuple[tuple[float, float], tuple[float, float]] | None = None,
    note: str = "",
    area: float = 14.0,
) -> Axes:
    """Draw a map; its axes have no unit, and no ticks.

    Parameters
    ----------
    result
        The map of n items.
    ax
        Axes to draw on; new ones by default.
    labels
        Labels of all items of the split, int64 [N]; without them dots have one colour.
    colors
        Label -> colour; the other classes are grey. By default `style.class_colors`.
    thumbnails
        Pictures of all items, uint8 [N, h, w] or [N, h, w, 3], drawn over the dots with borders in a colour
        for each class, as many as there is room for without overlap. Dots are paler then, and grey unless
        every class has a colour.
    thumbnail_size
        Side of a picture, inches; smaller ones hide fewer others.
    limits
        Of x and of y, the same for maps that are compared; by default those of the map.
    note
        Text in the corner, after the number of items.
    area
        Of a dot, points squared, at most; less where there are many.

    Returns
    -------
    Axes
        The axes, with equal scales.

    Raises
    ------
    InputError
        Labels or pictures of another kind, or too few for the items of the map.
    """
    labels, thumbnails = _of_items(result, labels, thumbnails)
    axes = Figure(figsize=(3.25, 3.25), layout="constrained").add_subplot() if ax is None else ax
    x, y = limits or limits_of([result])
    axes.set(xlim=x, ylim=y, aspect="equal", xticks=[], yticks=[])
    shown = None if labels is None else labels[result.item]
    count = f"n = {result.item.size:,}"
    if labels is not None and result.item.size < labels.size:
        count += f" of {labels.size:,}"
    known = {} if shown is None else (class_colors(shown) if colors is None else colors)
    if thumbnails is None:
        _dots(axes, result, shown, known, area=area)
    else:
        known = known if shown is not None and _has_all(known, shown) else {}
        beneath = np.zeros(result.item.size, np.int64) if shown is None else shown
        _dots(axes, result, beneath, synthesis.paler(known), area=area)
        drawn = draw_pictures(
            axes, result.coordinates, thumbnails, item=result.item, labels=shown, colors=known,
            side=thumbnail_size,
        )  # fmt: skip
        count += f", {drawn:,} pictured"
    axes.text(
        0.02, 0.02, ", ".join(part for part in (count, note) if part), transform=axes.transAxes, ha="left",
        va="bottom", fontsize=mpl.rcParams["xtick.labelsize"], zorder=9, gid="n",
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.8},
    )  # fmt: skip
    return axes


def _of_items(
    result: Projection, labels: ArrayLike | None, thumbnails: ArrayLike | None
) -> tuple[NDArray[np.int64] | None, NDArray[np.uint8] | None]:
    """Return labels and pictures of all items, checked."""
    known = None if labels is None else check_labels(labels)
    pictures = None if thumbnails is None else check_pictures(thumbnails, "thumbnails")
    there = {name: part for name, part in (("labels", known), ("thumbnails", pictures)) if part is not None}
    check_same_length(**there)
    for part in there.values():
        check_indices(result.item, "items of the map", rows=len(part))
    return known, pictures


def figure(
    maps: Sequence[Map],
    *,
    venue: str = "cvpr",
    width: str = "column",
    title: str = "",
    highlight: Sequence[int] = (),
    names: Mapping[int, str] | None = None,
    limits: tuple[tuple[float, float], tuple[float, float]] | None = None,
    columns: int = _MAX_COLUMNS,
) -> Figure:
    """Draw maps side by side, their classes in the same colours.

    Parameters
    ----------
    maps
        What to draw.
    venue, width
        Where the figure is to be printed, see `embedlens.figures.style`.
    title
        Heading: what all maps share.
    highlight
        Labels of classes to colour; by default see `style.class_colors`.
    names
        Label -> name, for the legend.
    limits
        Of x and of y, the same in every frame of a series; by default each map has its own.
    columns
        Most maps in a row.
    """
    shown = np.concatenate([one.labels[one.projection.item] for one in maps])
    colors = class_colors(shown, highlight)
    across = columns_of(len(maps), columns)
    down = -(-len(maps) // across)
    inches = width_of(venue, width)
    named = maps[0].thumbnails is None or _has_all(colors, shown)
    handles = class_handles(colors, shown, names=names or {}, rest=GREY) if named else []
    if maps[0].synthesised is not None:
        handles += synthesis.handles(maps[0].synthesised)
    heading = 0.2 if title else 0.0
    boxes = limits_of_one_shape([limits or one.limits for one in maps])
    tallest = max((y[1] - y[0]) / (x[1] - x[0]) for x, y in boxes)
    titles = 0.2 if any(one.title for one in maps) else 0.03
    height = down * (tallest * (inches / across - 0.06) + titles) + heading
    figure = Figure(figsize=(inches, min(height, max_height_of(venue))), layout="constrained")
    grid = figure.subplots(down, across, squeeze=False)
    for place, axes in enumerate(grid.flat):
        if place >= len(maps):
            axes.remove()
            continue
        one = maps[place]
        box = boxes[place]
        options: dict[str, Any] = {"labels": one.labels, "colors": colors, "limits": box}
        if one.synthesised is None:
            pictures: dict[str, Any] = {
                "thumbnails": one.thumbnails,
                "thumbnail_size": one.thumbnail_size,
            }
            plot(one.projection, axes, note=one.note, **pictures, **options)
        else:
            drawn = f"{one.synthesised.drawn.label.size:,} synthesised"
            drawn = f"{one.note}, {drawn}" if one.note else drawn
            options["colors"] = synthesis.paler(colors)
            plot(one.projection, axes, note=drawn, area=_BESIDE_RINGS, **options)
            synthesis.plot(one.synthesised, axes, colors=colors)
        axes.set_title(one.title)
    if title:
        figure.suptitle(title)
    if handles:
        labels = [str(handle.get_label()) for handle in handles]
        height += legend_below(
            figure, handles, labels, most=len(labels), handletextpad=0.1, columnspacing=0.8, handlelength=2.0
        )
        figure.set_figheight(min(height, max_height_of(venue)))
    return figure


def _has_all(colors: Mapping[int, str], labels: NDArray[np.int64]) -> bool:
    """Say whether every class has a colour."""
    return bool(np.isin(labels, list(colors)).all())


def _dots(
    axes: Axes,
    result: Projection,
    labels: NDArray[np.int64] | None,
    colors: Mapping[int, str],
    *,
    area: float,
) -> None:
    """Draw every item as a dot, in random order; coloured classes lie above the grey ones."""
    n, (x, y) = result.item.size, result.coordinates.T
    order = np.random.default_rng(DRAW_SEED).permutation(n)
    size = min(_dot_size(axes, n), area)
    style: dict[str, Any] = {"linewidths": 0, "rasterized": n > RASTERISE_ABOVE}
    if labels is None:
        axes.scatter(x[order], y[order], s=size, c="C0", alpha=0.7, gid="dots", zorder=3, **style)
        return
    coloured = np.isin(labels, list(colors))[order]
    rest, chosen = order[~coloured], order[coloured]
    if rest.size:
        axes.scatter(x[rest], y[rest], s=size, c=GREY, gid="others", zorder=2, **style)
    bigger = size if not rest.size else max(1.8 * size, 3.0)
    tints = [colors[int(label)] for label in labels[chosen]]
    axes.scatter(x[chosen], y[chosen], s=bigger, c=tints, gid="dots", zorder=3, **style)


def _dot_size(axes: Axes, n: int) -> float:
    """Return the area of a dot in points squared, for n dots on axes of that size."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    grid = axes.get_subplotspec()
    across = 1 if grid is None else grid.get_gridspec().ncols
    side = figure.get_size_inches()[0] / across
    return float(np.clip(_COVER * side**2 / n, 0.6, 14.0))
