"""Legends and corner statistics never cover data, at print size."""

from __future__ import annotations

import io

import numpy as np
import pytest
from figure_support import legend_texts
from matplotlib.lines import Line2D
from matplotlib.transforms import Bbox

from embedlens.analysis.spectrum.values import spectrum
from embedlens.analysis.verification.pairs import roc
from embedlens.figures import style
from embedlens.figures.layout.canvas import Figure
from embedlens.figures.layout.covering import covers
from embedlens.figures.layout.legends import legend_below, place_legend
from embedlens.figures.spectrum import values as spectra
from embedlens.figures.verification import pairs as rocs

LONG = [f"{number}{'n' * 92}{number}" for number in range(5)]


def _axes(figsize=(3.25, 2.4)):
    axes = Figure(figsize=figsize, layout="constrained").add_subplot()
    axes.set(xlim=(0, 1), ylim=(0, 1))
    return axes


def _save(figure):
    figure.savefig(io.BytesIO(), format="png", dpi=100)
    figure.draw_without_rendering()


def _box(axes, x0, y0, x1, y1):
    return Bbox(axes.transData.transform([(x0, y0), (x1, y1)]))


def _draw_line(axes):
    axes.plot([0, 1], [0.5, 0.5])


def _draw_steps(axes):
    axes.plot([0, 1.0], [0, 0.5], drawstyle="steps-pre")


def _draw_dots(axes):
    axes.scatter([0.5], [0.5], s=20)


def _draw_markers(axes):
    axes.plot([0.5, 0.5], [0.5, 0.95], "o")


def _draw_bar(axes):
    axes.bar([0.5], [0.52], width=0.2)


def _draw_stairs(axes):
    axes.stairs([0.1, 0.5, 0.1], [0, 0.4, 0.6, 1])


def _draw_band(axes):
    axes.fill_between([0, 1], [0.2, 0.2], [0.55, 0.55])


def _draw_mesh(axes):
    edges = np.linspace(0, 1, 4)
    axes.pcolormesh(edges, edges, np.ma.masked_less(np.eye(3), 0.5), rasterized=True)


def _draw_picture(axes):
    axes.imshow(np.zeros((2, 2)), extent=(0.45, 0.55, 0.45, 0.55), aspect="auto")
    axes.set(xlim=(0, 1), ylim=(0, 1))


@pytest.mark.parametrize(
    "draw",
    [_draw_line, _draw_steps, _draw_dots, _draw_markers, _draw_bar, _draw_stairs, _draw_band, _draw_mesh,
     _draw_picture],
)  # fmt: skip
def test_what_is_drawn_counts_as_data_where_it_lies(draw):
    axes = _axes()
    draw(axes)
    axes.axhline(0.5, gid="grid")
    axes.axhline(0.7)  # across the whole axes: no data
    axes.figure.draw_without_rendering()
    assert covers(axes, _box(axes, 0.45, 0.45, 0.55, 0.55))
    assert not covers(axes, _box(axes, 0.05, 0.65, 0.25, 0.8))


@pytest.mark.parametrize("draw", [_draw_markers, _draw_stairs])
def test_nothing_is_drawn_between_markers_nor_inside_an_outline(draw):
    axes = _axes()
    draw(axes)
    axes.figure.draw_without_rendering()
    low = 0.65 if draw is _draw_markers else 0.2
    assert not covers(axes, _box(axes, 0.45, low, 0.55, low + 0.1))


def test_a_text_takes_a_free_corner_the_same_in_all_panels():
    with style.paper("cvpr"):
        figure = Figure(figsize=(6.875, 2), layout="constrained")
        for number, axes in enumerate(figure.subplots(1, 2)):
            axes.plot([0, 1], [0, 1] if number else [0.02, 0.02])
            axes.set(xlim=(0, 1), ylim=(0, 1))
            axes.text(0.97, 0.97, "n = 1,000", transform=axes.transAxes, ha="right", va="top", gid="n")
        _save(figure)
        for _ in range(2):
            for axes in figure.axes:
                (text,) = axes.texts
                assert text.get_position() == pytest.approx((0.03, 0.97))
                assert text.get_horizontalalignment() == "left"
                assert not covers(axes, text.get_window_extent())
            _save(figure)


