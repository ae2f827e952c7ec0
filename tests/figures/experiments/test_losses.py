from __future__ import annotations

import math
import re

import numpy as np
import pytest
from figure_support import legend_texts
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from embedlens import InputError
from embedlens.analysis.experiments.losses import ranked
from embedlens.analysis.experiments.sweep import Record, summarise
from embedlens.figures import style
from embedlens.figures.experiments.losses import END, plot
from embedlens.figures.experiments.losses import figure as losses_figure

LOSSES = (
    "contrastive triplet margin lifted angular proxy-nca softmax n-pair-mc n-pair-ovo tuplet ep ephn epshn "
    "sct hn shn nn pml:MultiSimilarityLoss"
).split()


def sweep(losses=LOSSES, seeds=(0, 1, 2), failed=(), collapsed=()):
    random = np.random.default_rng(0)
    return summarise(
        Record(
            loss,
            1e-3 * (1 + place),
            64,
            seed,
            math.nan if (loss, seed) in failed else random.uniform(0.6, 0.9),
            random.uniform(0.4, 0.5),
            collapsed=(loss, seed) in collapsed,
        )
        for place, loss in enumerate(losses)
        for seed in seeds
    )


def named(axes):
    return {a.get_gid(): a for a in [*axes.get_lines(), *axes.collections] if a.get_gid()}


def test_dots_lines_and_bars_of_the_best_on_top():
    result = sweep()
    axes, rows = plot(result, label="test R@1", end="epoch 8"), ranked(result)
    found, y = named(axes), np.arange(len(LOSSES))
    assert [text.get_text() for text in axes.get_yticklabels()] == rows.losses
    assert axes.yaxis_inverted()
    np.testing.assert_array_equal(found["initial"].get_xdata(), rows.initial)
    np.testing.assert_array_equal(found["end"].get_xdata(), rows.mean)
    for name, color in (("initial", style.INITIAL), ("end", END)):
        np.testing.assert_array_equal(found[name].get_ydata(), y)
        assert to_hex(found[name].get_color()) == color.lower()
    for row, line in enumerate(found["gain"].get_segments()):
        np.testing.assert_array_equal(line, [[rows.initial[row], row], [rows.mean[row], row]])
    for row, bar in enumerate(found["bars"].get_segments()):
        low, high = rows.mean[row] - rows.deviation[row], rows.mean[row] + rows.deviation[row]
        np.testing.assert_allclose(bar, [[low, row], [high, row]])
    low, high = axes.get_xlim()
    assert low < rows.initial.min()
    assert high > (rows.mean + rows.deviation).max()
    assert axes.get_xlabel() == "test R@1"
    assert legend_texts(axes.figure.legends[0]) == ["epoch 0", "epoch 8", "± s.d. of 3 seeds"]


def test_one_seed_has_no_bars():
    axes = plot(sweep(seeds=(0,)))
    assert "bars" not in named(axes)
    assert legend_texts(axes.figure.legends[0]) == ["epoch 0", "end"]


def test_what_collapsed_is_hollow_and_what_failed_is_told():
    failed = {("nn", seed) for seed in range(3)} | {("ep", 1)}
    result = sweep(failed=failed, collapsed={("hn", 0)})
    axes, rows = plot(result), ranked(result)
    found, at = named(axes), rows.losses.index("hn")
    np.testing.assert_array_equal(found["collapsed"].get_xydata(), [[rows.mean[at], at]])
    assert found["collapsed"].get_markerfacecolor() == "white"
    assert at not in found["end"].get_ydata()
    np.testing.assert_array_equal(found["failed"].get_ydata(), [len(LOSSES) - 1])
    assert len(LOSSES) - 1 not in found["initial"].get_ydata()
    texts = [text.get_text() for text in axes.get_yticklabels()]
    assert texts[-1] == "nn"
    assert "ep (1 of 3 failed)" in texts
    assert legend_texts(axes.figure.legends[0])[2:] == ["± s.d. of 3 seeds", "collapsed", "failed"]
    axes.figure.draw_without_rendering()
    cross = found["failed"].get_transform().transform(found["failed"].get_xydata())[0, 0]
    dots = axes.transData.transform(found["initial"].get_xydata())[:, 0]
    assert cross < dots.min() - 3


def test_nothing_but_failures():
    axes = plot(sweep(losses=("ep",), seeds=(0,), failed={("ep", 0)}))
    assert axes.get_xlim() == (0, 1)
    assert legend_texts(axes.figure.legends[0]) == ["failed"]


def test_several_rates_are_refused():
    with pytest.raises(InputError, match="a sweep over lr"):
        plot(summarise([Record("ep", 0.1, 8, 0, 1.0), Record("ep", 0.2, 8, 0, 1.0)]))


def test_given_axes_are_drawn_on():
    axes = Figure().add_subplot()
    assert plot(sweep(), axes) is axes
    assert axes.figure.legends == []


@pytest.mark.parametrize("count", [1, len(LOSSES)])
@pytest.mark.parametrize(
    ("venue", "width", "inches"),
    [("cvpr", "column", 3.25), ("eccv", "full", 4.8), ("nature", "column", 89 / 25.4)],
)
def test_size_is_the_venue_s_and_nothing_touches(tmp_path, venue, width, inches, count):
    result = sweep(losses=LOSSES[-count:], failed={("nn", 0), ("nn", 1), ("nn", 2)}, collapsed={("hn", 0)})
    with style.paper(venue):
        figure = losses_figure(result, venue=venue, width=width, label="test R@1", title="glyphs, n = 9,814")
        figure.savefig(tmp_path / "figure.pdf")
        figure.draw_without_rendering()
    raw = (tmp_path / "figure.pdf").read_bytes()
    box = [float(value) for value in re.search(rb"/MediaBox \[([^\]]*)\]", raw)[1].split()]
    assert box[2] == pytest.approx(72 * inches, abs=0.01)
    assert box[3] <= 72 * style.max_height_of(venue) + 0.01
    assert b"/Type3" not in raw
    (axes,), legend = figure.axes, figure.legends[0].get_window_extent()
    whole = axes.get_tightbbox()
    assert whole.x0 >= -0.5
    assert whole.x1 <= figure.bbox.x1 + 0.5
    assert whole.y0 >= legend.y1 - 0.5
    assert legend.x0 >= -0.5
    assert legend.x1 <= figure.bbox.x1 + 0.5
    names = [text.get_window_extent() for text in axes.get_yticklabels()]
    assert all(above.y0 >= below.y1 - 0.5 for above, below in zip(names, names[1:], strict=False))
