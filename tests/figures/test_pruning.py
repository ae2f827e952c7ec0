"""Artists of the pruning figure."""

from __future__ import annotations

import numpy as np
from figure_support import legend_texts
from support import blobs

from embedlens.analysis.pruning import pruned_recall
from embedlens.analysis.spectrum.values import spectrum
from embedlens.figures.pruning import figure as pruning_figure
from embedlens.figures.pruning import figure_of_slices, plot
from embedlens.figures.style import paper


def curve(dim=8, dims=None, **options):
    z, y = blobs(n=80, dim=dim, classes=20, spread=1.0)
    return pruned_recall(z, y, dims, **options)


def line_of(axes, gid):
    return next(line for line in axes.get_lines() if line.get_gid() == gid)


def test_the_line_is_the_curve():
    result = curve()
    axes = plot(result, fit="train")
    line = line_of(axes, "pruning")
    assert np.array_equal(line.get_xdata(), result.dims)
    assert np.array_equal(line.get_ydata(), result.recall)
    assert axes.get_xlabel() == "leading components kept (PCA of train)"
    assert axes.get_ylabel() == "Recall@1"
    assert axes.get_xscale() == "log"


def test_labels_say_how_the_curve_was_made():
    axes = plot(curve(dims=[2, 4], basis="svd", center=True, similarity="inner"))
    assert axes.get_xlabel() == "leading components kept (SVD, centred)"
    assert axes.get_ylabel() == "Recall@1, inner product"


def test_runs_of_several_sizes_share_one_axis():
    curves = {f"dim{dim}": curve(dim) for dim in (4, 8, 24)}
    with paper("icml"):
        figure = pruning_figure(curves, venue="icml", title="test, epoch 3")
    assert figure.get_size_inches()[0] == 3.25
    (axes,) = figure.axes
    lines = [line for line in axes.get_lines() if line.get_gid() == "pruning"]
    assert len({line.get_color() for line in lines}) == 3
    assert legend_texts(figure.legends[0]) == list(curves)
    assert axes.get_title("left") == "test, epoch 3"
    figure.draw_without_rendering()
    shown = [text.get_text() for text in axes.get_xticklabels()]
    assert shown == ["1", "2", "4", "8", "16", "24"]
    assert next(text for text in axes.texts if text.get_gid() == "n").get_text() == "n = 80"


def test_a_single_number_is_drawn():
    figure = pruning_figure({"run": curve(dims=[3])})
    figure.draw_without_rendering()
    assert not figure.legends
    assert line_of(figure.axes[0], "pruning").get_marker() == "o"


def test_slices_stand_beside_their_spectra_in_their_colours():
    z, y = blobs(n=80, dim=8, classes=20, spread=1.0)
    parts = [
        (spectrum(z[:, columns]), pruned_recall(z[:, columns], y)) for columns in (slice(4), slice(4, 8))
    ]
    runs = {name: (pruned_recall(z, y), parts) for name in ("one", "two")}
    with paper("cvpr"):
        figure = figure_of_slices(runs, title="test, epoch 3", fit="train")
    figure.draw_without_rendering()
    assert len(figure.axes) == 4
    left, right = figure.axes[:2]
    curves = [line for line in right.get_lines() if line.get_gid() == "pruning"]
    assert [line.get_label() for line in curves] == ["whole embedding", "slice 1", "slice 2"]
    np.testing.assert_array_equal(curves[2].get_ydata(), parts[1][1].recall)
    spectra = [line for line in left.get_lines() if line.get_gid() == "spectrum"]
    assert [line.get_color() for line in spectra] == [line.get_color() for line in curves[1:]]
    assert left.get_legend() is None
    assert [axes.get_title("left") for axes in figure.axes[::2]] == ["one", "two"]
    assert legend_texts(figure.legends[0]) == [
        "whole embedding",
        "slice 1",
        "slice 2",
    ]
    with paper("cvpr"):
        narrow = figure_of_slices({"one": runs["one"]}, width="column")
    assert narrow.axes[0].get_position().y0 > narrow.axes[1].get_position().y1  # one above the other
