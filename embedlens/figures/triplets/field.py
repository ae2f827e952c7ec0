"""Gradient field of a loss on the triplet diagram."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.quiver import Quiver

from embedlens.figures.layout.canvas import Figure
from embedlens.figures.layout.ticks import number_log_bar
from embedlens.figures.triplets.nearest import frame, is_framed, limits_of
from embedlens.figures.triplets.panels import axes_of, columns_of, heading_of, shorten_numbers
from embedlens.figures.triplets.panels import figure as scatter_figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from embedlens.analysis.triplets.field import Field
    from embedlens.figures.triplets.nearest import Scale
    from embedlens.figures.triplets.panels import ScatterPanel

DECADES = 3
"""Below the fastest arrow of a field; slower ones have the palest colour."""

_BAR = 0.42  # inches that the panels make room for; the rest comes from the space between them
_FILLED = 0.78  # of the distance between two arrows
_DARKENING = LinearSegmentedColormap.from_list("darkening", ["0.82", "0.55", "0.25", "0.0"])


def plot(result: Field, ax: Axes | None = None, *, colorbar: bool = True, zorder: float = 1) -> Axes:
    """Draw the direction in which a step on the loss moves a dot, behind a scatter or on axes of its own.

    All arrows have one length, since speeds span many powers of ten; the speed is in the colour, on a
    logarithmic scale of three powers of ten below the fastest. Where nothing moves there is no arrow.

    Parameters
    ----------
    result
        The field.
    ax
        Axes to draw on, those of a triplet scatter or empty ones; new ones by default.
    colorbar
        Whether to draw the scale of colours; a figure of several panels draws one for all.
    zorder
        Drawing order of the arrows; by default behind the dots of a scatter.

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
    speed = result.speed
    if not speed.size or not speed.max() > 0:
        return axes
    moving = speed > 0
    length = _FILLED * _spacing(result)
    low, high = axes.get_xlim()
    arrows = axes.quiver(
        result.s_ap[moving],
        result.s_an[moving],
        length * result.d_ap[moving] / speed[moving],
        length * result.d_an[moving] / speed[moving],
        speed[moving],
        cmap=_DARKENING,
        norm=LogNorm(speed.max() / 10**DECADES, speed.max()),
        pivot="mid",
        angles="xy",
        scale_units="xy",
        scale=1,
        units="xy",
        width=0.004 * (high - low),
        headwidth=4,
        headlength=4.5,
        headaxislength=4,
        zorder=zorder,
        gid="field",
    )
    if colorbar:
        _draw_colorbar(axes, arrows)
    return axes


def _spacing(result: Field) -> float:
    """Return the distance between two arrows of a grid; of other places, a sixteenth of the diagram."""
    columns = np.unique(np.round(result.s_ap, 9))
    low, high = limits_of([result])
    return float(np.diff(columns).min()) if 1 < columns.size <= 64 else (high - low) / 16


def _draw_colorbar(axes: Axes, arrows: Quiver) -> None:
    """Draw the scale of colours beside axes, as high as they are."""
    place = axes.inset_axes((1.05, 0.0, 0.04, 1.0))
    figure: Any = axes.get_figure(root=True)
    bar = figure.colorbar(arrows, cax=place, extend="min")
    number_log_bar(bar)
    bar.set_label("speed, per unit of the learning rate")


def figure(
    panels: Sequence[ScatterPanel],
    result: Field,
    *,
    venue: str = "cvpr",
    width: str = "full",
    scale: Scale | None = None,
    note: str = "",
) -> Figure:
    """Draw the field of a loss behind the dots of several splits and runs.

    Parameters
    ----------
    panels
        The triplets, one panel for each run and split.
    result
        The field.
    venue, width
        Where the figure is to be printed, see `embedlens.figures.style`.
    scale
        Limits of all panels; by default those that fit all.
    note
        Text to add to the heading.
    """
    name = f"field of {result.loss}, {result.angle:g}° between the planes"
    heading = [*heading_of(panels, note), name]
    figure = scatter_figure(
        panels, venue=venue, width=width, scale=scale, title=heading, faint=True, bar=_BAR
    )
    drawn = [axes for axes, _ in axes_of(figure, panels)]
    for axes in drawn:
        plot(result, axes, colorbar=False)
        shorten_numbers(axes, with_n=True)
        axes.texts[0].set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.5})
    last = [axes for axes in figure.axes if axes in drawn][min(len(drawn), columns_of(figure)) - 1]
    arrows = [child for child in last.get_children() if isinstance(child, Quiver)]
    if arrows:
        _draw_colorbar(last, arrows[0])
    figure.draw_without_rendering()  # the layout takes two rounds to find a place for the scale
    return figure
