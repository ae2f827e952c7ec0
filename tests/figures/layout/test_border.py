from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from figure_support import artists_of_kind
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from embedlens.analysis.triplets.flow import flow
from embedlens.analysis.triplets.nearest import Triplets
from embedlens.analysis.triplets.trajectory import Path
from embedlens.figures import style
from embedlens.figures.export.film import Film
from embedlens.figures.layout.border import upper_limit
from embedlens.figures.layout.limits import choose_limits
from embedlens.figures.triplets import trajectory
from embedlens.figures.triplets.flow import figure as flow_figure
from embedlens.figures.triplets.nearest import Scale, limits_of, plot, scale_of
from embedlens.figures.triplets.panels import ScatterPanel, frames_of


def at(*places):
    s_ap, s_an = np.array(places, dtype=float).T
    index = np.arange(s_ap.size)
    return Triplets(index, index, index, s_ap, s_an, 0)


def corner(n=60, far=1e-6):
    return at(*(1 - far * np.random.default_rng(0).uniform(size=(n, 2))))


def ordinary(n=60):
    return at(*np.random.default_rng(1).uniform(0, 0.9, (n, 2)))


def assert_whole(dots):
    """Every dot of a scatter lies, to its edge, inside what is drawn of it."""
    figure = dots.axes.get_figure(root=True)
    FigureCanvasAgg(figure).draw()
    places = dots.axes.transData.transform(np.asarray(dots.get_offsets()))
    radius = np.sqrt(dots.get_sizes()[0]) / 2 * figure.dpi / 72
    x0, y0, x1, y1 = dots.get_clip_box().extents
    assert (places - radius >= [x0, y0]).all()
    assert (places + radius <= [x1, y1]).all()


def painted(picture, color):
    """How many pixels are nearer to a colour than to white or black."""
    rgb = picture[..., :3].astype(float)
    distance = [np.abs(rgb - 255 * np.array(to_rgb(one))).sum(axis=-1) for one in (color, "white", "black")]
    grey = np.ptp(rgb, axis=-1) < 30
    return int(((distance[0] < distance[1]) & (distance[0] < distance[2]) & ~grey).sum())


def drawn(axes):
    canvas = FigureCanvasAgg(axes.get_figure(root=True))
    canvas.draw()
    return np.array(canvas.buffer_rgba())


@pytest.mark.parametrize("n", [3, 60, 6_000])
def test_dots_of_a_collapsed_space_lie_inside_the_frame(n):
    axes = plot(corner(n), color="#D55E00")
    assert axes.get_xlim() == axes.get_ylim() == (-0.2, 1.04)
    (dots,) = artists_of_kind(axes, "dots")
    assert_whole(dots)
    box = axes.get_window_extent()
    places = axes.transData.transform(np.asarray(dots.get_offsets()))
    radius = np.sqrt(dots.get_sizes()[0]) / 2 * axes.figure.dpi / 72
    frame = axes.spines["right"].get_linewidth() / 2 * axes.figure.dpi / 72
    assert (places + radius + frame < [box.x1, box.y1]).all()
    picture = drawn(axes)
    dots.set_visible(False)
    for large in artists_of_kind(axes, "crowd"):
        large.set_visible(False)
    changed = (picture != drawn(axes)).any(axis=-1).sum()
    assert changed >= 2 * radius  # something of them is seen


def test_a_histogram_of_a_collapsed_space_lies_inside_the_frame():
    axes = plot(corner(100_001), colorbar=False)
    (mesh,) = artists_of_kind(axes, "histogram")
    counts = np.ma.filled(mesh.get_array(), 0)
    assert counts.sum() == 100_001
    assert not counts[-2:].any()
    assert not counts[:, -2:].any()


@pytest.mark.parametrize(
    "places",
    [
        [(1.0, 0.3), (0.2, 0.1)],
        [(1.0, 0.9), (0.4, 1.0)],
        [(-1.0, -1.0), (0.5, 0.2)],
        [(0.5, -0.2), (0.1, 0.0)],
    ],
)
def test_dots_on_the_border_are_drawn_whole(places):
    axes = plot(at(*places))
    assert axes.get_xlim()[1] == 1.0
    (dots,) = artists_of_kind(axes, "dots")
    assert_whole(dots)
    for dpi in (50, 200):
        axes.figure.set_dpi(dpi)
        assert_whole(dots)


def test_limits_leave_room_for_a_tenth_of_a_part_and_more():
    crowd = np.r_[np.ones((10, 2)), np.zeros((90, 2))]
    assert limits_of([ordinary(), at(*crowd)]) == (-0.2, 1.04)
    assert limits_of([at(*crowd[1:])]) == (-0.2, 1.0)
    assert upper_limit([at((1.0, 0.98))]) == 1.0  # near positives alone: at the border, not in the corner
    assert upper_limit([]) == 1.0


def test_dots_that_limits_leave_out_do_not_look_in():
    axes = plot(at((0.3, 0.1), (0.9, 0.8)), scale=Scale((0.4, 1.0), None))
    (dots,) = artists_of_kind(axes, "dots")
    drawn(axes)
    box, clip = axes.bbox.extents, dots.get_clip_box().extents
    np.testing.assert_allclose(clip[:2], box[:2])
    assert (clip[2:] > box[2:]).all()


