from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest
from figure_support import artists, legend_texts, title_of
from matplotlib.colors import LogNorm, to_hex
from support import blobs

from embedlens import InputError
from embedlens.analysis.spectrum.epochs import over_epochs
from embedlens.analysis.spectrum.values import spectrum
from embedlens.figures import style
from embedlens.figures.spectrum import epochs as spectrum_epochs
from embedlens.figures.spectrum.values import component_ticks, dead_text, plot
from embedlens.figures.spectrum.values import figure as spectrum_figure


def space(dim=8, *, dead=0, seed=0, **options):
    z, _ = blobs(n=80, dim=dim, seed=seed)
    z[:, dim - dead :] = 0
    return spectrum(z, **options)


def series(dim=8, *, dead=0, epochs=(0, 1, 5)):
    return over_epochs({e: space(dim, seed=e, dead=dead if e else 0) for e in epochs})


def test_the_curve_is_the_deviation_of_each_component():
    result = space()
    axes = plot(result)
    (line,) = artists(axes, "spectrum")
    assert line.get_xdata().tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    np.testing.assert_allclose(line.get_ydata(), result.singular_values / np.sqrt(79))
    assert not artists(axes, "dead")
    assert axes.get_ylim()[0] == 0
    assert axes.get_ylim()[1] > result.deviations[0]
    assert axes.get_xlabel() == "component"
    assert axes.get_yscale() == "linear"


@pytest.mark.parametrize(
    ("options", "cumulative", "words"),
    [
        ({}, False, r"$\sigma\,/\,\sqrt{N-1}$ (PCA)"),
        ({"center": False}, False, r"$\sigma\,/\,\sqrt{N-1}$ (SVD)"),
        ({"normalize": False}, False, r"$\sigma\,/\,\sqrt{N-1}$ (PCA, rows as given)"),
        ({}, True, "cumulative variance (PCA)"),
        ({"center": False}, True, "cumulative squared norm (SVD)"),
    ],
)
def test_the_axis_says_what_is_drawn(options, cumulative, words):
    assert plot(space(**options), cumulative=cumulative).get_ylabel() == words


def test_cumulative_shares_end_at_one():
    result = space()
    (line,) = artists(plot(result, cumulative=True), "spectrum")
    variances = result.singular_values**2
    np.testing.assert_allclose(line.get_ydata(), np.cumsum(variances) / variances.sum())
    assert line.get_ydata()[-1] == 1
    with pytest.raises(InputError, match="leave out one of log and cumulative"):
        plot(result, cumulative=True, log=True)


@pytest.mark.parametrize("log", [False, True])
def test_dead_dimensions_do_not_break_the_axis_and_are_crossed(log):
    result = space(dead=3)
    axes = plot(result, log=log)
    (line,), (crosses,) = artists(axes, "spectrum"), artists(axes, "dead")
    assert crosses.get_xdata().tolist() == [6, 7, 8]
    assert crosses.get_marker() == "x"
    rest = line.get_ydata()[5:]
    assert np.isnan(rest).all() if log else (rest == 0).all()
    low, high = axes.get_ylim()
    live = result.deviations[:5]
    assert low <= live.min() <= live.max() <= high
    assert not log or low > live.min() / 2
    axes.figure.draw_without_rendering()


def test_a_space_that_is_one_point_is_drawn():
    point = spectrum(np.ones((20, 3), np.float32))
    for options in ({}, {"log": True}, {"cumulative": True}):
        plot(point, **options).figure.draw_without_rendering()
    assert dead_text(point) == "3 of 3 dimensions are dead"


def test_dead_dimensions_in_words():
    assert dead_text(space()) == ""
    assert dead_text(space(dead=1)) == "1 of 8 dimensions is dead"
    assert dead_text(space(dead=3)) == "3 of 8 dimensions are dead"
    few = spectrum(blobs(n=4)[0])
    assert dead_text(few) == "5 of 8 dimensions are dead (n = 4)"


def test_sizes_are_overlaid_up_to_the_largest():
    sizes = {"d64": space(64), "d32": space(32, dead=2), "d16": space(16)}
    with style.paper():
        figure = spectrum_figure(sizes, title="test, epoch 3, n = 60")
        (axes,) = figure.axes
    lines = artists(axes, "spectrum")
    assert [np.size(line.get_xdata()) for line in lines] == [64, 32, 16]
    assert len({to_hex(line.get_color()) for line in lines}) == 3
    low, high = axes.get_xlim()
    assert low < 1 < 64 < high < 66
    assert axes.get_ylim()[1] > max(result.deviations[0] for result in sizes.values())
    assert legend_texts(axes.get_legend()) == ["d64", "d32", "2 of 32 dimensions are dead", "d16"]
    assert title_of(axes) == "test, epoch 3, n = 60"
    (crosses,) = artists(axes, "dead")
    assert to_hex(crosses.get_color()) == to_hex(lines[1].get_color())


