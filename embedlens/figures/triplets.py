"""The triplet scatter: a dot for each anchor, (S_ap, S_an), and the ideal point (1, 0)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import matplotlib as mpl
import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MultipleLocator
from scipy.ndimage import gaussian_filter

from embedlens.analysis.triplets import summarise
from embedlens.figures.style import max_height_of, width_of

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
_SMOOTHING = 2.0  # bins
_ENCLOSED = (0.9, 0.6, 0.3)  # shares of the dots inside the contours
_MAX_COLUMNS = 4
_MARGIN, _GAP, _COLORBAR = 0.57, 0.2, 0.5  # inches: labels, between panels, a scale of colours


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """One scatter among several: the triplets of a split of a run at an epoch, and which those are."""

    run: str
    split: str
    epoch: int
    triplets: Triplets


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


def frames_of(panels: Sequence[Panel]) -> list[list[Panel]]:
    """Return the panels of each frame of an animation; a run without that epoch stands at its latest before.

    A run that starts later stands at its first epoch.
    """
    frames = []
    series: dict[tuple[str, str], list[Panel]] = {}
    for panel in sorted(panels, key=lambda panel: panel.epoch):
        series.setdefault((panel.run, panel.split), []).append(panel)
    for epoch in sorted({panel.epoch for panel in panels}):
        frames.append(
            [next((p for p in reversed(part) if p.epoch <= epoch), part[0]) for part in series.values()]
        )
    return frames


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
    axes = Figure(layout="constrained").add_subplot() if ax is None else ax
    shared = scale or scale_of([result])
    low, high = shared.limits
    _guides(axes, low, high)
    _name_axes(axes, result)
    if result.s_ap.size > HISTOGRAM_ABOVE:
        _histogram(axes, result, shared)
        if colorbar:
            _colorbar(axes.get_figure(root=True), [axes])
    else:
        _dots(axes, result, shared.limits, color)
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MultipleLocator(_STEP * (1 if high - low < 1.5 else 2)))
    _numbers(axes, result)
    return axes


def plot_grid(
    panels: Sequence[Panel],
    *,
    venue: str = "cvpr",
    width: str = "full",
    scale: Scale | None = None,
) -> Figure:
    """Draw several scatters with the same axes: splits side by side, or runs side by side, a row a split.

    Parameters
    ----------
    panels
        What to draw; one panel for each run and split.
    venue, width
        Where the figure is to be printed, see `embedlens.figures.style`.
    scale
        Limits and colours of all panels; by default what they need together.
    """
    runs = list(dict.fromkeys(panel.run for panel in panels))
    splits = list(dict.fromkeys(panel.split for panel in panels))
    ordered = sorted(panels, key=lambda panel: (splits.index(panel.split), runs.index(panel.run)))
    by_run = len(runs) > 1
    columns = min(len(runs) if by_run else len(panels), _MAX_COLUMNS)
    rows = -(-len(runs) // columns) * len(splits) if by_run else -(-len(panels) // columns)
    shared = scale or scale_of(panel.triplets for panel in panels)
    figure, axes = _grid(rows, columns, width_of(venue, width), scale=shared, header=0.2)
    _limit_height(figure, venue)
    places = _places(ordered, splits, columns, by_run=by_run)
    for place, panel in zip(places, ordered, strict=True):
        plot(panel.triplets, axes[place], scale=shared, color=_color(runs, panel), colorbar=False)
        axes[place].set_title(f"{panel.run}, {panel.split}" if by_run else panel.split)
    _tidy(axes, places)
    _colorbar(figure, figure.axes)
    figure.suptitle(_heading(panels, runs))
    return figure


def plot_strip(panels: Sequence[Panel], *, venue: str = "cvpr", width: str = "full") -> Figure:
    """Draw epochs from left to right, a row for each run and split: an animation on paper."""
    series = list(dict.fromkeys((panel.run, panel.split) for panel in panels))
    epochs = sorted({panel.epoch for panel in panels})
    runs = list(dict.fromkeys(panel.run for panel in panels))
    scale = scale_of(panel.triplets for panel in panels)
    figure, axes = _grid(len(series), len(epochs), width_of(venue, width), scale=scale, header=0.0)
    _limit_height(figure, venue)
    places = []
    for panel in panels:
        place = series.index((panel.run, panel.split)), epochs.index(panel.epoch)
        plot(panel.triplets, axes[place], scale=scale, color=_color(runs, panel), colorbar=False)
        axes[place].set_title(f"epoch {panel.epoch}" if place[0] == 0 else "")
        first, *_, last = axes[place].texts[0].get_text().splitlines()
        axes[place].texts[0].set_text(first if place[1] else f"{first}\n{last}")
        for axis in (axes[place].xaxis, axes[place].yaxis):
            axis.set_major_locator(MultipleLocator(0.5))
        places.append(place)
    _tidy(axes, places)
    _colorbar(figure, figure.axes)
    for row, (run, split) in enumerate(series):
        axes[row, 0].set_ylabel(f"{run}, {split}\n{axes[row, 0].get_ylabel()}")
    return figure


def _color(runs: Sequence[str], panel: Panel) -> str:
    return f"C{runs.index(panel.run)}"


def _heading(panels: Sequence[Panel], runs: Sequence[str]) -> str:
    """Return what all panels share: the epoch, and the run where there is only one."""
    epochs = sorted({panel.epoch for panel in panels})
    epoch = f"epoch {epochs[0]}" if len(epochs) == 1 else f"epochs {', '.join(map(str, epochs))}"
    return epoch if len(runs) > 1 else f"{runs[0]}, {epoch}"


def _places(
    panels: Sequence[Panel], splits: Sequence[str], columns: int, *, by_run: bool
) -> list[tuple[int, int]]:
    """Return each panel's row and column; a new split starts a new row where runs stand side by side."""
    if not by_run:
        return [divmod(number, columns) for number in range(len(panels))]
    places, counts = [], dict.fromkeys(splits, 0)
    block = -(-len({panel.run for panel in panels}) // columns)
    for panel in panels:
        row, column = divmod(counts[panel.split], columns)
        places.append((splits.index(panel.split) * block + row, column))
        counts[panel.split] += 1
    return places


def _grid(rows: int, columns: int, inches: float, *, scale: Scale, header: float) -> tuple[Figure, Any]:
    """Make a figure of exactly that width with square panels."""
    bar = _COLORBAR if scale.max_count else 0.0
    side = (inches - _MARGIN - bar - _GAP * (columns - 1)) / columns
    height = rows * side + (rows - 1) * _GAP + _MARGIN + header
    layout = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, wspace=0.02, hspace=0.02)
    figure = Figure(figsize=(inches, height), layout=layout)
    return figure, figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)


