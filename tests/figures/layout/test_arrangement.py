"""Rows and columns of panels: figures fill their width wherever a page is high enough."""

from __future__ import annotations

import pytest

from embedlens.figures.layout.arrangement import arrange, height_of

WIDTH, HEIGHT = 6.875, 9.0


@pytest.mark.parametrize(
    ("runs", "splits", "shape"),
    [(1, 3, (1, 3)), (2, 1, (1, 2)), (2, 2, (2, 2)), (2, 3, (2, 3)), (3, 3, (3, 3))],
)
def test_panels_fill_the_width_of_a_page(runs, splits, shape):
    panels = [(f"run{run}", f"split{split}") for split in range(splits) for run in range(runs)]
    places = arrange(panels, WIDTH, HEIGHT)
    assert len(set(places)) == len(panels)
    assert tuple(1 + max(numbers) for numbers in zip(*places, strict=True)) == shape
    assert height_of(*shape, WIDTH) <= HEIGHT


def test_more_splits_than_fit_side_by_side_stay_below_one_another():
    panels = [(f"run{run}", f"split{split}") for split in range(5) for run in range(2)]
    assert arrange(panels, WIDTH, HEIGHT) == [(split, run) for split in range(5) for run in range(2)]
