from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest
from figure_support import artists, title_of
from matplotlib.colors import to_hex
from support import blobs

from embedlens import InputError
from embedlens.analysis.verification.pairs import roc
from embedlens.figures import style
from embedlens.figures.layout.text import fixed
from embedlens.figures.verification.pairs import figure as roc_figure
from embedlens.figures.verification.pairs import plot


def curve(n=400, seed=0, gap=1.0):
    random = np.random.default_rng(seed)
    same = np.arange(n) % 2 == 0
    return roc(random.normal(size=n) + gap * same, same)


def test_the_curve_shows_what_the_result_holds():
    result = curve()
    axes = plot(result)
    (line,) = artists(axes, "roc")
    far, tar = line.get_data()
    assert line.get_drawstyle() == "steps-post"
    assert far[0] == 1 / 200
    assert tar[0] == result.tar[result.far == 0].max()
    np.testing.assert_array_equal(far[1:], result.far[result.far > 0])
    np.testing.assert_array_equal(tar[1:], result.tar[result.far > 0])
    for rate in (0.01, 0.05, 0.3):
        assert tar[np.searchsorted(far, rate + 1e-9, side="right") - 1] == result.tar_at(rate)
    assert line.get_label() == f"AUC {result.auc:.4f}, EER {result.eer:.1%}"
    assert axes.get_xscale() == "log"
    assert axes.get_yscale() == "linear"
    assert axes.get_xlim() == (1 / 200, 1.0)
    assert axes.get_ylim()[0] == 0
    assert axes.get_xlabel().startswith("FAR")
    assert axes.get_ylabel().startswith("TAR")


def test_ties_and_few_pairs_are_drawn_too():
    axes = plot(roc(np.zeros(6), np.arange(6) % 2 == 0))
    (line,) = artists(axes, "roc")
    np.testing.assert_allclose(line.get_xydata(), [[1 / 3, 0], [1, 1]])
    assert axes.get_xlim() == (0.1, 1.0)
    plot(roc(np.array([1.0, 0.0]), np.array([True, False]))).figure.draw_without_rendering()


def test_the_axis_reaches_down_to_the_finest_curve():
    with style.paper():
        for order in ((200, 4000), (4000, 200)):
            figure = roc_figure({str(n): curve(n) for n in order})
            assert figure.axes[0].get_xlim()[0] == 1 / 2000


def test_one_colour_a_curve_and_none_too_faint():
    curves = {f"run{number}": curve(seed=number, gap=number / 3) for number in range(8)}
    curves["a-run-whose-name-goes-on-and-on-to-the-end"] = curve()
    with style.paper():
        figure = roc_figure(curves, title="test, epoch 3")
        (axes,) = figure.axes
        lines = artists(axes, "roc")
        styles = {(to_hex(line.get_color()), line.get_linestyle()) for line in lines}
        figure.draw_without_rendering()
        (legend,) = figure.legends
        box = legend.get_window_extent()
        assert box.y1 <= axes.get_window_extent().y0
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.x1
    assert len(styles) == 9
    assert "#f0e442" not in {colour for colour, _ in styles}
    told = [text.get_text().split(",")[0] for text in legend.get_texts()]
    assert told[:8] == list(curves)[:8]
    assert told[8].startswith("a-run-who")
    assert told[8].endswith("o-the-end")
    assert "…" in told[8]
    assert title_of(axes) == "test, epoch 3"


def test_one_curve_alone_is_not_named():
    with style.paper():
        alone, two = roc_figure({"mine": curve()}), roc_figure({"mine": curve(), "other": curve(seed=1)})
    assert [text.get_text()[:3] for text in alone.axes[0].get_legend().get_texts()] == ["AUC"]
    assert [text.get_text()[:5] for text in two.legends[0].get_texts()] == ["mine,", "other"]


@pytest.mark.parametrize(("venue", "width", "inches"), [("cvpr", "column", 3.25), ("neurips", "full", 5.5)])
def test_size_of_the_venue(venue, width, inches):
    with style.paper(venue):
        figure = roc_figure({"a": curve()}, venue=venue, width=width)
        assert figure.get_figwidth() == inches
        assert figure.get_figheight() <= style.max_height_of(venue)
        assert figure.axes[0].xaxis.label.get_fontsize() == mpl.rcParams["axes.labelsize"]
    with pytest.raises(InputError, match="unknown venue"):
        roc_figure({"a": curve()}, venue="cvrp")


def test_a_real_curve_on_axes_of_one_s_own():
    z, y = blobs()
    s = (z @ z.T)[np.triu_indices(len(z), 1)]
    same = (y[:, None] == y)[np.triu_indices(len(z), 1)]
    figure = mpl.figure.Figure()
    axes = figure.add_subplot()
    assert plot(roc(s, same), axes, color="#D55E00", label="mine") is axes
    assert to_hex(artists(axes, "roc")[0].get_color()) == "#d55e00"
    assert artists(axes, "roc")[0].get_label().startswith("mine, AUC")


def test_scores_below_1_are_not_rounded_up_to_it():
    assert [fixed(value, 4) for value in (1.0, 0.99996, 0.9995, 0.5)] == [
        "1.0000",
        "0.9999",
        "0.9995",
        "0.5000",
    ]
