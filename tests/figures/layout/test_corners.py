"""Corner statistics never cover dots."""

from __future__ import annotations

import io

import numpy as np
from figure_support import legend_texts

from embedlens.analysis.triplets.field import field
from embedlens.analysis.triplets.flow import flow
from embedlens.analysis.triplets.nearest import Triplets, nearest_triplets
from embedlens.figures import style
from embedlens.figures.export.film import Film
from embedlens.figures.layout.corners import free_corners
from embedlens.figures.triplets import panels
from embedlens.figures.triplets.field import figure as field_figure
from embedlens.figures.triplets.flow import figure as flow_figure


def _grid(z):
    shown = nearest_triplets(z, np.arange(60) % 10)
    return panels.figure([panels.ScatterPanel(name, "test", 3, shown) for name in "ab"])


def _boxes(figure):
    figure.draw_without_rendering()
    for axes in figure.axes:
        (text,) = [text for text in axes.texts if text.get_gid() == "numbers"]
        (dots,) = [part for part in axes.collections if part.get_gid() == "dots"]
        yield axes, text, axes.transData.transform(dots.get_offsets())


def test_dots_are_free_and_titles_too():
    with style.paper("cvpr"):
        figure = _grid(np.random.default_rng(0).normal(size=(60, 6)))
        covered = [
            text.get_window_extent().contains(*dot) for _, text, dots in _boxes(figure) for dot in dots
        ]
        assert any(covered)
        free_corners(figure)
        free_corners(figure)  # once more changes nothing
        for axes, text, dots in _boxes(figure):
            box = text.get_window_extent()
            assert not any(box.contains(*dot) for dot in dots)
            assert box.y0 >= axes.get_window_extent().y1
            assert box.x1 <= axes.get_window_extent().x1 + 1
            assert not box.overlaps(axes._left_title.get_window_extent())
            assert "n = 60" in text.get_text()


def _scatters(width, s_ap, s_an, names="ab"):
    shown = [panels.ScatterPanel(name, "test", 3, _at(s_ap, s_an)) for name in names]
    figure = panels.figure(shown, width=width)
    free_corners(figure)
    return figure


def test_small_panels_have_few_statistics_above_them():
    dots = np.random.default_rng(0).uniform(0, 1, (2, 600))
    with style.paper("cvpr"):
        small, large = (_scatters(width, *dots) for width in ("column", "full"))
        for figure, parts in ((small, ["R@1", "n ="]), (large, ["R@1", "above", "top", "right", "n ="])):
            for axes in figure.axes:
                text = _numbers(axes)
                assert _stands_above(axes)
                assert text.get_text().count("\n") < 3
                told = text.get_text().replace("\n", ", ").split(", ")
                assert all(one.startswith(part) for one, part in zip(told, parts, strict=True))
        assert small.axes[0].get_window_extent().height > 0.5 * small.bbox.height


def test_the_same_statistics_stand_above_small_panels_in_all_frames():
    """Also where a fraction has another number of digits, or dots tie."""
    figures = []
    with style.paper("cvpr"):
        for s_an in (0.999, 0.0, 0.5):
            s_ap = np.r_[np.full(300, 0.5), np.linspace(0.1, 0.9, 300)]
            figures.append(_scatters("column", s_ap, np.r_[np.linspace(0, 1, 300), np.full(300, s_an)]))
    told = [[line.split()[0] for line in _numbers(one.axes[0]).get_text().split(", ")] for one in figures]
    assert told == [["R@1", "n"]] * 3


def test_what_covers_nothing_stays():
    with style.paper("cvpr"):
        figure = _grid(np.eye(10)[np.arange(60) % 10] + 0.01 * np.random.default_rng(0).normal(size=(60, 10)))
        before = [text.get_position() for _, text, _ in _boxes(figure)]
        free_corners(figure)
        assert [text.get_position() for _, text, _ in _boxes(figure)] == before


def _at(s_ap, s_an):
    index = np.arange(len(s_ap))
    return Triplets(index, index, index, np.array(s_ap, float), np.array(s_an, float), 0)


def _spread(n, low, high, seed=0):
    return _at(*np.random.default_rng(seed).uniform(low, high, (2, n)))


def _numbers(axes):
    (text,) = [text for text in axes.texts if text.get_gid() == "numbers"]
    return text


def _stands_above(axes):
    box, frame = _numbers(axes).get_window_extent(), axes.get_window_extent()
    return bool(box.y0 >= frame.y1)


