"""Histograms of pair distances, and the figure of all sampling panels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D

from embedlens.errors import InputError, unknown
from embedlens.figures.layout.canvas import Figure
from embedlens.figures.layout.legends import legend_below
from embedlens.figures.layout.text import short_count
from embedlens.figures.sampling import mining as mining_figures
from embedlens.figures.sampling.theory import (
    NEGATIVE,
    POSITIVE,
    distance_axis,
    mark_orthogonal,
    new_axes,
    plot_densities,
    plot_losses,
    plot_noise,
    raise_clear,
    top_legend,
)
from embedlens.figures.style import line_styles, max_height_of, width_of
from embedlens.results import Result

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from embedlens.analysis.sampling.distances import DistanceHistogram, PairDistances
    from embedlens.analysis.sampling.mining import NonzeroFraction, SelectedNegatives
    from embedlens.analysis.sampling.theory import GradientNoise, LossCurve, SphereDensity

PANELS = ("losses", "sphere", "distances", "picked", "nonzero", "noise")
"""What a figure may show, in its order."""
PAIR_BINS = 100

_TITLES = {
    "losses": "loss",
    "sphere": "distances on the sphere",
    "distances": "distances of pairs",
    "picked": "selected negatives",
    "nonzero": "loss > 0",
    "noise": "gradient noise",
}
_PAIRS = {"positive": "#832db6", "negative": "0.35"}
_DASHES = {"positive": POSITIVE, "negative": NEGATIVE}
_SPHERES: tuple[Any, ...] = ((0, (1, 1)), (0, (5, 1.5, 1, 1.5)), "-")
_SPHERE = "black"
_NARROWEST, _LOWEST, _TALLEST = 2.1, 1.85, 2.15  # inches of a panel
_LEAST = 2.0  # inches of a panel and what stands around it, below which nothing can be read


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Contents(Result):
    """Data of the panels of a figure; those of panels that are not shown may be missing.

    Attributes
    ----------
    losses, spheres, noise
        Of the panels "losses", "sphere" and "noise".
    pairs
        Name of the run -> its distances.
    beside
        Densities on spheres, drawn beside the distances.
    negatives, nonzero
        Name of the run -> for each strategy what it selects, and its fractions of active triplets.
    loss_notes
        Text that the legend adds to the name of a loss.
    note
        What was mined, where it is the same for all runs.
    run_labels
        Label of a run in the legend; by default its name.
    titles
        Text to add to the title of a panel, by the panel's name.
    """

    losses: Sequence[LossCurve] = ()
    spheres: Sequence[SphereDensity] = ()
    noise: Sequence[GradientNoise] = ()
    pairs: Mapping[str, PairDistances] = field(default_factory=dict)
    beside: Sequence[SphereDensity] = ()
    negatives: Mapping[str, Sequence[SelectedNegatives]] = field(default_factory=dict)
    nonzero: Mapping[str, Sequence[NonzeroFraction]] = field(default_factory=dict)
    loss_notes: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    run_labels: Mapping[str, str] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)


def plot(
    result: Mapping[str, PairDistances], ax: Axes | None = None, *, beside: Sequence[SphereDensity] = ()
) -> Axes:
    """Draw the distances of pairs: of one run in two colours, of several solid (positive) and dashed.

    Parameters
    ----------
    result
        Name of the run -> its distances.
    ax
        Axes to draw on; new ones by default.
    beside
        Densities on spheres to compare with.

    Returns
    -------
    Axes
        The axes.
    """
    axes = new_axes() if ax is None else ax
    styles, alone = line_styles(result), len(result) == 1
    lines, top = [], 0.0
    for run, pairs in result.items():
        for kind, (distances, there) in _kinds(pairs).items():
            shown, color = distances.merged(PAIR_BINS), _PAIRS[kind] if alone else styles[run].color
            axes.stairs(
                shown.density, shown.edges, color=color, linestyle="-" if alone else _DASHES[kind],
                linewidth=1.0, zorder=3, gid=f"{kind} {run}",
            )  # fmt: skip
            if alone:
                axes.stairs(shown.density, shown.edges, fill=True, color=color, alpha=0.2, linewidth=0)
                label = f"{kind}, n = {_count_text(distances.n, there)}"
                lines.append(Line2D([], [], color=color, linewidth=1.2, label=label))
            top = max(top, float(shown.density.max()))
    if not alone:
        lines = [
            _line(f"{kind}, n = {_range_text(result, kind)}", color="0.35", dashes=dashes)
            for kind, dashes in _DASHES.items()
        ]
    for number, curve in enumerate(beside):
        dashes = _SPHERES[number % len(_SPHERES)]
        axes.plot(
            curve.distance, curve.density, color=_SPHERE, linestyle=dashes, linewidth=1.1, zorder=4,
            gid=f"sphere {curve.dim:g}",
        )  # fmt: skip
        name = f"D = {curve.dim:g}" if curve.dim == int(curve.dim) else f"effective D = {curve.dim:.1f}"
        lines.append(_line(f"q(d), {name}", color=_SPHERE, dashes=dashes))
        top = max(top, float(curve.density[1:-1].max()))
    distance_axis(axes)
    axes.set(ylabel="density", ylim=(0, 1.03 * top))
    mark_orthogonal(axes)
    top_legend(axes, lines)
    return axes


def figure(
    contents: Contents,
    show: Sequence[str] = PANELS,
    *,
    venue: str = "cvpr",
    width: str = "full",
    title: str = "",
) -> Figure:
    """Draw the panels requested, side by side as far as the width allows, with one legend below.

    Parameters
    ----------
    contents
        What is drawn.
    show
        Names in `PANELS`.
    venue, width
        Where the figure is to be printed, see `embedlens.figures.style`.
    title
        Heading of the figure.

    Raises
    ------
    InputError
        An unknown panel, venue or width, or more panels than so narrow a figure can hold.
    """
    names, inches = check_panels(show), width_of(venue, width)
    rows, columns = grid_of(names, venue=venue, width=width)
    height = rows * min(_TALLEST, max(_LOWEST, 0.85 * inches / columns)) + (0.2 if title else 0)
    layout = ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03, wspace=0.03, hspace=0.04)
    figure = Figure(figsize=(inches, min(height, max_height_of(venue))), layout=layout)
    grid = figure.subplots(rows, columns, squeeze=False)
    for number, axes in enumerate(grid.flat):
        if number >= len(names):
            axes.remove()
            continue
        name = names[number]
        _draw(axes, name, contents)
        letter = f"({chr(ord('a') + number)}) " if len(names) > 1 else ""
        axes.set_title(f"{letter}{_TITLES[name]}{contents.titles.get(name, '')}")
    if title:
        figure.suptitle(title)
    labels = _labels(contents, names)
    if labels:
        runs = {*contents.pairs, *contents.negatives, *contents.nonzero}
        styles = (line_styles if runs.issuperset(labels) else mining_figures.strategy_styles)(labels)
        lines = [_line(name, color=styles[name].color, dashes=styles[name].dashes) for name in labels]
        height += legend_below(figure, lines, list(labels.values()))
        figure.set_figheight(min(height, max_height_of(venue)))
    layout.execute(figure)
    for axes in figure.axes:
        raise_clear(axes)
    return figure


def grid_of(show: Sequence[str], *, venue: str = "cvpr", width: str = "full") -> tuple[int, int]:
    """Return rows and columns of a figure of these panels.

    Parameters
    ----------
    show
        Names in `PANELS`.
    venue, width
        As in `figure`.

    Raises
    ------
    InputError
        As `figure`.
    """
    names, inches = check_panels(show), width_of(venue, width)
    columns = max(1, min(len(names), int(inches / _NARROWEST), 3))
    rows = -(-len(names) // columns)
    if rows * _LEAST > max_height_of(venue):
        message = (
            f"{len(names)} panels do not fit a width of {inches:.3g} inches; choose --width full, or fewer"
        )
        raise InputError(message)
    return rows, columns


def check_panels(names: Sequence[str]) -> list[str]:
    """Return panels in the order of `PANELS`, each once; an unknown one, or none, raises `InputError`."""
    for name in names:
        if name not in PANELS:
            raise unknown(name, "panel", PANELS)
    if not names:
        message = f"no panel requested; choose some of: {', '.join(PANELS)}"
        raise InputError(message)
    return [name for name in PANELS if name in names]


def _draw(axes: Axes, name: str, contents: Contents) -> None:
    """Draw one panel."""
    if name == "losses":
        plot_losses(contents.losses, axes, notes=contents.loss_notes)
    elif name == "sphere":
        plot_densities(contents.spheres, axes)
    elif name == "noise":
        plot_noise(contents.noise, axes)
    elif name == "distances":
        plot(contents.pairs, axes, beside=contents.beside)
    elif name == "picked":
        mining_figures.plot(contents.negatives, axes, note=contents.note)
    else:
        mining_figures.plot_nonzero(contents.nonzero, axes)


def _kinds(pairs: PairDistances) -> dict[str, tuple[DistanceHistogram, int]]:
    """Return the distances by kind of pair, and how many pairs there are; none of a kind without pairs."""
    kinds = {"positive": (pairs.positive, pairs.n_positive), "negative": (pairs.negative, pairs.n_negative)}
    return {kind: found for kind, found in kinds.items() if found[0].n}


def _count_text(shown: int, there: int) -> str:
    """Return how many are shown, and of how many where that is not all."""
    return f"{shown:,}" if shown == there else f"{short_count(shown)} of {short_count(there)}"


def _range_text(result: Mapping[str, PairDistances], kind: str) -> str:
    """Return how many pairs of a kind are shown of a run, where runs differ the least and the greatest."""
    counts = sorted({getattr(pairs, kind).n for pairs in result.values()})
    return " to ".join(short_count(count) for count in dict.fromkeys([counts[0], counts[-1]]))


def _labels(contents: Contents, names: Sequence[str]) -> dict[str, str]:
    """Return the entries of the legend below: the runs where there are several, else the strategies drawn."""
    runs = {
        name: contents.run_labels.get(name, name)
        for part in (contents.pairs, contents.negatives, contents.nonzero)
        for name in part
    }
    if len(runs) > 1 and {"distances", "picked", "nonzero"} & set(names):
        return runs
    if len(runs) == 1 and "picked" in names:
        return {one.mining: f"{one.mining}, n = {one.n:,}" for one in next(iter(contents.negatives.values()))}
    if len(runs) == 1 and "nonzero" in names:
        return {one.mining: one.mining for one in next(iter(contents.nonzero.values()))}
    return {}


def _line(label: str, *, color: str, dashes: Any) -> Line2D:
    return Line2D([], [], color=color, linestyle=dashes, linewidth=1.2, label=label)