def _limit_height(figure: Figure, venue: str) -> None:
    """Make a figure no higher than the venue's page; its panels shrink."""
    figure.set_figheight(min(figure.get_figheight(), max_height_of(venue)))


def _tidy(axes: Any, places: Sequence[tuple[int, int]]) -> None:
    """Label the outer axes only, and take away the panels that hold nothing."""
    for place in np.ndindex(axes.shape):
        if place not in places:
            axes[place].remove()
            continue
        if (place[0] + 1, place[1]) in places:
            axes[place].set_xlabel("")
        else:
            axes[place].tick_params(labelbottom=True)
        if place[1]:
            axes[place].set_ylabel("")


def _guides(axes: Axes, low: float, high: float) -> None:
    """Draw the diagonal and the ideal point."""
    axes.plot([low, high], [low, high], color="0.35", linewidth=0.6, zorder=3, gid="diagonal")
    axes.plot(
        [1.0],
        [0.0],
        marker="*",
        markersize=9,
        markerfacecolor="C4",
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
        if len(levels) == len(_ENCLOSED):
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


def _colorbar(figure: Any, axes: Sequence[Axes]) -> None:
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
    at = np.minimum(np.searchsorted(mass, _ENCLOSED), falling.size - 1)
    return sorted(set(falling[at].tolist()))


def _numbers(axes: Axes, result: Triplets) -> None:
    """Write the number of dots and the share of each region into the corner above the diagonal."""
    numbers = summarise(result)
    below = "R@1" if result.choice == "nearest" else "below diagonal"
    lines = [
        f"{below} {numbers.below_diagonal:.1%}",
        f"above diagonal {numbers.above_diagonal:.1%}",
        f"top right {numbers.top_right:.1%}",
        f"right boundary {numbers.right_boundary:.1%}",
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
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 1.0},
    )
