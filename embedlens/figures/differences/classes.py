"""R@1 of the classes that gained and lost most between two sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.errors import InputError
from embedlens.figures.layout.dumbbells import draw_rows, figure_of_rows, rows_of_changes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes

    from embedlens.analysis.differences.classes import ClassChanges
    from embedlens.figures.layout.canvas import Figure
    from embedlens.figures.layout.dumbbells import Rows

MOST = 8
"""Classes that are drawn at either end by default."""
_X_LABEL = "R@1 of the class"


def plot(
    result: ClassChanges,
    ax: Axes | None = None,
    *,
    most: int = MOST,
    class_names: Mapping[int, str] | None = None,
) -> Axes:
    """Draw R@1 of a class on both sides as two dots, the classes that gained most above those that lost most.

    Parameters
    ----------
    result
        R@1 by class.
    ax
        Axes to draw on; new ones by default.
    most
        Number of classes at either end.
    class_names
        Label -> name.

    Returns
    -------
    Axes
        The axes; a hollow dot is the first side, n the number of anchors of the class.

    Raises
    ------
    InputError
        No class gained or lost.
    """
    return draw_rows(_rows(result, most, class_names or {}), ax, x_label=_X_LABEL)


def figure(
    result: ClassChanges,
    *,
    most: int = MOST,
    class_names: Mapping[int, str] | None = None,
    venue: str = "cvpr",
    width: str = "column",
    title: str = "",
) -> Figure:
    """Draw the classes that gained and lost most at their size in print, the names of the sides below.

    Parameters
    ----------
    result
        R@1 by class.
    most
        Number of classes at either end.
    class_names
        Label -> name.
    venue, width
        Where the figure is to be printed, see `embedlens.figures.style`.
    title
        Heading of the figure.

    Raises
    ------
    InputError
        No class gained or lost.
    """
    rows = _rows(result, most, class_names or {})
    return figure_of_rows(rows, result.names, x_label=_X_LABEL, venue=venue, width=width, title=title)


def _rows(result: ClassChanges, most: int, class_names: Mapping[int, str]) -> list[Rows]:
    """Return the classes that gained most, and those that lost most."""

    def named(place: int) -> str:
        label = int(result.label[place])
        return class_names.get(label, str(label))

    counts = result.summary()
    totals = {verb: counts[f"n_{verb}"] for verb in ("gained", "lost")}
    groups = rows_of_changes(result, most, totals, named=named)
    if not groups:
        message = "no class gained or lost; there is nothing to draw"
        raise InputError(message)
    return groups
