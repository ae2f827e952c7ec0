from __future__ import annotations

import math
import re

import matplotlib as mpl
import numpy as np
import pytest
from figure_support import legend_texts
from matplotlib.figure import Figure

from embedlens import InputError
from embedlens.analysis.experiments.curves import Band, Curve
from embedlens.figures import style
from embedlens.figures.experiments.curves import CurvePanel, metric_label, plot
from embedlens.figures.experiments.curves import figure as curves_figure
from embedlens.figures.style import line_styles


def curve(name="a", metric="test_nmi", n=6, seed=0, scale=1.0):
    values = np.random.default_rng(seed).uniform(0.2, 0.9, n) * scale
    return Curve.of(name, metric, epoch=np.arange(n), x=np.arange(n) * scale, value=values)


def lines(axes):
    return {line.get_gid().removeprefix("line "): line for line in axes.get_lines()}


def bands(axes):
    return [child for child in axes.collections if (child.get_gid() or "").startswith("band ")]


def panels(n, runs=2):
    return [
        CurvePanel(
            f"metric {number}", tuple(curve(f"run{run}", f"m{number}", seed=run) for run in range(runs))
        )
        for number in range(n)
    ]


def test_a_line_a_run_with_its_data_in_its_colour():
    result = [curve("a"), curve("b", seed=1)]
    axes = plot(result)
    drawn = lines(axes)
    for one in result:
        np.testing.assert_array_equal(drawn[one.name].get_xdata(), one.x)
        np.testing.assert_array_equal(drawn[one.name].get_ydata(), one.value)
        assert drawn[one.name].get_color() == line_styles(["a", "b"])[one.name].color
    assert legend_texts(axes.get_legend()) == ["a", "b"]
    assert axes.get_xlabel() == "epoch"
    assert axes.get_ylabel() == "test nmi"
    assert plot([curve("a")]).get_legend() is None


def test_gaps_break_the_line_and_lone_values_are_marked():
    values = [1.0, 2.0, np.nan, 3.0, np.nan, 4.0, 5.0, *np.ones(40)]
    axes = plot([Curve.of("a", "m", epoch=range(47), x=range(47), value=values)])
    line = lines(axes)["a"]
    np.testing.assert_array_equal(np.isnan(line.get_ydata()), np.isnan(values))
    assert line.get_markevery() == [3]
    assert lines(plot([curve(n=25)]))["a"].get_markevery() == list(range(25))
    assert lines(plot([curve(n=26)]))["a"].get_markevery() == []


def test_a_band_reaches_one_deviation_around_the_mean():
    band = Band.of("g", [curve("a"), curve("b", seed=1), curve("c", seed=2)])
    axes = plot([band, curve("d", seed=3)])
    np.testing.assert_array_equal(lines(axes)["g"].get_ydata(), band.mean)
    (drawn,) = bands(axes)
    vertices = drawn.get_paths()[0].vertices
    for x, mean, deviation in zip(band.x, band.mean, band.deviation, strict=True):
        at = vertices[vertices[:, 0] == x, 1]
        assert at.min() == pytest.approx(mean - deviation)
        assert at.max() == pytest.approx(mean + deviation)
    assert legend_texts(axes.get_legend()) == ["g (mean ± s.d. of 3)", "d"]


def test_epochs_have_whole_ticks_and_long_runs_short_numbers():
    axes = plot([curve(n=3)])
    axes.figure.draw_without_rendering()
    assert all(tick == int(tick) for tick in axes.get_xticks())
    axes = plot([curve(scale=20_000)], x="step")
    axes.figure.draw_without_rendering()
    assert any(text.get_text().endswith("k") for text in axes.get_xticklabels())
    assert axes.get_xlabel() == "optimiser step"
    assert plot([curve()], x="seconds").get_xlabel() == "training time (s)"
    with pytest.raises(InputError, match="unknown x axis 'hours'; choose one of: epoch, step, seconds"):
        plot([curve()], x="hours")


def test_colours_differ_and_then_dashes():
    assert len({line.color for line in line_styles("abcdefg").values()}) == 7
    assert "#F0E442" not in {line.color.upper() for line in line_styles("abcdefg").values()}
    assert [line.color for line in line_styles("abcdefghi").values()] == [
        mpl.colors.to_hex(color) for color in mpl.color_sequences["petroff10"][1:]
    ]
    many = line_styles(str(number) for number in range(36)).values()
    assert len({(line.color, str(line.dashes)) for line in many}) == 36


@pytest.mark.parametrize(
    ("metric", "label"),
    [
        ("test_recall_at_10", "test R@10"),
        ("train_map_at_5", "train MAP@5"),
        ("test_map_at_r", "test MAP@R"),
        ("nmi", "NMI"),
        ("test_hard_f1", "test_hard F1"),
        ("valid_share", "valid share"),
        ("lr", "learning rate"),
    ],
)
def test_metrics_are_spelt_as_in_papers(metric, label):
    assert metric_label(metric, ["test", "test_hard", "train"]) == label


