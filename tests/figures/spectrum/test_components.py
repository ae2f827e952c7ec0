from __future__ import annotations

import numpy as np
import pytest
from figure_support import artists, title_of
from matplotlib.colors import to_hex
from support import blobs

from embedlens import InputError
from embedlens.analysis.spectrum.components import class_scatter
from embedlens.figures import style
from embedlens.figures.spectrum.components import figure as components_figure
from embedlens.figures.spectrum.components import limits_of, limits_of_smallest, plot


def scatter_of(n=60, numbers=(1, -1), classes=6, seed=0, **options):
    z, y = blobs(n=n, classes=classes, seed=seed)
    return class_scatter(z, y * 10, numbers, **options)


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
    assert axes.get_ylim() == limits_of_smallest([result])
    assert plot(result, component=1).get_ylim() == limits_of([result])
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


def test_a_row_a_run_and_the_same_limits_in_all_panels_but_the_smallest():
    runs = {"wide": scatter_of(numbers=(1, 2, -1)), "flat": scatter_of(numbers=(1, 2, -1), seed=3)}
    with style.paper():
        figure = components_figure(runs, title="test, epoch 3")
        figure.draw_without_rendering()
    panels = figure.axes
    assert len(panels) == 6
    assert [axes.get_ylabel().split("\n")[0] for axes in panels] == ["wide", "", "", "flat", "", ""]
    assert title_of(panels[0]) == "component 1 of 8, largest"
    assert title_of(panels[2]).replace("\n", " ") == "component 8 of 8, smallest (own scale)"
    assert figure.get_suptitle() == "test, epoch 3"
    leading = np.concatenate([result.values[:, :2].ravel() for result in runs.values()])
    smallest = np.concatenate([result.values[:, 2] for result in runs.values()])
    for places, values in (((0, 1, 3, 4), leading), ((2, 5), smallest)):
        limits = {panels[place].get_ylim() for place in places}
        assert len(limits) == 1
        low, high = limits.pop()
        span = values.max() - values.min()
        np.testing.assert_allclose([low, high], [values.min() - 0.04 * span, values.max() + 0.18 * span])
    shown = [axes.yaxis.get_tick_params()["labelleft"] for axes in panels]
    assert shown == [True, False, True] * 2
    assert np.ptp(panels[0].get_ylim()) > 2 * np.ptp(panels[2].get_ylim())


def test_the_smallest_component_alone_has_the_shared_limits():
    only = scatter_of(numbers=[-1])
    assert limits_of([only]) == limits_of_smallest([only])
    assert limits_of_smallest([scatter_of(numbers=[1, 2])]) is None
    assert title_of(components_figure({"a": only}).axes[0]) == "component 8 of 8, smallest"


def test_class_names_do_not_squeeze_the_panels():
    names = {"a": {10 * label: f"a class of the {label}" for label in range(6)}}
    with style.paper():
        sizes = []
        for named in (None, names):
            figure = components_figure({"a": scatter_of()}, class_names=named)
            figure.draw_without_rendering()
            sizes.append(figure.axes[0].get_window_extent().height)
    assert sizes[1] > 0.9 * sizes[0]


def test_numbers_stand_above_all_values():
    with style.paper():
        figure = components_figure({"a": scatter_of()})
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
        figure = components_figure({"a": result, "b": result}, venue=venue, width=width)
    assert figure.get_figwidth() == inches
    assert figure.get_figheight() <= style.max_height_of(venue)
    assert len(figure.axes) == 2 * count


def test_numbers_at_the_axis_are_labels_not_places():
    """Classes 21 to 50 stood at 0 to 29, and one read off the wrong class."""
    z, y = blobs(n=300, dim=4, classes=30)
    axes = plot(class_scatter(z, y + 21, [1]))
    axes.figure.canvas.draw()
    shown = {
        tick: label.get_text()
        for tick, label in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
        if label.get_text()
    }
    assert len(shown) >= 3
    assert all(text == str(int(place) + 21) for place, text in shown.items())
