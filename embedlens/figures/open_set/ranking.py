"""MAP@5 of open-set ranking against the threshold, one curve per run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.lines import Line2D

from embedlens.analysis.open_set.threshold import choose
from embedlens.figures.layout.canvas import Figure
from embedlens.figures.layout.legends import legend_below
from embedlens.figures.style import line_styles, max_height_of, width_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from embedlens.analysis.open_set.sweep import NewSweep
    from embedlens.analysis.open_set.threshold import Choice

_INSERTED = "$\\it{unknown\\ class}$ is inserted"
LABELS = {
    "similarity": f"cosine similarity below which\n{_INSERTED}",
    "probability": f"probability below which\n{_INSERTED}",
}
_PARTS = {"known": (0, (4, 1.5)), "unknown": (0, (1, 1))}
_FLAT = 0.002
_LEAST = 0.04  # of MAP@5, so that noise is not magnified
_MOST = 4000


def plot(
    result: NewSweep,
    ax: Axes | None = None,
    *,
    choice: Choice | None = None,
    parts: bool = False,
    scores: str = "similarity",
    color: str = "C0",
    linestyle: Any = "-",
    label: str | None = None,
) -> Axes:
    """Draw MAP@5 over the threshold, as the function of steps that it is, and mark the chosen threshold.

    Parameters
    ----------
    result
        The sweep.
    ax
        Axes to draw on; new ones by default. Several curves on one axes are compared.
    choice
        The threshold to mark and to give in the legend; by default the best one.
    parts
        Whether MAP@5 of the items of known classes and of the unknown one is drawn, too.
    scores
        Scores that the threshold applies to: "similarity" or "probability".
    color, linestyle
        Of the curve.
    label
        Label of the curve in the legend; MAP@5 and the threshold are added.

    Returns
    -------
    Axes
        The axes.
    """
    axes = Figure(figsize=(3.25, 2.4), layout="constrained").add_subplot() if ax is None else ax
    shown = choice or choose(result)
    thresholds = ", ".join(f"{value:.3f}" for value in shown.thresholds)
    text = f"{shown.map_at_5:.3f} {'at' if len(shown.thresholds) == 1 else 'in halves at'} {thresholds}"
    x, steps = _thinned(result)
    axes.plot(
        x, result.map_at_5[steps], drawstyle="steps-pre", color=color, linestyle=linestyle, zorder=3,
        label=f"{label}: {text}" if label else text, gid="map_at_5",
    )  # fmt: skip
    if parts:
        for name, values in (("known", result.map_at_5_known), ("unknown", result.map_at_5_new)):
            axes.plot(
                x, values[steps], drawstyle="steps-pre", color=color, linewidth=0.9, linestyle=_PARTS[name],
                gid=name,
            )  # fmt: skip
    axes.plot(
        shown.thresholds, [result.map_at_5[result.at(value)] for value in shown.thresholds], "o", color=color,
        markersize=4.8, markeredgecolor="white", markeredgewidth=0.6, zorder=4, gid="chosen",
    )  # fmt: skip
    axes.set_xlabel(LABELS[scores], parse_math=True)
    axes.set_ylabel("MAP@5")
    axes.grid(visible=True, color="0.9", linewidth=0.5)
    _see(axes, result, shown.thresholds)
    return axes


def figure(
    curves: Mapping[str, NewSweep],
    *,
    choices: Mapping[str, Choice] | None = None,
    parts: bool = False,
    scores: str = "similarity",
    venue: str = "cvpr",
    width: str = "column",
    title: str = "",
) -> Figure:
    """Draw several sweeps on one axes, one colour each.

    Parameters
    ----------
    curves
        Name -> sweep.
    choices
        Name -> threshold to mark; by default the best one of each.
    parts
        Whether MAP@5 of the items of known classes and of the unknown one is drawn, too.
    scores
        Scores that the threshold applies to: "similarity" or "probability".
    venue, width
        Where the figure is to be printed, see `embedlens.figures.style`.
    title
        Heading: what all curves share.
    """
    inches = width_of(venue, width)
    height = min(0.72 * inches, 2.8)
    figure = Figure(figsize=(inches, height), layout="constrained")
    axes = figure.add_subplot()
    styles = line_styles(curves)
    names = [name if len(curves) > 1 else "all items" for name in curves]
    for name, (key, result) in zip(names, curves.items(), strict=True):
        plot(
            result, axes, choice=(choices or {}).get(key), parts=parts, scores=scores, label=name,
            color=styles[key].color, linestyle=styles[key].dashes,
        )  # fmt: skip
    axes.set_title(title)
    if not parts:
        axes.set_ylim(*_heights(curves.values()))
        _end_where_curves_leave(axes)
    handles = [line for line in axes.get_lines() if line.get_gid() == "map_at_5"]
    endings = [str(line.get_label()).removeprefix(name) for name, line in zip(names, handles, strict=True)]
    if parts:
        color = handles[0].get_color() if len(curves) == 1 else "0.35"
        handles += [
            Line2D([], [], color=color, linewidth=0.9, linestyle=dashes) for dashes in _PARTS.values()
        ]
        names += [f"{name} items" for name in _PARTS]
        endings += [""] * len(_PARTS)
    height += legend_below(
        figure, handles, names, endings=endings, most=1, title=_counts(curves.values()),
        title_fontsize=mpl.rcParams["legend.fontsize"],
    )  # fmt: skip
    figure.set_figheight(min(height, max_height_of(venue)))
    return figure


def _thinned(result: NewSweep) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return thresholds to draw, from the lowest on, and the step of each; of very many a subset."""
    last = result.threshold.size - 1
    steps = np.arange(last + 1)
    if last > _MOST:
        places = np.linspace(result.low, result.high, _MOST)
        steps = np.unique(np.append(np.minimum(np.searchsorted(result.threshold, places), last), last))
    x = np.minimum(result.threshold[steps], result.high)
    return np.concatenate([[result.low], x]), np.concatenate([steps[:1], steps])


