"""Artists of the figure of MAP@5 over the threshold."""

from __future__ import annotations

import numpy as np
import pytest
from figure_support import artists, legend_texts
from support import blobs

from embedlens.analysis.open_set.ranking import rank_labels
from embedlens.analysis.open_set.threshold import Choice, choose, choose_halves
from embedlens.figures.open_set.ranking import figure as ranking_figure
from embedlens.figures.open_set.ranking import plot
from embedlens.figures.style import paper


def ranking(seed=0, n=160, new_label=3):
    z, y = blobs(n=n, dim=6, classes=10, spread=0.8, seed=seed)
    return rank_labels(z, y, new_label=new_label)


def test_the_line_is_the_function_of_steps():
    sweep = ranking().sweep()
    axes = plot(sweep, label="run")
    (line,) = artists(axes, "map_at_5")
    assert line.get_drawstyle() == "steps-pre"
    x, y = line.get_xdata(), line.get_ydata()
    assert x[0] == -1.0
    assert np.array_equal(x[1:], np.minimum(sweep.threshold, 1.0))
    assert np.array_equal(y[1:], sweep.map_at_5)
    assert axes.get_ylabel() == "MAP@5"
    assert "similarity below which" in axes.get_xlabel()
    (mark,) = artists(axes, "chosen")
    best = choose(sweep)
    assert (mark.get_xdata()[0], mark.get_ydata()[0]) == (best.thresholds[0], best.map_at_5)
    assert line.get_label() == f"run: {best.map_at_5:.3f} at {best.thresholds[0]:.3f}"
    low, high = axes.get_xlim()
    assert -1 <= low < best.thresholds[0] < high <= 1


def test_two_thresholds_are_marked_and_told():
    one = ranking()
    sweep, choice = one.sweep(), choose_halves(one)
    axes = plot(sweep, choice=choice, scores="probability")
    (mark,) = artists(axes, "chosen")
    assert tuple(mark.get_xdata()) == choice.thresholds
    assert mark.get_ydata().tolist() == [one.map_at_5(value) for value in choice.thresholds]
    first, second = choice.thresholds
    assert (
        artists(axes, "map_at_5")[0].get_label()
        == f"{choice.map_at_5:.3f} in halves at {first:.3f}, {second:.3f}"
    )
    assert axes.get_xlabel() == "probability below which\n$\\it{unknown\\ class}$ is inserted"


@pytest.mark.parametrize("parts", [False, True])
def test_several_runs_share_axes_and_show_every_mark(parts):
    curves = {"one": ranking().sweep(), "two": ranking(seed=1).sweep(), "three": ranking(n=90).sweep()}
    with paper("icml"):
        figure = ranking_figure(curves, venue="icml", title="test", parts=parts)
        figure.draw_without_rendering()
    assert figure.get_size_inches()[0] == 3.25
    (axes,) = figure.axes
    assert len({line.get_color() for line in artists(axes, "map_at_5")}) == 3
    assert len(artists(axes, "known")) == len(artists(axes, "unknown")) == 3 * parts
    (legend,) = figure.legends
    assert (
        legend.get_title().get_text() == "MAP@5 of 144 known + 16 unknown items,\n81 known + 9 unknown items"
    )
    texts = legend_texts(legend)
    assert texts[3:] == (["known items", "unknown items"] if parts else [])
    for mark in artists(axes, "chosen"):
        assert axes.get_xlim()[0] < mark.get_xdata()[0] < axes.get_xlim()[1]
        assert axes.get_ylim()[0] < mark.get_ydata()[0] < axes.get_ylim()[1]
    if parts:
        new = artists(axes, "unknown")[0]
        assert np.array_equal(new.get_ydata()[1:], curves["one"].map_at_5_new)


def test_a_long_name_is_shortened():
    curves = {"a" * 30 + "b" * 30: ranking().sweep(), "two": ranking(seed=1).sweep()}
    choices = {name: choose_halves(ranking()) for name in curves}
    with paper("cvpr"):
        figure = ranking_figure(curves, choices=choices)
        figure.draw_without_rendering()
    assert "a…b" in figure.legends[0].get_texts()[0].get_text()
    box = figure.legends[0].get_window_extent()
    assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1


def test_of_very_many_steps_some_are_drawn_at_their_own_place():
    z, y = blobs(n=9000, dim=8, classes=30, spread=1.5)
    sweep = rank_labels(z, y, new_label=3).sweep()
    assert sweep.threshold.size > 4000
    axes = plot(sweep, choice=Choice((0.5,), 0.5, 0.5, 0.5))
    (line,) = artists(axes, "map_at_5")
    x, values = line.get_xdata()[1:], line.get_ydata()[1:]
    assert x.size <= 4001
    steps = np.searchsorted(sweep.threshold, x)
    assert np.array_equal(sweep.map_at_5[np.minimum(steps, sweep.threshold.size - 1)], values)


def test_the_panel_ends_where_the_curves_leave_it_and_shows_the_mark():
    z, y = blobs(n=2000, dim=16, classes=200, spread=0.3)
    sweep = rank_labels(z, y, new_label=3).sweep()
    with paper("cvpr"):
        (axes,) = ranking_figure({"a": sweep}).axes
    (line,), (mark,) = artists(axes, "map_at_5"), artists(axes, "chosen")
    low, high = axes.get_xlim()
    x, values = line.get_data()
    assert low < mark.get_xdata()[0] < high
    seen = x[values >= axes.get_ylim()[0]]
    assert high - seen.max() <= 0.15 * (high - low)
    assert seen.max() < 0.99 * x.max()  # much of the range lies beyond
