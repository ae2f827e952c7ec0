from __future__ import annotations

import re

import matplotlib as mpl
import numpy as np
import pytest
from figure_support import artists, legend_texts, title_of
from matplotlib.figure import Figure

from embedlens.analysis.triplets.distances import Distances, ecdf, histograms
from embedlens.analysis.triplets.paired import Paired, compare
from embedlens.figures import style
from embedlens.figures.style import INITIAL, LineStyle, line_styles
from embedlens.figures.triplets.distances import StateDistribution, plot
from embedlens.figures.triplets.distances import figure as distances_figure
from embedlens.figures.triplets.paired import corner_lines


def sample(centre=0.8, spread=0.05, n=500, seed=0):
    values = np.abs(np.random.default_rng(seed).normal(centre, spread, n))
    return Distances(np.arange(n), values, 0)


def drawn(kind="histogram", centres=(0.97, 0.85, 0.8), spread=0.05):
    names = ["initial state (epoch 0)", *(f"run{number}, epoch 6" for number in range(1, len(centres)))]
    samples = {
        name: sample(c, spread, seed=at) for at, (name, c) in enumerate(zip(names, centres, strict=True))
    }
    results = histograms(samples) if kind == "histogram" else {n: ecdf(s) for n, s in samples.items()}
    return [StateDistribution(name, results[name], initial=at == 0) for at, name in enumerate(names)]


def pair(first="run1", second="run2", reference="run1, epoch 6", difference=-0.05, spread=0.004, p=1e-9):
    return Paired(
        first, second, reference, 500, 0, difference, difference - spread, difference + spread, p, 0.9
    )


def test_a_histogram_is_an_outline_over_a_light_fill_with_its_mean():
    result = histograms({"a": sample()}, bins=12)["a"]
    axes = plot(result, style=LineStyle("#D55E00"), label="a, epoch 6")
    (outline,) = artists(axes, "histogram")
    values, edges, _ = outline.get_data()
    np.testing.assert_array_equal(values, result.count)
    np.testing.assert_array_equal(edges, result.edges)
    (mean,) = artists(axes, "mean")
    assert mean.get_xdata()[0] == mean.get_xdata()[1] == result.mean
    at = np.searchsorted(result.edges, result.mean) - 1
    assert mean.get_ydata()[0] == 0
    assert mean.get_ydata()[1] == result.count[at]
    assert mpl.colors.same_color(outline.get_edgecolor(), "#D55E00")
    assert axes.get_legend_handles_labels()[1] == [f"a, epoch 6, mean {result.mean:.3f}"]
    assert axes.get_xlabel() == r"distance of $(S_{ap}, S_{an})$ to $(1, 0)$"


def test_an_ecdf_steps_up_at_every_dot():
    result = ecdf(Distances(np.arange(4), np.array([0.4, 0.9, 0.4, 0.5]), 0))
    axes = plot(result)
    (curve,) = artists(axes, "ecdf")
    assert curve.get_xdata().tolist() == [0.4, 0.4, 0.4, 0.5, 0.9]
    assert curve.get_ydata().tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert curve.get_drawstyle() == "steps-post"
    (mean,) = artists(axes, "mean")
    assert mean.get_xdata()[0] == pytest.approx(0.55)
    assert mean.get_ydata()[1] == 0.75
    assert axes.get_ylim() == (0, 1)


@pytest.mark.parametrize("kind", ["histogram", "ecdf"])
def test_states_share_axes_and_the_initial_is_blue(kind):
    shown = drawn(kind)
    with style.paper():
        figure = distances_figure(shown, n_text="n = 500", title="test")
    axes = figure.axes[0]
    curves = artists(axes, kind)
    styles = line_styles(["run1", "run2"])
    colors = [INITIAL, styles["run1"].color, styles["run2"].color]
    for curve, color in zip(curves, colors, strict=True):
        assert mpl.colors.same_color(
            curve.get_edgecolor() if kind == "histogram" else curve.get_color(), color
        )
    if kind == "histogram":
        edges = [curve.get_data()[1].tolist() for curve in curves]
        assert edges[0] == edges[1] == edges[2]
    texts = legend_texts(figure.legends[0])
    assert texts == [*(f"{one.name}, mean {one.result.mean:.3f}" for one in shown), "mean"]
    (corner,) = artists(axes, "corner")
    assert corner.get_text().startswith("n = 500")


