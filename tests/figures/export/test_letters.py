"""Text that is put together of remembered letters is the text of matplotlib's agg, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties

from embedlens.figures.export import letters
from embedlens.figures.export.letters import QuickRenderer

SIZE = (500, 40, 160.0)
LINES = [
    "R@1 67.3%, above diagonal 32.7%, top right 4.1%",
    "right boundary 9.0%, n = 60,502 (1,234 singletons)",
    "a run_0-1.2 AVATAR To fi, epoch 17",
    "1",
    "71 11 74 47 ",
    "no digits",
    "Zürich 2, epoch 3",
    "два 1",
]


def drawn(renderer, line, *, at=(3.3, 25.7), size=6.5, color="black", angle=0.0, family="DejaVu Sans"):
    """The renderer's picture of a line of text over a picture with noise, and the size of the line."""
    prop = FontProperties(family=[family], size=size)
    picture = np.asarray(renderer.buffer_rgba())
    picture[:] = np.random.default_rng(0).integers(0, 256, picture.shape, np.uint8)
    picture[..., 3] = 255
    gc = renderer.new_gc()
    gc.set_foreground(color)
    gc.set_alpha(0.8)
    renderer.draw_text(gc, *at, line, prop, angle)
    return picture.copy(), renderer.get_text_width_height_descent(line, prop, False)


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("options", [{}, {"size": 9, "color": "#D55E00", "family": "STIXGeneral"}])
def test_lines_are_agg_s(line, options):
    quick, agg = QuickRenderer(*SIZE), RendererAgg(*SIZE)
    before = drawn(agg, "")[0]
    for at in ((3.3, 25.7), (-4.6, 20.0), (470.51, 39.2)):
        ours, expected = (drawn(one, line, at=at, **options) for one in (quick, agg))
        np.testing.assert_array_equal(ours[0], expected[0])
        assert ours[1] == expected[1]
        assert (expected[0] != before).any()


def test_text_at_an_angle_and_mathematics_are_agg_s():
    quick, agg = QuickRenderer(*SIZE), RendererAgg(*SIZE)
    np.testing.assert_array_equal(drawn(quick, "n = 3", angle=30.0)[0], drawn(agg, "n = 3", angle=30.0)[0])
    prop = FontProperties(size=7)
    for one in (quick, agg):
        one.draw_text(one.new_gc(), 5, 30, "$S_{ap}$", prop, 0.0, ismath=True)
    np.testing.assert_array_equal(quick.buffer_rgba(), agg.buffer_rgba())


@pytest.mark.skipif(not letters._AVAILABLE, reason="this matplotlib places no single letters")
def test_what_is_remembered_does_not_grow_with_the_numbers():
    renderer = QuickRenderer(*SIZE)
    drawn(renderer, "R@1 12.3%, n = 4,567")
    drawn(renderer, "R@1 98.0%, n = 0,000")
    kept = len(renderer._lines), len(renderer._pictures), len(renderer._sizes)
    assert kept[0] == 1
    for number in range(100, 999):
        drawn(renderer, f"R@1 {number / 10:.1f}%, n = 4,{number}")
    assert (len(renderer._lines), len(renderer._pictures), len(renderer._sizes)) == kept


def test_a_font_whose_digits_differ_in_width_is_left_to_agg():
    class Narrow(QuickRenderer):
        def _placed(self, s, prop):
            """Place letters as a font with a narrow 1 would."""
            placed = super()._placed(s, prop)
            ones = np.cumsum([letter == "1" for letter in s])
            return [(*part[:2], part[2] - one, part[3]) for part, one in zip(placed, ones, strict=True)]

    agg, narrow = RendererAgg(*SIZE), Narrow(*SIZE)
    np.testing.assert_array_equal(drawn(narrow, "n = 31")[0], drawn(agg, "n = 31")[0])
    assert not narrow._lines


def test_without_places_of_letters_text_is_left_to_agg(monkeypatch):
    monkeypatch.setattr(letters, "_AVAILABLE", False)
    quick, agg = QuickRenderer(*SIZE), RendererAgg(*SIZE)
    ours, expected = drawn(quick, LINES[0]), drawn(agg, LINES[0])
    np.testing.assert_array_equal(ours[0], expected[0])
    assert ours[1] == expected[1]
