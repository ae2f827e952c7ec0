"""Density of a triplet scatter of many dots: contours, and the two-dimensional histogram with its colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from contourpy import LineType, contour_generator
from matplotlib.collections import PathCollection
from matplotlib.colors import LogNorm, to_rgb
from matplotlib.path import Path as MplPath

from embedlens.analysis.triplets.density import counts_by_place, enclosing_levels, smoothed
from embedlens.figures.layout.ticks import number_log_bar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from embedlens.analysis.triplets.nearest import Triplets

DOTS_ZORDER = 2
"""What is drawn beneath the dots has a lower one, what is drawn over them a higher one."""

ENCLOSED = (0.9, 0.6, 0.3)
"""Fractions of the dots inside the contours."""

BINS = 150
"""Bins a side, of the histogram and of what the contours are drawn of."""

_SMOOTHING = 2.0  # bins
_DARK = 0.25  # red, green and blue of dots on which black lines are not seen


def draw_contours(axes: Axes, result: Triplets, limits: tuple[float, float], *, on: str) -> None:
    """Draw contours around the given fractions of the dots, white on dots of a dark colour, else black."""
    dark = max(to_rgb(on)) < _DARK
    axes.add_collection(
        PathCollection(
            contours_of(result, limits),
            facecolors="none",
            edgecolors="white" if dark else "black",
            linewidths=0.5,
            zorder=4,
            gid="contours",
        ),
        autolim=False,
    )


def contours_of(result: Triplets, limits: tuple[float, float]) -> list[MplPath]:
    """Return contours around the given fractions of the dots; none where their densities are equal or all 0.

    `Axes.contour` draws the same lines; creating the contours for each frame of an animation takes
    four times as long.
    """
    density = smoothed(counts_by_place(result, limits, bins=BINS), _SMOOTHING)
    levels = enclosing_levels(density, ENCLOSED) if density.any() else []  # no dot within the limits
    if len(levels) < len(ENCLOSED):
        return []
    middle = (np.arange(BINS) + 0.5) / BINS * (limits[1] - limits[0]) + limits[0]
    lines = contour_generator(middle, middle, density.T, line_type=LineType.ChunkCombinedCode)
    found: Any = [lines.lines(level) for level in levels]  # points and codes, one slice each
    return [MplPath(points[0], codes[0]) for points, codes in found if points[0] is not None]


def draw_histogram(
    axes: Axes, result: Triplets, limits: tuple[float, float], *, max_count: float | None, alpha: float | None
) -> None:
    """Draw the number of dots in each bin, with logarithmic colours up to `max_count`."""
    edges = np.linspace(*limits, BINS + 1)
    axes.pcolormesh(
        edges,
        edges,
        shown_counts(result, limits),
        norm=LogNorm(1, max_count),
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


def shown_counts(result: Triplets, limits: tuple[float, float]) -> Any:
    """Return the counts as a mesh takes them: a row for each bin of S_an, empty bins masked."""
    return np.ma.masked_equal(counts_by_place(result, limits, bins=BINS).T, 0)
