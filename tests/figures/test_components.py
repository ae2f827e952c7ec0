from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex
from support import blobs

from embedlens import InputError
from embedlens.analysis.components import class_scatter
from embedlens.figures import style
from embedlens.figures.components import compare, limits_of, plot


def scatter_of(n=60, numbers=(1, -1), classes=6, **options):
    z, y = blobs(n=n, classes=classes)
    return class_scatter(z, y * 10, numbers, **options)


def artists(axes, gid):
    return [child for child in axes.get_children() if child.get_gid() == gid]


def title_of(axes):
    return axes.get_title(loc="left") or axes.get_title()


def test_every_item_stands_at_its_class_and_value():
    result = scatter_of()
    axes = plot(result, component=8)
    (dots,) = artists(axes, "items")
    offsets = np.asarray(dots.get_offsets())
    assert len(offsets) == 60
    for rank in range(6):
        inside = np.rint(offsets[:, 0]) == rank
        np.testing.assert_array_equal(
            np.sort(offsets[inside, 1]), np.sort(result.values[result.rank == rank, 1])
        )
        colors = {to_hex(color) for color in dots.get_facecolors()[inside]}
        assert len(colors) == 1
        assert colors == {to_hex(("#0072B2", "#D55E00")[rank % 2])}
    assert np.abs(offsets[:, 0] - np.rint(offsets[:, 0])).max() < 0.36
    assert len(set(offsets[:, 0].tolist())) == 60
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0", "10", "20", "30", "40", "50"]
    assert axes.get_ylim() == limits_of([result])
    assert not dots.get_rasterized()


def test_the_panel_says_which_component_and_how_large():
    result = scatter_of()
    axes = plot(result)
    assert title_of(axes) == "component 1 of 8, largest"
    (text,) = artists(axes, "numbers")
    assert text.get_text() == rf"$\sigma/\sqrt{{N-1}}$ = {result.deviations[0]:.3f}, n = 60"
    assert axes.get_ylabel() == "value (PCA)"
    assert title_of(plot(result, component=8)) == "component 8 of 8, smallest"
    assert title_of(plot(scatter_of(numbers=[3]))) == "component 3 of 8"
    assert plot(scatter_of(center=False, normalize=False)).get_ylabel() == "value (SVD, rows as given)"
    with pytest.raises(InputError, match="component 5 is not in the result, which holds: 1, 8"):
        plot(result, component=5)


def test_a_dead_component_and_a_single_point_are_drawn():
    z, y = blobs()
    z[:, 2] = 0
    assert artists(plot(class_scatter(z, y, [-1])), "numbers")[0].get_text() == "dead, n = 60"
    point = class_scatter(np.ones((10, 2), np.float32), np.zeros(10, int))
    plot(point).figure.draw_without_rendering()


def test_many_items_are_rasterised_alone():
    axes = plot(scatter_of(n=5_100, classes=40))
    assert artists(axes, "items")[0].get_rasterized()
    assert not axes.get_rasterized()
    assert axes.get_xlabel() == "class (40)"


def test_a_row_a_run_and_the_same_limits_in_all_panels():
    runs = {"wide": scatter_of(), "flat": scatter_of(normalize=False)}
    with style.paper():
        figure = compare(runs, title="test, epoch 3")
        figure.draw_without_rendering()
    assert len(figure.axes) == 4
    assert {axes.get_ylim() for axes in figure.axes} == {limits_of(runs.values())}
    assert [axes.get_ylabel().split("\n")[0] for axes in figure.axes] == ["wide", "", "flat", ""]
    assert [title_of(axes).split(",")[-1] for axes in figure.axes] == [" largest", " smallest"] * 2
    assert figure.get_suptitle() == "test, epoch 3"
    low, high = limits_of(runs.values())
    values = np.concatenate([result.values.ravel() for result in runs.values()])
    assert low < values.min() < values.max() < high


def test_numbers_stand_above_all_values():
    with style.paper():
        figure = compare({"a": scatter_of()})
        figure.draw_without_rendering()
    for axes in figure.axes:
        (text,), (dots,) = artists(axes, "numbers"), artists(axes, "items")
        highest = axes.transData.transform(dots.get_offsets())[:, 1].max()
        assert text.get_window_extent().y0 > highest


@pytest.mark.parametrize(
    ("venue", "width", "inches", "count"),
    [("cvpr", "column", 3.25, 3), ("cvpr", "full", 6.875, 5), ("eccv", "full", 4.8, 4)],
)
def test_size_of_the_venue(venue, width, inches, count):
    result = scatter_of(numbers=range(1, count + 1))
    with style.paper(venue):
        figure = compare({"a": result, "b": result}, venue=venue, width=width)
    assert figure.get_figwidth() == inches
    assert figure.get_figheight() <= style.max_height_of(venue)
    assert len(figure.axes) == 2 * count
