"""Rows and columns of square panels by run and split."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_MAX_COLUMNS = 4
_MARGIN, _GAP = 0.57, 0.2  # inches: labels, between panels


def arrange(panels: Sequence[tuple[str, str]], width: float, height: float) -> list[tuple[int, int]]:
    """Return the row and column of each panel.

    Columns are runs and rows are splits; more than four runs stand in rows about equally full. If that is
    higher than the page, columns are splits and rows are runs, since panels would have to be narrower.

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
        columns = columns_of(len(panels))
        return [divmod(number, columns) for number in range(len(panels))]
    places = _by_split(panels, splits, columns_of(len(runs)))
    rows, columns = (1 + max(numbers) for numbers in zip(*places, strict=True))
    if height_of(rows, columns, width) > height:
        places = _by_split(panels, splits, min(len(runs), _MAX_COLUMNS))
        rows, columns = (1 + max(numbers) for numbers in zip(*places, strict=True))
    if rows <= columns or len(splits) > _MAX_COLUMNS or height_of(rows, columns, width) <= height:
        return places
    return [(runs.index(run), splits.index(split)) for run, split in panels]


def columns_of(count: int, most: int = _MAX_COLUMNS) -> int:
    """Return how many panels stand side by side, so that the rows are about equally full.

    Parameters
    ----------
    count
        Number of panels.
    most
        How many may stand side by side.
    """
    return -(-count // -(-count // most))


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
    panels: Sequence[tuple[str, str]], splits: Sequence[str], columns: int
) -> list[tuple[int, int]]:
    """Return rows and columns in which every split begins a new row."""
    most = max(sum(split == own for _, own in panels) for split in splits)
    block = -(-most // columns)
    places, counts = [], dict.fromkeys(splits, 0)
    for _, split in panels:
        row, column = divmod(counts[split], columns)
        places.append((splits.index(split) * block + row, column))
        counts[split] += 1
    return places
