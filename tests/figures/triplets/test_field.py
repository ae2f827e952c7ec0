from __future__ import annotations

import numpy as np
import pytest
from figure_support import artists
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from support import blobs

from embedlens.analysis.triplets.field import field
from embedlens.analysis.triplets.nearest import nearest_triplets
from embedlens.figures import style
from embedlens.figures.triplets.field import figure as field_figure
from embedlens.figures.triplets.field import plot
from embedlens.figures.triplets.nearest import plot as plot_triplets
from embedlens.figures.triplets.panels import ScatterPanel


def panels(runs=2, splits=1):
    return [
        ScatterPanel(f"run{run}", f"split{split}", 6, nearest_triplets(*blobs(n=60, seed=10 * run + split)))
        for run in range(runs)
        for split in range(splits)
    ]


def test_arrows_have_one_length_the_field_s_direction_and_its_speed_as_colour():
    result = field("epshn", order=2)
    axes = plot(result)
    (arrows,) = artists(axes, "field")
    np.testing.assert_allclose(arrows.get_offsets(), np.stack([result.s_ap, result.s_an], axis=1))
    lengths = np.hypot(arrows.U, arrows.V)
    np.testing.assert_allclose(lengths, lengths[0])
    assert lengths[0] < 1.2 / 16
    np.testing.assert_allclose(arrows.U / lengths, result.d_ap / result.speed)
    np.testing.assert_allclose(arrows.V / lengths, result.d_an / result.speed)
    np.testing.assert_allclose(arrows.get_array(), result.speed)
    assert isinstance(arrows.norm, LogNorm)
    assert arrows.norm.vmax == pytest.approx(1000 * arrows.norm.vmin)
    dark = arrows.cmap(arrows.norm(result.speed.max()))
    pale = arrows.cmap(arrows.norm(result.speed.min()))
    assert dark[0] < 0.05 < 0.7 < pale[0]
    assert axes.get_xlim() == (-0.2, 1.0)
    assert [child.get_ylabel() for child in axes.child_axes] == ["speed, per unit of the learning rate"]


def test_it_stands_behind_the_dots_of_a_scatter():
    axes = plot_triplets(nearest_triplets(*blobs()))
    assert plot(field("epshn"), ax=axes, colorbar=False) is axes
    (arrows,), (dots,) = artists(axes, "field"), artists(axes, "dots")
    assert arrows.get_zorder() < dots.get_zorder()
    assert len(artists(axes, "diagonal")) == 1
    assert not axes.child_axes


def test_where_nothing_moves_there_is_no_arrow():
    result = field("triplet")
    assert (result.speed == 0).any()
    (arrows,) = artists(plot(result), "field")
    assert len(arrows.get_offsets()) == (result.speed > 0).sum()
    still = field(lambda s_ap, s_an: 0 * s_ap)
    assert not artists(plot(still, ax=Figure().add_subplot()), "field")


def test_given_places_are_drawn():
    result = field("epshn", ([0.95], [0.95]))
    (arrows,) = artists(plot(result), "field")
    assert arrows.get_offsets().tolist() == [[0.95, 0.95]]
    assert arrows.V[0] == pytest.approx(-arrows.U[0])


def test_runs_and_splits_get_the_same_field_and_one_scale():
    with style.paper():
        figure = field_figure(panels(2, 2), field("epshn", angle=60))
    scatters = figure.axes[:4]
    assert all(len(artists(axes, "field")) == 1 for axes in scatters)
    assert sum(len(axes.child_axes) for axes in scatters) == 1
    assert len(scatters[1].child_axes) == 1  # of the first row's last
    assert figure.get_suptitle() == "epoch 6, field of epshn, order 1, 60° between the planes"
    (text,) = artists(scatters[0], "numbers")
    first, last = text.get_text().splitlines()
    assert first.startswith("R@1")
    assert last == "n = 60"


@pytest.mark.parametrize(
    ("runs", "splits", "venue", "width", "inches"),
    [
        (1, 1, "cvpr", "column", 3.25),
        (2, 1, "cvpr", "full", 6.875),
        (2, 2, "cvpr", "full", 6.875),
        (1, 1, "nature", "full", 183 / 25.4),
        (3, 2, "neurips", "full", 5.5),
    ],
)
def test_size_is_exact_and_nothing_is_cut(runs, splits, venue, width, inches):
    with style.paper(venue):
        figure = field_figure(panels(runs, splits), field("epshn"), venue=venue, width=width)
        figure.draw_without_rendering()
        box = figure.get_tightbbox()
    assert figure.get_figwidth() == pytest.approx(inches)
    assert figure.get_figheight() <= style.max_height_of(venue) + 1e-6
    assert box.x0 >= 0
    assert box.y0 >= 0
    assert box.x1 <= inches + 1e-6
    assert box.y1 <= figure.get_figheight() + 1e-6