def test_filled_bins_of_a_histogram_are_free():
    """Dots near (1, 1) alone leave the corner free; dots everywhere do not."""
    with style.paper("cvpr"):
        for low, above in ((0.8, False), (-0.2, True)):
            figure = panels.figure([panels.ScatterPanel("a", "test", 1, _spread(100_001, low, 1.0))])
            (axes, *_) = figure.axes
            free_corners(figure)
            figure.draw_without_rendering()
            assert _stands_above(axes) is above
            (mesh,) = [part for part in axes.collections if part.get_gid() == "histogram"]
            rows, columns = np.nonzero(~np.ma.getmaskarray(mesh.get_array()))
            edges = np.linspace(-0.2, 1.0, 151)
            bins = axes.transData.transform(np.column_stack([edges[columns], edges[rows + 1]]))
            box = _numbers(axes).get_window_extent()
            assert not any(box.contains(*corner) for corner in bins)


def test_arrows_of_a_field_are_free_and_panels_keep_their_size():
    shown = [panels.ScatterPanel(name, "test", 1, _spread(60, 0.8, 1.0)) for name in "ab"]
    with style.paper("cvpr"):
        figure = field_figure(shown, field("ephn", limits=(-0.2, 1.0)))
        before = [axes.get_window_extent().width for axes in figure.axes]
        free_corners(figure)
        figure.draw_without_rendering()
        assert all(_stands_above(axes) for axes in figure.axes)
        after = [axes.get_window_extent().width for axes in figure.axes]
        assert min(now / then for now, then in zip(after, before, strict=True)) > 0.97


def test_arrows_and_both_states_of_a_flow_are_free():
    """Where the dots were lies beneath the corner, where they went does not."""
    index = np.arange(200)
    random = np.random.default_rng(0)
    start = Triplets(index, index, index, random.uniform(0, 0.3, 200), random.uniform(0.7, 1.0, 200), 0)
    end = _spread(200, 0.8, 1.0)
    pair = panels.ScatterPanel("a", "test", 0, start), panels.ScatterPanel("a", "test", 1, end)
    with style.paper("cvpr"):
        figure = flow_figure([pair[0]], [pair[1]], [flow(start, end)])
        free_corners(figure)
        figure.draw_without_rendering()
        assert _stands_above(figure.axes[0])
        assert "mean shift" in _numbers(figure.axes[0]).get_text()


def test_statistics_of_an_animation_stand_in_one_place():
    """One frame of three has dots beneath the corner: they stand above the panel in all."""
    states = [_spread(60, 0.8, 1.0), _spread(60, -0.2, 1.0), _spread(60, 0.8, 1.0, seed=2)]
    frames = {number: [panels.ScatterPanel("a", "test", number, one)] for number, one in enumerate(states)}
    with style.paper("cvpr"):
        film = Film(frames)
        (axes,) = film._figure.axes
        places, lines = [], []
        for number in range(3):
            film[number]
            film._canvas.draw()  # titles find their height
            assert _stands_above(axes)
            assert "n = 60" in _numbers(axes).get_text()
            assert _numbers(axes).get_window_extent().y1 <= axes._left_title.get_window_extent().y0 + 1
            places.append(_numbers(axes).get_position())
            lines.append(axes.get_window_extent().bounds)
        assert len(set(places)) == 1
        assert len(set(lines)) == 1
        (alone,) = Film({0: frames[0]})._figure.axes
        assert not _stands_above(alone)


def test_an_inset_counts_as_what_a_panel_shows():
    with style.paper("cvpr"):
        figure = panels.figure([panels.ScatterPanel("a", "test", 1, _spread(60, 0.9, 1.0))])
        (axes,) = figure.axes
        axes.inset_axes((0.05, 0.6, 0.3, 0.3), gid="inset")
        free_corners(figure)
        assert _stands_above(axes)


def test_four_flows_have_one_legend_and_nothing_overlaps():
    starts = [panels.ScatterPanel(f"run {at}", "test", 0, _spread(100, 0.9, 1.0, at)) for at in range(4)]
    ends = [panels.ScatterPanel(f"run {at}", "test", 4, _spread(100, 0.4, 1.0, at)) for at in range(4)]
    flows = [flow(a.triplets, b.triplets) for a, b in zip(starts, ends, strict=True)]
    with style.paper("cvpr"):
        figure = flow_figure(starts, ends, flows)
        figure.savefig(io.BytesIO(), format="png")
    assert not any(axes.get_legend() for axes in figure.axes)
    (legend,) = figure.legends
    told = legend_texts(legend)
    assert told == ["epoch 0", *(f"run {at}, epoch 4" for at in range(4))]
    for axes in figure.axes:
        box, title = _numbers(axes).get_window_extent(), axes._left_title.get_window_extent()
        assert not box.overlaps(title)
        assert axes.get_window_extent().width > 0.15 * figure.bbox.width
