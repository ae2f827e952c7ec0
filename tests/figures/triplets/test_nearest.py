from __future__ import annotations

import re

import matplotlib as mpl
import numpy as np
import pytest
from figure_support import artist, title_of
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from scipy.ndimage import gaussian_filter
from support import blobs

from embedlens import InputError
from embedlens.analysis.triplets.density import counts_by_place, enclosing_levels
from embedlens.analysis.triplets.nearest import Triplets, nearest_triplets, summarise
from embedlens.figures import style
from embedlens.figures.triplets.nearest import limits_of, plot
from embedlens.figures.triplets.panels import ScatterPanel, figure_of_epochs, frames_of
from embedlens.figures.triplets.panels import figure as scatter_figure


def triplets(n, seed=0, low=0.0):
    random = np.random.default_rng(seed)
    s_ap, s_an = random.uniform(low, 1, (2, n))
    index = np.arange(n)
    return Triplets(index, index, index, s_ap, s_an, 0)


def test_dots_diagonal_ideal_point_and_numbers():
    result = nearest_triplets(*blobs(n=80))
    axes = plot(result)
    offsets = np.asarray(artist(axes, "dots").get_offsets())
    order = np.lexsort(offsets.T)
    expected = np.stack([result.s_ap, result.s_an], axis=1)
    np.testing.assert_array_equal(offsets[order], expected[np.lexsort(expected.T)])
    assert not np.array_equal(offsets, expected)
    assert artist(axes, "diagonal").get_xydata().tolist() == [[-0.2, -0.2], [1, 1]]
    assert artist(axes, "ideal").get_xydata().tolist() == [[1, 0]]
    numbers = summarise(result)
    text = artist(axes, "numbers").get_text()
    assert f"R@1 {numbers.below_diagonal:.1%}" in text
    assert f"above diagonal {numbers.above_diagonal:.1%}" in text
    assert "n = 80" in text
    assert axes.get_xlim() == axes.get_ylim() == (-0.2, 1.0)
    assert axes.get_aspect() == 1
    assert "S_{ap}" in axes.get_xlabel()
    assert "S_{an}" in axes.get_ylabel()


def test_fixed_triplets_are_not_called_recall():
    result = triplets(50)
    fixed = Triplets(
        *(getattr(result, name) for name in ("anchor", "positive", "negative")),
        result.s_ap,
        result.s_an,
        3,
        "fixed",
    )
    text = artist(plot(fixed), "numbers").get_text()
    assert "R@1" not in text
    assert text.startswith("below diagonal")
    assert "n = 50 (3 singletons)" in text


@pytest.mark.parametrize(
    ("n", "rasterised", "contours"), [(5_000, False, False), (5_001, True, True), (100_000, True, True)]
)
def test_many_dots_are_rasterised_under_contours(n, rasterised, contours):
    axes = plot(triplets(n))
    assert artist(axes, "dots").get_rasterized() is rasterised
    assert [child.get_gid() for child in axes.get_children()].count("contours") == int(contours)
    if contours:
        assert len(artist(axes, "contours").get_paths()) == 3


@pytest.mark.parametrize(("color", "line"), [("black", "white"), ("#E69F00", "black"), ("C0", "black")])
def test_contours_are_seen_on_the_dots(color, line):
    drawn = artist(plot(triplets(5_001), color=color), "contours").get_edgecolor()
    assert to_hex(drawn[0]) == to_hex(line)


def test_contours_are_those_of_axes_contour():
    result = nearest_triplets(*blobs(n=5_400, spread=1.5))
    drawn = artist(plot(result), "contours").get_paths()
    density = gaussian_filter(counts_by_place(result, (-0.2, 1.0), bins=150), 2.0)
    middle = (np.arange(150) + 0.5) / 150 * 1.2 - 0.2
    levels = enclosing_levels(density, (0.9, 0.6, 0.3))
    peer = Figure().add_subplot().contour(middle, middle, density.T, levels=levels).get_paths()
    assert len(drawn) == len(peer) == 3
    for ours, theirs in zip(drawn, peer, strict=True):
        one, other = (np.unique(path.vertices.round(9), axis=0) for path in (ours, theirs))
        np.testing.assert_allclose(one, other, atol=1e-8)


