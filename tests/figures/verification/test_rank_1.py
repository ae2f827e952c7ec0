from __future__ import annotations

import numpy as np
import pytest
from figure_support import artists, legend_texts
from matplotlib.colors import to_hex
from support import blobs

from embedlens.analysis.verification.detection import OpenSet, open_set
from embedlens.figures import style
from embedlens.figures.verification.rank_1 import figure as rank_1_figure
from embedlens.figures.verification.rank_1 import plot


@pytest.fixture(scope="module")
def result():
    return open_set(*blobs(n=150, classes=12, spread=1.3), [0.02])


def test_the_curve_and_its_band_show_what_the_result_holds(result):
    axes = plot(result, far=0.05)
    (line,), (band,) = artists(axes, "dir"), artists(axes, "standard error")
    np.testing.assert_array_equal(line.get_xdata(), result.far)
    np.testing.assert_array_equal(line.get_ydata(), result.dir)
    corners = band.get_paths()[0].vertices
    assert corners[:, 1].min() == pytest.approx((result.dir - result.dir_se).min())
    assert corners[:, 1].max() == pytest.approx((result.dir + result.dir_se).max())
    mean, error = result.dir_at(0.05)
    assert line.get_label() == f"DIR@0.05 {mean:.1%} ± {error:.1%}"
    assert axes.get_xscale() == "log"
    assert axes.get_xlim() == (result.far[0], 1.0)
    assert axes.get_xlabel().startswith("FAR")
    assert axes.get_ylabel().startswith("DIR")


def test_what_is_not_resolved_is_said(result):
    assert artists(plot(result, far=1e-4), "dir")[0].get_label() == "DIR@0.0001 not resolved"


def test_a_single_draw_has_no_band():
    one = OpenSet(np.array([0.1, 1.0]), np.array([[0.2, 0.9]]), 2, np.array([4]), np.array([10]))
    axes = plot(one, far=0.1, label="mine")
    assert artists(axes, "dir")[0].get_label() == "mine, DIR@0.1 20.0%"
    corners = artists(axes, "standard error")[0].get_paths()[0].vertices
    assert set(corners[:, 1]) == {0.2, 0.9}
    axes.figure.draw_without_rendering()


def test_several_on_one_axes(result):
    with style.paper():
        figure = rank_1_figure({"a": result, "b": result}, far=0.02, title="test")
        (axes,) = figure.axes
        lines = artists(axes, "dir")
        assert [to_hex(line.get_color()) for line in lines] == ["#009e73", "#d55e00"]
        bands = artists(axes, "standard error")
        assert [to_hex(band.get_facecolor()[0]) for band in bands] == ["#009e73", "#d55e00"]
        texts = legend_texts(figure.legends[0])
    assert [text[:3] for text in texts] == ["a, ", "b, "]
    assert figure.get_figwidth() == 3.25
