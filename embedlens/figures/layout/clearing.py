"""Placement of texts and legends where they cover no data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.figures.layout.corners import move_above, raise_titles
from embedlens.figures.layout.covering import covers
from embedlens.figures.layout.legends import PLACES, free_inside

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend
    from matplotlib.text import Text

_MOVABLE = ("numbers", "n", "note", "mining", "alone")  # gids of texts in corners
_ACROSS = {"left": "right", "right": "left", "center": "center"}
_UPRIGHT = {"top": "bottom", "bottom": "top", "center": "center"}


def clear_data(figure: Figure) -> None:
    """Move statistics and legends inside axes that cover data; calling this again changes nothing.

    Texts of one kind have the same place in all panels: a corner that is free in each of them, or above the
    axes, below their title.

    Parameters
    ----------
    figure
        The figure, of its final size.
    """
    texts = [(axes, text) for axes in figure.axes for text in axes.texts if _is_movable(text)]
    legends = [axes for axes in figure.axes if axes.get_legend() is not None]
    if not texts and not legends:
        return
    _lay_out(figure)
    moved = False
    for kind in dict.fromkeys(text.get_gid() for _, text in texts):
        alike = [(axes, text) for axes, text in texts if text.get_gid() == kind]
        if any(_hides(axes, text) for axes, text in alike):
            moved |= _move(alike)
    for axes in legends:
        legend = axes.get_legend()
        assert legend is not None
        if not _is_above(axes, legend) and covers(axes, legend.get_window_extent()):
            moved |= _move_legend(axes, legend)
    for _ in range(2 if moved else 0):  # until the layout is stable, so that saving twice gives the same file
        _lay_out(figure)


def _lay_out(figure: Figure) -> None:
    """Run the layout engine, as drawing does."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
    for axes in figure.axes:
        axes.apply_aspect()


def _is_movable(text: Text) -> bool:
    """Return whether a text is a visible statistic inside its axes."""
    if text.get_gid() not in _MOVABLE or not text.get_visible() or not text.get_text():
        return False
    return 0 < text.get_position()[1] < 1


def _hides(axes: Axes, text: Text) -> bool:
    """Return whether a text covers data, the legend or another text of its axes."""
    box = text.get_window_extent()
    legend = axes.get_legend()
    others = [other.get_window_extent() for other in axes.texts if other is not text and other.get_visible()]
    if legend is not None:
        others.append(legend.get_window_extent())
    return covers(axes, box) or any(box.overlaps(other) for other in others if other.width)


def _move(alike: list[tuple[Axes, Text]]) -> bool:
    """Put texts of one kind into the first corner that is free in all panels, else above the axes."""
    before = [
        (text.get_position(), text.get_horizontalalignment(), text.get_verticalalignment())
        for _, text in alike
    ]
    for flip_y, flip_x in ((False, True), (True, False), (True, True)):
        for (_, text), ((x, y), across, upright) in zip(alike, before, strict=True):
            text.set(
                position=(1 - x if flip_x else x, 1 - y if flip_y else y),
                horizontalalignment=_ACROSS[across] if flip_x else across,
                verticalalignment=_UPRIGHT[upright] if flip_y else upright,
            )
        if not any(_hides(axes, text) for axes, text in alike):
            return True
    for axes, text in alike:
        move_above(axes, text)
    return True


def _is_above(axes: Axes, legend: Legend) -> bool:
    """Return whether a legend has been moved above its axes."""
    return bool(legend.get_window_extent().y0 >= axes.get_window_extent().y1 - 1)


def _move_legend(axes: Axes, legend: Legend) -> bool:
    """Put a legend into another corner, else above the axes in as many columns as fit their width."""
    for place in PLACES:
        legend.set_loc(place)
        if free_inside(axes, legend):
            return True
    texts = [text.get_text() for text in legend.get_texts()]
    for columns in range(min(len(texts), 4), 0, -1):
        handles = [handle for handle in legend.legend_handles if handle is not None]
        above = axes.legend(
            handles, texts, ncols=columns, loc="lower left", bbox_to_anchor=(0.0, 1.0),
            prop=legend.prop, handlelength=legend.handlelength, labelspacing=legend.labelspacing,
            handletextpad=legend.handletextpad, columnspacing=1.0, borderpad=0.1, borderaxespad=0.1,
            frameon=False,
        )  # fmt: skip
        if above.get_window_extent().width <= axes.get_window_extent().width:
            break
    raise_titles(axes, above.get_window_extent().height)
    return True
