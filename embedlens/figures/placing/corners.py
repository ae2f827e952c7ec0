"""Statistics in the corner of a scatter, which stand above the panel where dots lie beneath them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text
    from numpy.typing import NDArray

_GAP = 3.0  # points


def free_corners(figure: Figure) -> None:
    """Move the statistics of each panel above it, below its title, where they would cover dots.

    Parameters
    ----------
    figure
        The figure, of its final size.
    """
    pairs = [(axes, text) for axes in figure.axes for text in axes.texts if text.get_gid() == "numbers"]
    dotted = [(axes, text) for axes, text in pairs if text.get_visible() and _dots(axes) is not None]
    engine = figure.get_layout_engine()
    if dotted and engine is not None:
        engine.execute(figure)
    for axes, _ in dotted:
        axes.apply_aspect()
    if any(_covers(axes, text) for axes, text in dotted):
        for axes, text in dotted:  # all of them, so that panels that are compared look alike
            move_above(axes, text)
        for _ in range(2):  # the layout settles, so that a figure saved twice is the same twice
            figure.draw_without_rendering()


def _dots(axes: Axes) -> NDArray[np.float64] | None:
    """Return where the dots of a scatter lie, in pixels [n, 2]."""
    for part in axes.collections:
        if part.get_gid() == "dots":
            return np.asarray(axes.transData.transform(part.get_offsets()))
    return None


def _covers(axes: Axes, text: Text) -> bool:
    """Tell whether a dot lies beneath a text that stands in the panel."""
    box, dots = text.get_window_extent(), _dots(axes)
    if dots is None or text.get_position()[1] >= 1:
        return False
    inside = (dots >= box.p0 - 2) & (dots <= box.p1 + 2)
    return bool(inside.all(axis=1).any())


def move_above(axes: Axes, text: Text) -> None:
    """Put a text above its axes, in as few lines as their width allows, and the title above it.

    Parameters
    ----------
    axes, text
        The axes, after the layout, and a text of theirs.
    """
    if text.get_position()[1] >= 1:
        return
    room, lines = axes.get_window_extent().width, [""]
    for part in text.get_text().splitlines():
        longer = f"{lines[-1]}, {part}" if lines[-1] else part
        text.set_text(longer)
        if lines[-1] and text.get_window_extent().width > room:
            lines.append(part)
        else:
            lines[-1] = longer
    text.set(text="\n".join(lines), position=(0.0, 1.01), verticalalignment="bottom", bbox=None)
    raise_titles(axes, text.get_window_extent().height)


def raise_titles(axes: Axes, height: float) -> None:
    """Put the titles of axes above what stands above the axes.

    Parameters
    ----------
    axes
        The axes.
    height
        Of what stands there, in pixels.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    high = height / figure.dpi * 72 + _GAP
    for place in ("left", "center", "right"):
        if axes.get_title(loc=place):
            axes.set_title(axes.get_title(loc=place), loc=place, pad=high + _GAP)
