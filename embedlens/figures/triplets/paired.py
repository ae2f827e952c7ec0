"""Text of a paired comparison of two states, and its place beside their distributions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedlens.analysis.triplets.distances import Ecdf, Histogram
from embedlens.figures.layout.text import shorten, small_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure
    from matplotlib.text import Text
    from numpy.typing import NDArray

    from embedlens.analysis.triplets.paired import Paired

LONGEST = 20
"""Letters of a name, at most."""
_WIDENINGS = 12  # of the axis of cumulative distributions, for the text in the corner
_WIDE = 0.7  # of the axes: the text in the corner, at most
_MARGIN = 0.03  # of the axes, around the text in the corner
_MINUS = "\N{MINUS SIGN}"


def corner_lines(paired: Sequence[Paired], names: Sequence[str] = (), *, letters: int = LONGEST) -> list[str]:
    """Return the lines of the corner about a paired comparison.

    Where triplets chosen in the other state make that one the nearer, the text calls it undecided.

    Parameters
    ----------
    paired
        Comparisons of the same two states; none gives no lines.
    names
        States whose epoch the legend gives, as "run, epoch N".
    letters
        Of a name; longer ones lose their middle.
    """
    if not paired:
        return []
    first, *others = paired
    winners = {one.nearer for one in paired}
    winner = (shorten(first.nearer, letters) or "neither") if len(winners) == 1 else "undecided"
    ends = (
        (first.low, first.high) if not first.nearer else sorted(abs(end) for end in (first.low, first.high))
    )
    p = "p < 0.001" if first.p_value < 0.001 else f"p = {first.p_value:.3f}"
    return [
        f"nearer: {winner}",
        _median(first, letters if len(winners) > 1 else 0),
        f"95 % [{_number(ends[0])}, {_number(ends[1])}]",
        f"Wilcoxon {p}",
        f"triplets of {_reference(first, names, letters)}",
        *(
            f"(of {_reference(one, names, letters)}: {_median(one, letters if len(winners) > 1 else 0)})"
            for one in others
        ),
    ]


def _median(one: Paired, letters: int) -> str:
    """Return by how much one state is nearer, and which, with names of at most `letters` letters."""
    if not one.nearer:
        return f"median difference {_number(one.difference)}"
    name = f"{shorten(one.nearer, letters)} " if letters else ""
    return f"{name}by a median {abs(one.difference):.3f}"


def _reference(one: Paired, names: Sequence[str], letters: int) -> str:
    """Return where the triplets were chosen, without what the legend or the comparison already gives."""
    for side in (one.first, one.second):
        if one.reference.endswith(f", {side}"):
            return side
    run = one.reference.rpartition(", ")[0] if one.reference in names else ""
    return shorten(run or one.reference, letters)


def _number(value: float) -> str:
    """Return a number as papers print it."""
    return f"{value:.3f}".replace("-", _MINUS)


def heights_within(result: Histogram | Ecdf, span: tuple[float, float]) -> NDArray[np.float64]:
    """Return the heights of a distribution within a span of distances; at its ends, too.

    Parameters
    ----------
    result
        The distribution.
    span
        Least and greatest distance.
    """
    if isinstance(result, Histogram):
        last = result.count.size - 1
        first, stop = (
            int(np.clip(np.searchsorted(result.edges, x, side="right") - 1, 0, last)) for x in span
        )
        return result.count[first : stop + 1].astype(np.float64)
    padded = np.concatenate([[0.0], result.fraction])
    first, stop = (int(np.searchsorted(result.distance, x, side="right")) for x in span)
    return padded[first : stop + 1]


def narrow_enough(figure: Figure, versions: Sequence[list[str]]) -> list[str]:
    """Return the first version of a text that leaves room for the curves, else the last with line breaks.

    Parameters
    ----------
    figure
        The figure, with one axes.
    versions
        Versions of the same text, the longest first.
    """
    figure.get_layout_engine().execute(figure)  # type: ignore[union-attr]
    (axes,) = figure.axes
    room = _WIDE * axes.get_window_extent().width
    broken = [line.replace(": ", ":\n ") if line.startswith("(") else line for line in versions[-1]]
    for lines in [*versions, "\n".join(broken).split("\n")]:
        text = axes.text(0, 0, "\n".join(lines), fontsize=small_size())
        width = text.get_window_extent().width
        text.remove()
        if width <= room:
            break
    return lines


def write_corner(figure: Figure, lines: Sequence[str], results: Sequence[Histogram | Ecdf]) -> None:
    """Write lines in a corner that the curves leave free; room is made above histograms where none is.

    Parameters
    ----------
    figure
        The figure, with one axes.
    lines
        What to write.
    results
        The distributions on the axes.
    """
    if not lines:
        return
    (axes,) = figure.axes
    places = [("right", "top"), ("left", "top"), ("right", "bottom")]
    if isinstance(results[0], Histogram):
        places.pop()
    tried: list[tuple[float, Text]] = []
    for x, y in places:
        text = axes.text(
            1 - _MARGIN if x == "right" else _MARGIN,
            1 - _MARGIN if y == "top" else _MARGIN,
            "\n".join(lines),
            transform=axes.transAxes,
            ha=x,
            va=y,
            fontsize=small_size(),
            linespacing=1.25,
            zorder=6,
            gid="corner",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.6, "pad": 0.5},
        )
        text.set_in_layout(False)
        needed = _needed(figure, text, results)
        if needed <= 1:
            return
        tried.append((needed, text))
        text.remove()
    if isinstance(results[0], Histogram):
        needed, text = min(tried, key=lambda one: one[0])
        axes.add_artist(text)
        if np.isfinite(needed):
            axes.set_ylim(0, axes.get_ylim()[1] * needed)
        return
    # Cumulative distributions begin at 0: further left there is room at the top; no number stands below 0.
    text = tried[1][1]
    axes.add_artist(text)
    limits = axes.get_xlim()
    for _ in range(_WIDENINGS):
        low, high = axes.get_xlim()
        axes.set_xlim(low - 0.06 * (high - low), high)
        if _needed(figure, text, results) <= 1:
            low, high = axes.get_xlim()
            if low < 0:  # no distance is
                axes.set_xticks([tick for tick in axes.get_xticks() if 0 <= tick <= high])
            return
    axes.set_xlim(limits)
    _put_above(figure, text)


def _put_above(figure: Figure, text: Text) -> None:
    """Put a text above the axes, and the title above it; the figure becomes higher by as much."""
    (axes,) = figure.axes
    text.set(position=(0.0, 1.02), horizontalalignment="left", verticalalignment="bottom", bbox=None)
    text.set_in_layout(True)
    high = text.get_window_extent().height / figure.dpi
    axes.set_title(axes.get_title(loc="left"), loc="left", pad=72 * high + 4)
    figure.set_figheight(figure.get_figheight() + high)


def _needed(figure: Figure, text: Text, results: Sequence[Histogram | Ecdf]) -> float:
    """Return by what the height of the axes must be multiplied for the text to be free of the curves."""
    figure.get_layout_engine().execute(figure)  # type: ignore[union-attr]
    box = text.get_window_extent()
    (left, bottom), (right, top) = figure.axes[0].transData.inverted().transform(box.get_points())
    heights = np.concatenate([heights_within(result, (left, right)) for result in results])
    if text.get_verticalalignment() == "bottom":
        return 1.0 if heights.min() > top else np.inf
    return float(1.03 * heights.max() / bottom) if bottom > 0 else np.inf
