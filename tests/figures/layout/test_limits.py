"""Limits by option, and the inset where most of a panel is empty."""

from __future__ import annotations

import numpy as np
import pytest

from embedlens.analysis.triplets.nearest import nearest_triplets
from embedlens.errors import InputError
from embedlens.figures import style
from embedlens.figures.layout.limits import choose_limits
from embedlens.figures.triplets import panels


def _grid(spread, **options):
    rng = np.random.default_rng(0)
    z = np.r_[np.ones(6), np.zeros(2)] + spread * rng.normal(size=(60, 8))
    shown = nearest_triplets(z, np.arange(60) % 6)
    with style.paper("cvpr"):
        figure = panels.figure(
            [panels.ScatterPanel("a", "test", 0, shown)], width="column", inset=True, **options
        )
        figure.draw_without_rendering()
    return shown, figure


def test_a_mostly_empty_panel_has_an_inset_that_holds_every_dot_and_covers_none():
    shown, figure = _grid(0.05)
    (axes,) = figure.axes
    (inset,) = axes.child_axes
    (low, high), (bottom, top) = inset.get_xlim(), inset.get_ylim()
    assert ((shown.s_ap >= low) & (shown.s_ap <= high) & (shown.s_an >= bottom) & (shown.s_an <= top)).all()
    box = inset.get_window_extent()
    for x, y in axes.transData.transform(np.column_stack([shown.s_ap, shown.s_an])):
        assert not box.contains(x, y)
    (numbers,) = [text for text in axes.texts if text.get_gid() == "numbers"]
    assert not box.overlaps(numbers.get_window_extent())


def test_a_full_panel_has_none():
    assert not _grid(1.0)[1].axes[0].child_axes


def test_limits_by_option():
    dots = [np.array([0.5, 0.9]), np.array([0.42, 0.7])]
    assert choose_limits("full", dots) is None
    assert choose_limits("0.3,0.9", dots) == (0.3, 0.9)
    low, high = choose_limits("data", dots)
    assert 0.38 < low < 0.42
    assert 0.9 < high < 0.94


@pytest.mark.parametrize("word", ["", "all", "1", "1,0", "0,2", "nan,1", "0,1,2"])
def test_other_limits_are_refused(word):
    with pytest.raises(InputError, match="choose data, full, or LO,HI"):
        choose_limits(word, [np.zeros(1)])