@pytest.mark.parametrize("kind", ["histogram", "ecdf"])
def test_initial_states_of_several_runs_have_their_colours_dashed(kind):
    finals = drawn(kind)[1:]
    starts = [
        StateDistribution(f"initial state of {one.name}", first.result, initial=True, becomes=one.name)
        for one, first in zip(finals, drawn(kind, centres=(0.99, 0.97)), strict=True)
    ]
    figure = distances_figure([*starts, *finals])
    handles = figure.legends[0].get_lines()
    colors = [line.get_color() for line in handles[:4]]
    assert colors[:2] == colors[2:]
    assert colors[0] != colors[1]
    assert INITIAL not in colors
    assert handles[0].get_linestyle() == handles[1].get_linestyle() == "--"
    assert handles[2].get_linestyle() == handles[3].get_linestyle() == "-"


def test_initial_states_that_differ_are_blue_in_other_dashes():
    shown = drawn()
    shown[1] = StateDistribution("initial state of b", shown[1].result, initial=True)
    handles = distances_figure(shown).legends[0].get_lines()
    assert [line.get_color() for line in handles[:2]] == [INITIAL, INITIAL]
    assert handles[0].get_linestyle() != handles[1].get_linestyle()


@pytest.mark.parametrize("kind", ["histogram", "ecdf"])
@pytest.mark.parametrize("centres", [(0.97, 0.85, 0.8), (0.5, 0.85, 0.9), (0.7, 0.71, 0.7), (0.4, 0.7, 1.0)])
def test_the_corner_covers_no_curve(kind, centres):
    shown = drawn(kind, centres)
    with style.paper():
        figure = distances_figure(shown, [pair(), pair(reference="run2, epoch 6")], n_text="n = 500")
        figure.draw_without_rendering()
        axes = figure.axes[0]
        (corner,) = artists(axes, "corner")
        box = corner.get_window_extent()
    inside = axes.get_window_extent()
    assert inside.x0 <= box.x0 < box.x1 <= inside.x1
    assert inside.y0 <= box.y0 < box.y1 <= inside.y1
    (left, bottom), (right, top) = axes.transData.inverted().transform(box.get_points())
    for one in shown:
        result = one.result
        if kind == "histogram":
            under = (result.edges[1:] > left) & (result.edges[:-1] < right)
            assert (result.count[under] <= bottom).all()
        else:
            heights = [np.mean(result.distance <= x) for x in np.linspace(left, right, 50)]
            assert max(heights) <= bottom or min(heights) >= top


def test_a_peak_of_the_initial_state_is_cut_and_told():
    shown = drawn(centres=(0.97, 0.8, 0.75))
    peaked = histograms({"a": sample(0.97, 0.004), "b": sample(0.8, seed=1)})
    shown = [
        StateDistribution("initial state (epoch 0)", peaked["a"], initial=True),
        StateDistribution("run, epoch 1", peaked["b"]),
    ]
    axes = distances_figure(shown, title="test").axes[0]
    peak = peaked["a"].count.max()
    assert axes.get_ylim()[1] < peak
    assert axes.get_ylim()[1] > peaked["b"].count.max()
    (text,) = artists(axes, "peak")
    assert text.get_text() == f"↑ {peak:,}"
    assert mpl.colors.same_color(text.get_color(), INITIAL)
    assert title_of(axes)
    equal = distances_figure(drawn()).axes[0]
    assert not artists(equal, "peak")
    assert equal.get_ylim()[1] > max(one.result.count.max() for one in drawn())
    left = histograms({"a": sample(0.5, 0.004), "b": sample(0.8, seed=1)})
    shown = [StateDistribution("initial", left["a"], initial=True), StateDistribution("run", left["b"])]
    assert distances_figure(shown, title="test").axes[0].get_title(loc="right") == "test"


