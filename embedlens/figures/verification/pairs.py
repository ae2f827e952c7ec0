"""ROC of pair verification on a logarithmic FAR axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.ticker import LogLocator

from embedlens.figures.layout.canvas import Figure
from embedlens.figures.layout.legends import legend_below, place_legend
from embedlens.figures.layout.text import fixed
from embedlens.figures.layout.ticks import number_log_axis
from embedlens.figures.style import line_styles, max_height_of, width_of
from embedlens.text import for_legend

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from matplotlib.axes import Axes

    from embedlens.analysis.verification.pairs import Roc


def plot(
    result: Roc, ax: Axes | None = None, *, color: str = "C0", linestyle: str = "-", label: str | None = None
) -> Axes:
    """Draw the ROC as a step function, from the smallest FAR that the number of pairs resolves.

    Parameters
    ----------
    result
        The ROC.
    ax
        Axes to draw on; new ones by default. Several curves on one axes are compared.
    color, linestyle
        Of the curve.
    label
        Label of the curve in the legend; its AUC and EER are added.

    Returns
    -------
    Axes
        The axes.
    """
    axes = Figure(figsize=(3.25, 2.6), layout="constrained").add_subplot() if ax is None else ax
    smallest = 1 / result.n_impostor
    seen = result.far >= smallest * (1 - 1e-12)
    far = np.concatenate([[smallest], result.far[seen]])
    tar = np.concatenate([[result.tar[~seen][-1]], result.tar[seen]])
    axes.plot(
        far,
        tar,
        color=color,
        linestyle=linestyle,
        drawstyle="steps-post",
        label=f"{f'{for_legend(label)}, ' if label else ''}AUC {fixed(result.auc, 4)}, EER {result.eer:.1%}",
        gid="roc",
    )
    axes.set(xlabel="FAR, impostor pairs accepted", ylabel="TAR, genuine pairs accepted")
    rate_axes(axes, smallest)
    return axes


def figure(
    curves: Mapping[str, Roc], *, venue: str = "cvpr", width: str = "column", title: str = ""
) -> Figure:
    """Draw several ROCs on one axes, one colour each.

    Parameters
    ----------
    curves
        Name -> ROC.
    venue, width
        Where the figure is to be printed, see `embedlens.figures.style`.
    title
        Heading: what all curves share.
    """
    return figure_of_curves(curves, plot, venue=venue, width=width, title=title)


def figure_of_curves(
    curves: Mapping[str, Any], draw: Callable[..., Axes], *, venue: str, width: str, title: str
) -> Figure:
    """Draw each curve with its own colour on one axes of the venue's width; of several, with a legend below.

    Parameters
    ----------
    curves
        Name -> result; a single one is not named in the legend.
    draw
        Called with (result, axes, color=, linestyle=, label=).
    venue, width
        Where the figure is to be printed.
    title
        Of the axes.
    """
    inches = width_of(venue, width)
    several = len(curves) > 1
    height = min(0.8 * inches, 3.2)
    figure = Figure(figsize=(inches, height), layout="constrained")
    axes = figure.add_subplot()
    styles = line_styles(curves)
    for name, result in curves.items():
        style = styles[name]
        draw(result, axes, label=name if several else None, color=style.color, linestyle=style.dashes)
    axes.set_title(title)
    handles, labels = axes.get_legend_handles_labels()
    if several:
        names = [for_legend(name) or "" for name in curves]
        endings = [label.removeprefix(name) for name, label in zip(names, labels, strict=True)]
        height += legend_below(figure, handles, names, endings=endings, most=1)
    else:
        height += place_legend(axes, handles, labels, first="lower right")
    figure.set_figheight(min(height, max_height_of(venue)))
    return figure


def rate_axes(axes: Axes, smallest: float) -> None:
    """Set a logarithmic axis of false accept rates, and fractions upwards; limits only become wider.

    Parameters
    ----------
    axes
        The axes.
    smallest
        Smallest rate drawn, in (0, 1].
    """
    drawn = [smallest] if axes.get_xscale() != "log" else [smallest, axes.get_xlim()[0]]
    low = min(*drawn, 0.1)
    axes.set_xscale("log")
    axes.set(xlim=(low, 1.0), ylim=(0.0, 1.02))
    axes.xaxis.set_major_locator(LogLocator(numticks=12))
    number_log_axis(axes.xaxis, powers_only=True)
    axes.grid(visible=True, color="0.9", linewidth=0.5)
