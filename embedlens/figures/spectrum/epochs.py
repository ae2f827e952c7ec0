"""Singular value spectra over epochs, as curves or as a heat map."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.ticker import MaxNLocator

from embedlens.figures.layout.canvas import Figure
from embedlens.figures.layout.ticks import number_log_bar
from embedlens.figures.spectrum import values as single
from embedlens.figures.style import max_height_of, width_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from matplotlib.axes import Axes

    from embedlens.analysis.spectrum.epochs import SpectrumEpochs

_DEAD = "0.85"
_LETTER, _LABELS = 0.055, 0.42  # inches: of a letter, and of what stands beside a panel, about
_HEADING, _NOTE = 0.2, 0.14  # inches


def plot(
    result: SpectrumEpochs,
    ax: Axes | None = None,
    *,
    log: bool = False,
    cumulative: bool = False,
    norm: Normalize | None = None,
) -> Axes:
    """Draw the spectrum of every epoch as a curve, coloured by the epoch.

    Parameters
    ----------
    result
        The spectra.
    ax
        Axes to draw on; new ones, with a colour bar, by default.
    log, cumulative
        As in `embedlens.figures.spectrum.plot`.
    norm
        Epochs that the colours reach over; by default those of `result`.

    Returns
    -------
    Axes
        The axes.
    """
    axes = Figure(figsize=(3.25, 2.4), layout="constrained").add_subplot() if ax is None else ax
    scale = norm or _epoch_norm([result])
    colors = mpl.colormaps[mpl.rcParams["image.cmap"]]
    for epoch, spectrum in zip(result.epochs.tolist(), result.spectra, strict=True):
        single.plot(
            spectrum, axes, log=log, cumulative=cumulative, color=colors(scale(epoch)), label=str(epoch)
        )
    for line in axes.lines:
        line.set(marker="x" if line.get_gid() == "dead" else "", linewidth=0.9)
    if ax is None:
        _add_bar(axes.get_figure(root=True), [axes], scale, result.unit)
    return axes


def plot_heatmap(
    result: SpectrumEpochs,
    ax: Axes | None = None,
    *,
    log: bool = False,
    cumulative: bool = False,
    norm: Normalize | None = None,
) -> Axes:
    """Draw epochs from left to right and components downwards, values as colours, dead dimensions grey.

    Parameters
    ----------
    result
        The spectra.
    ax
        Axes to draw on; new ones, with a colour bar, by default.
    log
        Whether the colours are logarithmic.
    cumulative
        As in `embedlens.figures.spectrum.plot`.
    norm
        Values that the colours reach over; by default those of `result`.

    Returns
    -------
    Axes
        The axes.
    """
    single.check_scale(log=log, cumulative=cumulative)
    axes = Figure(figsize=(3.25, 2.4), layout="constrained").add_subplot() if ax is None else ax
    scale = norm or _value_norm([result], log=log, cumulative=cumulative)
    values = np.ma.masked_array(result.cumulative if cumulative else result.deviations, result.dead)
    epochs, dim = result.epochs.tolist(), result.dead.shape[1]
    axes.set_facecolor(_DEAD)
    edges = np.arange(len(epochs) + 1) - 0.5, np.arange(dim + 1) + 0.5
    axes.pcolormesh(*edges, values.T, norm=scale, rasterized=True, zorder=1, gid="heatmap")
    step = -(-len(epochs) // 8)
    axes.set_xticks(range(0, len(epochs), step), [f"{epoch:,}" for epoch in epochs[::step]])
    axes.set(xlabel=result.unit, ylabel="component", ylim=(dim + 0.5, 0.5))
    axes.set_yticks(single.component_ticks(dim))
    if ax is None:
        label = single.value_label(result.spectra[0], cumulative=cumulative)
        _add_bar(axes.get_figure(root=True), [axes], scale, label)
    return axes


def figure(
    runs: Mapping[str, SpectrumEpochs],
    *,
    heatmap: bool = False,
    log: bool = False,
    cumulative: bool = False,
    venue: str = "cvpr",
    width: str = "full",
    title: str = "",
) -> Figure:
    """Draw the spectra of every epoch, one panel per run, with the same limits and colours in all.

    Parameters
    ----------
    runs
        Name -> spectra, all of one kind.
    heatmap
        Draw heat maps (`plot_heatmap`) instead of curves (`plot`).
    log, cumulative
        As in `plot` and `plot_heatmap`.
    venue, width
        Where the figure is to be printed, see `embedlens.figures.style`.
    title
        Heading: what all panels share.
    """
    every = [spectrum for series in runs.values() for spectrum in series.spectra]
    single.check_alike(every)
    inches = width_of(venue, width)
    columns = 1 if inches < 4 or len(runs) == 1 else 2 if len(runs) in (2, 4) else 3
    rows = -(-len(runs) // columns)
    letters = int((inches / columns - _LABELS) / _LETTER)
    notes = [textwrap.fill(_dead_text(series), letters) for series in runs.values()]
    side = min(2.4, 0.85 * inches / columns) if columns > 1 else 2.4
    side += _NOTE * max(len(note.splitlines()) for note in notes)
    height = min(rows * side + (_HEADING if len(runs) > 1 else 0.0), max_height_of(venue))
    figure = Figure(figsize=(inches, height), layout="constrained")
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
    label = single.value_label(every[0], cumulative=cumulative) if heatmap else _unit(runs.values())
    kept = runs.values()
    norm = _value_norm(kept, log=log, cumulative=cumulative) if heatmap else _epoch_norm(kept)
    draw = plot_heatmap if heatmap else plot
    for axes, (name, series), note in zip(grid.flat, runs.items(), notes, strict=False):
        draw(series, axes, log=log, cumulative=cumulative, norm=norm)
        axes.set_title("\n".join(part for part in (name if len(runs) > 1 else title, note) if part))
    if heatmap:
        dim = max(spectrum.dim for spectrum in every)
        grid[0, 0].set_ylim(dim + 0.5, 0.5)
        grid[0, 0].set_yticks(single.component_ticks(dim))
    if len(runs) > 1:
        figure.suptitle(title)
    _tidy(grid, len(runs))
    _add_bar(figure, list(grid.flat[: len(runs)]), norm, label)
    return figure


def _dead_text(series: SpectrumEpochs) -> str:
    """Say how many dimensions are dead, in every epoch or at most."""
    counts = series.dead.sum(axis=1)
    text = single.dead_text(series.spectra[int(counts.argmax())])
    return ("up to " if counts.min() < counts.max() else "") + text


def _unit(runs: Iterable[SpectrumEpochs]) -> str:
    """Return what all runs count; epochs, where they differ."""
    units = {series.unit for series in runs}
    return units.pop() if len(units) == 1 else "epoch"


def _epoch_norm(runs: Iterable[SpectrumEpochs]) -> Normalize:
    epochs = np.concatenate([series.epochs for series in runs])
    return Normalize(int(epochs.min()), int(epochs.max()))


def _value_norm(runs: Iterable[SpectrumEpochs], *, log: bool, cumulative: bool) -> Normalize:
    """Return colours for all values drawn but those of dead dimensions."""
    live = [(series.cumulative if cumulative else series.deviations)[~series.dead] for series in runs]
    values = np.concatenate(live)
    if not values.size:
        return Normalize(0, 1)
    if log:
        return LogNorm(values.min(), max(values.max(), values.min() * 1.01))
    return Normalize(0, values.max())


def _add_bar(figure: Any, axes: Sequence[Axes], norm: Normalize, label: str) -> None:
    """Draw one scale of colours for all axes."""
    mappable = ScalarMappable(norm, mpl.rcParams["image.cmap"])
    bar = figure.colorbar(mappable, ax=list(axes), pad=0.02, aspect=25)
    if isinstance(norm, LogNorm):
        number_log_bar(bar)
    bar.set_label(label, parse_math=True)
    if label in ("epoch", "step"):
        bar.locator = MaxNLocator(nbins=6, integer=True)
        bar.update_ticks()


def _tidy(grid: Any, used: int) -> None:
    """Take away the panels that hold nothing, and label the outer axes only."""
    columns = grid.shape[1]
    for number, axes in enumerate(grid.flat):
        if number >= used:
            axes.remove()
            continue
        if number % columns:
            axes.set_ylabel("")
        if number + columns < used:
            axes.set_xlabel("")
