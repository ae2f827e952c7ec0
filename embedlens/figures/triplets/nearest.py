"""Triplet scatter: one dot per anchor at (S_ap, S_an), and the ideal point (1, 0)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol, cast

import matplotlib as mpl
import numpy as np
from matplotlib.ticker import MultipleLocator

from embedlens.analysis.triplets.density import counts_by_place
from embedlens.analysis.triplets.nearest import region_fractions
from embedlens.figures.layout.border import draw_crowd, draw_whole, update_crowd, upper_limit
from embedlens.figures.layout.canvas import Figure
from embedlens.figures.layout.corners import rewrite
from embedlens.figures.triplets.density import (
    BINS,
    DOTS_ZORDER,
    contours_of,
    draw_colorbar,
    draw_contours,
    draw_histogram,
    shown_counts,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection, QuadMesh
    from matplotlib.text import Text
    from numpy.typing import NDArray

    from embedlens.analysis.triplets.nearest import Triplets

RASTERISE_ABOVE = 5_000
HISTOGRAM_ABOVE = 100_000
DRAW_SEED = 0
_LOWEST, _STEP = -0.2, 0.2
_STAR = "#E69F00"
_LARGE_UP_TO = 330  # dots, which have the largest size
_FAINT = 0.35  # of the default opacity
_ROUNDING = 1e-6  # of a limit


@dataclass(frozen=True, slots=True)
class Scale:
    """Limits and colour scale that compared panels share.

    Attributes
    ----------
    limits
        Limits of both axes.
    max_count
        Upper end of a histogram's colours, dots per bin; None where no panel is a histogram.
    """

    limits: tuple[float, float]
    max_count: float | None


def scale_of(triplets: Iterable[Triplets], *, limits: tuple[float, float] | None = None) -> Scale:
    """Return the scale that fits all of the given triplets, within limits where they are given."""
    parts = list(triplets)
    within = limits or limits_of(parts)
    peaks = [
        counts_by_place(part, within, bins=BINS).max() for part in parts if part.s_ap.size > HISTOGRAM_ABOVE
    ]
    return Scale(within, float(max(2.0, *peaks)) if peaks else None)


class _Places(Protocol):
    """Whatever has places on the diagram: triplets, a flow, a field."""

    @property
    def s_ap(self) -> NDArray[np.float64]: ...

    @property
    def s_an(self) -> NDArray[np.float64]: ...


def limits_of(triplets: Iterable[_Places]) -> tuple[float, float]:
    """Return limits for all of the given triplets: [-0.2, 1], the lower one moved down in steps of 0.2.

    Where the dots of a collapsed space lie at (1, 1), the upper one is 1.04.
    """
    found = [part for part in triplets if part.s_ap.size]
    smallest = min((min(part.s_ap.min(), part.s_an.min()) for part in found), default=_LOWEST)
    steps = max(0, int(np.ceil((_LOWEST - smallest) / _STEP - 1e-9)))
    return round(max(-1.0, _LOWEST - steps * _STEP), 1), upper_limit(found)


def plot(
    result: Triplets,
    ax: Axes | None = None,
    *,
    scale: Scale | None = None,
    color: str = "C0",
    colorbar: bool = True,
    faint: bool = False,
) -> Axes:
    """Draw the triplet scatter.

    Up to 5,000 dots are drawn as they are; more are rasterised, with contours around 30, 60 and 90 % of
    them; more than 100,000 become a two-dimensional histogram with logarithmic colours.

    Parameters
    ----------
    result
        The triplets.
    ax
        Axes to draw on; new ones by default.
    scale
        Limits and colours, the same for panels that are compared (`scale_of`); by default the limits are
        [-0.2, 1], the lower one moved down where the data asks.
    color
        Colour of the dots.
    colorbar
        Whether a histogram gets its scale of colours; a figure of several panels draws one for all.
    faint
        Whether the dots stand behind something else: paler, and without contours.

    Returns
    -------
    Axes
        The axes, with equal scales.
    """
    axes = Figure(figsize=(3.25, 3.25), layout="constrained").add_subplot() if ax is None else ax
    shared = scale or scale_of([result])
    frame(axes, shared.limits)
    _name_axes(axes, result)
    if result.s_ap.size > HISTOGRAM_ABOVE:
        draw_histogram(axes, result, shared.limits, max_count=shared.max_count, alpha=0.4 if faint else None)
        draw_crowd(axes, result, color=color, beneath=faint)
        if colorbar:
            draw_colorbar(axes.get_figure(root=True), [axes])
    else:
        draw_dots(axes, result, color=color, faint=faint, beneath=faint)
        if result.s_ap.size > RASTERISE_ABOVE and not faint:
            draw_contours(axes, result, shared.limits, on=color)
    _numbers(axes, result, faint=faint)
    return axes


def update(axes: Axes, result: Triplets, *, scale: Scale) -> None:
    """Show other triplets of the same items in axes that `plot` drew, just as `plot` would draw them.

    Parameters
    ----------
    axes
        Axes with a triplet scatter.
    result
        The triplets to show.
    scale
        Limits and colours, those with which the axes were drawn.
    """
    parts = {child.get_gid(): child for child in axes.get_children()}
    if "dots" in parts:
        cast("PathCollection", parts["dots"]).set_offsets(_in_draw_order(result))
    if "contours" in parts:
        cast("PathCollection", parts["contours"]).set_paths(contours_of(result, scale.limits))
    if "crowd" in parts:
        update_crowd(cast("PathCollection", parts["crowd"]), result)
    if "histogram" in parts:
        cast("QuadMesh", parts["histogram"]).set_array(shown_counts(result, scale.limits))
    rewrite(axes, cast("Text", parts["numbers"]), numbers_text(result, axes.get_xlim()))


def frame(axes: Axes, limits: tuple[float, float]) -> None:
    """Set the limits of a triplet diagram, and draw its diagonal and its ideal point."""
    low, high = limits
    draw_guides(axes, low, high)
    axes.set(xlim=limits, ylim=limits, aspect="equal")
    for axis in (axes.xaxis, axes.yaxis):
        step = 0.5 if high - low < 0.5 else 1 if high - low < 1.5 else 2
        axis.set_major_locator(MultipleLocator(_STEP * step))


def half_ticks(axes: Axes, limits: tuple[float, float]) -> None:
    """Put numbers at every half of the axes of a small panel, where that leaves two."""
    if limits[1] - limits[0] >= 1:
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MultipleLocator(0.5))


def is_framed(axes: Axes) -> bool:
    """Return whether the axes are those of a triplet diagram already."""
    return any(child.get_gid() == "diagonal" for child in axes.get_children())


def draw_guides(axes: Axes, low: float, high: float) -> None:
    """Draw the diagonal from `low` to `high`, and the ideal point where it is in sight."""
    axes.plot([low, high], [low, high], color="0.35", linewidth=0.6, zorder=3, gid="diagonal")
    if low > 0 or high < 1:
        return
    axes.plot(
        [1.0],
        [0.0],
        marker="*",
        markersize=9,
        markerfacecolor=_STAR,
        markeredgecolor="black",
        markeredgewidth=0.5,
        linestyle="none",
        clip_on=False,
        zorder=6,
        gid="ideal",
    )


def _name_axes(axes: Axes, result: Triplets) -> None:
    kind = "nearest" if result.choice == "nearest" else "chosen"
    axes.set_xlabel(rf"$S_{{ap}}$, {kind} positive", parse_math=True)
    axes.set_ylabel(rf"$S_{{an}}$, {kind} negative", parse_math=True)


@lru_cache(maxsize=16)
def _draw_order(n: int) -> NDArray[np.int64]:
    return np.random.default_rng(DRAW_SEED).permutation(n)


def _in_draw_order(result: Triplets) -> NDArray[np.float64]:
    """Return the dots [n, 2] in random order, so that no class lies on top of the others."""
    order = _draw_order(result.s_ap.size)
    return np.column_stack([result.s_ap[order], result.s_an[order]])


def draw_dots(
    axes: Axes, result: Triplets, *, color: str, faint: bool = False, beneath: bool = False
) -> PathCollection:
    """Draw every dot; none is cut at the border. `beneath`: other dots are drawn over them."""
    n = result.s_ap.size
    many = n > RASTERISE_ABOVE
    dots = _in_draw_order(result)
    drawn = axes.scatter(
        dots[:, 0],
        dots[:, 1],
        s=1.2 if many else float(np.clip(4000 / n, 2.0, 12.0)),
        c=color,
        alpha=(0.35 if many else 0.6) * (_FAINT if faint else 1.0),
        linewidths=0,
        rasterized=many,
        zorder=DOTS_ZORDER,
        gid="dots",
    )
    draw_whole(axes, drawn)
    if n > _LARGE_UP_TO:
        draw_crowd(axes, result, color=color, beneath=beneath)
    return drawn


def numbers_text(result: Triplets, limits: tuple[float, float] = (-np.inf, np.inf)) -> str:
    """Return the text in the corner of a panel: the fraction of each region, and how many dots, a line each.

    Dots beyond the limits of both axes are counted as out of sight.
    """
    fractions = region_fractions(result)
    below = "R@1" if result.choice == "nearest" else "below diagonal"
    ties = 1.0 - fractions["below_diagonal"] - fractions["above_diagonal"]
    lines = [
        f"{below} {fractions['below_diagonal']:.1%}",
        f"above diagonal {fractions['above_diagonal']:.1%}",
        f"top right {fractions['top_right']:.1%}",
        f"right boundary {fractions['right_boundary']:.1%}",
        *([f"on diagonal {ties:.1%}"] if ties > 5e-4 else []),
        f"n = {result.s_ap.size:,}"
        + (f" ({result.n_singletons:,} singletons)" if result.n_singletons else ""),
    ]
    low, high = limits[0] - _ROUNDING, limits[1] + _ROUNDING
    out = [part for values in (result.s_ap, result.s_an) for part in (values < low, values > high)]
    hidden = int(np.count_nonzero(np.logical_or.reduce(out)))
    lines += [f"out of sight {hidden:,}"] if hidden else []
    return "\n".join(lines)


def _numbers(axes: Axes, result: Triplets, *, faint: bool) -> None:
    """Write the numbers into the corner above the diagonal."""
    axes.text(
        0.03,
        0.97,
        numbers_text(result, axes.get_xlim()),
        transform=axes.transAxes,
        va="top",
        ha="left",
        fontsize=mpl.rcParams["xtick.labelsize"],
        linespacing=1.3,
        zorder=7,
        gid="numbers",
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85 if faint else 0.6, "pad": 0.5},
    )
