"""Legends that fit the width of a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embedlens.figures.placing.text import shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure
    from matplotlib.legend import Legend


def legend_below(figure: Figure, handles: Sequence[Any], labels: Sequence[str]) -> float:
    """Put a legend below all axes, in as many columns as fit; return its height in inches.

    Parameters
    ----------
    figure
        The figure, of its final width.
    handles, labels
        What the legend shows; the middle is left out of labels that are too long even for one column.
    """

    def put(columns: int, texts: Sequence[str]) -> Legend:
        return figure.legend(
            handles, texts, ncols=columns, loc="outside lower center", columnspacing=1.4, borderpad=0.1,
            handlelength=1.8,
        )  # fmt: skip

    room = max(len(label) for label in labels)
    for columns in range(min(len(labels), 4), 0, -1):
        legend = put(columns, labels)
        while columns == 1 and room > 8 and legend.get_window_extent().width > figure.bbox.width:
            legend.remove()
            room -= 2
            legend = put(1, [shorten(label, room) for label in labels])
        if legend.get_window_extent().width <= figure.bbox.width:
            break
        if columns > 1:
            legend.remove()
    return float(legend.get_window_extent().height / figure.dpi) + 0.05