def test_a_text_without_a_free_corner_stands_above_the_axes_below_the_title():
    with style.paper("cvpr"):
        axes = _axes()
        axes.plot([0, 0, 1, 1, 0], [0, 1, 1, 0, 0], linewidth=1)
        axes.plot([0.05, 0.05, 0.95, 0.95, 0.05], [0.05, 0.95, 0.95, 0.05, 0.05])
        axes.set_title("title")
        text = axes.text(0.97, 0.97, "n = 1,000", transform=axes.transAxes, ha="right", va="top", gid="n")
        _save(axes.figure)
        box, first = text.get_window_extent(), axes.get_window_extent().bounds
        assert box.y0 >= axes.get_window_extent().y1
        assert axes._left_title.get_window_extent().y0 >= box.y1 - 1
        _save(axes.figure)
        assert axes.get_window_extent().bounds == pytest.approx(first, abs=1)


def test_a_legend_inside_moves_to_a_free_corner_or_above():
    with style.paper("cvpr"):
        for full in (False, True):
            axes = _axes()
            axes.plot([0, 1], [0.95, 0.9], label="a run")
            if full:
                axes.plot(np.linspace(0, 1, 200), np.tile([0.02, 0.98], 100), label="another")
            axes.legend(loc="upper right")
            _save(axes.figure)
            box = axes.get_legend().get_window_extent()
            assert not covers(axes, box)
            assert (box.y0 >= axes.get_window_extent().y1 - 1) == full
            texts = legend_texts(axes.get_legend())
            assert texts == ["a run", "another"][: 1 + full]


def test_long_names_of_five_runs_stand_below_the_curves():
    z = np.random.default_rng(0).normal(size=(60, 6))
    with style.paper("cvpr"):
        for options in ({}, {"log": True}, {"cumulative": True}):
            figure = spectra.figure({name: spectrum(z) for name in LONG}, title="test", **options)
            _save(figure)
            (axes,), (legend,) = figure.axes, figure.legends
            assert axes.get_legend() is None
            assert legend.get_window_extent().y1 <= axes.get_tightbbox().y0 + 1
            assert axes.get_window_extent().height > 0.4 * figure.bbox.height
            for number, text in enumerate(legend.get_texts()):
                assert text.get_text().startswith(f"{number}nn")
                assert text.get_text().endswith(f"nn{number}")
                assert text.get_window_extent().x1 <= figure.bbox.x1


def test_short_names_stay_inside_where_there_is_room():
    z = np.random.default_rng(0).normal(size=(60, 6)) * [6, 1, 0.5, 0.3, 0.2, 0.1]
    with style.paper("cvpr"):
        figure = spectra.figure({name: spectrum(z) for name in "ab"})
        _save(figure)
        (axes,) = figure.axes
        assert not figure.legends
        assert not covers(axes, axes.get_legend().get_window_extent())


def test_numbers_beside_a_name_are_never_shortened():
    scores = np.random.default_rng(0).normal(size=200)
    with style.paper("cvpr"):
        figure = rocs.figure({name: roc(scores, np.arange(200) % 2 == 0) for name in LONG[:2]})
        _save(figure)
        told = legend_texts(figure.legends[0])
    assert all("…" in text and ", AUC 0." in text and text.endswith("%") for text in told), told


def test_a_legend_that_fits_nowhere_inside_is_below():
    with style.paper("cvpr"):
        axes = _axes()
        axes.plot(np.linspace(0, 1, 400), np.tile([0.02, 0.98], 200))
        handles = [Line2D([], [])]
        assert place_legend(axes, handles, ["a run"]) > 0.1
        assert axes.get_legend() is None
        assert len(axes.figure.legends) == 1
        other = _axes()
        assert place_legend(other, handles, ["a run"]) == 0
        assert legend_below(other.figure, handles * 3, list("abc")) < 0.3