def test_one_run_needs_no_legend_unless_dimensions_are_dead():
    with style.paper():
        assert spectrum_figure({"mine": space()}).axes[0].get_legend() is None
        (axes,) = spectrum_figure({"mine": space(dead=1)}).axes
        assert legend_texts(axes.get_legend()) == ["1 of 8 dimensions is dead"]


def test_many_runs_have_their_legend_below():
    with style.paper():
        figure = spectrum_figure({f"run-{number}": space(seed=number) for number in range(9)})
        figure.draw_without_rendering()
        (legend,) = figure.legends
        box = legend.get_window_extent()
        assert len(legend.get_texts()) == 9
        assert box.y1 <= figure.axes[0].get_window_extent().y0
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.x1


def test_kinds_are_not_mixed():
    for other in (space(center=False), space(normalize=False)):
        with pytest.raises(InputError, match="are not compared"):
            spectrum_figure({"a": space(), "b": other})


@pytest.mark.parametrize(("venue", "width", "inches"), [("cvpr", "column", 3.25), ("neurips", "full", 5.5)])
def test_size_of_the_venue(venue, width, inches):
    with style.paper(venue):
        for figure in (
            spectrum_figure({"a": space(), "b": space(seed=1)}, venue=venue, width=width),
            spectrum_epochs.figure({"a": series(), "b": series()}, venue=venue, width=width),
        ):
            assert figure.get_figwidth() == inches
            assert figure.get_figheight() <= style.max_height_of(venue)
    with pytest.raises(InputError, match="unknown venue"):
        spectrum_figure({"a": space()}, venue="cvrp")


@pytest.mark.parametrize("dim", [1, 2, 3, 7, 8, 9, 16, 33, 64, 100, 128, 500, 512, 2048])
def test_few_round_ticks_from_first_to_last(dim):
    ticks = component_ticks(dim)
    assert (ticks[0], ticks[-1]) == (1, dim)
    assert len(ticks) <= 9
    assert len(set(ticks)) == len(ticks)


def test_epochs_are_curves_in_the_colours_of_the_bar():
    result = series()
    with style.paper():
        axes = spectrum_epochs.plot(result)
        lines = artists(axes, "spectrum")
        colors = mpl.colormaps["viridis"]
    assert [line.get_label() for line in lines] == ["0", "1", "5"]
    for line, epoch, found in zip(lines, (0, 1, 5), result.spectra, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), found.deviations)
        assert to_hex(line.get_color()) == to_hex(colors(epoch / 5))
    assert axes.get_ylim()[1] > result.deviations.max()
    assert axes.figure.axes[1].get_ylabel() == "epoch"


@pytest.mark.parametrize("log", [False, True])
def test_a_heat_map_holds_every_value_and_greys_the_dead(log):
    result = series(dead=2)
    axes = spectrum_epochs.plot_heatmap(result, log=log)
    (mesh,) = artists(axes, "heatmap")
    values = mesh.get_array()
    np.testing.assert_array_equal(np.ma.getmaskarray(values), result.dead.T)
    np.testing.assert_array_equal(values[~result.dead.T], result.deviations.T[~result.dead.T])
    assert isinstance(mesh.norm, LogNorm) == log
    assert mesh.norm.vmax == result.deviations.max()
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0", "1", "5"]
    assert axes.get_ylim() == (8.5, 0.5)
    assert to_hex(axes.get_facecolor()) == "#d9d9d9"
    assert axes.figure.axes[1].get_ylabel() == r"$\sigma\,/\,\sqrt{N-1}$ (PCA)"


@pytest.mark.parametrize("heatmap", [False, True])
def test_runs_over_epochs_share_limits_and_colours(heatmap):
    runs = {"small": series(4), "dead": series(8, dead=2, epochs=(0, 9)), "large": series(8)}
    with style.paper():
        figure = spectrum_epochs.figure(runs, heatmap=heatmap, title="test")
        figure.draw_without_rendering()
        panels = figure.axes[:3]
        right = max(axes.title.get_window_extent().x1 for axes in panels[:2])
    assert len({axes.get_ylim() for axes in panels}) == 1
    assert title_of(panels[0]) == "small"
    assert title_of(panels[1]).replace("\n", " ") == "dead up to 2 of 8 dimensions are dead"
    assert right <= panels[2].get_window_extent().x0
    assert len(figure.axes) == 4
    if heatmap:
        norms = [artists(axes, "heatmap")[0].norm for axes in panels]
        assert norms[0] is norms[1] is norms[2]
        assert panels[0].get_ylim() == (8.5, 0.5)
    else:
        highest = max(one.deviations.max() for one in runs.values())
        assert panels[0].get_ylim()[1] > highest
        last = artists(panels[0], "spectrum")[-1]
        assert to_hex(last.get_color()) == to_hex(mpl.colormaps["viridis"](5 / 9))


def test_four_runs_are_a_square():
    with style.paper():
        figure = spectrum_epochs.figure({str(number): series() for number in range(4)})
    columns = {axes.get_subplotspec().colspan.start for axes in figure.axes[:4]}
    assert columns == {0, 1}
