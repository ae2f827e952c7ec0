"""Figures of several triplet scatters: by split and run, or by epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.layout_engine import ConstrainedLayoutEngine

from embedlens.figures.layout.arrangement import arrange, height_of
from embedlens.figures.layout.canvas import Figure
from embedlens.figures.layout.fitting import title_at
from embedlens.figures.layout.limits import draw_inset, inset_corner
from embedlens.figures.layout.text import in_lines, shorten
from embedlens.figures.style import line_styles, max_height_of, width_of
from embedlens.figures.triplets.density import draw_colorbar
from embedlens.figures.triplets.nearest import Scale, half_ticks, plot, scale_of, update
from embedlens.moments import name_of
from embedlens.results import Result

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from embedlens.analysis.triplets.nearest import Triplets

_FEW_TICKS = 3  # panels side by side, from which on their axes have fewer numbers
_PANEL = "panel "  # begins the labels of axes, which number the panels
_NAME_LETTERS = 94  # of a run in a title; longer names lose their middle
_HEADER, _LINE = 0.2, 0.15  # inches: a heading, and each further line of it
_APART = 1.5  # between a name and the label of the axis, of the height of a line
_COLORBAR = 0.5  # inches: a scale of colours


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ScatterPanel(Result):
    """One panel: the triplets of a split of a run at an epoch, with the names of these."""

    run: str
    split: str
    epoch: int
    triplets: Triplets


def frames_of(panels: Sequence[ScatterPanel]) -> dict[int, list[ScatterPanel]]:
    """Return the panels of each epoch; a run without that epoch shows its latest earlier one.

    A run that starts later shows its first epoch.
    """
    series: dict[tuple[str, str], list[ScatterPanel]] = {}
    for panel in sorted(panels, key=lambda panel: panel.epoch):
        series.setdefault((panel.run, panel.split), []).append(panel)
    return {
        epoch: [next((p for p in reversed(part) if p.epoch <= epoch), part[0]) for part in series.values()]
        for epoch in sorted({panel.epoch for panel in panels})
    }


def figure(
    panels: Sequence[ScatterPanel],
    *,
    venue: str = "cvpr",
    width: str = "full",
    scale: Scale | None = None,
    note: str = "",
    title: Sequence[str] = (),
    color: str | None = None,
    faint: bool = False,
    bar: float = 0.0,
    inset: bool = False,
) -> Figure:
    """Draw several scatters with the same axes: splits side by side, or runs side by side, one row per split.

    Parameters
    ----------
    panels
        What to draw; one panel for each run and split.
    venue, width
        Where the figure is to be printed, see `embedlens.figures.style`.
    scale
        Limits and colours of all panels; by default those that fit all.
    note
        Text to add to the title.
    title
        Parts of another title, in place of the default one and the note.
    color
        Of all dots; by default one for each run.
    faint
        Whether the dots stand behind something else that the caller draws.
    bar
        Inches to leave for a scale of colours that the caller draws.
    inset
        Whether the dots are enlarged in a panel of which they leave most empty.
    """
    runs, _, ordered = _in_order(panels)
    shared = scale or scale_of(panel.triplets for panel in panels)
    room = bar + (_COLORBAR if shared.max_count else 0.0)
    inches = width_of(venue, width)
    parts = [title] if isinstance(title, str) and title else title
    heading = in_lines(parts or heading_of(panels, note), inches)
    header = _HEADER + _LINE * heading.count("\n") if heading.strip() else 0.0
    named = [(panel.run, panel.split) for panel in ordered]
    places = arrange(named, inches - room, max_height_of(venue) - header)
    rows, columns = (1 + max(numbers) for numbers in zip(*places, strict=True))
    figure, axes = _grid(rows, columns, inches, bar=room, header=header)
    _limit_height(figure, venue)
    for number, (place, panel) in enumerate(zip(places, ordered, strict=True)):
        axes[place].set_label(f"{_PANEL}{number:06d}")
        own = color or _color(runs, panel)
        plot(panel.triplets, axes[place], scale=shared, color=own, colorbar=False, faint=faint)
        if columns >= _FEW_TICKS:
            half_ticks(axes[place], shared.limits)
    if inset:
        _draw_insets([axes[place] for place in places], ordered, color or "")
    _tidy(axes, places)
    draw_colorbar(figure, figure.axes)
    _title_all(figure, panels)
    figure.suptitle(heading, gid="heading")
    return figure


def update_figure(figure: Figure, panels: Sequence[ScatterPanel], *, scale: Scale, note: str = "") -> None:
    """Show other epochs in a figure that `figure` made; its layout stays.

    Parameters
    ----------
    figure
        The figure.
    panels
        What to show: the same runs and splits, in the same order.
    scale
        Limits and colours of all panels, those with which the figure was drawn.
    note
        Text to add to the heading.
    """
    for axes, panel in axes_of(figure, panels):
        update(axes, panel.triplets, scale=scale)
    _title_all(figure, panels)
    for text in figure.texts:
        if text.get_gid() == "heading":  # `suptitle` would move it to where no layout has put it
            text.set_text(in_lines(heading_of(panels, note), figure.get_figwidth()))
    figure.fit()


def axes_of(figure: Figure, panels: Sequence[ScatterPanel]) -> list[tuple[Axes, ScatterPanel]]:
    """Return the axes of each panel of a figure that `figure` made."""
    drawn = [axes for axes in figure.axes if str(axes.get_label()).startswith(_PANEL)]
    drawn.sort(key=lambda axes: str(axes.get_label()))
    return list(zip(drawn, _in_order(panels)[2], strict=False))


def columns_of(figure: Figure) -> int:
    """Return how many panels stand in the first row of a figure that `figure` made."""
    specs = [axes.get_subplotspec() for axes in figure.axes]
    return sum(1 for spec in specs if spec is not None and spec.rowspan.start == 0)


def _draw_insets(axes: Sequence[Axes], panels: Sequence[ScatterPanel], color: str) -> None:
    """Enlarge the dots of all panels, where they leave most of each empty, so that panels look alike."""
    runs = list(dict.fromkeys(panel.run for panel in panels))
    dots = [np.column_stack([panel.triplets.s_ap, panel.triplets.s_an]) for panel in panels]
    if any(inset_corner(*part) is None for part in zip(axes, dots, strict=True)):
        return
    for one, part, panel in zip(axes, dots, panels, strict=True):
        draw_inset(one, part, color=color or _color(runs, panel))


def _in_order(panels: Sequence[ScatterPanel]) -> tuple[list[str], list[str], list[ScatterPanel]]:
    """Return the runs, the splits, and the panels in the order of a grid's axes."""
    runs = list(dict.fromkeys(panel.run for panel in panels))
    splits = list(dict.fromkeys(panel.split for panel in panels))
    return runs, splits, sorted(panels, key=lambda panel: (splits.index(panel.split), runs.index(panel.run)))


