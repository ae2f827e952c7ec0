"""Rows and columns of square panels by run and split."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_MAX_COLUMNS = 4
_MARGIN, _GAP = 0.57, 0.2  # inches: labels, between panels


def arrange(panels: Sequence[tuple[str, str]], width: float, height: float) -> list[tuple[int, int]]:
    """Return the row and column of each panel.

    Columns are runs and rows are splits. If that is higher than the page, columns are splits and rows are
    runs, since panels would have to be narrower.

    Parameters
    ----------
    panels
        Run and split of each panel, those of a split consecutive.
    width, height
        Size of the page without heading and colour bar, inches.
    """
    runs = list(dict.fromkeys(run for run, _ in panels))
    splits = list(dict.fromkeys(split for _, split in panels))
    if len(runs) == 1:
        columns = min(len(panels), _MAX_COLUMNS)
        return [divmod(number, columns) for number in range(len(panels))]
    places = _by_split(panels, runs, splits)
    rows, columns = (1 + max(numbers) for numbers in zip(*places, strict=True))
    if rows <= columns or len(splits) > _MAX_COLUMNS or height_of(rows, columns, width) <= height:
        return places
    return [(runs.index(run), splits.index(split)) for run, split in panels]


def height_of(rows: int, columns: int, width: float) -> float:
    """Return the height in inches of rows of square panels that fill a width, without a heading.

    Parameters
    ----------
    rows, columns
        Numbers of panels.
    width
        Width of the figure without colour bar, inches.
    """
    side = (width - _MARGIN - _GAP * (columns - 1)) / columns
    return rows * side + (rows - 1) * _GAP + _MARGIN


def _by_split(
    panels: Sequence[tuple[str, str]], runs: Sequence[str], splits: Sequence[str]
) -> list[tuple[int, int]]:
    """Return rows and columns in which every split begins a new row."""
    columns = min(len(runs), _MAX_COLUMNS)
    block = -(-len(runs) // columns)
    places, counts = [], dict.fromkeys(splits, 0)
    for _, split in panels:
        row, column = divmod(counts[split], columns)
        places.append((splits.index(split) * block + row, column))
        counts[split] += 1
    return places
