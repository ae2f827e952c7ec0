"""Corner statistics never cover dots."""

from __future__ import annotations

import numpy as np

from embedlens.analysis.triplets import nearest_triplets
from embedlens.figures import panels, style
from embedlens.figures.placing.corners import free_corners


def _grid(z):
    shown = nearest_triplets(z, np.arange(60) % 10)
    return panels.plot_grid([panels.Panel(name, "test", 3, shown) for name in "ab"])


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


def test_what_covers_nothing_stays():
    with style.paper("cvpr"):
        figure = _grid(np.eye(10)[np.arange(60) % 10] + 0.01 * np.random.default_rng(0).normal(size=(60, 10)))
        before = [text.get_position() for _, text, _ in _boxes(figure)]
        free_corners(figure)
        assert [text.get_position() for _, text, _ in _boxes(figure)] == before
