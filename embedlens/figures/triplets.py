"""The triplet scatter: a dot for each anchor, (S_ap, S_an), and the ideal point (1, 0)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import matplotlib as mpl
import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator
from scipy.ndimage import gaussian_filter

from embedlens.analysis.triplets import summarise

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from embedlens.analysis.triplets import Triplets

RASTERISE_ABOVE = 5_000
HISTOGRAM_ABOVE = 100_000
DRAW_SEED = 0
_LOWEST, _HIGHEST, _STEP = -0.2, 1.0, 0.2
_BINS = 150
_STAR = "#E69F00"
_SMOOTHING = 2.0  # bins
ENCLOSED = (0.9, 0.6, 0.3)  # shares of the dots inside the contours


@dataclass(frozen=True, slots=True)
class Scale:
    """What panels that are compared share.

    Attributes
    ----------
    limits
        Limits of both axes.
    max_count
        Upper end of a histogram's colours, dots a bin; None where no panel is a histogram.
    """

    limits: tuple[float, float]
    max_count: float | None


def scale_of(triplets: Iterable[Triplets]) -> Scale:
    """Return the scale that fits all of the given triplets."""
    parts = list(triplets)
    limits = limits_of(parts)
    peaks = [_counts(part, limits).max() for part in parts if part.s_ap.size > HISTOGRAM_ABOVE]
    return Scale(limits, float(max(2.0, *peaks)) if peaks else None)


def limits_of(triplets: Iterable[Triplets]) -> tuple[float, float]:
    """Return limits for all of the given triplets: [-0.2, 1], the lower one moved down in steps of 0.2."""
    smallest = min((min(part.s_ap.min(), part.s_an.min()) for part in triplets), default=_LOWEST)
    steps = max(0, int(np.ceil((_LOWEST - smallest) / _STEP - 1e-9)))
    return round(max(-1.0, _LOWEST - steps * _STEP), 1), _HIGHEST


def plot(
    result: Triplets,
    ax: Axes | None = None,
    *,
    scale: Scale | None = None,
    color: str = "C0",
    colorbar: bool = True,
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

    Returns
    -------
    Axes
        The axes, with equal scales.
    """
    axes = Figure(figsize=(3.25, 3.25), layout="constrained").add_subplot() if ax is None else ax
    shared = scale or scale_of([result])
    low, high = shared.limits
    _guides(axes, low, high)
    _name_axes(axes, result)
    if result.s_ap.size > HISTOGRAM_ABOVE:
        _histogram(axes, result, shared)
        if colorbar:
            draw_colorbar(axes.get_figure(root=True), [axes])
    else:
        _dots(axes, result, shared.limits, color)
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MultipleLocator(_STEP * (1 if high - low < 1.5 else 2)))
    _numbers(axes, result)
    return axes


def _guides(axes: Axes, low: float, high: float) -> None:
    """Draw the diagonal and the ideal point."""
    axes.plot([low, high], [low, high], color="0.35", linewidth=0.6, zorder=3, gid="diagonal")
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
    axes.set_xlabel(rf"$S_{{ap}}$, {kind} positive")
    axes.set_ylabel(rf"$S_{{an}}$, {kind} negative")


def _dots(axes: Axes, result: Triplets, limits: tuple[float, float], color: str) -> None:
    """Draw every dot, in random order, and contours of their density where there are many."""
    n = result.s_ap.size
    order = np.random.default_rng(DRAW_SEED).permutation(n)
    many = n > RASTERISE_ABOVE
    axes.scatter(
        result.s_ap[order],
        result.s_an[order],
        s=1.2 if many else float(np.clip(4000 / n, 2.0, 12.0)),
        c=color,
        alpha=0.35 if many else 0.6,
        linewidths=0,
        rasterized=many,
        zorder=2,
        gid="dots",
    )
    if many:
        counts = _counts(result, limits)
        density = gaussian_filter(counts, _SMOOTHING)
        levels = _levels(density)
        if len(levels) == len(ENCLOSED):
            middle = (np.arange(_BINS) + 0.5) / _BINS * (limits[1] - limits[0]) + limits[0]
            axes.contour(middle, middle, density.T, levels=levels, colors="black", linewidths=0.5, zorder=4)


def _histogram(axes: Axes, result: Triplets, scale: Scale) -> None:
    """Draw the number of dots in each bin, with logarithmic colours."""
    edges = np.linspace(*scale.limits, _BINS + 1)
    axes.pcolormesh(
        edges,
        edges,
        np.ma.masked_equal(_counts(result, scale.limits).T, 0),
        norm=LogNorm(1, scale.max_count),
        cmap=mpl.rcParams["image.cmap"],
        rasterized=True,
        zorder=2,
        gid="histogram",
    )


def draw_colorbar(figure: Any, axes: Sequence[Axes]) -> None:
    """Draw one scale of colours for all histograms among the axes, if there are any; they share theirs."""
    meshes = [child for ax in axes for child in ax.get_children() if child.get_gid() == "histogram"]
    if meshes:
        figure.colorbar(meshes[0], ax=list(axes), label="dots a bin", fraction=0.03, pad=0.01)


def _counts(result: Triplets, limits: tuple[float, float]) -> NDArray[np.float64]:
    counts, _, _ = np.histogram2d(result.s_ap, result.s_an, bins=_BINS, range=[limits, limits])
    return cast("NDArray[np.float64]", counts)


def _levels(density: NDArray[np.float64]) -> list[float]:
    """Return the densities above which the given shares of the dots lie, ascending, without repeats."""
    falling = np.sort(density, axis=None)[::-1]
    mass = np.cumsum(falling) / falling.sum()
    at = np.minimum(np.searchsorted(mass, ENCLOSED), falling.size - 1)
    return sorted(set(falling[at].tolist()))


def _numbers(axes: Axes, result: Triplets) -> None:
    """Write the number of dots and the share of each region into the corner above the diagonal."""
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
    axes.text(
        0.03,
        0.97,
        "\n".join(lines),
        transform=axes.transAxes,
        va="top",
        ha="left",
        fontsize=mpl.rcParams["xtick.labelsize"],
        linespacing=1.3,
        zorder=7,
        gid="numbers",
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.6, "pad": 0.5},
    )
