from __future__ import annotations

import re

import numpy as np
import pytest
from figure_support import legend_texts
from matplotlib.figure import Figure

from embedlens import InputError
from embedlens.analysis.experiments.sweep import Record, summarise
from embedlens.figures import style
from embedlens.figures.experiments.sweep import figure as sweep_figure
from embedlens.figures.experiments.sweep import plot
from embedlens.figures.style import line_styles

RATES = (1e-4, 2e-4, 4e-4, 8e-4, 1.6e-3)
LOSSES = ("ep", "epshn")


def sweep(losses=LOSSES, rates=RATES, dims=(64,), seeds=(0, 1, 2), failed=()):
    random = np.random.default_rng(0)
    return summarise(
        Record(loss, lr, dim, seed, np.nan if (loss, lr, seed) in failed else random.uniform(0.3, 0.9))
        for loss in losses
        for lr in rates
        for dim in dims
        for seed in seeds
    )


def named(axes, kind):
    """Artists by what follows `kind` in their name."""
    found = [*axes.get_lines(), *axes.collections]
    return {a.get_gid().removeprefix(f"{kind} "): a for a in found if (a.get_gid() or "").startswith(kind)}


def test_a_line_a_loss_over_the_rates_of_the_grid():
    result = sweep()
    axes = plot(result, label="test R@1")
    lines = named(axes, "line")
    assert list(lines) == list(LOSSES)
    for loss in LOSSES:
        rows = result.loss == loss
        np.testing.assert_array_equal(lines[loss].get_xdata(), RATES)
        np.testing.assert_array_equal(lines[loss].get_ydata(), result.mean[rows])
        assert lines[loss].get_color() == line_styles(LOSSES)[loss].color
    assert axes.get_xscale() == "log"
    assert axes.xaxis.get_transform().base == 2
    assert [text.get_text() for text in axes.get_xticklabels()] == [
        "0.0001", "0.0002", "0.0004", "0.0008", "0.0016"
    ]  # fmt: skip
    np.testing.assert_array_equal(axes.get_xticks(), RATES)
    assert axes.xaxis.get_minorticklocs().size == 0
    assert axes.get_xlabel() == "learning rate"
    assert axes.get_ylabel() == "test R@1"
    assert legend_texts(axes.figure.legends[0]) == ["ep", "epshn", "± s.d. of 3 seeds"]


def test_bars_reach_one_deviation_and_stand_beside_each_other():
    result = sweep()
    axes = plot(result)
    bars = named(axes, "bars")
    for loss in LOSSES:
        rows = result.loss == loss
        for segment, mean, deviation in zip(
            bars[loss].get_segments(), result.mean[rows], result.deviation[rows], strict=True
        ):
            np.testing.assert_allclose(segment[:, 1], [mean - deviation, mean + deviation])
    axes.figure.draw_without_rendering()
    at = {
        loss: line.get_transform().transform((RATES[2], 0.5))[0] for loss, line in named(axes, "line").items()
    }
    exact = axes.transData.transform((RATES[2], 0.5))[0]
    assert at["ep"] < exact < at["epshn"]
    assert at["epshn"] - at["ep"] == pytest.approx(2 / 72 * axes.figure.dpi)
    low, high = axes.get_ylim()
    assert low < np.min(result.mean - result.deviation)
    assert high > np.max(result.mean + result.deviation)


def test_one_seed_has_no_bars_and_stands_where_it_is():
    axes = plot(sweep(seeds=(0,)))
    assert named(axes, "bars") == {}
    assert named(axes, "line")["ep"].get_transform() == axes.transData
    assert legend_texts(axes.figure.legends[0]) == ["ep", "epshn"]


def test_failures_are_crosses_below_the_lines_and_hollow_points():
    failed = {("ep", RATES[4], seed) for seed in range(3)} | {("epshn", RATES[4], seed) for seed in range(3)}
    result = sweep(failed=failed | {("ep", RATES[3], 1)})
    axes = plot(result)
    crosses = [line for line in axes.get_lines() if line.get_gid() == "failed"]
    assert [line.get_xdata()[0] for line in crosses] == [RATES[4]] * 2
    assert [line.get_color() for line in crosses] == [line.color for line in line_styles(LOSSES).values()]
    assert len({line.get_ydata()[0] for line in crosses}) == 2
    lowest = axes.transData.transform((RATES[0], np.nanmin(result.mean - np.nan_to_num(result.deviation))))[1]
    for line in crosses:
        assert line.get_transform().transform((RATES[4], line.get_ydata()[0]))[1] < lowest
    partly = named(axes, "partly")
    assert list(partly) == ["ep"]
    np.testing.assert_array_equal(partly["ep"].get_xdata(), [RATES[3]])
    assert partly["ep"].get_markerfacecolor() == "white"
    assert legend_texts(axes.figure.legends[0])[2:] == ["± s.d. of 3 seeds", "failed", "some seeds failed"]
    every = {("ep", rate, seed) for rate in RATES for seed in range(3)}
    nothing = plot(sweep(losses=("ep",), failed=every))
    assert nothing.get_ylim() == (0, 1)


