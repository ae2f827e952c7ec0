"""Artists of heat maps and lines of drift."""

from __future__ import annotations

import numpy as np
import pytest

from embedlens import InputError
from embedlens.analysis.drift import Drift
from embedlens.figures.drift import figure, figure_of_lines, plot, plot_lines
from embedlens.figures.style import max_height_of, paper

NAMES = ("overlap_at_1", "overlap_at_10", "cka", "procrustes", "angle")


def made(size=5, names=NAMES):
    times = np.sqrt(np.arange(size))
    apart = 1 - np.exp(-np.abs(times[:, None] - times))
    values = {name: 40 * apart if name == "angle" else apart if name == "procrustes" else 1 - apart
              for name in names}  # fmt: skip
    return Drift(100, values)


def mesh(axes):
    (found,) = [one for one in axes.collections if one.get_gid()]
    return found


def test_cells_are_the_scores_and_the_diagonal_is_left_out():
    result = made()
    for name in NAMES:
        axes = plot(result, score=name)
        cells = mesh(axes).get_array().reshape(5, 5)
        off = ~np.eye(5, dtype=bool)
        np.testing.assert_array_equal(cells[off], result.values[name][off])
        assert cells.mask.diagonal().all()
        low, high = mesh(axes).get_clim()
        assert (low, high) == (result.values[name][off].min(), result.values[name][off].max())
        assert mesh(axes).get_cmap().name.endswith("_r") == (name in ("procrustes", "angle"))
        assert axes.get_ylim() == (4.5, -0.5)  # the first snapshot is above, as in a table


def test_numbers_stand_in_cells_of_a_few_snapshots():
    shown = {text.get_text() for text in plot(made(), score="cka").texts}
    assert f"{made().values['cka'][0, 4]:.2f}" in shown
    assert "39.3" in {text.get_text() for text in plot(Drift(9, {"angle": np.full((2, 2), 39.3)}),
                                                       score="angle").texts}  # fmt: skip
    assert not plot(made(20), score="cka").texts


def test_narrow_cells_have_no_numbers():
    with paper():
        wide, narrow = (figure(made(5), names=list("01234"), width=width) for width in ("full", "column"))
    assert all(len(axes.texts) == 20 for axes in wide.axes if axes.get_title(loc="left"))
    assert not any(axes.texts for axes in narrow.axes)


def test_pairs_without_a_score_are_grey():
    result = made(4, ("cka",))
    result.values["cka"][1] = result.values["cka"][:, 1] = np.nan
    axes = plot(result)
    assert mesh(axes).get_array().reshape(4, 4).mask[1].all()
    assert len(axes.texts) == 6
    assert plot(Drift(4, {"cka": np.full((2, 2), np.nan)})).texts[:] == []


@pytest.mark.parametrize(
    ("size", "ticks"), [(5, [0, 1, 2, 3, 4]), (9, [0, 2, 4, 6, 8]), (40, [0, 10, 20, 30])]
)
def test_epochs_at_both_axes(size, ticks):
    axes = plot(made(size), names=[str(3 * epoch) for epoch in range(size)])
    for axis in (axes.xaxis, axes.yaxis):
        assert axis.get_majorticklocs().tolist() == ticks
        assert [label.get_text() for label in axis.get_ticklabels()] == [str(3 * tick) for tick in ticks]
    assert axes.get_xlabel() == axes.get_ylabel() == "epoch"


@pytest.mark.parametrize(("venue", "width"), [("cvpr", "full"), ("icml", "column"), ("eccv", "full")])
def test_a_panel_for_each_score(venue, width):
    with paper(venue):
        drawn = figure(made(40), names=list(map(str, range(40))), venue=venue, width=width, title="a, test")
        drawn.draw_without_rendering()
    panels = [axes for axes in drawn.axes if axes.get_title(loc="left")]
    assert [axes.get_title(loc="left") for axes in panels] == [
        "overlap, k = 1", "overlap, k = 10", "linear CKA", "Procrustes residual", "angle (degrees)",
    ]  # fmt: skip
    assert drawn.get_suptitle() == "a, test"
    assert drawn.get_figheight() <= max_height_of(venue)


def test_long_names_of_runs_stand_below():
    names = ["digits-epshn-lr0.001-dim16", "another-run"]
    drawn = figure(made(2, ("cka",)), names=names, label="")
    (legend,) = drawn.legends
    assert [text.get_text() for text in legend.get_texts()] == [f"1: {names[0]}", f"2: {names[1]}"]
    assert [label.get_text() for label in drawn.axes[0].get_xticklabels()] == ["1", "2"]
    short = figure(made(2, ("cka",)), names=["A", "B"], label="")
    assert not short.legends
    assert [label.get_text() for label in short.axes[0].get_xticklabels()] == ["A", "B"]


def test_lines_end_before_the_last_epoch():
    result, epochs = made(4), [0, 2, 5, 9]
    axes = plot_lines(result, score="procrustes", epochs=epochs)
    (line,) = axes.get_lines()
    assert line.get_xdata().tolist() == epochs[:-1]
    assert line.get_ydata().tolist() == result.values["procrustes"][:-1, -1].tolist()
    drawn = figure_of_lines({"a": (result, epochs), "b": (result, epochs)}, unit="step", title="t")
    assert len(drawn.axes) == len(NAMES)
    assert {axes.get_xlabel() for axes in drawn.axes} == {"step"}
    assert all(len(axes.get_lines()) == 2 for axes in drawn.axes)
    assert [text.get_text() for text in drawn.legends[0].get_texts()] == ["a", "b"]
    assert not figure_of_lines({"a": (result, epochs)}).legends


def test_unknown_scores_are_refused():
    for draw in (plot, plot_lines):
        with pytest.raises(InputError, match="unknown score of drift 'nmi'"):
            draw(made(), score="nmi")
