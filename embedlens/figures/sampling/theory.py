"""Pair losses, distances on the sphere and gradient noise as functions of the distance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, MultipleLocator

from embedlens.analysis.sampling.theory import FARTHEST
from embedlens.figures.layout.canvas import Figure
from embedlens.figures.layout.covering import covers
from embedlens.figures.layout.text import small_size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from embedlens.analysis.sampling.theory import GradientNoise, LossCurve, SphereDensity

POSITIVE: Any = "-"
NEGATIVE: Any = (0, (3, 1.2))
"""Line styles of positive and negative pairs."""

# None of the colours that runs and strategies have in the panels beside.
_LOSSES = {"contrastive": "0.6", "triplet": "#832db6", "margin": "black"}
_DASHES: tuple[Any, ...] = ("-", (0, (3, 1.2)), (0, (1, 1)), (0, (5, 1.5, 1, 1.5)))

_RAISED = 16  # times by a twentieth, at most
_CLEAR = 2.0  # pixels


def plot_losses(
    result: Sequence[LossCurve], ax: Axes | None = None, *, notes: Mapping[str, str] | None = None
) -> Axes:
    """Draw losses against the distance of a pair: solid for positive pairs, dashed for negative pairs.

    Parameters
    ----------
    result
        The losses.
    ax
        Axes to draw on; new ones by default.
    notes
        Text that the legend adds to the name of a loss.

    Returns
    -------
    Axes
        The axes; its height is that of the highest loss of a pair of two classes.
    """
    axes = new_axes() if ax is None else ax
    lines, notes = [], notes or {}
    for curve in result:
        color = _LOSSES.get(curve.loss, "black")
        for name, dashes in (("positive", POSITIVE), ("negative", NEGATIVE)):
            axes.plot(
                curve.distance, getattr(curve, name), color=color, linestyle=dashes, linewidth=1.2,
                gid=f"{curve.loss} {name}",
            )  # fmt: skip
        label = curve.loss + (f", {notes[curve.loss]}" if curve.loss in notes else "")
        lines.append(Line2D([], [], color=color, linewidth=1.2, label=label))
    for name, dashes in (("positive pair", POSITIVE), ("negative pair", NEGATIVE)):
        lines.append(Line2D([], [], color="0.35", linestyle=dashes, linewidth=1.0, label=name))
    distance_axis(axes)
    highest = max(float(curve.negative.max()) for curve in result)
    axes.set(ylabel="loss", ylim=(0, 1.02 * highest))
    top_legend(axes, lines, side="left")
    return axes


def plot_densities(result: Sequence[SphereDensity], ax: Axes | None = None) -> Axes:
    """Draw the density of distances on unit spheres, a colour for each dimension.

    Parameters
    ----------
    result
        The densities, of ascending dimension.
    ax
        Axes to draw on; new ones by default.

    Returns
    -------
    Axes
        The axes.
    """
    axes = new_axes() if ax is None else ax
    for density, color in zip(result, _shades(len(result)), strict=True):
        axes.plot(
            density.distance, density.density, color=color, linewidth=1.1, label=f"D = {density.dim:g}",
            gid=f"sphere {density.dim:g}",
        )  # fmt: skip
    distance_axis(axes)
    finite = [curve.density[np.isfinite(curve.density)].max() for curve in result]
    axes.set(ylim=(0, 1.05 * float(max(finite))))
    axes.set_ylabel("density $q(d)$", parse_math=True)
    axes.legend(loc="upper left", handlelength=1.2, **TIGHT)
    mark_orthogonal(axes)
    return axes


def plot_noise(result: Sequence[GradientNoise], ax: Axes | None = None) -> Axes:
    """Draw the variance of the gradient's direction: a colour for each scale, dashes for each dimension.

    Parameters
    ----------
    result
        The noise at several scales, of one dimension or several.
    ax
        Axes to draw on; new ones by default.

    Returns
    -------
    Axes
        The axes.
    """
    axes = new_axes() if ax is None else ax
    scales, dims = sorted({one.scale for one in result}), sorted({one.dim for one in result})
    colors = dict(zip(scales, _shades(len(scales)), strict=True))
    dashes = {dim: _DASHES[number % len(_DASHES)] for number, dim in enumerate(dims)}
    for one in result:
        axes.plot(
            one.distance, one.variance, color=colors[one.scale], linestyle=dashes[one.dim], linewidth=1.2,
            gid=f"noise {one.scale:g} {one.dim}",
        )  # fmt: skip
    lines = [Line2D([], [], color=colors[s], linewidth=1.2, label=f"s = {s:g}") for s in reversed(scales)]
    if len(dims) > 1:
        lines += [Line2D([], [], color="0.35", linestyle=dashes[d], label=f"D = {d}") for d in dims]
    distance_axis(axes)
    axes.set(ylabel="variance of direction", ylim=(0, 1.02))
    top_legend(axes, lines, columns=2)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    return axes


TIGHT: dict[str, Any] = {"borderpad": 0.1, "labelspacing": 0.2, "handletextpad": 0.5, "columnspacing": 1.0}


def new_axes() -> Axes:
    """Return axes of a column's width."""
    return Figure(figsize=(3.25, 2.4), layout="constrained").add_subplot()


def distance_axis(axes: Axes) -> None:
    """Make x the distance of unit vectors, with the limits that all panels share."""
    axes.set(xlim=(0, FARTHEST))
    axes.set_xlabel("distance $d$", parse_math=True)
    axes.xaxis.set_major_locator(MultipleLocator(0.5))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, min_n_ticks=3, steps=[1, 2, 2.5, 5, 10]))


def mark_orthogonal(axes: Axes) -> None:
    """Mark the distance of orthogonal vectors, around which the distances of a sphere gather."""
    axes.axvline(np.sqrt(2), color="0.7", linewidth=0.6, linestyle=(0, (1, 1.5)), zorder=0, gid="orthogonal")


def top_legend(axes: Axes, lines: Sequence[Any], *, side: str = "right", columns: int = 1) -> None:
    """Put a legend at the top, and raise the axes by the height that it needs."""
    size = small_size()
    axes.legend(
        handles=list(lines), loc="upper left" if side == "left" else "upper right", ncols=columns,
        handlelength=1.4, fontsize=size, frameon=True, framealpha=0.85, edgecolor="none", fancybox=False,
        **TIGHT,
    )  # fmt: skip
    figure = axes.get_figure(root=True)
    inches = axes.get_position().height * figure.get_figheight()  # type: ignore[union-attr]
    # A line of the legend takes 1.3 font sizes, its frame 0.8; curves keep 40 % of the height in any case.
    fraction = min(0.6, (-(-len(lines) // columns) * 1.3 + 0.8) * size / 72 / inches)
    axes.set_ylim(0, axes.get_ylim()[1] / (1 - fraction))


def raise_clear(axes: Axes) -> None:
    """Raise the axes, after the layout, until the legend at their top covers no curve.

    Parameters
    ----------
    axes
        Axes whose y axis begins at 0.
    """
    legend = axes.get_legend()
    for _ in range(_RAISED if legend is not None else 0):
        assert legend is not None
        if not covers(axes, legend.get_window_extent().padded(_CLEAR)):
            break
        axes.set_ylim(0, 1.05 * axes.get_ylim()[1])


def _shades(n: int) -> list[Any]:
    """Return colours from dark to light for numbers in ascending order; none too faint on white."""
    return list(mpl.colormaps["viridis"](np.linspace(0, 0.88, max(n, 2))[:n]))