def test_dots_do_not_move_the_layout():
    with style.paper():
        free, full = (plot(one) for one in (at((0.5, 0.2)), at((1.0, 0.2))))
        for axes in (free, full):
            drawn(axes)
    np.testing.assert_allclose(free.get_position().bounds, full.get_position().bounds)


def test_films_show_them_as_stills_do():
    panels = [ScatterPanel("mine", "test", epoch, one) for epoch, one in enumerate((ordinary(), corner()))]
    with style.paper():
        film = Film(frames_of(panels))
        (axes,) = film._figure.axes
        color = artists_of_kind(axes, "dots")[0].get_facecolor()[0, :3]
        last = film[1]
        assert axes.get_xlim() == (-0.2, 1.04)
        film._canvas.draw()
        still = np.asarray(film._canvas.buffer_rgba())[..., :3]
    np.testing.assert_array_equal(last, still)
    assert painted(last, color) >= 20


def test_flows_show_them():
    start, end = ordinary(), corner()
    pair = ScatterPanel("mine", "test", 0, start), ScatterPanel("mine", "test", 3, end)
    with style.paper():
        figure = flow_figure([pair[0]], [pair[1]], [flow(start, end)])
        (axes,) = figure.axes
        assert axes.get_xlim()[1] == 1.04
        assert_whole(artists_of_kind(axes, "dots")[1])
        figure = flow_figure([pair[1]], [replace(pair[1], epoch=5)], [flow(end, end)])
    assert figure.axes[0].get_xlim() == (0.8, 1.04)


def test_trajectories_show_them():
    one = Path("mine", 0, 1, 2, np.array([0, 1]), np.ones(2), np.ones(2))
    axes = trajectory.plot([one])
    assert axes.get_xlim() == (-0.2, 1.04)
    for gid in ("states", "end", "initial"):
        for line in artists_of_kind(axes, gid):
            assert not line.get_clip_on()


def test_limits_of_the_data_leave_room_for_a_collapsed_space():
    one = corner()
    low, high = choose_limits("data", [one.s_ap, one.s_an])
    assert low < one.s_an.min()
    assert high == 1.01
    free = ordinary()
    assert choose_limits("data", [free.s_ap, np.ones(3)])[1] == 1.0


@pytest.mark.parametrize("n", [6_000, 100_001])
def test_a_collapsed_space_of_many_dots_is_plainly_seen(n):
    """A dot of five points across over the diagonal, where one of one point would lie beneath it."""
    axes = plot(corner(n), color="#D55E00", colorbar=False)
    (large,) = artists_of_kind(axes, "crowd")
    (diagonal,) = artists_of_kind(axes, "diagonal")
    assert large.get_zorder() > diagonal.get_zorder()
    assert_whole(large)
    usual = painted(drawn(axes), "#D55E00")
    large.set_visible(False)
    assert usual > painted(drawn(axes), "#D55E00") + 15


def test_a_space_that_is_wide_has_no_large_dots():
    axes = plot(ordinary(6_000), color="#D55E00")
    assert not any(len(large.get_offsets()) for large in artists_of_kind(axes, "crowd"))
    near = plot(at(*np.random.default_rng(0).uniform(0.9905, 1, (6_000, 2))), scale=Scale((0.98, 1.01), None))
    assert not any(
        len(large.get_offsets()) for large in artists_of_kind(near, "crowd")
    )  # its dots are seen there


def test_a_film_shows_a_collapse_of_many_dots_in_its_frames_alone():
    states = ordinary(6_000), corner(6_000)
    with style.paper():
        film = Film(frames_of([ScatterPanel("mine", "test", epoch, one) for epoch, one in enumerate(states)]))
        (axes,) = film._figure.axes
        shown = []
        for number in (0, 1, 0):
            film[number]
            (large,) = artists_of_kind(axes, "crowd")
            shown.append(len(large.get_offsets()))
        assert shown == [0, 100, 0]


def test_flows_of_a_collapsed_space_show_both_states():
    one = corner(6_000)
    pair = [ScatterPanel("mine", "test", epoch, one) for epoch in (0, 3)]
    with style.paper():
        (axes,) = flow_figure(pair[:1], pair[1:], [flow(one, one)]).axes
    start, end = artists_of_kind(axes, "crowd")
    assert start.get_sizes()[0] > end.get_sizes()[0]
    assert [part.get_zorder() > 5 for part in (start, end)] == [True, True]  # over the arrows


def test_dots_beyond_limits_are_cut_at_the_frame_and_counted():
    """A dot just beyond an upper limit had a sliver outside of the frame."""
    s_ap, s_an = np.array([0.5, 0.905, 0.3, 0.7]), np.array([0.4, 0.5, 0.8995, 0.1])
    rows = np.arange(4)
    triplets = Triplets(rows, rows, rows, s_ap, s_an, 0)
    figure = Figure(figsize=(3, 3), dpi=100)
    axes = plot(triplets, figure.add_subplot(), scale=scale_of([triplets], limits=(0.2, 0.9)))
    dots = next(part for part in axes.collections if part.get_gid() == "dots")
    box, frame = dots.get_clip_box().extents, axes.bbox.extents
    assert box[2] == frame[2]  # one dot lies beyond the right end
    assert box[3] > frame[3]  # none beyond the upper one
    assert box[1] == frame[1]
    text = next(text for text in axes.texts if text.get_gid() == "numbers")
    assert "out of sight 2" in text.get_text().splitlines()
