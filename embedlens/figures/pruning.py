"""Recall@1 against the number of leading principal components."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.ticker import FixedLocator, NullLocator, ScalarFormatter

from embedlens.figures.layout.canvas import Figure
from embedlens.figures.layout.legends import legend_below
from embedlens.figures.spectrum.slices import plot_spectra
from embedlens.figures.style import line_styles, max_height_of, width_of
from embedlens.text import for_legend

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from embedlens.analysis.pruning import PruningCurve
    from embedlens.analysis.spectrum.values import Spectrum

_MARKED_UP_TO = 16
_LEGEND_ROW = 0.17  # inches
_LEGEND_COLUMNS = 5
_BESIDE = 4  # inches: a figure wider than that has its panels side by side
_BASES = {"pca": "PCA", "svd": "SVD"}


def plot(
    result: PruningCurve,
    ax: Axes | None = None,
    *,
    color: str = "C0",
    linestyle: Any = "-",
    label: str | None = None,
    fit: str = "",
) -> Axes:
    """Draw Recall@1 by the number of components kept, on an axis of powers of two.

    Parameters
    ----------
    result
        The curve.
    ax
        Axes to draw on; new ones by default. Several curves on one axes are compared.
    color, linestyle
        Of the curve.
    label
        Label of the curve in the legend.
    fit
        Name of the embeddings that the basis was fitted on, for the axis.

    Returns
    -------
    Axes
        The axes.
    """
    axes = Figure(figsize=(3.25, 2.4), layout="constrained").add_subplot() if ax is None else ax
    few = result.dims.size <= _MARKED_UP_TO
    axes.plot(
        result.dims,
        result.recall,
        color=color,
        linestyle=linestyle,
        marker="o" if few else None,
        markersize=3.5,
        label=for_legend(label),
        zorder=3,
        gid="pruning",
    )
    basis = _BASES[result.basis] + (f" of {fit}" if fit else "")
    axes.set_xlabel(f"leading components kept ({basis}{', centred' if result.centered else ''})")
    axes.set_ylabel("Recall@1" if result.similarity == "cosine" else "Recall@1, inner product")
    _components_axis(axes)
    axes.grid(visible=True, color="0.9", linewidth=0.5)
    return axes


def figure(
    curves: Mapping[str, PruningCurve],
    *,
    venue: str = "cvpr",
    width: str = "column",
    title: str = "",
    fit: str = "",
) -> Figure:
    """Draw several curves on one axes, one colour each.

    Parameters
    ----------
    curves
        Name -> curve.
    venue, width
        Where the figure is to be printed, see `embedlens.figures.style`.
    title
        Heading: what all curves share.
    fit
        Name of the embeddings that the bases were fitted on.
    """
    inches = width_of(venue, width)
    several = len(curves) > 1
    height = min(0.72 * inches, 2.8)
    figure = Figure(figsize=(inches, height), layout="constrained")
    axes = figure.add_subplot()
    styles = line_styles(curves)
    for name, curve in curves.items():
        plot(curve, axes, color=styles[name].color, linestyle=styles[name].dashes, label=name, fit=fit)
    axes.set_title(title)
    _say_n(axes, {curve.n for curve in curves.values()})
    if several:
        height += legend_below(figure, *axes.get_legend_handles_labels(), most=3)
        figure.set_figheight(min(height, max_height_of(venue)))
    return figure


def figure_of_slices(
    runs: Mapping[str, tuple[PruningCurve, Sequence[tuple[Spectrum, PruningCurve]]]],
    *,
    venue: str = "cvpr",
    width: str = "full",
    title: str = "",
    fit: str = "",
) -> Figure:
    """Draw a row for each run: the spectra of the embedding's slices, and the curves of each and of all.

    Parameters
    ----------
    runs
        Name -> (curve of the whole embedding, spectrum and curve of each slice).
    venue, width
        Where the figure is to be printed, see `embedlens.figures.style`.
    title
        Heading: what all rows share.
    fit
        Name of the embeddings that the bases were fitted on.
    """
    inches = width_of(venue, width)
    beside = inches > _BESIDE
    side = min(2.2, 0.66 * inches / (2 if beside else 1))
    most = max(len(slices) for _, slices in runs.values())
    legend = _LEGEND_ROW * (1 + most // _LEGEND_COLUMNS)
    height = len(runs) * side * (1 if beside else 2) + 0.2 + legend
    figure = Figure(figsize=(inches, min(height, max_height_of(venue))), layout="constrained")
    shape = (len(runs), 2) if beside else (2 * len(runs), 1)
    grid = figure.subplots(*shape, squeeze=False).reshape(len(runs), 2)
    handles: dict[str, Any] = {}
    for (left, right), (name, (whole, slices)) in zip(grid, runs.items(), strict=True):
        plot_spectra([spectrum for spectrum, _ in slices], left)
        if left.get_legend() is not None:
            left.get_legend().remove()
        plot(whole, right, color="black", label="whole embedding", fit=fit)
        names = [f"slice {number}" for number in range(1, len(slices) + 1)]
        styles = line_styles(names)
        for one, (_, curve) in zip(names, slices, strict=True):
            plot(curve, right, color=styles[one].color, linestyle=styles[one].dashes, label=one, fit=fit)
        left.set_title(name if len(runs) > 1 else "")
        left.set_xlabel(f"component of the slice ({slices[0][1].dim} dims each)")
        _say_n(right, {whole.n})
        found, labels = right.get_legend_handles_labels()
        handles |= dict(zip(labels, found, strict=True))
    figure.suptitle(title)
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=_LEGEND_COLUMNS)
    return figure


def _components_axis(axes: Axes) -> None:
    """Set a logarithmic axis with the powers of two, and the largest number drawn, written out."""
    drawn = np.concatenate([np.asarray(line.get_xdata(), float) for line in axes.get_lines()])
    low, high = drawn.min(), drawn.max()
    axes.set_xscale("log", base=2)
    powers = 2.0 ** np.arange(np.ceil(np.log2(low)), np.floor(np.log2(high)) + 1)
    kept = powers[powers < high / 1.35]  # a power nearer to the largest number would touch its label
    axes.xaxis.set_major_locator(FixedLocator([*kept.tolist(), high]))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_locator(NullLocator())
    # In proportion to the range, so that marks at both ends are whole where it spans many powers, too.
    margin = max(1.06, (high / low) ** 0.03)
    axes.set_xlim(low / margin, high * margin)


def _say_n(axes: Axes, counts: set[int]) -> None:
    """Write how many items the recalls are of into the corner that rising curves leave free."""
    axes.text(
        0.97,
        0.04,
        "n = " + ", ".join(f"{count:,}" for count in sorted(counts)),
        transform=axes.transAxes,
        ha="right",
        va="bottom",
        fontsize=mpl.rcParams["xtick.labelsize"],
        gid="n",
    )