@pytest.mark.parametrize("kind", ["histogram", "ecdf"])
def test_few_dots_beyond_the_axis_are_counted(kind):
    values = np.concatenate([sample(n=3_000).distance, [1.9, 2.0]])
    far = Distances(np.arange(3_002), values, 0)
    result = histograms({"a": far}, bins=100)["a"] if kind == "histogram" else ecdf(far)
    axes = distances_figure([StateDistribution("a", result)], n_text="n = 3,002").axes[0]
    assert axes.get_xlim()[1] < 1.2
    (corner,) = artists(axes, "corner")
    told = corner.get_text().splitlines()
    low, high = axes.get_xlim()
    assert told == ["n = 3,002", f"beyond the axis: {np.sum((values < low) | (values > high))}"]
    few = distances_figure([StateDistribution("a", ecdf(sample(n=300)))], n_text="n = 300").axes[0]
    assert artists(few, "corner")[0].get_text() == "n = 300"


def test_the_corner_says_which_is_nearer_by_how_much_and_for_which_triplets():
    names = ["run1, epoch 6", "run2, epoch 6"]
    assert corner_lines([]) == []
    assert corner_lines([pair(), pair(reference="run2, epoch 6", difference=-0.02)], names) == [
        "nearer: run2", "by a median 0.050", "95 % [0.046, 0.054]", "Wilcoxon p < 0.001", "triplets of run1",
        "(of run2: by a median 0.020)",
    ]  # fmt: skip
    disputed = corner_lines([pair(), pair(reference="run2, epoch 3", difference=0.02)], names)
    assert disputed[:2] == ["nearer: undecided", "run2 by a median 0.050"]
    assert disputed[-1] == "(of run2, epoch 3: run1 by a median 0.020)"
    neither = corner_lines([pair(difference=-0.001, p=0.0417)], names)
    assert neither[:4] == [
        "nearer: neither", "median difference −0.001", "95 % [−0.005, 0.003]", "Wilcoxon p = 0.042",
    ]  # fmt: skip
    alone = pair("epoch 0", "epoch 6", "run1, epoch 6")
    assert corner_lines([alone], names)[4] == "triplets of epoch 6"


def test_a_reference_without_an_epoch_is_named():
    assert corner_lines([pair(reference="run1")], ["run1", "run2"])[4] == "triplets of run1"


def test_the_numbers_are_those_of_the_comparison():
    first, second = sample(0.9, seed=1), sample(0.8, seed=2)
    found = compare(first, second, names=("a", "b"), reference="a, epoch 1")
    (corner,) = artists(distances_figure(drawn(), [found]).axes[0], "corner")
    assert f"by a median {abs(np.median(second.distance - first.distance)):.3f}" in corner.get_text()
    assert "nearer: b" in corner.get_text()


@pytest.mark.parametrize(
    ("venue", "width", "inches", "kind"),
    [("cvpr", "column", 3.25, "histogram"), ("icml", "full", 6.75, "ecdf"),
     ("nature", "column", 89 / 25.4, "ecdf"), ("eccv", "full", 4.8, "histogram")],
)  # fmt: skip
def test_size_is_exactly_the_venue_s(tmp_path, venue, width, inches, kind):
    shown = drawn(kind, (0.9, 0.8, 0.7, 0.75))
    shown[1] = StateDistribution(
        "a run with a very long name that no legend has room for, epoch 1234567", shown[1].result
    )
    with style.paper(venue):
        figure = distances_figure(shown, [pair()], n_text="n = 500", title="test", venue=venue, width=width)
        figure.savefig(tmp_path / "figure.pdf")
        legend = figure.legends[0].get_window_extent()
    raw = (tmp_path / "figure.pdf").read_bytes()
    box = [float(value) for value in re.search(rb"/MediaBox \[([^\]]*)\]", raw)[1].split()]
    assert box[2] == pytest.approx(72 * inches, abs=0.01)
    assert box[3] <= 72 * style.max_height_of(venue) + 0.01
    assert b"/Type3" not in raw
    assert legend.width <= figure.bbox.width


