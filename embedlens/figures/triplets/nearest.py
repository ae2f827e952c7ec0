"""Triplet scatter: one dot per anchor at (S_ap, S_an), and the ideal point (1, 0)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol, cast

import matplotlib as mpl
import numpy as np
from contourpy import LineType, contour_generator
from matplotlib.collections import PathCollection
from matplotlib.colors import LogNorm
from matplotlib.path import Path as MplPath
from matplotlib.ticker import MultipleLocator
from scipy.ndimage import gaussian_filter

from embedlens.analysis.triplets.density import counts_by_place, enclosing_levels
from embedlens.analysis.triplets.nearest import summarise
from embedlens.figures.layout.border import draw_crowd, draw_whole, update_crowd, upper_limit
from embedlens.figures.layout.canvas import Figure
from embedlens.figures.layout.corners import rewrite
from embedlens.figures.layout.ticks import number_log_bar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.text import Text
    from numpy.typing import NDArray

    from embedlens.analysis.triplets.nearest import Triplets

RASTERISE_ABOVE = 5_000
HISTOGRAM_ABOVE = 100_000
DRAW_SEED = 0
DOTS_ZORDER = 2
"""What is drawn beneath the dots has a lower one, what is drawn over them a higher one."""

_LOWEST, _STEP = -0.2, 0.2
_BINS = 150
_STAR = "#E69F00"
_LARGE_UP_TO = 330  # dots, which have the largest size
_FAINT = 0.35  # of the default opacity
_SMOOTHING = 2.0  # bins
ENCLOSED = (0.9, 0.6, 0.3)  # fractions of the dots inside the contours


@dataclass(frozen=True, slots=True)
class Scale:
    """What panels that are compared share.

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
        counts_by_place(part, within, bins=_BINS).max() for part in parts if part.s_ap.size > HISTOGRAM_ABOVE
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
        _histogram(axes, result, shared, alpha=0.4 if faint else None)
        draw_crowd(axes, result, color=color, beneath=faint)
        if colorbar:
            draw_colorbar(axes.get_figure(root=True), [axes])
    else:
        draw_dots(axes, result, color=color, faint=faint, beneath=faint)
        if result.s_ap.size > RASTERISE_ABOVE and not faint:
            _draw_contours(axes, result, shared.limits)
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
        cast("PathCollection", parts["contours"]).set_paths(_contours(result, scale.limits))
    if "crowd" in parts:
        update_crowd(cast("PathCollection", parts["crowd"]), result)
    if "histogram" in parts:
        cast("QuadMesh", parts["histogram"]).set_array(_shown_counts(result, scale.limits))
    rewrite(axes, cast("Text", parts["numbers"]), numbers_text(result, axes.get_xlim()))


def frame(axes: Axes, limits: tuple[float, float]) -> None:
    """Set the limits of a triplet diagram, and draw its diagonal and its ideal point."""
    low, high = limits
    draw_guides(axes, low, high)
    axes.set(xlim=limits, ylim=limits, aspect="equal")
    for axis in (axes.xaxis, axes.yaxis):
        step = 0.5 if high - low < 0.5 else 1 if high - low < 1.5 else 2
        axis.set_major_locator(MultipleLocator(_STEP * step))


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
    """Draw every dot, those on the border whole; `beneath`: other dots follow over them."""
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


def _draw_contours(axes: Axes, result: Triplets, limits: tuple[float, float]) -> None:
    axes.add_collection(
        PathCollection(
            _contours(result, limits),
            facecolors="none",
            edgecolors="black",
            linewidths=0.5,
            zorder=4,
            gid="contours",
        ),
        autolim=False,
    )


def _contours(result: Triplets, limits: tuple[float, float]) -> list[MplPath]:
    """Return contours around the given fractions of the dots; none where their densities are equal.

    `Axes.contour` draws the same lines; making its set of contours anew for each frame of an animation takes
    four times as long.
    """
    density = gaussian_filter(counts_by_place(result, limits, bins=_BINS), _SMOOTHING)
    levels = enclosing_levels(density, ENCLOSED)
    if len(levels) < len(ENCLOSED):
        return []
    middle = (np.arange(_BINS) + 0.5) / _BINS * (limits[1] - limits[0]) + limits[0]
    lines = contour_generator(middle, middle, density.T, line_type=LineType.ChunkCombinedCode)
    found: Any = [lines.lines(level) for level in levels]  # points and codes, one slice each
    return [MplPath(points[0], codes[0]) for points, codes in found if points[0] is not None]


def _histogram(axes: Axes, result: Triplets, scale: Scale, *, alpha: float | None) -> None:
    """Draw the number of dots in each bin, with logarithmic colours."""
    edges = np.linspace(*scale.limits, _BINS + 1)
    axes.pcolormesh(
        edges,
        edges,
        _shown_counts(result, scale.limits),
        norm=LogNorm(1, scale.max_count),
        cmap=mpl.rcParams["image.cmap"],
        rasterized=True,
        alpha=alpha,
        zorder=DOTS_ZORDER,
        gid="histogram",
    )


def draw_colorbar(figure: Any, axes: Sequence[Axes]) -> None:
    """Draw one scale of colours for all histograms among the axes, if there are any; they share theirs."""
    meshes = [child for ax in axes for child in ax.get_children() if child.get_gid() == "histogram"]
    if meshes:
        number_log_bar(
            figure.colorbar(meshes[0], ax=list(axes), label="dots per bin", fraction=0.03, pad=0.01)
        )


def _shown_counts(result: Triplets, limits: tuple[float, float]) -> Any:
    """Return the counts as a mesh takes them: a row for each bin of S_an, empty bins masked."""
    return np.ma.masked_equal(counts_by_place(result, limits, bins=_BINS).T, 0)


def numbers_text(result: Triplets, limits: tuple[float, float] = (-np.inf, np.inf)) -> str:
    """Return what the corner of a panel says: the fraction of each region, and how many dots, a line each.

    Dots beyond the limits of both axes are counted as out of sight.
    """
    numbers = summarise(result)
    below = "R@1" if result.choice == "nearest" else "below diagonal"
    ties = 1.0 - numbers.below_diagonal - numbers.above_diagonal
    lines = [
        f"{below} {numbers.below_diagonal:.1%}",
        f"above diagonal {numbers.above_diagonal:.1%}",
        f"top right {numbers.top_right:.1%}",
        f"right boundary {numbers.right_boundary:.1%}",
        *([f"on diagonal {ties:.1%}"] if ties > 5e-4 else []),
        f"n = {numbers.n:,}" + (f" ({numbers.n_singletons:,} singletons)" if numbers.n_singletons else ""),
    ]
    places, rounding = np.stack([result.s_ap, result.s_an]), 1e-6
    hidden = int(((places < limits[0] - rounding) | (places > limits[1] + rounding)).any(axis=0).sum())
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
