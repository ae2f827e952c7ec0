"""Ranks of the nearest positive on two sides, as a histogram of anchors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from embedlens.figures.layout.canvas import Figure
from embedlens.figures.layout.text import fixed, shorten, small_size
from embedlens.figures.layout.ticks import number_log_bar
from embedlens.figures.style import width_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from embedlens.analysis.differences.anchors import Difference

_MOST_TICKS = 5
_NAME_LETTERS = 40
_OUTLINE: dict[str, Any] = {"fill": False, "edgecolor": "black", "linewidth": 0.8, "zorder": 4}
_FRACTION_OF_WIDTH = 0.88  # height of the figure: square panel, colour bar, x axis


def plot(result: Difference, ax: Axes | None = None) -> Axes:
    """Draw how many anchors have which rank of their nearest positive on either side, in bins of powers of 2.

    Above the diagonal the positive is farther on the second side. Where each side is one run, the left
    column, above its lowest bin, has the anchors lost at R@1, the lowest row those won; both are outlined.
    Mean ranks over several runs do not say which anchors are won.

    Parameters
    ----------
    result
        A comparison.
    ax
        Axes to draw on; new ones by default.

    Returns
    -------
    Axes
        The axes, logarithmic and of equal scales.
    """
    axes = Figure(figsize=(3.25, 3.0), layout="constrained").add_subplot() if ax is None else ax
    ranks = result.first.mean_rank, result.second.mean_rank
    edges = _edges(max(float(rank.max()) for rank in ranks))
    counts = np.histogram2d(*ranks, bins=[edges, edges])[0].T
    mesh = axes.pcolormesh(
        edges, edges, np.ma.masked_equal(counts, 0), norm=LogNorm(1, max(counts.max(), 2)), cmap="viridis_r",
        gid="counts",
    )  # fmt: skip
    axes.set(xscale="log", yscale="log", xlim=edges[[0, -1]], ylim=edges[[0, -1]], aspect="equal")
    axes.plot(edges[[0, -1]], edges[[0, -1]], color="0.35", linewidth=0.7, linestyle=(0, (4, 2)), zorder=3)
    ticks = edges[:: -(-edges.size // _MOST_TICKS)]
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(FixedLocator(ticks.tolist()))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axis.set_minor_locator(NullLocator())
    if edges.size > 2:
        _mark_changes(axes, edges, result)
    mean = "mean rank" if max(len(side.rank) for side in (result.first, result.second)) > 1 else "rank"
    labels = [f"{mean} of the nearest positive\n{shorten(name, _NAME_LETTERS)}" for name in result.names]
    axes.set(xlabel=labels[0], ylabel=labels[1])
    figure: Any = axes.get_figure(root=True)
    bar = figure.colorbar(mesh, cax=axes.inset_axes((1.04, 0.0, 0.04, 1.0)))
    number_log_bar(bar)
    bar.set_label("anchors")
    return axes


def figure(result: Difference, *, venue: str = "cvpr", width: str = "column", title: str = "") -> Figure:
    """Draw the ranks at their size in print; above stand R@1, its difference and the interval of this.

    Parameters
    ----------
    result
        A comparison.
    venue, width
        Where the figure is to be printed, see `embedlens.figures.style`.
    title
        Heading of the figure.
    """
    inches = min(width_of(venue, width), 4.0)
    figure = Figure(figsize=(width_of(venue, width), _FRACTION_OF_WIDTH * inches), layout="constrained")
    axes = plot(result, figure.add_subplot())
    axes.set_title("\n".join(filter(None, [title, _difference(result)])), loc="left")
    return figure


def _difference(result: Difference) -> str:
    """Return R@1 of both sides, and the difference with its interval in percentage points."""
    recalls = [fixed(100 * float(side.fraction.mean()), 1) for side in (result.first, result.second)]
    one = result.interval
    text = f"R@1 {recalls[0]} % → {recalls[1]} %: {100 * one.value:+.1f}"
    ends = "" if np.isnan(one.low) else f" [{100 * one.low:+.1f}, {100 * one.high:+.1f}]"
    return (text + ends).replace("-", "−")


def _edges(most: float) -> NDArray[np.float64]:
    """Return powers of 2 from 1 to beyond the largest rank."""
    return np.exp2(np.arange(int(np.floor(np.log2(most))) + 2))


def _mark_changes(axes: Axes, edges: NDArray[np.float64], result: Difference) -> None:
    """Write the numbers of anchors lost and won, and outline these where each side is one run."""
    inner, length = edges[0], edges[-1] - edges[1]
    if result.test is not None:  # a mean rank below 2 is not R@1 of most runs
        inner = edges[1]
        for corner, size, gid in (((1, inner), (1, length), "lost"), ((inner, 1), (length, 1), "won")):
            axes.add_patch(Rectangle(corner, *size, gid=gid, **_OUTLINE))
    style: dict[str, Any] = {"fontsize": small_size(), "zorder": 5, "textcoords": "offset points", "gid": "n"}
    for text, at, away, sides in (
        (f"lost: {int(result.lost.sum()):,}", (inner, edges[-1]), (3, -3), ("left", "top")),
        (f"won: {int(result.won.sum()):,}", (edges[-1], inner), (-3, 3), ("right", "bottom")),
    ):
        axes.annotate(text, at, away, ha=sides[0], va=sides[1], **style)
