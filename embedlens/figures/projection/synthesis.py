"""t-SNE maps of items, synthesised points and class means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.colors import to_hex, to_rgb
from matplotlib.lines import Line2D

from embedlens.figures.layout.canvas import Figure
from embedlens.figures.style import RASTERISE_ABOVE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes

    from embedlens.analysis.projection.synthesis import SynthesisedMap

_UNKNOWN = "0.5"
_PALE = 0.45
_INK = "0"
_AREA = 10.0  # points squared
_RING = 0.6  # points
_CROSS = 4.0  # points
_ITEM = 3.0  # points


def plot(result: SynthesisedMap, ax: Axes | None = None, *, colors: Mapping[int, str] | None = None) -> Axes:
    """Draw synthesised points as rings and class means as crosses; rings have the colours of their classes.

    The items themselves are drawn by `embedlens.figures.projection.plot`, on the same axes.

    Parameters
    ----------
    result
        The map of items, synthesised points and class means.
    ax
        Axes to draw on; new ones by default.
    colors
        Label -> colour; other classes are grey.

    Returns
    -------
    Axes
        The axes.
    """
    axes = (
        Figure(figsize=(3.25, 3.25), layout="constrained").add_subplot(aspect="equal") if ax is None else ax
    )
    known = colors or {}
    tints = [known.get(label, _UNKNOWN) for label in result.drawn.label.tolist()]
    x, y = result.drawn_at.T
    axes.scatter(
        x, y, s=_AREA, facecolors="none", edgecolors=tints, linewidths=_RING, gid="synthesised", zorder=4,
        rasterized=len(tints) > RASTERISE_ABOVE,
    )  # fmt: skip
    x, y = result.centres_at.T
    axes.scatter(x, y, s=_CROSS**2, c="white", marker="+", linewidths=1.6, gid="rim", zorder=5)
    axes.scatter(x, y, s=_CROSS**2, c="black", marker="+", linewidths=0.8, gid="class means", zorder=6)
    return axes


def paler(colors: Mapping[int, str]) -> dict[int, str]:
    """Return the colours of the items' dots, between those of the rings and white."""
    found = {}
    for label, color in colors.items():
        red, green, blue = (1 - _PALE * (1 - part) for part in to_rgb(color))
        found[label] = to_hex((red, green, blue))
    return found


def handles(result: SynthesisedMap) -> list[Line2D]:
    """Return the entries of a legend: items, rings and crosses."""
    style: dict[str, Any] = {"linestyle": "none", "color": _INK}
    per_class = result.drawn.label.size // result.drawn.classes.size
    pale = paler({0: _UNKNOWN})[0]
    return [
        Line2D([], [], marker="o", markersize=_ITEM, linestyle="none", color=pale, label="item"),
        Line2D(
            [], [], marker="o", markerfacecolor="none", markersize=_AREA**0.5, markeredgewidth=_RING,
            label=f"synthesised, {per_class:,} per class", **style,
        ),
        Line2D([], [], marker="+", markersize=_CROSS, markeredgewidth=0.8, label="class mean", **style),
    ]  # fmt: skip
