"""Similarity of embedding spaces: heat maps of pairs of snapshots, and lines against the last one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from embedlens.errors import unknown
from embedlens.figures.layout.canvas import Figure
from embedlens.figures.layout.legends import legend_below
from embedlens.figures.layout.ticks import slant_ticks
from embedlens.figures.style import LineStyle, line_styles, max_height_of, width_of
from embedlens.text import for_legend

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from embedlens.analysis.drift.matrices import Drift

_NAMES = {"cka": "linear CKA", "procrustes": "Procrustes residual", "angle": "angle (degrees)"}
_FALLING = ("procrustes", "angle")  # 0 for equal spaces
_ITSELF = "0.88"
_PANEL = 1.55  # inches: least width of a panel
_STEPS = (1, 2, 5)  # from one tick to the next, times a power of ten
_MOST_TICKS = 6
_NUMBERED = 6  # snapshots up to which cells have their numbers
_CELL = 0.24  # inches: narrower cells have no room for their numbers
_SHORT = 4  # letters of names that stand at the axes themselves


def label_of(score: str) -> str:
    """Return the name of a score in figures and tables."""
    name, _, k = score.partition("_at_")
    return f"overlap, k = {k}" if name == "overlap" else _NAMES[score]


def plot(
    result: Drift,
    ax: Axes | None = None,
    *,
    score: str = "cka",
    names: Sequence[str] = (),
    label: str = "epoch",
) -> Axes:
    """Draw one score of all pairs of snapshots as a heat map, similar pairs bright, with its colour bar.

    The diagonal, each snapshot with itself, is grey; colours reach over all other pairs. Of a few snapshots
    the cells have their numbers.

    Parameters
    ----------
    result
        The scores.
    ax
        Axes to draw on; new ones by default.
    score
        Name of the score.
    names
        Names of the snapshots; by default their numbers.
    label
        Label of both axes.

    Returns
    -------
    Axes
        The axes.

    Raises
    ------
    InputError
        A score that the result does not have.
    """
    if score not in result.values:
        raise unknown(score, "score of drift", result.values)
    axes = Figure(figsize=(3.25, 2.8), layout="constrained").add_subplot() if ax is None else ax
    matrix = result.values[score]
    shown = np.ma.masked_invalid(np.where(np.eye(result.size, dtype=bool), np.nan, matrix))
    cmap = mpl.colormaps[mpl.rcParams["image.cmap"] + ("_r" if score in _FALLING else "")]
    norm = _norm(shown)
    axes.set_facecolor(_ITSELF)
    edges = np.arange(result.size + 1) - 0.5
    mesh = axes.pcolormesh(edges, edges, shown, cmap=cmap, norm=norm, rasterized=True, zorder=1, gid=score)
    axes.set_aspect("equal")
    axes.set_ylim(result.size - 0.5, -0.5)
    texts = list(names) or [str(number) for number in range(result.size)]
    step = next(m * 10**p for p in range(9) for m in _STEPS if m * 10**p * _MOST_TICKS >= result.size)
    places = range(0, result.size, step)
    axes.set_xticks(places, texts[::step])
    axes.set_yticks(places, texts[::step])
    axes.set(xlabel=label, ylabel=label)
    figure = axes.get_figure(root=True)
    assert figure is not None
    if np.unique(shown.compressed()).size > 1:
        # Inside the axes' own box: as high as the heat map, however narrow the panel is.
        bar = figure.colorbar(mesh, cax=axes.inset_axes((1.05, 0.0, 0.06, 1.0)))
        bar.locator = MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10])
        bar.update_ticks()
    if result.size <= _NUMBERED:
        _number(axes, shown, cmap=cmap, norm=norm)
    return axes


def figure(
    result: Drift,
    *,
    names: Sequence[str],
    label: str = "epoch",
    venue: str = "cvpr",
    width: str = "full",
    title: str = "",
) -> Figure:
    """Draw a heat map of each score.

    Parameters
    ----------
    result
        The scores.
    names
        Names of the snapshots; long ones stand below the panels, and their numbers at the axes.
    label
        Label of both axes of each panel.
    venue, width
        Where the figure is to be printed, see `embedlens.figures.style`.
    title
        Heading: what all panels share.
    """
    scores = list(result.values)
    highest = 0.8 + 0.3 * result.size  # a few large cells would show no more
    figure, grid = _grid(len(scores), venue=venue, width=width, title=title, highest=highest)
    is_long = max(map(len, names)) > _SHORT and not label
    numbers = [str(number) for number in range(1, result.size + 1)]
    for axes, score in zip(grid, scores, strict=True):
        plot(result, axes, score=score, names=numbers if is_long else names, label=label)
        axes.set_title(label_of(score))
    if is_long:
        entries = [f"{number}: {for_legend(name)}" for number, name in zip(numbers, names, strict=True)]
        handles = [Line2D([], [], linestyle="none") for _ in entries]
        height = figure.get_figheight() + legend_below(figure, handles, entries, handlelength=0)
        figure.set_figheight(min(height, max_height_of(venue)))
    figure.draw_without_rendering()  # only now is it known how wide the panels are
    for axes in grid:
        slant_ticks(axes)
        cell = axes.get_window_extent().width / figure.dpi / result.size
        for text in list(axes.texts) if cell < _CELL else ():
            text.remove()
    return figure


def plot_lines(
    result: Drift,
    ax: Axes | None = None,
    *,
    score: str = "cka",
    epochs: Sequence[float] = (),
    line: LineStyle | None = None,
    label: str | None = None,
) -> Axes:
    """Draw one score of each snapshot with the last, but for the last itself.

    Parameters
    ----------
    result
        The scores.
    ax
        Axes to draw on; new ones by default.
    score
        Name of the score.
    epochs
        The place of each snapshot on the x axis; by default their numbers.
    line
        Colour and dashes.
    label
        Label in the legend.

    Returns
    -------
    Axes
        The axes.

    Raises
    ------
    InputError
        A score that the result does not have.
    """
    if score not in result.values:
        raise unknown(score, "score of drift", result.values)
    axes = Figure(figsize=(3.25, 2.2), layout="constrained").add_subplot() if ax is None else ax
    style = line or line_styles([""])[""]
    x = np.asarray(epochs if len(epochs) else range(result.size), float)[:-1]
    axes.plot(
        x, result.against()[score][:-1], color=style.color, linestyle=style.dashes,
        marker="o" if x.size <= 12 else None, markersize=3, label=for_legend(label), gid=score,
    )  # fmt: skip
    axes.grid(visible=True, color="0.9", linewidth=0.5)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
    axes.set_title(label_of(score))
    return axes


def figure_of_lines(
    runs: Mapping[str, tuple[Drift, Sequence[float]]],
    *,
    unit: str = "epoch",
    venue: str = "cvpr",
    width: str = "full",
    title: str = "",
) -> Figure:
    """Draw a panel for each score: the score of each epoch with the last epoch, one line per run.

    Parameters
    ----------
    runs
        Name -> (scores over the epochs of the run, the epochs).
    unit
        What the x axis counts: "epoch" or "step".
    venue, width
        Where the figure is to be printed, see `embedlens.figures.style`.
    title
        Heading: what all panels share.
    """
    scores = list(next(iter(runs.values()))[0].values)
    figure, grid = _grid(len(scores), venue=venue, width=width, title=title, shape=0.72)
    styles = line_styles(runs)
    for axes, score in zip(grid, scores, strict=True):
        for name, (result, epochs) in runs.items():
            plot_lines(result, axes, score=score, epochs=epochs, line=styles[name], label=name)
        axes.set_xlabel(unit)
    if len(runs) > 1:
        height = figure.get_figheight() + legend_below(figure, *grid[0].get_legend_handles_labels(), most=4)
        figure.set_figheight(min(height, max_height_of(venue)))
    return figure


def _grid(
    panels: int, *, venue: str, width: str, title: str, shape: float = 0.88, highest: float = 2.4
) -> tuple[Figure, list[Axes]]:
    """Return a figure with a number of panels, in as many columns as fit and none of them much wider."""
    inches = width_of(venue, width)
    columns = max(1, min(panels, int(inches / _PANEL)))
    rows = -(-panels // columns)
    columns = -(-panels // rows)
    side = min(inches / columns, highest, 2.4)
    height = rows * (side * shape + 0.1) + (0.2 if title else 0.0)
    figure = Figure(figsize=(inches, min(height, max_height_of(venue))), layout="constrained")
    grid = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in grid[panels:]:
        axes.remove()
    figure.suptitle(title)
    return figure, grid[:panels]


def _norm(shown: np.ma.MaskedArray[Any, Any]) -> Normalize:
    """Return colours for all pairs that have a score."""
    if not shown.count():
        return Normalize(0, 1)
    low, high = float(shown.min()), float(shown.max())
    spread = max(high - low, 1e-6)
    return Normalize(low, high) if high > low else Normalize(low - spread, high + spread)


def _number(axes: Axes, shown: Any, *, cmap: Any, norm: Normalize) -> None:
    """Write the number of each pair into its cell, dark on bright colours."""
    values: NDArray[np.float64] = shown.filled(np.nan)
    for row, column in np.argwhere(np.isfinite(values)):
        value = float(values[row, column])
        digits = 1 if value >= 10 else 3 if len(values) <= 4 else 2
        red, green, blue, _ = cmap(norm(value))
        bright = 0.299 * red + 0.587 * green + 0.114 * blue > 0.5
        axes.text(
            column, row, f"{value:.{digits}f}", ha="center", va="center", gid="number",
            fontsize=mpl.rcParams["xtick.labelsize"], color="black" if bright else "white",
        )  # fmt: skip