def test_given_axes_are_drawn_on():
    axes = Figure().add_subplot()
    result = histograms({"a": sample(), "b": sample(0.5)})
    assert plot(result["a"], ax=axes) is axes
    plot(result["b"], ax=axes)
    assert len(artists(axes, "histogram")) == 2
    assert axes.get_ylim()[1] >= max(result["a"].count.max(), result["b"].count.max())


def test_a_comparison_of_long_names_covers_no_curve_and_stays_in_its_panel():
    """Names without a break, in histograms and cumulative distributions."""
    names = [f"{'Q' * 93}{number}" for number in range(2)]
    for kind in ("histogram", "ecdf"):
        shown = [
            StateDistribution(
                f"{name}, epoch 6" if at else "initial state (epoch 0)", one.result, initial=not at
            )
            for at, (name, one) in enumerate(
                zip(["", *names], drawn(kind, (0.97, 0.7, 0.65), 0.1), strict=True)
            )
        ]
        pairs = [
            pair(*names, f"{names[0]}, epoch 6"),
            pair(*names, f"{names[1]}, epoch 6", difference=0.05),
        ]
        with style.paper("cvpr"):
            figure = distances_figure(shown, pairs, n_text="n = 500")
            figure.draw_without_rendering()
            (axes,) = figure.axes
            (text,) = artists(axes, "corner")
            box, frame = text.get_window_extent(), axes.get_window_extent()
        assert frame.x0 <= box.x0 <= box.x1 <= frame.x1
        assert box.y1 <= figure.bbox.y1
        for one in shown:
            if kind == "ecdf":
                x, y = one.result.distance, one.result.fraction
            else:
                x, y = np.repeat(one.result.edges, 2)[1:-1], np.repeat(one.result.count, 2)
            fine = np.linspace(*axes.get_xlim(), 2_000)
            heights = np.interp(fine, x, y, left=0, right=y[-1] if kind == "ecdf" else 0)
            places = axes.transData.transform(
                np.column_stack([fine, np.minimum(heights, axes.get_ylim()[1])])
            )
            assert not any(box.contains(*place) for place in places), kind


def test_peaks_side_by_side_share_a_text():
    """Initial states of several runs lie at one place, and are far higher than the rest."""
    samples = {f"initial state of run{at} (epoch 0)": sample(0.98, 0.002, seed=at) for at in range(3)}
    samples |= {f"run{at}, epoch 6": sample(0.7, 0.08, seed=at) for at in range(3)}
    results = histograms(samples)
    with style.paper("cvpr"):
        figure = distances_figure(
            [StateDistribution(name, one, name[0] == "i") for name, one in results.items()]
        )
        figure.draw_without_rendering()
    (peak,) = artists(figure.axes[0], "peak")
    heights = [int(one.count.max()) for name, one in results.items() if name[0] == "i"]
    assert peak.get_text() == f"\N{UPWARDS ARROW} {min(heights):,} to {max(heights):,}"
    assert peak.get_window_extent().x1 <= figure.bbox.x1


def test_no_number_stands_below_distance_0():
    shown = [StateDistribution(name, ecdf(sample(0.06, 0.05, seed=at))) for at, name in enumerate("ab")]
    with style.paper("cvpr"):
        axes = distances_figure(shown, [pair()], n_text="n = 500").axes[0]
        assert min(axes.get_xticks()) >= 0
