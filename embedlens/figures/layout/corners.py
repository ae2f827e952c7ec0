"""Placement of statistics: in the corner of a panel, or above it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from matplotlib.collections import QuadMesh
from matplotlib.quiver import Quiver

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text
    from numpy.typing import NDArray

    State = Sequence[tuple[Axes, str, NDArray[np.float64]]]

_ABOVE = 0.01  # of the height of axes, between them and what stands above
_GAP = 3.0  # points
_NEAR = 2.0  # pixels that a text keeps from dots
_DIGIT, _PERCENT = re.compile(r"\d"), re.compile(r"\d+\.\d%")
_SOMETIMES = "on diagonal"  # begins a line that only some frames of an animation have
_MOST = 3  # lines above a panel; more would be as high as a small panel
_known_breaks: WeakKeyDictionary[Text, dict[tuple[Any, ...], list[int]]] = WeakKeyDictionary()
# Largest number of layouts, and change of places, in figure sizes, below which it is stable. Each layout
# comes about 16 times nearer to the limit.
_ROUNDS, _STABLE = 12, 1e-6
_STILL = 4.0  # pixels of a file; the layout after it moves axes by about a sixteenth


def free_corners(figure: Figure, states: Iterable[State] = ()) -> None:
    """Move the statistics of all panels above them, below their titles, if one would cover data.

    Data are dots, filled bins of a histogram, arrows, and insets.

    Parameters
    ----------
    figure
        The figure, of its final size.
    states
        Frames of an animation: for each frame, axes, their statistics, and positions of their dots, float64
        [n, 2]. The place of the statistics is decided for all frames, and has room for the longest.
    """
    pairs = {axes: text for axes in figure.axes for text in axes.texts if text.get_gid() == "numbers"}
    shown = [(axes, text) for axes, text in pairs.items() if text.get_visible()]
    if not shown:
        return
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
    for axes, _ in shown:
        axes.apply_aspect()
    covered = any(_covers(axes, text, _beneath(axes)) for axes, text in shown)
    longest = {text: text.get_text() for _, text in shown}
    for state in states:
        for axes, words, places in state:
            text = pairs[axes]
            text.set_text(words)
            covered = covered or _covers(axes, text, [(axes.transData.transform(places), _bin(axes))])
            longest[text] = max(longest[text], words, key=lambda one: (one.count("\n"), len(one)))
    for text, words in longest.items():
        text.set_text(words)
    if covered and not all(_is_above(text) for _, text in shown):
        # all of them, so that compared panels have the same form
        highest = max(move_above(axes, text) for axes, text in shown)
        _grow(figure, highest)
    if covered:
        _lay_out_until_stable(figure)


def rewrite(axes: Axes, text: Text, words: str) -> None:
    """Replace the statistics of a panel, one per line, or in few lines above it.

    Parameters
    ----------
    axes
        The panel.
    text
        The text of its statistics.
    words
        The new statistics, one per line.
    """
    text.set_text(words)
    if _is_above(text):
        _in_few_lines(axes, text)


def _is_above(text: Text) -> bool:
    return bool(text.get_position()[1] >= 1)


def _bin(axes: Axes) -> float:
    """Return the side of a bin of a histogram of the axes, in pixels; 0 where there is none."""
    return max((float(size.max()) for _, size in _meshes(axes)), default=0.0)


def _meshes(axes: Axes) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Yield the middles of the filled bins of each histogram, and their size, in pixels."""
    for part in axes.collections:
        if isinstance(part, QuadMesh):
            edges = np.asarray(part.get_coordinates())
            corners = axes.transData.transform(edges.reshape(-1, 2)).reshape(edges.shape)
            filled = ~np.ma.getmaskarray(np.ma.asarray(part.get_array()))
            middles = (corners[:-1, :-1] + corners[1:, 1:]) / 2
            yield middles[filled.reshape(middles.shape[:2])], np.abs(corners[1, 1] - corners[0, 0])


def _beneath(axes: Axes) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64] | float]]:
    """Yield what a panel draws: positions in pixels, [n, 2], and how far artists extend beyond them."""
    for part in axes.collections:
        if part.get_gid() == "dots":
            places = axes.transData.transform(part.get_offsets())
            sizes = part.get_sizes()  # type: ignore[attr-defined]
            figure = axes.get_figure(root=True)
            assert figure is not None
            yield places, float(np.sqrt(sizes.max()) / 2 * figure.dpi / 72) if len(sizes) else 0.0
        elif isinstance(part, Quiver) and part.N:
            along = np.linspace(0.0, 1.0, 9)[:, None, None]
            start, way = np.column_stack([part.X, part.Y]), np.column_stack([part.U, part.V])
            at = 0.5 if part.pivot == "middle" else 0.0
            yield axes.transData.transform((start + (along - at) * way).reshape(-1, 2)), 0.0
    for middles, size in _meshes(axes):
        yield middles, size / 2


