"""Titles, axis labels and legends that fit their space: names are wrapped, or shortened in the middle."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from matplotlib.text import Text

from embedlens.figures.layout.text import shorten_part

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend

IN_AXES = 0.7
"""Of the width of axes: the widest legend inside them."""
_FEWEST = 8  # letters that are left of a name
_LINES = 2  # of a title
_MOST_LINES = 8  # a longer text is not broken further: it is too long whatever its rest is
_APART = 6.0  # pixels between the y labels of neighbouring rows
_TIGHT = 0.95  # of the room beside axes, which move a little when their title has another line
_STATISTICS = ("numbers", "corner", "n")  # gids of texts in corners
_PLACES: tuple[Literal["left", "center", "right"], ...] = ("left", "center", "right")
_BREAKS = re.compile(r"(?<=[ ,;/_+.-])")  # a name may be broken after these


def fit_texts(figure: Figure) -> None:
    """Make titles, axis labels and legends fit the figure and the axes that they belong to.

    A title takes up to two lines, which break after a blank or a punctuation mark, and anywhere in a word
    that is longer than a line; the middle of longer ones is left out. Texts that fit are not changed, so
    a second call changes nothing.

    Parameters
    ----------
    figure
        The figure, of its final size.
    """
    if not any(_too_long(figure)):
        return
    for legend in figure.legends:
        fit_legend(legend, figure.bbox.width)
    for axes in figure.axes:  # before the layout, which would squeeze the axes instead
        inside = axes.get_legend()
        if inside is not None:
            fit_legend(inside, IN_AXES * axes.get_window_extent().width)
    for text in figure.texts:
        _fit_heading(figure, text)
    engine = figure.get_layout_engine()
    whole = [(text, text.get_text()) for axes in figure.axes for text in _names(axes)]
    # Fitted before the layout, which makes room for the middle of a title wherever it lies, and after it;
    # shorter texts change the places of the axes: two rounds are enough.
    for number in range(3):
        if number and engine is not None:
            engine.execute(figure)
        for text, written in whole:
            text.set_text(written)
        for axes in figure.axes:
            _fit_axes(axes)


def names_of(figure: Figure) -> tuple[str, ...]:
    """Return all texts that `fit_texts` fits; if they have not changed, it need not be called again.

    Parameters
    ----------
    figure
        The figure.
    """
    return tuple(text.get_text() for text in _named(figure))


def _named(figure: Figure) -> list[Text]:
    """Return the texts of a figure that hold names, those of axes last."""
    legends = [*figure.legends, *(axes.get_legend() for axes in figure.axes)]
    labels = [text for legend in legends if legend is not None for text in legend.get_texts()]
    return [*figure.texts, *labels, *(text for axes in figure.axes for text in _names(axes))]


def fit_changed(figure: Figure, before: Sequence[str]) -> None:
    """Fit the names that have changed, in a figure whose layout and legends stay.

    Parameters
    ----------
    figure
        The figure, with axes where they stay.
    before
        Result of `names_of` when all names had been fitted.
    """
    changed = {id(text) for text, old in zip(_named(figure), before, strict=True) if text.get_text() != old}
    for text in figure.texts:
        if id(text) in changed:
            _fit_heading(figure, text)
    for axes in figure.axes:
        if any(id(text) in changed for text in _names(axes)):
            _fit_axes(axes)


def _fit_heading(figure: Figure, text: Text) -> None:
    """Fit a text of a figure to its width, if it is the heading."""
    if text.get_gid() == "heading" or text is getattr(figure, "_suptitle", None):
        _fit(text, figure.bbox.width, lines=_LINES)


def _names(axes: Axes) -> list[Text]:
    """Return the titles and the labels of axes."""
    return [axes.title, axes._left_title, axes._right_title, axes.xaxis.label, axes.yaxis.label]  # type: ignore[attr-defined]


def title_at(axes: Axes, place: str) -> Text:
    """Return the title of axes that stands at a place.

    Parameters
    ----------
    axes
        The axes.
    place
        "center", "left" or "right", as matplotlib has them.
    """
    return dict(zip(("center", "left", "right"), _names(axes), strict=False))[place]


def hide(figure: Figure, *, title: bool, text: bool) -> None:
    """Remove the heading or the corner statistics of a figure; titles that distinguish panels are kept.

    Parameters
    ----------
    figure
        The figure, before it is saved.
    title
        Whether to remove its heading, and the title of its only panel.
    text
        Whether to remove the statistics in the corners of panels.
    """
    suptitle = getattr(figure, "_suptitle", None)
    for one in figure.texts if title else ():
        if one is suptitle or one.get_gid() == "heading":
            _close(figure, one)
    named = [axes for axes in figure.axes if any(axes.get_title(loc=place) for place in _PLACES)]
    if title and len(named) == 1:
        for place in _PLACES:
            named[0].set_title("", loc=place)
        for one in _names(named[0])[:3]:  # frames of an animation write it anew
            one.set_visible(False)
    for axes in figure.axes if text else ():
        for one in axes.texts:
            if one.get_gid() in _STATISTICS:
                one.set_visible(False)
                one.set_in_layout(False)


def _close(figure: Figure, heading: Text) -> None:
    """Remove a heading; the figure becomes lower by its height, unless its layout is fixed."""
    if heading.get_visible() and heading.get_text().strip() and figure.get_layout_engine() is not None:
        figure.set_figheight(figure.get_figheight() - heading.get_window_extent().height / figure.dpi)
    heading.set_visible(False)
    heading.set_in_layout(False)


def _too_long(figure: Figure) -> Iterator[bool]:
    """Yield, for each text with a name, whether it could be too long for its place; a cheap check."""
    least = 0.4 * figure.bbox.width
    for text in figure.findobj(Text):
        if isinstance(text, Text) and text.get_visible() and len(text.get_text()) > _FEWEST:
            box = text.get_window_extent()
            yield max(box.width, box.height) > min(least, 0.6 * figure.bbox.height)
    for axes in figure.axes:  # narrow ones, of which three or more stand side by side
        titles = [title for title in _names(axes)[:3] if len(title.get_text()) > _FEWEST]
        yield any(title.get_window_extent().width > axes.get_window_extent().width for title in titles)


def _fit_axes(axes: Axes) -> None:
    """Fit the titles and labels of axes to their width and height, and to what is left to the neighbour."""
    axes.apply_aspect()
    box = axes.get_window_extent()
    figure = axes.get_figure(root=True)
    assert figure is not None
    starts = [other.get_window_extent().x0 for other in figure.axes if other is not axes]
    right = min((start for start in starts if start > box.x0 + 1), default=figure.bbox.x1)
    for title in _names(axes)[:3]:
        free = right - box.x0 - 4 if title is axes._left_title else box.width  # type: ignore[attr-defined]
        _fit(title, max(_TIGHT * free, box.width), lines=_LINES)
    _fit(axes.xaxis.label, figure.bbox.width if right == figure.bbox.x1 else box.width * 1.1, lines=1)
    _fit(axes.yaxis.label, min(figure.bbox.height, 1.25 * box.height, _pitch(axes)), lines=1, upright=True)


def _pitch(axes: Axes) -> float:
    """Return the distance to the nearest axes above or below, in pixels, which is the room of a y label."""
    figure, box = axes.get_figure(root=True), axes.get_window_extent()
    assert figure is not None
    others = [other.get_window_extent() for other in figure.axes if other is not axes]
    between = [abs(one.y0 - box.y0) for one in others if one.x0 < box.x1 and one.x1 > box.x0]
    return min((distance for distance in between if distance > 1), default=figure.bbox.height) - _APART


def _fit(text: Text, room: float, *, lines: int, upright: bool = False) -> None:
    """Wrap a text to the room, in pixels, then leave out the middle of what is still longer."""
    if not text.get_visible() or not text.get_text():
        return

    def fits(part: str) -> bool:
        text.set_text(part)
        box = text.get_window_extent()
        return (box.height if upright else box.width) <= room

    whole = text.get_text()
    if fits(whole):
        return
    parts = whole.split("\n")
    if lines == 1:
        text.set_text("\n".join(_longest(part, lambda one: one if fits(one) else None) for part in parts))
        return

    def wrapped(one: str) -> str | None:
        broken = _broken(one, fits)
        return "\n".join(broken) if len(broken) <= max(lines, len(parts)) else None

    text.set_text(_longest(" ".join(parts), wrapped))


def _longest(name: str, fitted: Callable[[str], str | None]) -> str:
    """Return the result of `fitted` for the longest shortened form of a name that fits."""
    found = fitted(name)
    if found is not None:
        return found
    low, high = min(_FEWEST, len(name)), len(name)  # a form of `low` letters counts as one that fits
    best = fitted(shorten_part(name, low)) or shorten_part(name, low)
    while high - low > 1:
        middle = (low + high) // 2
        found = fitted(shorten_part(name, middle))
        low, high, best = (low, middle, best) if found is None else (middle, high, found)
    return best


def _broken(line: str, fits: Callable[[str], bool]) -> list[str]:
    """Return the lines of a text that break where they must: within words only that are longer than one."""
    lines: list[str] = [""]
    for part in _BREAKS.split(line):
        rest = part
        if lines[-1] and not fits((lines[-1] + rest).rstrip()):
            if fits(rest.rstrip()):
                lines.append("")
            else:  # what is left of this line is used
                first = _fitting(rest, lambda one: fits(lines[-1] + one))
                lines[-1] += rest[:first]
                lines.append("")
                rest = rest[first:]
        while rest and not fits((lines[-1] + rest).rstrip()):
            first = max(1, _fitting(rest, fits))
            lines[-1], rest = rest[:first], rest[first:]
            lines.append("")
            if len(lines) > _MOST_LINES:
                return lines
        lines[-1] += rest
    return [one.strip() for one in lines if one]


def _fitting(word: str, fits: Callable[[str], bool]) -> int:
    """Return the number of leading letters of a word that fit."""
    low, high = 0, len(word)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(word[:middle]) else (low, middle)
    return low


def fit_legend(legend: Legend, room: float) -> None:
    """Leave out the middle of the labels of a legend that is wider than its room.

    Parameters
    ----------
    legend
        The legend.
    room
        Its largest width, pixels.
    """
    texts = list(legend.get_texts())
    whole = [text.get_text() for text in texts]

    def fits(letters: int) -> bool:
        for text, name in zip(texts, whole, strict=True):
            text.set_text(shorten_part(name, letters))
        return bool(legend.get_window_extent().width <= room)

    low, high = _FEWEST, max((len(name) for name in whole), default=0)
    if high <= low or fits(high):
        return
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    fits(low)
