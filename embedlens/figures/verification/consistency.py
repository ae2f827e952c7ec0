"""Threshold consistency: utility of thresholds over classes, and the thresholds of single classes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from embedlens.analysis.verification.consistency import CALIBRATION
from embedlens.figures.layout.canvas import Figure
from embedlens.figures.layout.legends import legend_below
from embedlens.figures.layout.text import small_size
from embedlens.figures.style import line_styles, max_height_of, width_of
from embedlens.text import for_legend

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes

    from embedlens.analysis.verification.consistency import ThresholdConsistency

_X = "distance threshold (all pairs: FAR {:g} to {:g})".format(*CALIBRATION)
_WIDE = 4.0  # inches from which on panels stand side by side
_SIDE, _HEADING = 1.9, 0.2  # inches


def plot(
    result: ThresholdConsistency,
    ax: Axes | None = None,
    *,
    color: str = "C0",
    linestyle: str = "-",
    label: str | None = None,
) -> Axes:
    """Draw the utility of each threshold, its mean over classes with a band of 90 % of them.

    Parameters
    ----------
    result
        The threshold consistency.
    ax
        Axes to draw on; new ones by default. Several results on one axes are compared.
    color, linestyle
        Of the line.
    label
        Label in the legend; OPIS and the number of classes are added.

    Returns
    -------
    Axes
        The axes.
    """
    axes = Figure(figsize=(3.25, 2.4), layout="constrained").add_subplot() if ax is None else ax
    name = f"{for_legend(label)}, " if label else ""
    value = "OPIS not resolved" if np.isnan(result.opis) else f"OPIS {result.opis:.2g}"
    text = f"{name}{value}, {result.classes.size:,} classes"
    shown = result.utilities()
    threshold, mean = shown["threshold"], shown["utility"]
    axes.plot(threshold, mean, color=color, linestyle=linestyle, label=text, gid="utility")
    axes.fill_between(
        threshold, shown["utility_low"], shown["utility_high"], color=color, alpha=0.2, linewidth=0,
        gid="classes",
    )  # fmt: skip
    axes.set(xlabel=_X, ylabel="utility, 90 % of classes")
    low = axes.dataLim.y0 if np.isfinite(axes.dataLim.y0) else 0.0
    axes.set_ylim(low - 0.06 * (1 - low), 1 + 0.06 * (1 - low))
    axes.grid(visible=True, color="0.9", linewidth=0.5)
    return axes


def plot_thresholds(
    result: ThresholdConsistency,
    ax: Axes | None = None,
    *,
    place: int = 0,
    color: str = "C0",
    linestyle: str = "-",
) -> Axes:
    """Draw the fraction of classes whose own threshold is at most a distance, and the common threshold.

    Parameters
    ----------
    result
        The threshold consistency.
    ax
        Axes to draw on; new ones by default.
    place
        Which of the false accept rates, from 0.
    color, linestyle
        Of the line.

    Returns
    -------
    Axes
        The axes.
    """
    axes = Figure(figsize=(3.25, 2.4), layout="constrained").add_subplot() if ax is None else ax
    own = np.sort(result.own[:, place])
    own = own[~np.isnan(own)]
    if own.size:
        heights = np.arange(own.size + 1) / own.size
        axes.plot(
            np.r_[own[0], own], heights, color=color, linestyle=linestyle, drawstyle="steps-post", gid="own"
        )
        axes.axvline(result.common[place], color=color, linewidth=0.6, gid="common")
    else:
        axes.text(
            0.5, 0.5, "too few impostor pairs", transform=axes.transAxes, ha="center", va="center",
            fontsize=small_size(), gid="none",
        )  # fmt: skip
    axes.set(
        xlabel=f"distance threshold of a class at FAR {result.fars[place]:g}",
        ylabel="fraction of classes",
        ylim=(0.0, 1.02),
    )
    axes.grid(visible=True, color="0.9", linewidth=0.5)
    return axes


def figure(
    results: Mapping[str, ThresholdConsistency],
    *,
    place: int = 0,
    venue: str = "cvpr",
    width: str = "column",
    title: str = "",
) -> Figure:
    """Draw the utility of thresholds, and the thresholds of single classes, of one or several results.

    Parameters
    ----------
    results
        Name -> threshold consistency; a single one is not named.
    place
        Which of the false accept rates the second panel is for.
    venue, width
        Where the figure is to be printed, see `embedlens.figures.style`.
    title
        Heading: what all results share.
    """
    inches, several = width_of(venue, width), len(results) > 1
    shape = (1, 2) if inches >= _WIDE else (2, 1)
    height = shape[0] * _SIDE + _HEADING
    figure = Figure(figsize=(inches, height), layout="constrained")
    utilities, thresholds = figure.subplots(*shape)
    styles = line_styles(results)
    for name, result in results.items():
        drawn = {"color": styles[name].color, "linestyle": styles[name].dashes}
        plot(result, utilities, label=name if several else None, **drawn)
        plot_thresholds(result, thresholds, place=place, **drawn)
    figure.suptitle(title)
    handles, labels = utilities.get_legend_handles_labels()
    names = [for_legend(name) or "" for name in results] if several else [""]
    endings = [label.removeprefix(name) for name, label in zip(names, labels, strict=True)]
    add = partial(legend_below, figure, handles)
    height += add(names, endings=endings, most=1) if several else add(labels)
    figure.set_figheight(min(height, max_height_of(venue)))
    return figure