def _covers(
    axes: Axes, text: Text, parts: Iterable[tuple[NDArray[np.float64], NDArray[np.float64] | float]]
) -> bool:
    """Return whether something lies beneath a text that stands in the panel."""
    if _is_above(text):
        return False
    box = text.get_window_extent()
    for child in axes.child_axes:
        around = child.get_tightbbox() if child.get_gid() == "inset" else None
        if around is not None and around.overlaps(box):
            return True
    for places, reach in parts:
        inside = (places >= box.p0 - _NEAR - reach) & (places <= box.p1 + _NEAR + reach)
        if inside.all(axis=1).any():
            return True
    return False


def move_above(axes: Axes, text: Text) -> float:
    """Put a text above its axes, in as few lines as their width allows, and the title above it.

    Parameters
    ----------
    axes, text
        The axes, after the layout, and a text of theirs.

    Returns
    -------
    float
        The height that it takes there, inches.
    """
    if not _is_above(text):
        text.set(
            position=(0.0, 1 + _ABOVE), verticalalignment="bottom", horizontalalignment="left", bbox=None
        )
        _in_few_lines(axes, text)
    return raise_titles(axes, text.get_window_extent().height)


def raise_titles(axes: Axes, height: float) -> float:
    """Put the titles of axes above what stands above the axes.

    Parameters
    ----------
    axes
        The axes.
    height
        Of what stands there, in pixels.

    Returns
    -------
    float
        The height below the titles, inches.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    high = (height + _ABOVE * axes.get_window_extent().height) / figure.dpi * 72 + _GAP
    for place in ("left", "center", "right"):
        if axes.get_title(loc=place):
            axes.set_title(axes.get_title(loc=place), loc=place, pad=high)
    return float(high) / 72


def _grow(figure: Figure, inches: float) -> None:
    """Increase the height of a figure by the texts above each row, so that panels keep their size."""
    tallest = getattr(figure, "tallest", None)
    if tallest is None:
        return
    specs = [axes.get_subplotspec() for axes in figure.axes]
    rows = {spec.rowspan.start for spec in specs if spec is not None}
    height = figure.get_figheight() + len(rows) * inches
    figure.set_figheight(max(figure.get_figheight(), min(height, tallest)))


def _in_few_lines(axes: Axes, text: Text) -> None:
    """Join the lines of a text to as few as the width of its axes allows; leave out what asks for more.

    Digits are measured as zeros, so that numbers that change break no line elsewhere, and that a frame of an
    animation measures nothing that an earlier one has measured.
    """
    parts, room = text.get_text().splitlines(), axes.get_window_extent().width
    # Whether parts are left out is the same in all frames: decided by numbers of two digits, and no ties.
    typical = [_PERCENT.sub("00.0%", part) for part in parts if not part.startswith(_SOMETIMES)]
    if len(_broken(text, typical, room)) > _MOST:
        parts = [parts[0], *(part for part in parts[1:] if not part.endswith("%"))]
    places = iter(parts)
    lines = [", ".join(next(places) for _ in range(count)) for count in _broken(text, parts, room)]
    text.set_text("\n".join(lines))


def _broken(text: Text, parts: Sequence[str], room: float) -> list[int]:
    """Return how many parts stand in each line, by greedy breaking."""
    figure = text.get_figure(root=True)
    assert figure is not None
    measured = [_DIGIT.sub("0", part) for part in parts]
    key = (room, text.get_fontsize(), figure.dpi, *measured)
    known = _known_breaks.setdefault(text, {})
    if key in known:
        return known[key]
    counts, line = [0], ""
    for part in measured:
        longer = f"{line}, {part}" if line else part
        text.set_text(longer)
        if line and text.get_window_extent().width > room:
            counts.append(0)
            longer = part
        counts[-1] += 1
        line = longer
    known[key] = counts
    return counts


def find_layout(figure: Figure) -> None:
    """Run the layout engine of a figure until the next round would move axes by a fraction of a pixel.

    Parameters
    ----------
    figure
        The figure, of its final size and resolution.
    """
    engine = figure.get_layout_engine()
    assert engine is not None
    pixels = np.tile(figure.get_size_inches() * figure.dpi, 2)
    places = _places(figure)
    for _ in range(_ROUNDS):
        engine.execute(figure)
        before, places = places, _places(figure)
        if (np.abs(places - before) * pixels < _STILL).all():
            return


def _places(figure: Figure) -> NDArray[np.float64]:
    """Return left, bottom, width and height of all axes, in sizes of the figure, [n, 4]."""
    return np.array([axes.get_position().bounds for axes in figure.axes]).reshape(-1, 4)


def _lay_out_until_stable(figure: Figure) -> None:
    """Repeat the layout until nothing moves, so that saving a figure twice gives the same file."""
    engine, before = figure.get_layout_engine(), None
    for _ in range(_ROUNDS if engine is not None else 0):
        engine.execute(figure)  # type: ignore[union-attr]
        places = _places(figure)
        if before is not None and np.abs(places - before).max() < _STABLE:
            return
        before = places