@pytest.mark.parametrize(
    ("count", "width", "shape"),
    [
        (1, "column", (1, 1)),
        (2, "column", (1, 2)),
        (4, "full", (1, 4)),
        (5, "full", (2, 3)),
        (8, "full", (2, 4)),
    ],
)
def test_one_panel_a_metric_one_legend_and_the_same_x(count, width, shape):
    with style.paper():
        figure = curves_figure(panels(count), width=width)
    drawn = figure.axes[:count]
    grid = figure.axes[0].get_gridspec()
    assert (grid.nrows, grid.ncols) == shape
    assert [axes.get_ylabel().replace("\n", " ") for axes in drawn] == [f"metric {n}" for n in range(count)]
    assert len({axes.get_xlim() for axes in drawn}) == 1
    inside = [axes.get_legend() for axes in figure.axes if axes.get_legend() is not None]
    assert all(axes.get_legend() is None for axes in drawn)
    (legend,) = [*figure.legends, *inside]
    assert legend_texts(legend) == ["run0", "run1"]
    colors = {name: {lines(axes)[name].get_color() for axes in drawn} for name in ("run0", "run1")}
    assert all(len(found) == 1 for found in colors.values())
    labelled = [axes.get_xlabel() for axes in drawn]
    assert labelled == [""] * (count - shape[1]) + ["epoch"] * min(count, shape[1])


def test_the_legend_takes_the_place_in_the_grid_that_no_metric_takes():
    with style.paper():
        figure = curves_figure(panels(5))
        figure.draw_without_rendering()
    *drawn, empty = figure.axes
    assert len(drawn) == 5
    assert not empty.axison
    assert not figure.legends
    box, cell = empty.get_legend().get_window_extent(), empty.get_window_extent()
    assert cell.x0 <= box.x0 <= box.x1 <= cell.x1
    assert cell.y0 <= box.y0 <= box.y1 <= cell.y1
    assert not any(box.overlaps(axes.get_tightbbox()) for axes in drawn)


@pytest.mark.parametrize(("runs", "title"), [(12, ""), (1, "run0")])
def test_a_place_without_metric_and_legend_is_left_out(runs, title):
    """A legend that is too high for the place stands above; one run needs none."""
    with style.paper():
        figure = curves_figure(panels(5, runs=runs), title=title)
    assert len(figure.axes) == 5
    assert len(figure.legends) == (runs > 1)


def test_one_run_stands_in_the_heading():
    with style.paper():
        figure = curves_figure(panels(2, runs=1), title="run0")
    assert figure.get_suptitle() == "run0"
    assert not figure.legends


@pytest.mark.parametrize(
    ("venue", "width", "inches"),
    [
        ("cvpr", "column", 3.25),
        ("cvpr", "full", 6.875),
        ("eccv", "full", 4.8),
        ("nature", "full", 183 / 25.4),
    ],
)
def test_size_is_the_venue_s_and_text_stays_inside(tmp_path, venue, width, inches):
    named = [
        CurvePanel(
            "a long name of a loss on fixed batches",
            tuple(curve(f"run-with-a-long-name-{run}", f"m{number}", seed=run) for run in range(6)),
        )
        for number in range(7)
    ]
    with style.paper(venue):
        figure = curves_figure(named, venue=venue, width=width)
        figure.savefig(tmp_path / "figure.pdf")
        figure.draw_without_rendering()
        boxes = [axes.get_tightbbox() for axes in figure.axes]
        legend = figure.legends[0].get_window_extent()
    raw = (tmp_path / "figure.pdf").read_bytes()
    box = [float(value) for value in re.search(rb"/MediaBox \[([^\]]*)\]", raw)[1].split()]
    assert box[2] == pytest.approx(72 * inches, abs=0.01)
    assert box[3] <= 72 * style.max_height_of(venue) + 0.01
    assert b"/Type3" not in raw
    assert legend.x0 >= -0.5
    assert legend.x1 <= figure.bbox.x1 + 0.5
    assert legend.y1 <= figure.bbox.y1 + 0.5
    for number, one in enumerate(boxes):
        assert one.x0 >= -0.5
        assert one.y0 >= -0.5
        assert one.x1 <= figure.bbox.x1 + 0.5
        assert one.y1 <= legend.y0 + 0.5
        for other in boxes[number + 1 :]:
            assert not one.padded(-2).overlaps(other.padded(-2))


def test_given_axes_are_drawn_on():
    axes = Figure().add_subplot()
    assert plot([curve("a"), curve("b")], axes) is axes
    assert axes.get_legend() is None


def test_a_line_is_broken_at_nan_and_its_axis_is_kept():
    told = {"epoch": range(5), "x": range(5), "taken": [True] * 5}
    nan = math.nan
    axes = plot([Curve.of("a", "loss", value=[4.0, nan, 3.0, nan, nan], **told)])
    (line,) = [line for line in axes.get_lines() if line.get_gid() == "line a"]
    np.testing.assert_array_equal(line.get_ydata(), [4, nan, 3, nan, nan])
    assert axes.get_xlim()[1] >= 4
    assert not [text for text in axes.texts if text.get_gid() == "empty"]
    empty = plot([Curve.of("a", "loss", value=[nan] * 5, **told)])
    assert [text.get_text() for text in empty.texts] == ["no finite value"]
    assert empty.get_xlim()[1] >= 4


def test_a_band_of_fractions_stays_within_0_and_1():
    values = ([0.9, 0.99], [1.0, 1.0], [1.0, 1.0])
    made = [
        Curve.of(f"run{at}", "test_recall_at_8", epoch=[0, 1], x=[0, 1], value=one)
        for at, one in enumerate(values)
    ]
    band = Band.of("g", made)
    (drawn,) = bands(plot([band]))
    assert (band.mean + band.deviation).max() > 1
    assert drawn.get_paths()[0].vertices[:, 1].max() == 1
