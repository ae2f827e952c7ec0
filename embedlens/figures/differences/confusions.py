"""Confusions of two classes that increased and decreased most between two sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedlens.errors import InputError
from embedlens.figures.layout.dumbbells import draw_rows, figure_of_rows, rows_of_changes
from embedlens.figures.layout.text import shorten

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes

    from embedlens.analysis.differences.confusions import Confusions
    from embedlens.figures.layout.canvas import Figure
    from embedlens.figures.layout.dumbbells import Rows

MOST = 8
"""Confusions that are drawn at either end by default."""
_X_LABEL = "number of anchors"
_LETTERS = 12  # of the name of a class


def plot(
    result: Confusions,
    ax: Axes | None = None,
    *,
    most: int = MOST,
    class_names: Mapping[int, str] | None = None,
) -> Axes:
    """Draw the number of anchors of a confusion on both sides as two dots, the largest increase first.

    Parameters
    ----------
    result
        Confusions.
    ax
        Axes to draw on; new ones by default.
    most
        Number of confusions at either end.
    class_names
        Label -> name.

    Returns
    -------
    Axes
        The axes; a hollow dot is the first side, n the number of anchors of the class before the arrow.

    Raises
    ------
    InputError
        No confusion increased or decreased.
    """
    return draw_rows(_rows(result, most, class_names or {}), ax, x_label=_X_LABEL)


def figure(
    result: Confusions,
    *,
    most: int = MOST,
    class_names: Mapping[int, str] | None = None,
    venue: str = "cvpr",
    width: str = "column",
    title: str = "",
) -> Figure:
    """Draw the confusions that increased and decreased most at their size in print.

    Parameters
    ----------
    result
        Confusions.
    most
        Number of confusions at either end.
    class_names
        Label -> name.
    venue, width
        Where the figure is to be printed, see `embedlens.figures.style`.
    title
        Heading of the figure.

    Raises
    ------
    InputError
        No confusion increased or decreased.
    """
    rows = _rows(result, most, class_names or {})
    return figure_of_rows(rows, result.names, x_label=_X_LABEL, venue=venue, width=width, title=title)


def _rows(result: Confusions, most: int, class_names: Mapping[int, str]) -> list[Rows]:
    """Return the confusions that increased most, and those that decreased most."""

    def named(place: int) -> str:
        both = int(result.label[place]), int(result.nearest_label[place])
        return " → ".join(shorten(class_names.get(label, str(label)), _LETTERS) for label in both)

    totals = {"increased": int(np.sum(result.change > 0)), "decreased": int(np.sum(result.change < 0))}
    groups = rows_of_changes(result, most, totals, named=named)
    if not groups:
        message = "no confusion increased or decreased; there is nothing to draw"
        raise InputError(message)
    return groups
