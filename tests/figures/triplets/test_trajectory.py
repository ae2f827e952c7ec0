from __future__ import annotations

import re

import matplotlib as mpl
import numpy as np
import pytest
from figure_support import artist, artists, legend_texts, title_of
from matplotlib.figure import Figure

from embedlens import InputError
from embedlens.analysis.triplets.trajectory import PRETRAINED, Path
from embedlens.figures import style
from embedlens.figures.layout.numbers import marked_states
from embedlens.figures.style import INITIAL, line_styles
from embedlens.figures.triplets.trajectory import Thumbnail, TrajectoryPanel, check_count, plot
from embedlens.figures.triplets.trajectory import figure as trajectory_figure


def path(run="a", n=7, seed=0, anchor=5, first=0, start=(0.9, 0.95)):
    random = np.random.default_rng(seed)
    share = np.linspace(0, 1, n)
    s_ap = start[0] + share * 0.05 + random.normal(0, 0.03, n) * (share > 0)
    s_an = start[1] - share * 0.6 + random.normal(0, 0.03, n) * (share > 0)
    return Path(run, anchor, 8, 13, np.arange(first, first + n), np.minimum(s_ap, 1), s_an)


def line(axes, gid):
    return artist(axes, gid).get_xydata()


def thumbnails(shape=(8, 8)):
    images = [np.full(shape, value, dtype=np.uint8) for value in (10, 100, 200)]
    return tuple(Thumbnail(image, f"class {at}") for at, image in enumerate(images))


def test_the_path_goes_through_every_state_from_blue_to_the_run_s_colour():
    paths = [path("a"), path("b", seed=1)]
    axes = plot(paths)
    styles = line_styles(["a", "b"])
    for one in paths:
        dots = np.stack([one.s_ap, one.s_an], axis=1)
        np.testing.assert_array_equal(line(axes, f"path {one.run}"), dots)
        np.testing.assert_array_equal(line(axes, f"states {one.run}"), dots[1:])
        np.testing.assert_array_equal(line(axes, f"end {one.run}"), dots[-1:])
        (end,), (states,) = artists(axes, f"end {one.run}"), artists(axes, f"states {one.run}")
        assert end.get_color() == states.get_color() == styles[one.run].color != INITIAL
        assert end.get_markersize() > 2 * states.get_markersize()
    assert line(axes, "ideal").tolist() == [[1, 0]]
    assert line(axes, "diagonal").tolist() == [[-0.2, -0.2], [1, 1]]
    assert axes.get_xlim() == axes.get_ylim() == (-0.2, 1.0)
    assert axes.get_aspect() == 1


def test_a_shared_initial_state_is_one_blue_dot():
    (dot,) = artists(plot([path("a"), path("b", seed=1)]), "initial")
    assert dot.get_color() == INITIAL
    assert dot.get_xydata().tolist() == [[0.9, 0.95]]
    two = artists(plot([path("a"), path("b", seed=1, start=(0.7, 0.5)), path("c", seed=2)]), "initial")
    assert [dot.get_xydata().tolist() for dot in two] == [[[0.9, 0.95]], [[0.7, 0.5]]]


def test_epochs_are_numbered_where_nothing_is_touched():
    paths = [path("a"), path("b", seed=1), path("c", n=40, seed=2)]
    with style.paper():
        figure = trajectory_figure([TrajectoryPanel(tuple(paths), "anchor 5")], width="column")
        (axes, *_) = figure.axes
        texts = [child for child in axes.texts if (child.get_gid() or "").startswith("epoch ")]
        boxes = [text.get_window_extent() for text in texts]
    assert len(texts) > 4
    for one in paths:
        numbers = [int(text.get_text()) for text in texts if text.get_gid() == f"epoch {one.run}"]
        assert set(numbers) <= set(one.epoch[marked_states(one)].tolist())
        assert len(set(numbers)) == len(numbers)
    inside = axes.get_window_extent()
    dots = [axes.transData.transform(np.stack([one.s_ap, one.s_an], axis=1)) for one in paths]
    for number, box in enumerate(boxes):
        assert inside.x0 <= box.x0
        assert box.x1 <= inside.x1
        assert inside.y0 <= box.y0
        assert not any(box.overlaps(other) for other in boxes[number + 1 :])
        for start, end in ((a, b) for line_ in dots for a, b in zip(line_[:-1], line_[1:], strict=True)):
            steps = start + (end - start) * np.linspace(0, 1, 200)[:, None]
            assert not any(box.contains(*point) for point in steps)
    colors = {text.get_gid(): text.get_color() for text in texts}
    assert colors["epoch a"] == line_styles("abc")["a"].color
    assert not any((child.get_gid() or "").startswith("epoch ") for child in plot(paths, numbers=False).texts)


