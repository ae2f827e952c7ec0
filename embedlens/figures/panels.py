"""Several triplet scatters in one figure: splits and runs side by side, epochs in a strip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MultipleLocator

from embedlens.figures.style import max_height_of, width_of
from embedlens.figures.triplets import Scale, draw_colorbar, plot, scale_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from embedlens.analysis.triplets import Triplets

_MAX_COLUMNS = 4
_MARGIN, _GAP, _COLORBAR = 0.57, 0.2, 0.5  # inches: labels, between panels, a scale of colours


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """One scatter among several: the triplets of a split of a run at an epoch, and which those are."""

    run: str
    split: str
    epoch: int
    triplets: Triplets


def frames_of(panels: Sequence[Panel]) -> dict[int, list[Panel]]:
    """Return the panels of each epoch; a run without that epoch stands at its latest before.

    A run that starts later stands at its first epoch.
    """
    frames = {}
    series: dict[tuple[str, str], list[Panel]] = {}
    for panel in sorted(panels, key=lambda panel: panel.epoch):
        series.setdefault((panel.run, panel.split), []).append(panel)
    for epoch in sorted({panel.epoch for panel in panels}):
        frames[epoch] = [
            next((p for p in reversed(part) if p.epoch <= epoch), part[0]) for part in series.values()
        ]
    return frames


def plot_grid(
    panels: Sequence[Panel],
    *,
    venue: str = "cvpr",
    width: str = "full",
    scale: Scale | None = None,
    note: str = "",
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
    note
        What else the heading says.
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
        axes[place].set_title(_title(panel, panels))
    _tidy(axes, places)
    draw_colorbar(figure, figure.axes)
    figure.suptitle(", ".join(part for part in (_shared(panels), note) if part))
    return figure


def plot_strip(
    frames: Mapping[int, Sequence[Panel]], *, venue: str = "cvpr", width: str = "full", note: str = ""
) -> Figure:
    """Draw epochs from left to right, a row for each run and split: an animation on paper.

    Parameters
    ----------
    frames
        Epoch -> its panels, as `frames_of` gives them; a panel of another epoch says so.
    venue, width
        Where the figure is to be printed, see `embedlens.figures.style`.
    note
        A heading.
    """
    panels = [panel for column in frames.values() for panel in column]
    series = list(dict.fromkeys((panel.run, panel.split) for panel in panels))
    runs = list(dict.fromkeys(panel.run for panel in panels))
    scale = scale_of(panel.triplets for panel in panels)
    header = 0.2 if note else 0.0
    figure, axes = _grid(len(series), len(frames), width_of(venue, width), scale=scale, header=header)
    _limit_height(figure, venue)
    for column, (epoch, shown) in enumerate(frames.items()):
        for panel in shown:
            row = series.index((panel.run, panel.split))
            plot(panel.triplets, axes[row, column], scale=scale, color=_color(runs, panel), colorbar=False)
            if row == 0 or panel.epoch != epoch:
                axes[row, column].set_title(f"epoch {panel.epoch}")
            _shorten(axes[row, column], with_n=column == 0)
    _tidy(axes, list(np.ndindex(axes.shape)))
    draw_colorbar(figure, figure.axes)
    for row, (run, split) in enumerate(series):
        axes[row, 0].set_ylabel(f"{run}, {split}\n{axes[row, 0].get_ylabel()}")
    if note:
        figure.suptitle(note)
    return figure


def _shorten(axes: Axes, *, with_n: bool) -> None:
    """Leave of a panel's numbers and ticks what a small panel has room for."""
    first, *_, last = axes.texts[0].get_text().replace("below diagonal", "below").splitlines()
    axes.texts[0].set_text(f"{first}\n{last}" if with_n else first)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MultipleLocator(0.5))


def _color(runs: Sequence[str], panel: Panel) -> str:
    return f"C{runs.index(panel.run)}"


def _shared(panels: Sequence[Panel]) -> str:
    """Return what all panels share of run and epoch."""
    runs, epochs = {panel.run for panel in panels}, {panel.epoch for panel in panels}
    parts = [*(runs if len(runs) == 1 else ()), *(f"epoch {epoch}" for epoch in epochs if len(epochs) == 1)]
    return ", ".join(parts)


def _title(panel: Panel, panels: Sequence[Panel]) -> str:
    """Return what tells a panel from the others: the run and the epoch where they differ, and the split."""
    parts = [panel.run] if len({other.run for other in panels}) > 1 else []
    parts.append(panel.split)
    if len({other.epoch for other in panels}) > 1:
        parts.append(f"epoch {panel.epoch}")
    return ", ".join(parts)


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
    layout = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, wspace=0.05, hspace=0.02)
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
