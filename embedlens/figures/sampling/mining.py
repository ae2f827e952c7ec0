"""Distances of the negatives that mining strategies select, and fractions of active triplets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.ticker import MaxNLocator, MultipleLocator

from embedlens.figures.layout.text import small_size
from embedlens.figures.sampling.theory import distance_axis, mark_orthogonal, new_axes
from embedlens.figures.style import LineStyle, line_styles

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from matplotlib.axes import Axes

    from embedlens.analysis.sampling.mining import NonzeroFraction, SelectedNegatives

SELECTED_BINS = 50
RANGES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Quantiles of the distances that are drawn where there are several runs."""

_AN_ANCHOR: Any = (0, (2.2, 1.2))
_MARKED_UP_TO = 25  # epochs; longer lines get no markers


def strategy_styles(names: Iterable[str]) -> dict[str, LineStyle]:
    """Return colour and dashes of each strategy.

    Strategies that choose one triplet per anchor are dashed: their distances are often those of one that
    chooses a triplet for each positive pair, which would lie beneath.

    Parameters
    ----------
    names
        Names of strategies.
    """
    return {
        name: replace(style, dashes=_AN_ANCHOR) if name in ("semi-hard-range", "easy-positive") else style
        for name, style in line_styles(names).items()
    }


def plot(
    result: Mapping[str, Sequence[SelectedNegatives]], ax: Axes | None = None, *, note: str = ""
) -> Axes:
    """Draw the distances of anchor and negative that strategies select.

    Of one run a histogram for each strategy. Of several, for each strategy the median, the quartiles (thick)
    and the 5th and 95th percentile (thin) of each run.

    Parameters
    ----------
    result
        Name of the run -> its selections, one for each strategy.
    ax
        Axes to draw on; new ones by default.
    note
        What was mined, written in a corner beside histograms.

    Returns
    -------
    Axes
        The axes.
    """
    axes = new_axes() if ax is None else ax
    distance_axis(axes)
    mark_orthogonal(axes)
    if len(result) == 1:
        (negatives,) = result.values()
        _draw_histograms(axes, negatives, note)
    else:
        _draw_ranges(axes, result)
    return axes


def plot_nonzero(result: Mapping[str, Sequence[NonzeroFraction]], ax: Axes | None = None) -> Axes:
    """Draw the fraction of active triplets (non-zero loss) over training.

    Of one run a line for each strategy; of several a line for each run, of their first strategy.

    Parameters
    ----------
    result
        Name of the run -> its fractions, one for each strategy.
    ax
        Axes to draw on; new ones by default.

    Returns
    -------
    Axes
        The axes.
    """
    axes = new_axes() if ax is None else ax
    alone = [part for fractions in result.values() for part in fractions] if len(result) == 1 else []
    lines = {part.mining: part for part in alone} or {run: fractions[0] for run, fractions in result.items()}
    styles = strategy_styles(lines) if alone else line_styles(lines)
    for name, part in lines.items():
        style, there = styles[name], ~np.isnan(part.fraction)
        lonely = there & ~np.r_[False, there[:-1]] & ~np.r_[there[1:], False]  # no line would show them
        marked = np.flatnonzero(there if part.epoch.size <= _MARKED_UP_TO else lonely).tolist()
        # Where nothing is selected the line is broken, and the axis goes on.
        axes.update_datalim(np.column_stack([part.x, np.zeros(part.x.size)]), updatey=False)
        axes.plot(
            part.x, part.fraction, color=style.color, linestyle=style.dashes, linewidth=1.1,
            marker="o", markevery=marked, markersize=2.5, markeredgewidth=0, clip_on=False, zorder=3,
            label=name, gid=f"nonzero {name}",
        )  # fmt: skip
    if len(result) > 1:
        mining = next(iter(lines.values())).mining
        axes.text(
            0.97, 0.96, f"{mining} mining", transform=axes.transAxes, ha="right", va="top", zorder=5,
            fontsize=small_size(), gid="mining",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1},
        )  # fmt: skip
    steps = all(part.step is not None for part in lines.values())
    axes.set(xlabel="step" if steps else "epoch", ylabel="fraction of triplets", ylim=(0, 1.03))
    axes.yaxis.set_major_locator(MultipleLocator(0.25))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True, steps=[1, 2, 5, 10]))
    axes.grid(axis="y", color="0.9", linewidth=0.5)
    _label_one_epoch(axes, list(lines.values()))
    return axes


def _label_one_epoch(axes: Axes, fractions: Sequence[NonzeroFraction]) -> None:
    """Say so where there is a single epoch, which is no line."""
    epochs = sorted({int(place) for part in fractions for place in part.x})
    if len(epochs) > 1:
        return
    axes.set_xlim(epochs[0] - 1, epochs[0] + 1)
    axes.set_xticks(epochs)
    axes.text(
        0.97, 0.5, "one epoch\nrecorded", transform=axes.transAxes, ha="right", va="center",
        fontsize=small_size(), gid="alone",
    )  # fmt: skip


def _draw_histograms(axes: Axes, result: Sequence[SelectedNegatives], note: str) -> None:
    """Draw the outline of each strategy's histogram, and the note in the upper corner that is freer."""
    styles, top, sides = strategy_styles(negatives.mining for negatives in result), 0.0, [0.0, 0.0]
    for negatives in result:
        shown, style = negatives.distances.merged(SELECTED_BINS), styles[negatives.mining]
        axes.stairs(
            shown.density, shown.edges, color=style.color, linestyle=style.dashes, linewidth=1.1,
            label=f"{negatives.mining}, n = {negatives.n:,}", gid=f"picked {negatives.mining}",
        )  # fmt: skip
        top = max(top, float(shown.density.max()))
        fifth = SELECTED_BINS // 5
        for number, part in enumerate((shown.density[: 2 * fifth], shown.density[-2 * fifth :])):
            sides[number] = max(sides[number], float(part.max()))
    axes.set(ylabel="density", ylim=(0, 1.15 * top or 1.0))
    at_left = sides[0] <= sides[1]
    axes.text(
        0.03 if at_left else 0.97, 0.97, note, transform=axes.transAxes, ha="left" if at_left else "right",
        va="top", fontsize=small_size(), linespacing=1.2, gid="note",
    )  # fmt: skip


def _draw_ranges(axes: Axes, result: Mapping[str, Sequence[SelectedNegatives]]) -> None:
    """Draw for each strategy, from the top, a row with the range of each run."""
    styles = line_styles(result)
    step = 0.7 / len(result)  # of the distance of two rows: 0.3 stays free between strategies
    for place, (run, strategies) in enumerate(result.items()):
        for row, negatives in enumerate(strategies):
            if not negatives.n:
                continue
            y = row + (place - (len(result) - 1) / 2) * step
            low, first, middle, third, high = map(negatives.distances.quantile, RANGES)
            color, name = styles[run].color, f"{run} {negatives.mining}"
            axes.plot([low, high], [y, y], color=color, linewidth=0.7, gid=f"range {name}")
            axes.plot(
                [first, third], [y, y], color=color, linewidth=2.2, solid_capstyle="butt",
                gid=f"quartiles {name}",
            )  # fmt: skip
            axes.plot(
                [middle], [y], color="white", marker="o", markersize=2, markeredgecolor=color,
                markeredgewidth=0.6, gid=f"median {name}",
            )  # fmt: skip
    names = [negatives.mining for negatives in next(iter(result.values()))]
    axes.set_yticks(range(len(names)), [name.replace("-", "-\n", 1) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0, labelsize=small_size())
