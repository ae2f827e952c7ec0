from __future__ import annotations

import numpy as np
import pytest
from figure_support import artists, legend_texts
from matplotlib.colors import to_hex
from support import blobs

from embedlens import InputError
from embedlens.analysis.spectrum.slices import slice_recalls, slices_of, take
from embedlens.analysis.spectrum.values import spectrum
from embedlens.figures import style
from embedlens.figures.spectrum.slices import figure as slices_figure
from embedlens.figures.spectrum.slices import plot, plot_spectra


def sliced(n_slices=2, seed=0, *, dim=8):
    z, y = blobs(dim=dim, spread=1.6, seed=seed)
    spectra = [spectrum(take(z, slice_)) for slice_ in slices_of(dim, n_slices)[0]]
    return spectra, slice_recalls(z, y, n_slices)


def bars_of(axes):
    return [patch for container in axes.containers for patch in container]


def test_bars_are_slices_alone_and_the_line_is_the_first_ones():
    _, recalls = sliced(4)
    axes = plot(recalls)
    assert [bar.get_height() for bar in bars_of(axes)] == recalls.alone.tolist()
    (line,) = artists(axes, "joined")
    np.testing.assert_array_equal(line.get_xydata(), np.stack([[1, 2, 3, 4], recalls.joined], axis=1))
    assert axes.get_ylim()[0] == 0
    assert axes.get_ylim()[1] > recalls.joined.max()
    assert legend_texts(axes.get_legend()) == [
        "first slices joined",
        "slice alone",
    ]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("slice", "R@1")


def test_a_spectrum_has_the_colour_of_its_bar():
    spectra, recalls = sliced(4)
    with style.paper():
        figure = slices_figure({"mine": (spectra, recalls)})
    left, right = figure.axes
    lines = artists(left, "spectrum")
    for line, found, bar in zip(lines, spectra, bars_of(right), strict=True):
        np.testing.assert_array_equal(line.get_ydata(), found.deviations)
        assert to_hex(line.get_color()) == to_hex(bar.get_facecolor()[:3])
    assert legend_texts(left.get_legend()) == [f"slice {n}" for n in (1, 2, 3, 4)]
    values = [text.get_text() for text in right.texts]
    assert values == [f"{value:.1%}" for value in recalls.joined]
    assert left.get_xlabel() == "component of the slice (2 dims each)"


def test_dead_dimensions_of_slices_are_reported():
    z, _ = blobs()
    z[:, 5] = 0
    spectra = [spectrum(take(z, slice_)) for slice_ in slices_of(8, 2)[0]]
    axes = plot_spectra(spectra, log=True)
    assert legend_texts(axes.get_legend()) == [
        "slice 1",
        "slice 2: 1 of 4 dimensions is dead",
    ]
    assert artists(axes, "dead")[0].get_xdata().tolist() == [4]


@pytest.mark.parametrize("log", [False, True])
def test_runs_are_rows_with_the_same_limits(log):
    runs = {"a": sliced(2), "b": sliced(8, seed=1)}
    with style.paper():
        figure = slices_figure(runs, log=log, title="test")
        figure.draw_without_rendering()
    assert len(figure.axes) == 4
    assert figure.axes[0].get_ylim() == figure.axes[2].get_ylim()
    assert figure.axes[1].get_ylim() == figure.axes[3].get_ylim()
    assert figure.axes[2].get_legend() is None
    assert figure.axes[3].get_xlabel() == "slice, in the colour of its spectrum"
    highest = max(part.deviations[0] for spectra, _ in runs.values() for part in spectra)
    assert figure.axes[0].get_ylim()[1] > highest


@pytest.mark.parametrize(("venue", "width", "inches"), [("cvpr", "column", 3.25), ("cvpr", "full", 6.875)])
@pytest.mark.parametrize("n_slices", [1, 8])
def test_size_of_the_venue(venue, width, inches, n_slices):
    with style.paper(venue):
        figure = slices_figure({"a": sliced(n_slices)}, cumulative=True, venue=venue, width=width)
    assert figure.get_figwidth() == inches
    assert figure.get_figheight() <= style.max_height_of(venue)


def test_spectra_and_recalls_must_be_of_the_same_slices():
    with pytest.raises(InputError, match="1 spectra beside Recall@1 of 2 slices"):
        slices_figure({"a": (sliced(1)[0], sliced(2)[1])})