def test_long_paths_are_marked_at_round_epochs_and_the_end():
    marked = marked_states(path(n=100))
    assert path(n=100).epoch[marked].tolist() == [*range(5, 100, 5), 99]
    assert marked_states(path(n=26)).tolist() == list(range(1, 26))
    assert marked_states(path(n=27)).tolist() == list(range(2, 27, 2))
    assert marked_states(path(n=100_000))[-1] == 99_999
    assert marked_states(path(n=100_000)).size < 120


@pytest.mark.parametrize(
    ("count", "width", "shape"),
    [(1, "column", (1, 1)), (2, "column", (1, 2)), (3, "column", (2, 2)), (4, "full", (1, 4)),
     (5, "full", (2, 3))],
)  # fmt: skip
def test_small_multiples_have_the_same_axes(count, width, shape):
    panels = [
        TrajectoryPanel((path(seed=number, start=(0.5, -0.1)),), f"anchor {number}")
        for number in range(count)
    ]
    with style.paper():
        figure = trajectory_figure(panels, width=width)
    assert len(figure.axes) == count
    grid = figure.axes[0].get_gridspec()
    assert (grid.nrows, grid.ncols) == shape
    assert {axes.get_xlim() for axes in figure.axes} == {axes.get_ylim() for axes in figure.axes}
    assert figure.axes[0].get_xlim()[0] < -0.2
    assert [title_of(axes) for axes in figure.axes] == [f"anchor {number}" for number in range(count)]


@pytest.mark.parametrize(
    ("venue", "width", "inches", "count"),
    [("cvpr", "column", 3.25, 1), ("cvpr", "full", 6.875, 4), ("neurips", "full", 5.5, 3),
     ("nature", "column", 89 / 25.4, 2), ("nature", "full", 183 / 25.4, 5), ("icml", "column", 3.25, 4)],
)  # fmt: skip
def test_size_is_exactly_the_venue_s_and_pictures_cover_nothing(tmp_path, venue, width, inches, count):
    panels = [
        TrajectoryPanel((path(seed=n), path("b", seed=n + 50)), f"anchor {n}", thumbnails())
        for n in range(count)
    ]
    heading = "test, triplets of a, epoch 6" if venue != "neurips" else ""
    with style.paper(venue):
        figure = trajectory_figure(panels, venue=venue, width=width, title=heading)
        figure.savefig(tmp_path / "figure.pdf")
        boxes = [axes.get_tightbbox() for axes in figure.axes if title_of(axes)]
    raw = (tmp_path / "figure.pdf").read_bytes()
    box = [float(value) for value in re.search(rb"/MediaBox \[([^\]]*)\]", raw)[1].split()]
    assert box[2] == pytest.approx(72 * inches, abs=0.01)
    assert box[3] <= 72 * style.max_height_of(venue) + 0.01
    assert b"/Type3" not in raw
    assert len(boxes) == count
    for number, one in enumerate(boxes):
        assert one.x0 >= -0.5
        assert one.x1 <= figure.bbox.x1 + 3
        assert one.y1 <= figure.bbox.y1 + 0.5
        for other in boxes[number + 1 :]:
            shared = (
                min(one.x1, other.x1) - max(one.x0, other.x0),
                min(one.y1, other.y1) - max(one.y0, other.y0),
            )
            assert min(shared) < 4
    for axes in figure.axes:
        panel = axes.get_window_extent()
        outside = [
            child for child in axes.get_children() if (child.get_gid() or "").startswith(("thumb", "capt"))
        ]
        assert len(outside) == 6
        extents = [child.get_window_extent() for child in outside]
        assert not any(extent.overlaps(panel) for extent in extents)
        assert all(extent.x0 >= 0 and extent.x1 <= figure.bbox.x1 for extent in extents)
        for number, extent in enumerate(extents):
            assert not any(extent.overlaps(other) for other in extents[number + 1 :])


