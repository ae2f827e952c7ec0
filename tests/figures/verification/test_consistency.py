from __future__ import annotations

import numpy as np
import pytest
from figure_support import artists, legend_texts
from matplotlib.colors import to_hex
from support import blobs

from embedlens.analysis.verification import threshold_consistency
from embedlens.figures import style
from embedlens.figures.verification.consistency import figure, plot, plot_thresholds


@pytest.fixture(scope="module")
def result():
    return threshold_consistency(*blobs(n=150, classes=12, spread=1.3), [0.05, 0.2])


def test_utilities_have_a_mean_and_a_band_of_classes(result):
    axes = plot(result, label="mine")
    (line,), (band,) = artists(axes, "utility"), artists(axes, "classes")
    np.testing.assert_array_equal(line.get_xdata(), result.threshold)
    np.testing.assert_allclose(line.get_ydata(), result.utility.mean(axis=0))
    corners = band.get_paths()[0].vertices
    assert corners[:, 1].min() == pytest.approx(np.percentile(result.utility, 5, axis=0).min())
    assert corners[:, 1].max() == pytest.approx(np.percentile(result.utility, 95, axis=0).max())
    assert line.get_label() == f"mine, OPIS {result.opis:.2g}, 12 classes"
    assert "FAR 0.01 to 0.1" in axes.get_xlabel()


def test_thresholds_of_classes_are_steps_beside_the_common_one(result):
    axes = plot_thresholds(result, place=1)
    (line,), (common,) = artists(axes, "own"), artists(axes, "common")
    own = np.sort(result.own[:, 1])
    np.testing.assert_array_equal(line.get_xdata(), np.r_[own[0], own])
    np.testing.assert_allclose(line.get_ydata(), np.arange(13) / 12)
    assert line.get_drawstyle() == "steps-post"
    assert common.get_xdata()[0] == result.common[1]
    assert axes.get_xlabel().endswith("FAR 0.2")


def test_what_is_not_resolved_is_said():
    few = threshold_consistency(*blobs(n=8, classes=2))
    drawn = figure({"mine": few})
    assert legend_texts(drawn.legends[0]) == ["OPIS not resolved, 2 classes"]
    assert artists(drawn.axes[1], "none")[0].get_text() == "too few impostor pairs"
    drawn.draw_without_rendering()


def test_several_have_one_colour_each_in_both_panels(result):
    with style.paper():
        drawn = figure({"a": result, "b": result}, title="test", width="full")
        for axes, name in zip(drawn.axes, ("utility", "own"), strict=True):
            assert [to_hex(line.get_color()) for line in artists(axes, name)] == ["#009e73", "#d55e00"]
        assert [text[:3] for text in legend_texts(drawn.legends[0])] == ["a, ", "b, "]
        first, second = (axes.get_position() for axes in drawn.axes)
        assert first.x1 < second.x0  # side by side
        narrow = figure({"a": result})
        narrow.draw_without_rendering()
        first, second = (axes.get_position() for axes in narrow.axes)
    assert first.y0 > second.y1
    assert narrow.get_figwidth() == 3.25