def _see(axes: Axes, result: NewSweep, marked: Sequence[float]) -> None:
    """Show the thresholds at which MAP@5 changes, and those that are marked, of all curves on the axes."""
    values = result.map_at_5
    moved = np.flatnonzero(np.abs(values - values[0]) > _FLAT)
    end = min(float(result.threshold[-2] if result.threshold.size > 1 else result.high), result.high)
    begin = float(result.threshold[max(moved[0] - 1, 0)]) if moved.size else result.low
    begin, end = min(begin, *marked), max(end, *marked)
    margin = 0.03 * max(end - begin, 1e-3)
    begin, end = max(begin - margin, result.low), min(end + margin, result.high)
    if not axes.get_autoscalex_on():  # limits are set: curves that are there stay seen
        begin, end = min(begin, axes.get_xlim()[0]), max(end, axes.get_xlim()[1])
    axes.set_xlim(begin, end)


def _end_where_curves_leave(axes: Axes) -> None:
    """End the x axis soon after the last curve has left the panel, which would be empty beyond."""
    (begin, end), bottom = axes.get_xlim(), axes.get_ylim()[0]
    last = begin
    for line in axes.get_lines():
        x, y = (np.asarray(part, np.float64) for part in line.get_data())
        last = max(last, float(x[y >= bottom].max(initial=begin)))
    axes.set_xlim(begin, min(end, last + 0.1 * (last - begin)))


def _heights(curves: Iterable[NewSweep]) -> tuple[float, float]:
    """Return limits of MAP@5 that show what thresholds win; where nearly all is unknown, curves leave."""
    values = [curve.map_at_5 for curve in curves]
    start, top = min(one[0] for one in values), max(one.max() for one in values)
    room = max(top - start, _LEAST)
    # Below the gain stands half of it, so that the fall beyond the best threshold is seen to begin.
    return max(start - 0.5 * room, -0.02), min(top + 0.12 * room, 1.02)


def _counts(curves: Iterable[NewSweep]) -> str:
    """Return how many items are of known classes and of the unknown one, for the legend."""
    counts = dict.fromkeys((curve.n_known, curve.n_new) for curve in curves)
    return "MAP@5 of " + ",\n".join(f"{known:,} known + {new:,} unknown items" for known, new in counts)