def test_more_become_a_histogram_with_shared_colours():
    many = [ScatterPanel("a", "test", epoch, triplets(100_001 + epoch, seed=epoch)) for epoch in (0, 1)]
    meshes = []
    for panel, axes in zip(many, figure_of_epochs(frames_of(many)).axes, strict=False):
        meshes.append(artist(axes, "histogram"))
        assert meshes[-1].get_array().sum() == panel.triplets.s_ap.size
        assert isinstance(meshes[-1].norm, mpl.colors.LogNorm)
    assert meshes[0].norm.vmax == meshes[1].norm.vmax == max(mesh.get_array().max() for mesh in meshes)
    alone = plot(many[0].triplets)
    assert [axes.get_ylabel() for axes in alone.figure.axes][1:] == ["dots per bin"]


def test_limits_widen_in_steps_for_all_together():
    assert limits_of([triplets(10)]) == (-0.2, 1.0)
    assert limits_of([triplets(10), triplets(500, low=-0.3)]) == (-0.4, 1.0)
    assert limits_of([triplets(500, low=-1)]) == (-1.0, 1.0)
    assert limits_of([]) == (-0.2, 1.0)


def panels(runs=1, splits=2, epochs=1, n=40):
    return [
        ScatterPanel(f"run{run}", f"split{split}", epoch, triplets(n, seed=run * 100 + split * 10 + epoch))
        for run in range(runs)
        for split in range(splits)
        for epoch in range(epochs)
    ]


@pytest.mark.parametrize(
    ("runs", "splits", "shape"),
    [(1, 2, (1, 2)), (2, 2, (2, 2)), (2, 1, (1, 2)), (1, 1, (1, 1)), (5, 1, (2, 3)), (5, 2, (4, 4))],
)
def test_grid_places_every_panel(runs, splits, shape):
    with style.paper():
        figure = scatter_figure(panels(runs, splits), width="full")
    assert len(figure.axes) == runs * splits
    grid = figure.axes[0].get_gridspec()
    assert (grid.nrows, grid.ncols) == shape
    titles = [title_of(axes) for axes in figure.axes]
    assert len(set(titles)) == len(titles)
    assert len({axes.get_xlim() for axes in figure.axes}) == 1


@pytest.mark.parametrize(
    ("venue", "width", "inches"),
    [
        ("cvpr", "column", 3.25),
        ("cvpr", "full", 6.875),
        ("icml", "full", 6.75),
        ("neurips", "full", 5.5),
        ("eccv", "full", 4.8),
        ("nature", "column", 89 / 25.4),
        ("aaai", "full", 6.975),
        ("tmlr", "full", 6.5),
    ],
)
def test_size_is_exactly_the_venue_s(tmp_path, venue, width, inches):
    with style.paper(venue):
        figure = scatter_figure(panels(2, 2), venue=venue, width=width)
        figure.savefig(tmp_path / "figure.pdf")
    raw = (tmp_path / "figure.pdf").read_bytes()
    box = [float(value) for value in re.search(rb"/MediaBox \[([^\]]*)\]", raw)[1].split()]
    assert box[2] == pytest.approx(72 * inches, abs=0.01)
    assert box[3] <= 72 * style.max_height_of(venue) + 0.01
    assert b"/Type3" not in raw
    assert b"/TrueType" in raw or b"/Type0" in raw


