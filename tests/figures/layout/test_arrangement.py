"""Rows and columns of panels: figures fill their width wherever a page is high enough."""

from __future__ import annotations

import pytest

from embedlens.figures.layout.arrangement import arrange, height_of

WIDTH, HEIGHT = 6.875, 9.0


@pytest.mark.parametrize(
    ("runs", "splits", "shape"),
    [
        (1, 3, (1, 3)),
        (2, 1, (1, 2)),
        (2, 2, (2, 2)),
        (2, 3, (2, 3)),
        (3, 3, (3, 3)),
        (4, 1, (1, 4)),
        (5, 1, (2, 3)),
        (6, 1, (2, 3)),
        (7, 1, (2, 4)),
        (9, 1, (3, 3)),
        (1, 5, (2, 3)),
        (5, 2, (4, 4)),
    ],
)
def test_panels_fill_the_width_of_a_page(runs, splits, shape):
    panels = [(f"run{run}", f"split{split}") for split in range(splits) for run in range(runs)]
    places = arrange(panels, WIDTH, HEIGHT)
    assert len(set(places)) == len(panels)
    assert tuple(1 + max(numbers) for numbers in zip(*places, strict=True)) == shape
    assert height_of(*shape, WIDTH) <= HEIGHT


def test_rows_are_about_equally_full_where_a_page_is_high_enough():
    panels = [(f"run{run}", f"split{split}") for split in range(2) for run in range(5)]
    rows = [row for row, _ in arrange(panels, WIDTH, HEIGHT + 0.1)]
    assert [rows.count(row) for row in range(4)] == [3, 2, 3, 2]
    rows = [row for row, _ in arrange(panels, WIDTH, HEIGHT)]
    assert [rows.count(row) for row in range(4)] == [4, 1, 4, 1]


def test_more_splits_than_fit_side_by_side_stay_below_one_another():
    panels = [(f"run{run}", f"split{split}") for split in range(5) for run in range(2)]
    assert arrange(panels, WIDTH, HEIGHT) == [(split, run) for split in range(5) for run in range(2)]