def test_the_figure_is_as_high_as_its_panels():
    with style.paper():
        low = trajectory_figure([TrajectoryPanel((path(),), "anchor")] * 2, width="column")
        high = trajectory_figure([TrajectoryPanel((path(),), "anchor")] * 4, width="column")
    assert 1.5 < low.get_figheight() < 2.5
    assert 1.7 * low.get_figheight() < high.get_figheight() < 2.1 * low.get_figheight()


@pytest.mark.parametrize(("count", "shape"), [(1, (8, 8)), (2, (6, 9, 3))])
def test_pictures_are_named_and_bordered(count, shape):
    with style.paper():
        figure = trajectory_figure([TrajectoryPanel((path(),), "anchor 5", thumbnails(shape))] * count)
    borders = {"anchor": "#000000", "positive": "#009E73", "negative": "#D55E00"}
    for axes in figure.axes:
        for number, (kind, color) in enumerate(borders.items()):
            (picture,), (border,), (caption,) = (
                artists(axes, f"{what} {kind}") for what in ("thumbnail", "border", "caption")
            )
            np.testing.assert_array_equal(picture.get_array(), thumbnails(shape)[number].image)
            assert caption.get_text() == f"{kind}\nclass {number}"
            assert mpl.colors.same_color(border.get_edgecolor(), color)
            box = picture.get_window_extent()
            assert box.height / box.width == pytest.approx(shape[0] / shape[1], rel=1e-6)


@pytest.mark.parametrize("count", [1, 4, 5])
@pytest.mark.parametrize("shape", [(20, 60), (60, 20)])
def test_pictures_are_within_the_figure_and_do_not_overlap(count, shape):
    with style.paper():
        figure = trajectory_figure([TrajectoryPanel((path(),), "anchor 5", thumbnails(shape))] * count)
        figure.draw_without_rendering()
    boxes = [
        child.get_window_extent()
        for axes in figure.axes
        for child in axes.get_children()
        if str(child.get_gid()).startswith("border ")
    ]
    assert len(boxes) == 3 * count
    for at, box in enumerate(boxes):
        assert box.height / box.width == pytest.approx(shape[0] / shape[1], rel=1e-6)
        assert 0 <= box.x0 < box.x1 <= figure.bbox.width
        assert 0 <= box.y0 < box.y1 <= figure.bbox.height
        assert not any(box.overlaps(other) for other in boxes[:at])


def test_the_legend_tells_the_initial_state_and_the_ends():
    def texts(paths):
        (legend,) = trajectory_figure([TrajectoryPanel(tuple(paths))], width="full").legends
        return legend_texts(legend)

    assert texts([path("a"), path("b", n=4)]) == ["initial state (epoch 0)", "a, epoch 6", "b, epoch 3"]
    features = path("b", first=PRETRAINED)
    assert texts([features]) == ["initial state (pretrained)", "b, epoch 5"]
    assert texts([path("a"), features])[0] == "initial state (a: epoch 0; b: pretrained)"


def test_names_that_the_font_lacks_or_that_break_lines_are_printed():
    strange = Thumbnail(np.zeros((4, 4), np.uint8), "\U0001f9ff")
    with style.paper():
        panel = TrajectoryPanel(
            (path(),), "anchor 1, $x_\nlong", (strange, strange, Thumbnail(strange.image, "a" * 40))
        )
        figure = trajectory_figure([panel, panel])
        figure.draw_without_rendering()
    axes = figure.axes[0]
    assert title_of(axes) == "anchor 1, $x_ long"
    assert artists(axes, "caption anchor")[0].get_text() == "anchor\nU+1F9FF"
    assert artists(axes, "caption negative")[0].get_text() == "negative\naaaa…aaaa"


