from __future__ import annotations

import numpy as np
import pytest
from figure_support import artist, legend_texts
from matplotlib.colors import to_hex
from support import blobs

from embedlens.analysis.spectrum.intra_class import class_spectra
from embedlens.figures.spectrum.intra_class import figure as intra_class_figure
from embedlens.figures.spectrum.intra_class import plot
from embedlens.figures.style import class_colors, paper


def spectra(n=60, classes=6, seed=0, **options):
    return class_spectra(*blobs(n, classes=classes, seed=seed), **options)


def test_a_line_for_every_class_as_long_as_its_items_span_and_the_mean():
    z, y = blobs(44, classes=2)
    y[:40], y[40:] = 0, 1  # 40 items, and 4: three directions
    result = class_spectra(z, y)
    axes = plot(result)
    first, second = artist(axes, "classes").get_segments()
    np.testing.assert_array_equal(first, np.column_stack([np.arange(1, 9), result.variances[0]]))
    np.testing.assert_array_equal(second, np.column_stack([np.arange(1, 4), result.variances[1, :3]]))
    mean = artist(axes, "mean")
    np.testing.assert_allclose(mean.get_ydata(), result.variances.mean(axis=0)[:5])
    assert axes.get_yscale() == "log"
    assert axes.get_ylabel() == "variance within the class"
    assert plot(spectra(normalize=False)).get_ylabel() == "variance within the class, rows as given"


def test_the_corner_tells_the_numbers():
    result = spectra()
    text = artist(plot(result), "numbers").get_text().splitlines()
    assert text[0] == "6 classes"
    assert text[1] == f"variation {result.variation:.2f} (null {result.variation_if_alike:.2f})"
    assert text[2] == f"similarity {result.mean_similarity:.2f} (null {result.similarity_if_alike:.2f})"
    z, y = blobs(13, classes=12)
    alone = artist(plot(class_spectra(z, y)), "numbers").get_text()
    assert alone == "1 class, 11 of one item left out\nvariation - (null -)\nsimilarity - (null -)"


@pytest.mark.parametrize("classes", [6, 12])
def test_few_classes_have_colours_and_a_legend(classes):
    result = spectra(classes=classes)
    figure = intra_class_figure({"one": result}, names={2: "two"}, title="test")
    lines = artist(figure.axes[0], "classes")
    texts = legend_texts(figure.legends[0])
    tints = [to_hex(color) for color in lines.get_colors()]
    if classes == 6:
        assert tints == [*class_colors(result.labels).values()]
        assert texts == ["0", "1", "two", "3", "4", "5", "mean"]
    else:
        assert len(set(tints)) == 1
        assert texts == ["one class", "mean of the classes"]
    assert figure.get_suptitle() == "test"


def test_panels_share_limits_and_the_venue_s_width():
    runs = {"one": spectra(), "two": spectra(n=18, seed=3), "three": spectra(classes=12)}
    with paper("neurips"):
        figure = intra_class_figure(runs, venue="neurips", width="full")
    assert figure.get_size_inches()[0] == 5.5
    assert [axes.get_title("left") for axes in figure.axes] == [*runs]
    assert (
        len({axes.get_xlim() for axes in figure.axes}) == len({axes.get_ylim() for axes in figure.axes}) == 1
    )
    low, high = figure.axes[0].get_ylim()
    for result in runs.values():
        assert low < result.columns()["variance"].min()
        assert high > result.variances.max()


def test_equal_items_have_no_place_on_the_axis():
    z, y = blobs(20, classes=2)
    z[y == 0] = 1
    axes = plot(class_spectra(z, y))
    assert axes.get_ylim()[0] > 1e-8
    z[:] = 1
    assert plot(class_spectra(z, y)).get_ylim() == (0.1, 1.0)
