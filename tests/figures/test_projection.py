"""Artists of maps."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex

from embedlens.analysis.projection import Projection
from embedlens.errors import InputError
from embedlens.figures.projection import GREY, Map, class_colors, compare, limits_of, plot
from embedlens.figures.style import paper


def a_map(n=60, of=None, seed=0):
    random = np.random.default_rng(seed)
    item = np.sort(random.permutation(of or n)[:n])
    return Projection(item, random.normal(size=(n, 2)) * [3, 2], 1.5, 0, 750)


def collection(axes, gid):
    return next((part for part in axes.collections if part.get_gid() == gid), None)


def test_every_item_is_a_dot_in_the_colour_of_its_class():
    result, labels = a_map(), np.arange(60) % 5
    axes = plot(result, labels=labels)
    dots = collection(axes, "dots")
    colors = class_colors(labels)
    drawn = {
        (*map(float, offset), to_hex(color))
        for offset, color in zip(dots.get_offsets(), dots.get_facecolors(), strict=True)
    }
    expected = {
        (*map(float, point), colors[int(label)])
        for point, label in zip(result.coordinates, labels, strict=True)
    }
    assert {(x, y) for x, y, _ in drawn} == {(x, y) for x, y, _ in expected}
    assert {(x, color[:7]) for x, _, color in drawn} == {(x, color) for x, _, color in expected}
    assert collection(axes, "others") is None


def test_of_many_classes_the_largest_are_coloured_and_the_rest_grey():
    labels = np.concatenate([np.arange(20), np.arange(3, 8)])
    colors = class_colors(labels)
    assert set(colors) == {3, 4, 5, 6, 7, 0, 1, 2}
    assert len(set(colors.values())) == 8
    assert set(class_colors(labels, [11, 2])) == {11, 2}
    assert len(class_colors(np.arange(10))) == 10
    axes = plot(a_map(25), labels=labels)
    others = collection(axes, "others")
    assert len(others.get_offsets()) == 12
    assert to_hex(others.get_facecolors()[0]) == to_hex(GREY)
    with pytest.raises(InputError, match="unknown class to highlight '99'"):
        class_colors(labels, [99])


def test_a_sample_says_of_how_many():
    result = a_map(30, of=90)
    axes = plot(result, labels=np.arange(90) % 3)
    assert next(text for text in axes.texts if text.get_gid() == "n").get_text() == "n = 30 of 90"
    whole = plot(a_map(30), labels=np.arange(30) % 3)
    assert next(text for text in whole.texts if text.get_gid() == "n").get_text() == "n = 30"


@pytest.mark.parametrize("shape", [(8, 6), (8, 6, 3)])
def test_thumbnails_do_not_overlap_and_wear_their_class(shape):
    result, labels = a_map(200), np.arange(200) % 4
    pictures = np.full((200, *shape), 7, np.uint8)
    figure = compare([Map("", result, labels, pictures)], width="full")
    (axes,) = figure.axes
    drawn = [image for image in axes.images if image.get_gid() == "picture"]
    assert 20 < len(drawn) < 200
    boxes = np.array([image.get_extent() for image in drawn])
    apart = (boxes[:, None, 0] >= boxes[None, :, 1]) | (boxes[:, None, 2] >= boxes[None, :, 3])
    apart |= apart.T
    np.fill_diagonal(apart, val=True)
    assert apart.all()
    borders = {tuple(int(value) for value in image.get_array()[0, 0]) for image in drawn}
    assert len(borders) == 4
    inside = drawn[0].get_array()[2:-2, 2:-2]
    assert (inside == 7).all()
    note = next(text for text in axes.texts if text.get_gid() == "n").get_text()
    assert note == f"n = 200, {len(drawn)} pictured"
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["0", "1", "2", "3"]
    tints = {to_hex(color) for color in collection(axes, "dots").get_facecolors()}
    assert len(tints) == 4
    assert not tints & {to_hex(np.array(border) / 255) for border in borders}


def test_thumbnails_of_many_classes_have_grey_dots_and_no_legend():
    result, labels = a_map(200), np.arange(200) % 40
    figure = compare([Map("", result, labels, np.full((200, 8, 8), 7, np.uint8))], width="full")
    (axes,) = figure.axes
    assert not figure.legends
    assert len(np.unique(collection(axes, "others").get_facecolors(), axis=0)) == 1
    assert collection(axes, "others").get_offsets().shape == (200, 2)


def test_smaller_thumbnails_hide_fewer():
    result, labels = a_map(300), np.arange(300) % 4
    pictures = np.full((300, 8, 8), 7, np.uint8)
    large, small = (
        compare([Map("", result, labels, pictures, size)], width="full").axes[0] for size in (0.2, 0.1)
    )
    assert len(small.images) > 1.3 * len(large.images)
    sides = [np.diff(axes.images[0].get_extent()[:2])[0] for axes in (large, small)]
    assert sides[0] == pytest.approx(2 * sides[1])


def test_thumbnails_of_ten_classes_wear_the_colours_of_dots():
    labels = np.arange(40) % 10
    axes = plot(a_map(40), labels=labels, thumbnails=np.zeros((40, 8, 8), np.uint8), thumbnail_size=0.01)
    borders = {to_hex(image.get_array()[0, 0] / 255) for image in axes.images}
    assert borders == set(class_colors(labels).values())


def test_maps_side_by_side_share_colours_and_have_the_venue_s_width():
    labels = np.arange(60) % 12
    maps = [Map(name, a_map(seed=seed), labels) for seed, name in enumerate(("one", "two"))]
    with paper("neurips"):
        figure = compare(
            maps, venue="neurips", width="full", title="test", names={3: "three"}, highlight=[3, 5]
        )
    assert figure.get_size_inches()[0] == 5.5
    first, second = (collection(axes, "dots") for axes in figure.axes)
    assert {to_hex(color) for color in first.get_facecolors()} == {
        to_hex(color) for color in second.get_facecolors()
    }
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["three", "5", "10 others"]
    assert [axes.get_title("left") or axes.get_title() for axes in figure.axes] == ["one", "two"]


def test_limits_hold_every_map_and_are_shared_by_frames():
    maps = [a_map(seed=seed) for seed in range(3)]
    limits = limits_of(maps)
    for one in maps:
        for axis in (0, 1):
            assert limits[axis][0] < one.coordinates[:, axis].min()
            assert limits[axis][1] > one.coordinates[:, axis].max()
    figure = compare([Map("", maps[0], np.zeros(60, np.int64))], limits=limits)
    assert figure.axes[0].get_xlim() == limits[0]
    assert figure.axes[0].get_ylim() == limits[1]
    assert figure.axes[0].get_aspect() == 1


def test_a_flat_map_keeps_some_height():
    flat = Projection(np.arange(3), np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]]), 0.1, 0, 1)
    (x0, x1), (y0, y1) = limits_of([flat])
    assert (y1 - y0) / (x1 - x0) > 0.6


def test_many_dots_are_rasterised():
    assert collection(plot(a_map(5001)), "dots").get_rasterized()
    assert not collection(plot(a_map(100)), "dots").get_rasterized()
