"""Titles, axis labels and legends that fit their place: names wrapped, or shortened in the middle."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from matplotlib.text import Text

from embedlens.figures.placing.text import shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend

_FEWEST = 8  # letters that are left of a name
_LINES = 2  # of a title
_BREAKS = re.compile(r"(?<=[ ,;/_+.-])")  # a name may be broken after these


def fit_texts(figure: Figure) -> None:
    """Make titles, axis labels and legends fit the figure and the axes that they belong to.

    A title takes up to two lines, which break after a blank or a punctuation mark; what is longer loses its
    middle. Texts that fit are left as they are, so that calling this again changes nothing.

    Parameters
    ----------
    figure
        The figure, of its final size.
    """
    if not any(_too_long(figure)):
        return
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
    for legend in [*figure.legends, *(ax.get_legend() for ax in figure.axes if ax.get_legend())]:
        if legend is not None:
            _fit_legend(legend, figure.bbox.width)
    for text in figure.texts:
        if text.get_gid() == "heading" or text is getattr(figure, "_suptitle", None):
            _fit(text, figure.bbox.width, lines=_LINES)
    # Shorter labels change the place of the axes, and the other way round; twice is enough to settle.
    for _ in range(2):
        if engine is not None:
            engine.execute(figure)
        for axes in figure.axes:
            _fit_axes(axes)


def _too_long(figure: Figure) -> Iterator[bool]:
    """Tell of each text with a name whether it could be too long for its place; a cheap look."""
    least = 0.4 * figure.bbox.width
    for text in figure.findobj(Text):
        if isinstance(text, Text) and text.get_visible() and len(text.get_text()) > _FEWEST:
            box = text.get_window_extent()
            yield max(box.width, box.height) > min(least, 0.6 * figure.bbox.height)


def _fit_axes(axes: Axes) -> None:
    """Fit the titles and labels of axes to their width and height, and to what is left to the neighbour."""
    box = axes.get_window_extent()
    figure = axes.get_figure(root=True)
    assert figure is not None
    right = min(
        (
            other.get_window_extent().x0
            for other in figure.axes
            if other is not axes and other.get_window_extent().x0 > box.x0 + 1
        ),
        default=figure.bbox.x1,
    )
    for title in (axes.title, axes._left_title, axes._right_title):  # type: ignore[attr-defined]
        free = right - box.x0 - 4 if title is axes._left_title else box.width  # type: ignore[attr-defined]
        _fit(title, max(free, box.width), lines=_LINES)
    _fit(axes.xaxis.label, figure.bbox.width if right == figure.bbox.x1 else box.width * 1.1, lines=1)
    _fit(axes.yaxis.label, min(figure.bbox.height, 1.25 * box.height), lines=1, upright=True)


def _fit(text: Text, room: float, *, lines: int, upright: bool = False) -> None:
    """Wrap a text to the room, in pixels, then leave out the middle of what is still longer."""
    if not text.get_visible() or not text.get_text():
        return

    def extent() -> float:
        box = text.get_window_extent()
        return box.height if upright else box.width

    if extent() <= room:
        return
    whole = text.get_text().split("\n")
    if len(whole) == 1 and lines > 1:
        broken = _broken(whole[0], lambda part: _measure(text, part, extent) <= room)
        if len(broken) <= lines:
            text.set_text("\n".join(broken))
            return
        whole = [" ".join(whole)]
    shown = []
    for line in whole:
        letters = len(line)
        while letters > _FEWEST and _measure(text, shorten(line, letters), extent) > room:
            letters -= max(1, letters // 40)
        shown.append(shorten(line, letters))
    text.set_text("\n".join(shown))


def _measure(text: Text, part: str, extent: Callable[[], float]) -> float:
    """Return the extent of a part set in the type of a text."""
    text.set_text(part)
    return extent()


def _broken(line: str, fits: Callable[[str], bool]) -> list[str]:
    """Return the lines of a text that break where they must; a part that never fits is a line of its own."""
    lines: list[str] = [""]
    for part in _BREAKS.split(line):
        if lines[-1] and not fits((lines[-1] + part).rstrip()):
            lines.append(part)
        else:
            lines[-1] += part
    if not all(fits(one.rstrip()) for one in lines):
        return [line] * (_LINES + 1)
    return [one.strip() for one in lines]


def _fit_legend(legend: Legend, room: float) -> None:
    """Leave out the middle of the labels of a legend that is wider than the figure."""
    texts = list(legend.get_texts())
    whole = [text.get_text() for text in texts]
    letters = max((len(name) for name in whole), default=0)
    while letters > _FEWEST and legend.get_window_extent().width > room:
        letters -= max(1, letters // 40)
        for text, name in zip(texts, whole, strict=True):
            text.set_text(shorten(name, letters))
