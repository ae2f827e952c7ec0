from __future__ import annotations

import numpy as np
from figure_support import legend_texts
from matplotlib.colors import to_hex

from embedlens.analysis.projection.maps import Projection
from embedlens.analysis.projection.synthesis import Synthesised, SynthesisedMap
from embedlens.figures.projection.maps import Map
from embedlens.figures.projection.maps import figure as map_figure
from embedlens.figures.projection.synthesis import paler, plot

LABELS = np.arange(30) % 3


def a_map(far=4.0):
    """Thirty items, four points of each of two classes, the last of which lies far out."""
    random = np.random.default_rng(0)
    items = Projection(np.arange(30), random.normal(size=(30, 2)), 1.0, 0, 10)
    drawn = Synthesised(
        np.zeros((8, 5)), np.repeat([0, 2], 4), np.arange(8), np.array([0, 2]), np.zeros((2, 5))
    )
    at = random.normal(size=(8, 2))
    at[-1] = far
    return SynthesisedMap(items, drawn, at, random.normal(size=(2, 2)))


def collections(axes):
    return {part.get_gid(): part for part in axes.collections}


def test_points_are_rings_in_the_colour_of_their_class_and_means_crosses():
    result = a_map()
    drawn = collections(plot(result, colors={0: "#ff0000"}))
    rings = drawn["synthesised"]
    np.testing.assert_array_equal(rings.get_offsets(), result.drawn_at)
    assert [to_hex(color) for color in rings.get_edgecolors()] == ["#ff0000"] * 4 + ["#808080"] * 4
    assert rings.get_facecolors().size == 0
    np.testing.assert_array_equal(drawn["class means"].get_offsets(), result.centres_at)


def test_a_figure_has_items_in_paler_tones_room_for_all_points_and_a_legend_of_each():
    result = a_map()
    figure = map_figure([Map("", result.items, LABELS, synthesised=result)], names={0: "zero"})
    (axes,) = figure.axes
    drawn = collections(axes)
    assert axes.get_xlim()[1] > 4 < axes.get_ylim()[1]
    colors = {
        label: to_hex(handle.get_color()) for label, handle in enumerate(figure.legends[0].legend_handles[:3])
    }
    tints = {to_hex(color) for color in drawn["dots"].get_facecolors()}
    assert tints == set(paler(colors).values())
    assert not tints & set(colors.values())
    assert {to_hex(color) for color in drawn["synthesised"].get_edgecolors()} == {colors[0], colors[2]}
    texts = legend_texts(figure.legends[0])
    assert texts == ["zero", "1", "2", "item", "synthesised, 4 per class", "class mean"]
    assert next(text for text in axes.texts if text.get_gid() == "n").get_text() == "n = 30, 8 synthesised"