def test_more_panels_than_fit_are_refused():
    panels = [TrajectoryPanel((path(),))]
    for count, width, venue, most in (
        (13, "full", "cvpr", 12),
        (7, "column", "cvpr", 6),
        (9, "full", "nature", 8),
    ):
        with pytest.raises(InputError, match=f"{count} anchors requested; 1 to {most} fit a figure of width"):
            trajectory_figure(panels * count, venue=venue, width=width)
        check_count(most, venue, width)
    with pytest.raises(InputError, match="0 anchors requested"):
        trajectory_figure([])


def test_given_axes_are_drawn_on():
    axes = Figure().add_subplot()
    assert plot([path()], ax=axes) is axes
    assert plot([path()], limits=(-0.6, 1.0)).get_xlim() == (-0.6, 1.0)


def narrow(run="a", seed=0):
    """A path that leaves more than nine tenths of its panel empty."""
    random = np.random.default_rng(seed)
    states = np.cumsum(random.uniform(0, 0.02, (2, 6)), axis=1)
    return Path(run, 5, 8, 13, np.arange(6), 0.85 + states[0], 0.95 - states[1])


def test_narrow_paths_are_enlarged_in_an_inset():
    paths = (narrow("a"), narrow("b", seed=1))
    with style.paper("cvpr"):
        figure = trajectory_figure(
            [TrajectoryPanel(paths), TrajectoryPanel((path("a"), path("b", seed=1)))], width="full"
        )
        figure.draw_without_rendering()
    near, wide = figure.axes
    (inset,) = [child for child in near.child_axes if child.get_gid() == "inset"]
    assert not wide.child_axes  # a path that fills its panel needs none
    low, high = inset.get_xlim()
    for one in paths:
        dots = np.column_stack([one.s_ap, one.s_an])
        np.testing.assert_array_equal(line(inset, f"path {one.run}"), dots)
        assert line(inset, f"end {one.run}").tolist() == [dots[-1].tolist()]
        assert ((dots >= [low, inset.get_ylim()[0]]) & (dots <= [high, inset.get_ylim()[1]])).all()
    assert (high - low) < 0.25 * (near.get_xlim()[1] - near.get_xlim()[0])
    assert any(text.get_text() == "5" for text in inset.texts)  # epochs are numbered where there is room
    assert not near.texts
    frame, box = near.get_window_extent(), inset.get_tightbbox()
    assert frame.x0 <= box.x0 <= box.x1 <= frame.x1
    assert frame.y0 <= box.y0 <= box.y1 <= frame.y1
    for one in paths:
        places = near.transData.transform(np.column_stack([one.s_ap, one.s_an]))
        assert not any(box.contains(*place) for place in places)


def test_limits_by_option_leave_no_inset():
    with style.paper("cvpr"):
        figure = trajectory_figure([TrajectoryPanel((narrow(),))], width="column", limits=(0.8, 1.0))
    assert not figure.axes[0].child_axes


def test_headings_and_titles_of_long_names_do_not_touch():
    panels = [TrajectoryPanel((path(),), f"anchor {number}, {'W' * 28}") for number in range(4)]
    with style.paper("cvpr"):
        figure = trajectory_figure(panels, title=f"test, triplets of {'Q' * 94}, epoch 4")
        figure.draw_without_rendering()
        (heading,) = figure.texts
        titles = [axes._left_title for axes in figure.axes]
        box = heading.get_window_extent()
        assert "\n" in heading.get_text()
        assert box.y1 <= figure.bbox.y1 + 1
        assert box.x0 >= -1
        for title in titles:
            assert title.get_window_extent().y1 <= box.y0
        usual = trajectory_figure([TrajectoryPanel((path(),), "anchor 1")] * 4, title="test")
        usual.draw_without_rendering()
    sides = [one.axes[0].get_window_extent().width / one.dpi for one in (figure, usual)]
    assert sides[0] > 0.9 * sides[1]