def test_epoch_0_is_broken_where_it_is_not_known():
    nan = float("nan")
    records = [
        Record("ep", lr, 8, 0, value, initial)
        for lr, value, initial in zip(
            RATES, [0.5, 0.5, 0.5, nan, 0.6], [0.2, 0.25, nan, 0.3, 0.35], strict=True
        )
    ]
    (line,) = [line for line in plot(summarise(records)).get_lines() if line.get_gid() == "epoch 0"]
    np.testing.assert_allclose(line.get_xdata(), RATES)
    np.testing.assert_allclose(line.get_ydata(), [0.2, 0.25, nan, nan, 0.35])
    assert line.get_markevery() == [4]  # alone, where no line goes
    other = [Record("epshn", lr, 8, 0, 0.4, 0.1) for lr in RATES]
    (line,) = [
        line for line in plot(summarise([*records, *other])).get_lines() if line.get_gid() == "epoch 0"
    ]
    np.testing.assert_allclose(line.get_ydata(), [0.15, 0.175, nan, 0.1, 0.225])


def test_dims_alone_are_the_x_axis():
    result = sweep(rates=(1e-3,), dims=(64, 16, 32))
    axes = plot(result)
    np.testing.assert_array_equal(named(axes, "line")["ep"].get_xdata(), [16, 32, 64])
    assert [text.get_text() for text in axes.get_xticklabels()] == ["16", "32", "64"]
    assert axes.get_xlabel() == "dimensions of the embedding"
    assert len(sweep_figure(result).axes) == 1


def test_losses_alone_are_rows():
    result = sweep(rates=(1e-3,))
    axes = plot(result, label="test R@1")
    assert sorted(text.get_text() for text in axes.get_yticklabels()) == list(LOSSES)
    assert axes.get_xlabel() == "test R@1"
    figure = sweep_figure(result, width="column", end="epoch 8", title="glyphs")
    assert figure.get_suptitle() == "glyphs"
    assert legend_texts(figure.legends[0]) == ["epoch 8", "± s.d. of 3 seeds"]


def test_rates_and_dims_make_panels_with_the_same_limits():
    result = sweep(dims=(64, 32, 16), failed={("ep", RATES[4], seed) for seed in range(3)})
    with style.paper():
        figure = sweep_figure(result, width="full", label="test R@1", title="glyphs")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["16 dims", "32 dims", "64 dims"]
    assert len({axes.get_ylim() for axes in figure.axes}) == 1
    assert len({axes.get_xlim() for axes in figure.axes}) == 1
    for axes, dim in zip(figure.axes, (16, 32, 64), strict=True):
        rows = (result.loss == "epshn") & (result.dim == dim)
        np.testing.assert_array_equal(named(axes, "line")["epshn"].get_ydata(), result.mean[rows])
        assert sum(line.get_gid() == "failed" for line in axes.get_lines()) == 1
    assert figure.get_suptitle() == "glyphs"
    together = plot(result)
    assert list(named(together, "line")) == [f"{loss}, {dim} dims" for loss in LOSSES for dim in (16, 32, 64)]
    dashes = {
        str(line.get_linestyle()) + str(line._dash_pattern) for line in named(together, "line").values()
    }
    assert len(dashes) == 3
    assert list(named(plot(result, dims=[32]), "line")) == list(LOSSES)
    with pytest.raises(InputError, match="unknown dim '8'; choose one of: 16, 32, 64"):
        plot(result, dims=[8])


def test_labels_are_slanted_where_they_would_touch():
    with style.paper():
        few = sweep_figure(sweep()).axes[0]
        many = sweep_figure(sweep(rates=[1e-5 * 2**k for k in range(10)])).axes[0]
    assert {text.get_rotation() for text in few.get_xticklabels()} == {0}
    assert {text.get_rotation() for text in many.get_xticklabels()} == {40}


@pytest.mark.parametrize(
    ("venue", "width", "inches"),
    [("cvpr", "column", 3.25), ("eccv", "full", 4.8), ("nature", "full", 183 / 25.4)],
)
def test_size_is_the_venue_s_and_text_stays_inside(tmp_path, venue, width, inches):
    losses = ("contrastive", "ep", "ephn", "epshn", "n-pair-mc", "triplet")
    result = sweep(losses=losses, dims=(64, 32), failed={("ep", RATES[0], 1)})
    with style.paper(venue):
        figure = sweep_figure(result, venue=venue, width=width, label="test R@1", title="glyphs, epoch 8")
        figure.savefig(tmp_path / "figure.pdf")
        figure.draw_without_rendering()
    raw = (tmp_path / "figure.pdf").read_bytes()
    box = [float(value) for value in re.search(rb"/MediaBox \[([^\]]*)\]", raw)[1].split()]
    assert box[2] == pytest.approx(72 * inches, abs=0.01)
    assert box[3] <= 72 * style.max_height_of(venue) + 0.01
    assert b"/Type3" not in raw
    legend = figure.legends[0].get_window_extent()
    assert legend.x0 >= -0.5
    assert legend.x1 <= figure.bbox.x1 + 0.5
    assert legend.y0 >= -0.5
    for axes in figure.axes:
        box = axes.get_tightbbox()
        assert box.x0 >= -0.5
        assert box.x1 <= figure.bbox.x1 + 0.5
        assert box.y0 >= legend.y1 - 0.5


def test_given_axes_are_drawn_on():
    axes = Figure().add_subplot()
    assert plot(sweep(), axes) is axes
    assert axes.figure.legends == []
