"""Open-set identification: DIR against FAR on a logarithmic axis."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from embedlens.figures.layout.canvas import Figure
from embedlens.figures.verification.pairs import figure_of_curves, rate_axes
from embedlens.text import for_legend

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes

    from embedlens.analysis.verification.detection import OpenSet

FAR = 0.01


def plot(
    result: OpenSet,
    ax: Axes | None = None,
    *,
    far: float = FAR,
    color: str = "C0",
    linestyle: str = "-",
    label: str | None = None,
) -> Axes:
    """Draw DIR against FAR, the mean over draws with a band of one standard error.

    Parameters
    ----------
    result
        The open-set identification.
    ax
        Axes to draw on; new ones by default. Several curves on one axes are compared.
    far
        The FAR whose DIR is in the legend, if there are enough probes.
    color, linestyle
        Of the curve.
    label
        Label of the curve in the legend; its DIR is added.

    Returns
    -------
    Axes
        The axes.
    """
    axes = Figure(figsize=(3.25, 2.6), layout="constrained").add_subplot() if ax is None else ax
    value, error = result.dir_at(far)
    spread = "" if np.isnan(error) else f" ± {error:.1%}"
    numbers = f"DIR@{far:g} " + ("not resolved" if np.isnan(value) else f"{value:.1%}{spread}")
    mean, band = result.dir, np.nan_to_num(result.dir_se)
    axes.plot(
        result.far,
        mean,
        color=color,
        linestyle=linestyle,
        drawstyle="steps-post",
        label=f"{for_legend(label)}, {numbers}" if label else numbers,
        gid="dir",
    )
    axes.fill_between(
        result.far,
        mean - band,
        mean + band,
        step="post",
        color=color,
        alpha=0.25,
        linewidth=0,
        gid="standard error",
    )
    axes.set(xlabel="FAR, impostor probes accepted", ylabel="DIR, genuine probes identified")
    rate_axes(axes, float(result.far[0]))
    return axes


def figure(
    curves: Mapping[str, OpenSet],
    *,
    far: float = FAR,
    venue: str = "cvpr",
    width: str = "column",
    title: str = "",
) -> Figure:
    """Draw several curves of DIR against FAR on one axes, one colour each.

    Parameters
    ----------
    curves
        Name -> open-set identification.
    far
        The FAR whose DIR is in the legend.
    venue, width
        Where the figure is to be printed, see `embedlens.figures.style`.
    title
        Heading: what all curves share.
    """
    return figure_of_curves(curves, partial(plot, far=far), venue=venue, width=width, title=title)
