"""Artists of the figure of scores against bytes."""

from __future__ import annotations

import numpy as np
from figure_support import legend_texts
from support import blobs

from embedlens.analysis.compression import CODES, CodeOptions, compress
from embedlens.figures.compression import figure, plot
from embedlens.figures.style import paper


def made(dim=8, metrics=("recall_at_1",), **options):
    z, y = blobs(n=80, dim=dim, classes=20, spread=1.0)
    return compress(z, y, CodeOptions(bits=4, **options), metrics=metrics)


def test_every_code_is_a_line_or_a_point_over_its_bytes():
    result = made()
    axes = plot(result)
    lines = {line.get_gid(): line for line in axes.get_lines()}
    assert set(lines) == {"full", "float32", *CODES}
    for code in ("float32", *CODES):
        at = result.codes == code
        assert np.array_equal(lines[code].get_xdata(), result.bytes[at])
        assert np.array_equal(lines[code].get_ydata(), result.scores["recall_at_1"][at])
        assert (lines[code].get_linestyle() == "None") == (at.sum() == 1)
    assert set(lines["full"].get_ydata()) == {result.scores["recall_at_1"][0]}
    assert axes.get_xscale() == "log"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("bytes per item", "R@1")
    assert len({line.get_color() for code, line in lines.items() if code != "full"}) == 7
    assert len({line.get_marker() for code, line in lines.items() if code != "full"}) == 7


def test_a_panel_for_each_run_and_score():
    results = {name: made(metrics=("recall_at_1", "map_at_r")) for name in ("a", "b")}
    with paper("icml"):
        drawn = figure(results, venue="icml", width="full", title="test, epoch 3")
        drawn.draw_without_rendering()
    assert [axes.get_title("left") for axes in drawn.axes] == ["a", "a", "b", "b"]
    assert [axes.get_ylabel() for axes in drawn.axes] == ["R@1", "MAP@R", "R@1", "MAP@R"]
    assert [round(axes.get_position().y0, 3) for axes in drawn.axes[:2]] == (
        [round(drawn.axes[0].get_position().y0, 3)] * 2
    )
    assert drawn.axes[0].get_ylim() == drawn.axes[2].get_ylim()
    texts = legend_texts(drawn.legends[0])
    assert texts == [
        "first dims", "principal components", "int8", "binary", "binary, 100 rescored",
        "product quantisation, 4 bits", "float32",
    ]  # fmt: skip
    box = drawn.legends[0].get_window_extent()
    for axes in drawn.axes:
        assert not box.overlaps(axes.get_tightbbox())


def test_one_code_alone_is_drawn_on_an_axis_of_powers_of_two():
    drawn = figure({"run": made(dim=64, names=("dims",), dims=(1, 2, 64))})
    drawn.draw_without_rendering()
    (axes,) = drawn.axes
    assert [text.get_text() for text in axes.get_xticklabels()] == ["4", "8", "16", "32", "64", "128", "256"]
    assert next(text for text in axes.texts if text.get_gid() == "n").get_text() == "n = 80"
    whole = figure({"run": made(names=("int8",))})
    whole.draw_without_rendering()