def _title_all(figure: Figure, panels: Sequence[ScatterPanel]) -> None:
    for axes, panel in axes_of(figure, panels):
        title = _title(panel, panels)
        place = mpl.rcParams["axes.titlelocation"]
        if not axes.get_title(place):
            axes.set_title(title)
        elif axes.get_title(place) != title:
            title_at(axes, place).set_text(title)  # `set_title` would move it onto what stands above the axes


def titles_of(panels: Sequence[ScatterPanel]) -> list[str]:
    """Return the title of each panel: what distinguishes it from the others."""
    return [_title(panel, panels) for panel in panels]


def heading_of(panels: Sequence[ScatterPanel], note: str) -> list[str]:
    """Return the parts of the heading: run and epoch, where they are common to all panels, and the note."""
    runs, epochs = {panel.run for panel in panels}, {name_of(panel.epoch) for panel in panels}
    alone = [shorten(run, _NAME_LETTERS) for run in runs if len(runs) == 1]
    shared = [*alone, *(epochs if len(epochs) == 1 else ())]
    return [*shared, *([note] if note else [])]


def figure_of_epochs(
    frames: Mapping[int, Sequence[ScatterPanel]],
    *,
    venue: str = "cvpr",
    width: str = "full",
    scale: Scale | None = None,
    title: str = "",
) -> Figure:
    """Draw epochs from left to right, a row for each run and split: an animation on paper.

    Parameters
    ----------
    frames
        Epoch -> its panels, as `frames_of` gives them; a panel of another epoch says so.
    venue, width
        Where the figure is to be printed, see `embedlens.figures.style`.
    scale
        Limits and colours of all panels; by default those that fit all.
    title
        A heading.
    """
    panels = [panel for column in frames.values() for panel in column]
    series = list(dict.fromkeys((panel.run, panel.split) for panel in panels))
    runs = list(dict.fromkeys(panel.run for panel in panels))
    shared = scale or scale_of(panel.triplets for panel in panels)
    header, room = _HEADER if title else 0.0, _COLORBAR if shared.max_count else 0.0
    figure, axes = _grid(len(series), len(frames), width_of(venue, width), bar=room, header=header)
    _limit_height(figure, venue)
    for column, (epoch, shown) in enumerate(frames.items()):
        for panel in shown:
            row = series.index((panel.run, panel.split))
            plot(panel.triplets, axes[row, column], scale=shared, color=_color(runs, panel), colorbar=False)
            if row == 0 or panel.epoch != epoch:
                axes[row, column].set_title(name_of(panel.epoch))
            shorten_numbers(axes[row, column], with_n=column == 0)
            half_ticks(axes[row, column], shared.limits)
    _tidy(axes, list(np.ndindex(axes.shape)))
    draw_colorbar(figure, figure.axes)
    for row, (run, split) in enumerate(series):
        # further apart than lines of one text, since the name is none of the axis
        axes[row, 0].set_ylabel(f"{run}, {split}\n{axes[row, 0].get_ylabel()}", linespacing=_APART)
    if title:
        figure.suptitle(title)
    return figure


def shorten_numbers(axes: Axes, *, with_n: bool) -> None:
    """Shorten the numbers of a panel to what fits a small one or one with much else in it."""
    first, *_, last = axes.texts[0].get_text().replace("below diagonal", "below").splitlines()
    axes.texts[0].set_text(f"{first}\n{last}" if with_n else first)


def _color(runs: Sequence[str], panel: ScatterPanel) -> str:
    return line_styles(runs)[panel.run].color


def _title(panel: ScatterPanel, panels: Sequence[ScatterPanel]) -> str:
    """Return what distinguishes a panel: the run and the epoch where they differ, and the split."""
    parts = [shorten(panel.run, _NAME_LETTERS)] if len({other.run for other in panels}) > 1 else []
    parts.append(panel.split)
    if len({name_of(other.epoch) for other in panels}) > 1:
        parts.append(name_of(panel.epoch))
    return ", ".join(parts)


def _grid(rows: int, columns: int, inches: float, *, bar: float, header: float) -> tuple[Figure, Any]:
    """Make a figure of exactly that width with square panels, and room for a scale of colours."""
    height = height_of(rows, columns, inches - bar) + header
    layout = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, wspace=0.05, hspace=0.02)
    figure = Figure(figsize=(inches, height), layout=layout)
    return figure, figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)


def _limit_height(figure: Figure, venue: str) -> None:
    """Make a figure no higher than the venue's page; its panels shrink."""
    figure.tallest = max_height_of(venue)
    figure.set_figheight(min(figure.get_figheight(), figure.tallest))


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
