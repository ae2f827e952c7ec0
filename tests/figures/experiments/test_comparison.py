from __future__ import annotations

import numpy as np
import pytest
from figure_support import artists, legend_texts
from matplotlib.colors import to_rgba

from embedlens import InputError
from embedlens.analysis.differences import Hits
from embedlens.analysis.experiments.comparison import RunScores, compare
from embedlens.figures.experiments import comparison

SCORES = {"a": [0.1, 0.2], "a + m": [0.3, 0.5], "b": [0.4, 0.4], "m": [None, None]}


@pytest.fixture(scope="module")
def result():
    groups = {"a": "a", "a + m": "a", "b": "b", "m": "own"}
    return compare(
        RunScores(
            name, groups[name], seed, {} if one is None else {"recall_at_1": one, "nmi": 1 - one}, name == "a"
        )
        for name, row in SCORES.items()
        for seed, one in enumerate(row)
    )


def test_a_row_has_its_seeds_its_mean_and_its_deviation(result):
    ax = comparison.plot(result)
    y = comparison.rows_of(result)
    assert [label.get_text() for label in ax.get_yticklabels()] == list(SCORES)
    assert ax.get_xlabel() == "R@1"
    np.testing.assert_allclose(ax.get_yticks(), y)
    assert ax.get_ylim()[0] > y[-1] > y[0] > ax.get_ylim()[1]  # the first on top
    for row, (name, values) in enumerate(SCORES.items()):
        (seeds,) = artists(ax, f"seeds {name}")
        np.testing.assert_array_equal(seeds.get_xdata(), np.array(values, float))
        assert set(seeds.get_ydata()) == {y[row]}
    mean = ax.containers[1].lines[0]
    assert mean.get_xdata()[0] == pytest.approx(0.4)
    (bar,) = ax.containers[1].lines[2]
    np.testing.assert_allclose(bar.get_segments()[0][:, 0], [0.4 - 0.02**0.5, 0.4 + 0.02**0.5])


def test_a_mean_of_fewer_seeds_is_hollow_and_the_legend_says_so():
    table = {"a": [0.1, 0.2], "a + m": [0.3, float("nan")]}
    scores = [
        RunScores(name, "a", seed, {"nmi": 0.5, "f1": value}, name == "a")
        for name, row in table.items()
        for seed, value in enumerate(row)
    ]
    made = compare(scores)
    for metric, hollow in (("nmi", [False, False]), ("f1", [False, True])):
        ax = comparison.plot(made, metric=metric)
        fills = [to_rgba(box.lines[0].get_markerfacecolor()) for box in ax.containers]
        assert [fill == to_rgba("white") for fill in fills] == hollow
    figure = comparison.figure(made, ["nmi", "f1"])
    assert "some seeds missing" in legend_texts(figure.legends[0])


def test_groups_stand_apart_and_have_a_colour_each(result):
    ax = comparison.plot(result, metric="nmi")
    assert ax.get_xlabel() == "NMI"
    gaps = np.diff(comparison.rows_of(result))
    assert gaps[0] == 1
    assert (gaps[1:] > 1).all()
    colors = [to_rgba(artists(ax, f"seeds {name}")[0].get_color()) for name in SCORES]
    assert colors[0] == colors[1]
    assert len(set(colors)) == 3


def test_a_line_marks_what_others_are_compared_with_and_a_cross_what_failed(result):
    ax = comparison.plot(result)
    (plain,) = artists(ax, "plain")
    assert list(plain.get_xdata()) == pytest.approx([0.15, 0.15])
    assert plain.get_ydata()[0] < 0
    assert plain.get_ydata()[1] > 1
    (failed,) = artists(ax, "failed")
    assert failed.get_ydata()[0] == comparison.rows_of(result)[-1]


def test_panels_share_the_names_and_nothing_is_cut(result):
    figure = comparison.figure(result, ["recall_at_1", "nmi"], title="digits")
    figure.canvas.draw()
    first, second = figure.axes
    assert [ax.get_xlabel() for ax in figure.axes] == ["R@1", "NMI"]
    assert first.get_shared_y_axes().joined(first, second)
    assert figure.get_figwidth() == pytest.approx(6.875)
    (legend,) = figure.legends
    told = legend_texts(legend)
    assert told == ["one seed", "mean ± standard deviation", "the loss alone"]
    box = figure.get_tightbbox()
    assert box.x0 >= 0
    assert box.x1 <= figure.get_figwidth()


def test_the_legend_has_what_is_drawn():
    alone = compare(
        [RunScores("a", "a", 0, {"nmi": 0.5}, True), RunScores("m", "own", 0, {"nmi": 0.4}, False)]
    )
    (legend,) = comparison.figure(alone, ["nmi"]).legends
    assert legend_texts(legend) == ["score"]


@pytest.fixture(scope="module")
def judged():
    """One row that is better than its baseline, one undecided, one without a baseline."""
    y, entries = np.arange(200) % 20, []
    for name, rate in {"a": 0.3, "a + m": 0.9, "a + k": 0.31, "m": 0.5}.items():
        for seed in range(2):
            right = np.random.default_rng(seed).random(200) < rate
            hits = Hits(np.arange(200), y, right)
            scores = {"recall_at_1": float(right.mean()), "nmi": rate}
            entries.append(RunScores(name, "own" if name == "m" else "a", seed, scores, name == "a", hits))
    return compare(entries, resamples=100)


def test_the_difference_is_filled_where_its_interval_excludes_0(judged):
    assert judged.verdicts == ["", "better", "undecided", ""]
    ax = comparison.plot_differences(judged)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "a + m", "a + k", "m"]
    bars = {box.lines[0].get_gid(): box for box in ax.containers}
    assert len(bars) == 2
    y = comparison.rows_of(judged)
    for row, filled in ((1, True), (2, False)):
        one = judged.differences[row]
        marker, _, (bar,) = bars[f"difference {judged.names[row]}"].lines
        assert (marker.get_xdata()[0], marker.get_ydata()[0]) == pytest.approx((one.value, y[row]))
        np.testing.assert_allclose(bar.get_segments()[0][:, 0], [one.low, one.high])
        assert (to_rgba(marker.get_markerfacecolor()) != to_rgba("white")) == filled
    assert artists(ax, "zero")[0].get_xdata()[0] == 0


def test_the_differences_stand_beside_the_first_metric(judged, result):
    figure = comparison.figure(judged, ["recall_at_1", "nmi"])
    assert [ax.get_xlabel() for ax in figure.axes] == ["R@1", "difference in R@1", "NMI"]
    told = legend_texts(figure.legends[0])
    assert told[-2:] == ["95 % interval excludes 0", "95 % interval holds 0"]
    with pytest.raises(InputError, match="^no row has a difference from a baseline"):
        comparison.plot_differences(result)


def test_metrics_that_are_not_there(result):
    with pytest.raises(
        InputError, match="^unknown metric of the comparison 'f1'; choose one of: recall_at_1, nmi$"
    ):
        comparison.plot(result, metric="f1")
    with pytest.raises(InputError, match="^no metric to draw$"):
        comparison.figure(result, [])