def test_text_stays_inside_and_apart():
    with style.paper("nature"):
        figure = scatter_figure(panels(2, 2), venue="nature", width="full")
        figure.draw_without_rendering()
        renderer = figure.canvas.get_renderer() if hasattr(figure.canvas, "get_renderer") else None
        boxes = [axes.get_tightbbox(renderer) for axes in figure.axes]
    for box in boxes:
        assert box.x0 >= -0.5
        assert box.y0 >= -0.5
        assert box.x1 <= figure.bbox.x1 + 0.5
    for number, box in enumerate(boxes):
        for other in boxes[number + 1 :]:
            inner = [
                max(box.x0, other.x0),
                max(box.y0, other.y0),
                min(box.x1, other.x1),
                min(box.y1, other.y1),
            ]
            assert inner[0] >= inner[2] - 8 or inner[1] >= inner[3] - 8


def test_unknown_venue_and_width():
    with pytest.raises(
        InputError, match="unknown venue 'cvrp'; did you mean 'cvpr'. choose one of: aaai, cvpr"
    ):
        style.width_of("cvrp", "full")
    with pytest.raises(InputError, match="unknown width 'half'"):
        style.width_of("cvpr", "half")
    with pytest.raises(InputError, match="prints one column"):
        style.width_of("neurips", "column")


def test_style_ends_with_its_scope():
    before = dict(mpl.rcParams)
    with style.paper():
        assert mpl.rcParams["pdf.fonttype"] == 42
        assert mpl.rcParams["svg.fonttype"] == "none"
    assert dict(mpl.rcParams) == before


def test_given_axes_are_drawn_on():
    axes = Figure().add_subplot()
    assert plot(triplets(5), ax=axes) is axes


def test_strip_has_a_row_a_series_and_a_column_an_epoch():
    with style.paper():
        figure = figure_of_epochs(frames_of(panels(2, 1, epochs=3)))
    assert len(figure.axes) == 6
    assert [title_of(axes) for axes in figure.axes] == [
        "epoch 0",
        "epoch 1",
        "epoch 2",
        "",
        "",
        "",
    ]
    assert figure.axes[0].get_ylabel().startswith("run0, split0")
    assert all(artist(axes, "numbers").get_text().startswith("R@1") for axes in figure.axes)


def test_the_name_beside_a_strip_stands_apart_from_the_label_of_the_axis():
    with style.paper():
        shown = [
            ScatterPanel(f"{panel.run}-" + "loopy-" * 20, "test", panel.epoch, panel.triplets)
            for panel in panels(2, 1, epochs=4)
        ]
        figure = figure_of_epochs(frames_of(shown))
        figure.draw_without_rendering()
        label = figure.axes[0].yaxis.label
        wide = label.get_window_extent().width
    size = label.get_fontsize() * figure.dpi / 72
    assert "…" in label.get_text()
    assert wide > 2 * 1.4 * size  # lines of one text: 2 * 1.2


def test_titles_tell_what_differs():
    one = scatter_figure(panels(1, 2))
    one.draw_without_rendering()
    assert one.get_suptitle() == "run0, epoch 0"
    assert [title_of(axes) for axes in one.axes] == ["split0", "split1"]
    two = scatter_figure(
        [ScatterPanel("a", "test", 3, triplets(5)), ScatterPanel("b", "test", 8, triplets(5))]
    )
    assert two.get_suptitle() == ""
    assert [title_of(axes) for axes in two.axes] == ["a, test, epoch 3", "b, test, epoch 8"]


def test_frames_take_the_latest_epoch_of_each_run():
    short = [ScatterPanel("a", "test", epoch, triplets(5)) for epoch in (1, 4)]
    long = [ScatterPanel("b", "test", epoch, triplets(5)) for epoch in (0, 1, 2)]
    frames = frames_of(short + long)
    assert list(frames) == [0, 1, 2, 4]
    shown = [sorted(panel.epoch for panel in frame) for frame in frames.values()]
    assert shown == [[0, 1], [1, 1], [1, 2], [2, 4]]
    titles = [title_of(axes) for axes in figure_of_epochs(frames).axes]
    assert titles == ["epoch 0", "epoch 1", "epoch 2", "epoch 2", "epoch 1", "", "epoch 1", ""]
