"""Spectra of an embedding's slices, and Recall@1 of single and concatenated slices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.ticker import MaxNLocator

from embedlens.errors import InputError
from embedlens.figures.layout.canvas import Figure
from embedlens.figures.spectrum import values as single
from embedlens.figures.style import line_styles, max_height_of, width_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from matplotlib.axes import Axes

    from embedlens.analysis.spectrum.slices import SliceRecalls
    from embedlens.analysis.spectrum.values import Spectrum

_NAMED_UP_TO = 4  # slices that a legend names; beyond that the bars are the key
_WRITTEN_UP_TO = 8  # slices whose Recall@1 is written out
_HEADING = 0.2  # inches


def plot(result: SliceRecalls, ax: Axes | None = None, *, top: float | None = None) -> Axes:
    """Draw Recall@1 of each slice by itself as a bar, and of the first 1, 2, ..., K slices as a line.

    Parameters
    ----------
    result
        Recall@1 of the slices.
    ax
        Axes to draw on; new ones by default.
    top
        Upper end of the y axis, the same for panels that are compared; by default what the values need.

    Returns
    -------
    Axes
        The axes.
    """
    axes = Figure(figsize=(3.25, 2.4), layout="constrained").add_subplot() if ax is None else ax
    count = result.alone.size
    number = np.arange(1, count + 1)
    styles = list(line_styles(map(str, number)).values())
    colors = [style.color for style in styles]
    axes.bar(
        number, result.alone, width=0.7, color=colors, alpha=0.55, zorder=2, label="slice alone", gid="alone"
    )
    axes.plot(
        number, result.joined, color="black", marker="o", markersize=2.8, linewidth=1.1, zorder=3,
        label="first slices joined", gid="joined",
    )  # fmt: skip
    axes.set(xlabel="slice", ylabel="R@1", xlim=(0.4, count + 0.6), ylim=(0.0, top or top_of([result])))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=9, integer=True, min_n_ticks=1))
    axes.grid(axis="y", color="0.9", linewidth=0.5)
    if ax is None:
        axes.legend(loc="lower right", framealpha=0.8, frameon=True, edgecolor="none")
    return axes


def top_of(results: Sequence[SliceRecalls]) -> float:
    """Return the upper end of the y axis that fits Recall@1 of all of the given results.

    Parameters
    ----------
    results
        What is compared.
    """
    highest = max(float(max(result.alone.max(), result.joined.max())) for result in results)
    return max(0.1, 1.12 * highest)


def plot_spectra(
    result: Sequence[Spectrum], ax: Axes | None = None, *, log: bool = False, cumulative: bool = False
) -> Axes:
    """Draw the spectrum of each slice, in the colour of its bar.

    Parameters
    ----------
    result
        Spectra of the slices, in their order.
    ax
        Axes to draw on; new ones by default.
    log, cumulative
        As in `embedlens.figures.spectrum.plot`.

    Returns
    -------
    Axes
        The axes.
    """
    axes = Figure(figsize=(3.25, 2.4), layout="constrained").add_subplot() if ax is None else ax
    names = [f"slice {number}" for number in range(1, len(result) + 1)]
    styles = line_styles(names)
    for name, spectrum in zip(names, result, strict=True):
        dead = single.dead_text(spectrum)
        single.plot(
            spectrum, axes, log=log, cumulative=cumulative, color=styles[name].color,
            linestyle=styles[name].dashes, label=f"{name}: {dead}" if dead else name,
        )  # fmt: skip
    handles = [line for line in axes.lines if line.get_gid() == "spectrum"]
    if len(result) > _NAMED_UP_TO:
        handles = [line for line in handles if ":" in str(line.get_label())]
    if handles and len(result) > 1:
        axes.legend(handles=handles, loc="lower right" if cumulative else "best", handlelength=1.6)
    axes.set_xlabel("component of the slice")
    return axes


def figure(
    runs: Mapping[str, tuple[Sequence[Spectrum], SliceRecalls]],
    *,
    log: bool = False,
    cumulative: bool = False,
    venue: str = "cvpr",
    width: str = "full",
    title: str = "",
) -> Figure:
    """Draw a row for each run: the spectra of its slices, and their Recall@1; limits are shared.

    Parameters
    ----------
    runs
        Name -> (spectra of the slices, Recall@1 of the slices).
    log, cumulative
        As in `embedlens.figures.spectrum.plot`.
    venue, width
        Where the figure is to be printed, see `embedlens.figures.style`.
    title
        Heading: what all panels share.
    """
    inches = width_of(venue, width)
    for spectra, recalls in runs.values():
        if len(spectra) != recalls.alone.size:
            message = f"{len(spectra)} spectra beside Recall@1 of {recalls.alone.size} slices"
            raise InputError(message)
    beside = inches > 4
    side = min(2.2, 0.66 * inches / (2 if beside else 1))
    height = min(len(runs) * side * (1 if beside else 2) + _HEADING, max_height_of(venue))
    figure = Figure(figsize=(inches, height), layout="constrained")
    shape = (len(runs), 2) if beside else (2 * len(runs), 1)
    grid = figure.subplots(*shape, squeeze=False).reshape(len(runs), 2)
    top = top_of([recalls for _, recalls in runs.values()])
    for (left, right), (name, (spectra, recalls)) in zip(grid, runs.items(), strict=True):
        plot_spectra(spectra, left, log=log, cumulative=cumulative)
        plot(recalls, right, top=top)
        _write_recalls(right, recalls)
        left.set_title(name if len(runs) > 1 else "")
        left.set_xlabel(f"component of the slice ({recalls.dim} dims each)")
        if len(spectra) > _NAMED_UP_TO:
            right.set_xlabel("slice, in the colour of its spectrum")
        right.set_title("bars: slice alone; line: first slices joined")
    _share_limits(list(grid[:, 0]), log=log, cumulative=cumulative)
    figure.suptitle(title)
    return figure


def _write_recalls(axes: Axes, recalls: SliceRecalls) -> None:
    """Write Recall@1 of the joined slices above the line: of all of them, of each where there are few."""
    count = recalls.joined.size
    for number in range(1, count + 1):
        if number == count or count <= _WRITTEN_UP_TO:
            inside = number == 1 < count  # where the line rises, the first value has room below it
            axes.annotate(
                f"{recalls.joined[number - 1]:.1%}", (number, recalls.joined[number - 1]),
                xytext=(0, -4 if inside else 3), textcoords="offset points", ha="center",
                va="top" if inside else "bottom", fontsize=mpl.rcParams["xtick.labelsize"], gid="value",
            )  # fmt: skip


def _share_limits(panels: Iterable[Any], *, log: bool, cumulative: bool) -> None:
    """Give all spectra the same limits."""
    if cumulative:
        return
    lows, highs = zip(*(axes.get_ylim() for axes in panels), strict=True)
    for axes in panels:
        axes.set_ylim(min(lows) if log else 0.0, max(highs))
