"""Artists of maps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from figure_support import legend_texts
from matplotlib.colors import to_hex

from embedlens.analysis.projection.maps import Projection
from embedlens.errors import InputError
from embedlens.figures.projection.maps import GREY, Map, limits_of, plot
from embedlens.figures.projection.maps import figure as map_figure
from embedlens.figures.style import CLASS_COLORS, class_colors, paper


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


def rgb(color):
    return np.array([int(to_hex(color)[at : at + 2], 16) for at in (1, 3, 5)])


@pytest.mark.parametrize("classes", [2, 8, 9, 10, 30])
def test_no_class_is_grey_or_black_nor_has_the_colour_of_another(classes):
    colors = class_colors(np.arange(classes))
    assert len(set(colors.values())) == len(colors) == (classes if classes <= 10 else 8)
    tints = np.array([rgb(color) for color in colors.values()])
    assert (np.ptp(tints, axis=1) > 80).all()
    gaps = np.linalg.norm(tints[:, None] - tints[None], axis=2)
    assert gaps[~np.eye(len(tints), dtype=bool)].min() > 60


def test_a_class_keeps_its_colour_when_it_is_highlighted():
    for classes in (6, 10):
        usual = class_colors(np.arange(classes))
        for chosen in ([classes - 1], [4, 1], list(range(classes))):
            assert class_colors(np.arange(classes), chosen) == {label: usual[label] for label in chosen}
    labels = np.arange(20)
    usual = class_colors(labels)
    assert class_colors(labels, [11, 3]) == {11: to_hex(CLASS_COLORS[8]), 3: usual[3]}
    ten = class_colors(labels, [12, 0, 1, 11, 13, 14, 15, 16, 17, 18])
    assert len(set(ten.values())) == 10
    assert [ten[label] for label in (0, 1)] == [usual[label] for label in (0, 1)]
    assert [ten[label] for label in (11, 12)] == [to_hex(color) for color in CLASS_COLORS[8:]]
    assert len(class_colors(labels, [*range(10), 0])) == 10
    with pytest.raises(InputError, match="11 classes to highlight; there are 10 distinct colours"):
        class_colors(labels, range(11))


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
    figure = map_figure([Map("", result, labels, pictures)], width="full")
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
    texts = legend_texts(figure.legends[0])
    assert texts == ["0", "1", "2", "3"]
    tints = {to_hex(color) for color in collection(axes, "dots").get_facecolors()}
    assert len(tints) == 4
    assert not tints & {to_hex(np.array(border) / 255) for border in borders}


def test_thumbnails_of_many_classes_have_grey_dots_and_no_legend():
    result, labels = a_map(200), np.arange(200) % 40
    figure = map_figure([Map("", result, labels, np.full((200, 8, 8), 7, np.uint8))], width="full")
    (axes,) = figure.axes
    assert not figure.legends
    assert len(np.unique(collection(axes, "others").get_facecolors(), axis=0)) == 1
    assert collection(axes, "others").get_offsets().shape == (200, 2)


@pytest.mark.parametrize("shape", [(16, 40), (40, 16, 3), (16, 16)])
def test_thumbnails_keep_their_aspect_and_none_is_cut(shape):
    result, labels = a_map(200), np.arange(200) % 4
    with paper():
        tight = [(float(part.min()), float(part.max())) for part in result.coordinates.T]
        maps = [Map("", result, labels, np.zeros((200, *shape), np.uint8), 0.4)]
        figure = map_figure(maps, width="full", limits=tuple(tight))
        figure.draw_without_rendering()
    (axes,) = figure.axes
    (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
    frame = axes.get_window_extent()
    scale = frame.width / (x1 - x0)
    assert scale == pytest.approx(frame.height / (y1 - y0))
    moved = 0
    for image in axes.images:
        left, right, low, high = image.get_extent()
        assert x0 <= left < right <= x1
        assert y0 <= low < high <= y1
        height, width = image.get_array().shape[:2]
        edge = height - shape[0]
        assert edge == width - shape[1] > 0
        assert (high - low) / (right - left) == pytest.approx(height / width)
        assert max(high - low, right - left) * scale / figure.dpi == pytest.approx(0.4, rel=0.05)
        middle = np.array([(left + right) / 2, (low + high) / 2])
        moved += np.abs(result.coordinates - middle).max(axis=1).min() > 1e-9
    assert 0 < moved < len(axes.images) / 2
    boxes = np.array([image.get_extent() for image in axes.images])
    apart = (boxes[:, None, 0] > boxes[None, :, 1]) | (boxes[:, None, 2] > boxes[None, :, 3])
    assert (apart | apart.T | np.eye(len(boxes), dtype=bool)).all()


def test_thumbnails_outside_the_frame_or_larger_than_it_are_left_out():
    result = Projection(np.arange(3), np.array([[0.5, 0.5], [0.01, 0.2], [3.0, 0.5]]), 0.1, 0, 1)
    pictures = np.zeros((3, 8, 8), np.uint8)
    axes = plot(result, thumbnails=pictures, limits=((0, 1), (0, 1)))
    assert len(axes.images) == 2
    assert not plot(result, thumbnails=pictures, limits=((0, 1), (0, 1)), thumbnail_size=9.0).images


def test_smaller_thumbnails_hide_fewer():
    result, labels = a_map(300), np.arange(300) % 4
    pictures = np.full((300, 8, 8), 7, np.uint8)
    large, small = (
        map_figure([Map("", result, labels, pictures, size)], width="full").axes[0] for size in (0.2, 0.1)
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
        figure = map_figure(
            maps, venue="neurips", width="full", title="test", names={3: "three"}, highlight=[3, 5]
        )
    assert figure.get_size_inches()[0] == 5.5
    first, second = (collection(axes, "dots") for axes in figure.axes)
    assert {to_hex(color) for color in first.get_facecolors()} == {
        to_hex(color) for color in second.get_facecolors()
    }
    assert legend_texts(figure.legends[0]) == ["three", "5", "10 others"]
    assert [axes.get_title("left") or axes.get_title() for axes in figure.axes] == ["one", "two"]


def test_limits_hold_every_map_and_are_shared_by_frames():
    maps = [a_map(seed=seed) for seed in range(3)]
    limits = limits_of(maps)
    for one in maps:
        for axis in (0, 1):
            assert limits[axis][0] < one.coordinates[:, axis].min()
            assert limits[axis][1] > one.coordinates[:, axis].max()
    figure = map_figure([Map("", maps[0], np.zeros(60, np.int64))], limits=limits)
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


def test_maps_side_by_side_have_panels_of_one_size():
    wide, tall = a_map(40), replace(a_map(40), coordinates=a_map(40).coordinates[:, ::-1])
    maps = [Map(name, one, np.arange(40) % 4) for name, one in (("wide", wide), ("tall", tall))]
    with paper():
        figure = map_figure(maps, width="full")
        figure.draw_without_rendering()
    first, second = (axes.get_window_extent().bounds for axes in figure.axes)
    assert first[1:] == pytest.approx(second[1:], abs=1)
    for axes, one in zip(figure.axes, maps, strict=True):
        (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
        assert ((one.projection.coordinates >= [x0, y0]) & (one.projection.coordinates <= [x1, y1])).all()
        assert (x1 - x0) * first[3] == pytest.approx((y1 - y0) * first[2])  # scales stay equal


def test_long_class_names_fit_below():
    names = {label: f"{label}{'n' * 92}{label}" for label in range(4)}
    with paper():
        figure = map_figure([Map("", a_map(40), np.arange(40) % 4)], names=names)
        figure.draw_without_rendering()
        (legend,) = figure.legends
    assert legend.get_window_extent().width <= figure.bbox.width
    texts = legend_texts(legend)
    assert [text[0] + text[-1] for text in texts] == ["00", "11", "22", "33"]


def test_the_corner_says_how_many_classes_are_whole():
    one = Map("", a_map(40), np.arange(40) % 4, note="4 of 9 classes")
    (text,) = [text for text in map_figure([one]).axes[0].texts if text.get_gid() == "n"]
    assert text.get_text() == "n = 40, 4 of 9 classes"
