from __future__ import annotations

import weakref
from collections.abc import Sequence

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageSequence
from support import read_mp4

from embedlens.analysis.triplets.nearest import Triplets
from embedlens.figures.export.animation import DPI, canvas_of, key_epochs, render, write_gif, write_mp4
from embedlens.figures.export.film import Film
from embedlens.figures.export.stamp import learn_stamp, stamp_dots
from embedlens.figures.layout.corners import free_corners
from embedlens.figures.style import paper
from embedlens.figures.triplets.nearest import scale_of
from embedlens.figures.triplets.panels import ScatterPanel, frames_of
from embedlens.figures.triplets.panels import figure as scatter_figure


def frames(count=4, size=(64, 48)):
    width, height = size
    result = []
    for number in range(count):
        frame = np.full((height, width, 3), 255, dtype=np.uint8)
        frame[10:20, 5 + 8 * number : 15 + 8 * number] = (200, 30, 30)
        result.append(frame)
    return result


def square_of(frame):
    """Mean column of the red square."""
    return np.argwhere(frame[..., 1] < 128)[:, 1].mean()


def test_gif_has_every_frame_and_the_dots_move(tmp_path):
    write_gif(tmp_path / "a.gif", frames(), fps=2)
    with Image.open(tmp_path / "a.gif") as image:
        assert (image.n_frames, image.size, image.info["loop"]) == (4, (64, 48), 0)
        assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
        durations, places = [], []
        for number in range(4):
            image.seek(number)
            durations.append(image.info["duration"])
            places.append(square_of(np.asarray(image.convert("RGB"))))
    assert durations == [500, 500, 500, 1500]
    np.testing.assert_allclose(np.diff(places), 8, atol=0.5)


@pytest.mark.parametrize("size", [(64, 48), (90, 62)])
def test_mp4_has_every_frame_at_its_exact_size(tmp_path, size):
    write_mp4(tmp_path / "a.mp4", frames(size=size), fps=2)
    shown = read_mp4(tmp_path / "a.mp4", size)
    assert len(shown) == 4
    np.testing.assert_allclose(np.diff([square_of(frame) for frame in shown]), 8, atol=1.5)


@pytest.mark.parametrize("inches", [(6.875, 3.4), (3.25, 3.0), (1.01, 1.003)])
def test_rendered_pixels_are_even(inches):
    figure = Figure(figsize=inches)
    figure.add_subplot().plot([0, 1])
    frame = render(figure)
    assert frame.dtype == np.uint8
    assert frame.shape[0] % 2 == frame.shape[1] % 2 == 0
    assert abs(frame.shape[1] - inches[0] * DPI) <= 1.5
    assert frame.min() < 100


@pytest.mark.parametrize(
    ("epochs", "keys"),
    [
        (range(1), [0]),
        (range(2), [0, 1]),
        (range(9), [0, 1, 2, 4, 8]),
        (range(41), [0, 2, 5, 15, 40]),
        ([3, 10, 20], [3, 10, 20]),
    ],
)
def test_key_epochs_begin_and_end_with_the_run(epochs, keys):
    assert key_epochs(epochs) == keys


def cloud(n, epoch, seed):
    """Dots that wander; some of them at the very edge of the diagram."""
    random = np.random.default_rng(seed)
    s_ap = np.clip(random.normal(0.5 + 0.1 * epoch, 0.25, n), -0.2, 1)
    s_an = np.clip(random.normal(0.6 - 0.1 * epoch, 0.25, n), -0.2, 1)
    index = np.arange(n)
    return Triplets(index, index, index, s_ap, s_an, 0)


def panels(n, *, runs=("mine",), splits=("train", "test"), epochs=3):
    places = [(run, split) for run in runs for split in splits]
    return [
        ScatterPanel(run, split, epoch, cloud(n, epoch, seed))
        for epoch in range(epochs)
        for seed, (run, split) in enumerate(places)
    ]


def still(figure):
    """A figure's picture, its statistics where they cover no dot."""
    canvas_of(figure).draw()
    free_corners(figure)
    return render(figure)


@pytest.mark.parametrize("n", [80, 5_200, 100_001])
def test_a_film_s_frames_are_matplotlib_s_drawing_pixel_for_pixel(n):
    """Few dots; dots under contours; a histogram with its scale of colours."""
    frames = frames_of(panels(n, epochs=2 if n > 100_000 else 3))
    with paper():
        film = Film(frames, note="a note")
        scale = scale_of(panel.triplets for shown in frames.values() for panel in shown)
        for number in (1, 0, len(film) - 1):
            drawn = still(scatter_figure(frames[number], scale=scale, note="a note"))
            np.testing.assert_array_equal(film[number], drawn)


@pytest.mark.parametrize("n", [80, 5_200])
@pytest.mark.parametrize("limits", [(0.5, 0.8), (-1.0, -0.9)])
def test_frames_within_limits_are_matplotlib_s_drawing_too(n, limits):
    """Some dots, or all of them, lie outside the axes."""
    frames = frames_of(panels(n, epochs=2))
    with paper():
        scale = scale_of((panel.triplets for shown in frames.values() for panel in shown), limits=limits)
        film = Film(frames, scale=scale)
        np.testing.assert_array_equal(film[1], still(scatter_figure(frames[1], scale=scale)))


def test_a_film_keeps_its_layout_where_headings_and_titles_change():
    """From epoch 1 on the runs stand at different epochs: no common heading, and the epoch in the titles."""
    short = panels(60, runs=("a",), splits=("test",), epochs=1)
    frames = frames_of([*short, *panels(60, runs=("b",), splits=("test",), epochs=3)])
    with paper():
        film = Film(frames)
        np.testing.assert_array_equal(film[0], still(scatter_figure(frames[0], scale=film.scale)))
        one, two, three = film[:]
    frame_line = [np.flatnonzero((shown < 90).all(axis=2).sum(axis=0) > 300) for shown in (one, two, three)]
    assert frame_line[0].size >= 2
    assert frame_line[0].tolist() == frame_line[1].tolist() == frame_line[2].tolist()
    top = slice(0, one.shape[0] // 9)
    assert (one[top] != two[top]).any()
    assert (two[top] != three[top]).any()


def test_every_frame_of_a_film_can_be_taken_and_kept():
    with paper():
        film = Film(frames_of(panels(60)))
        first = film[0]
        kept = first.copy()
        last = film[-1]
    assert len(film) == 3
    np.testing.assert_array_equal(first, kept)
    assert (first != last).any()
    with pytest.raises(IndexError):
        film[3]


@pytest.mark.parametrize(("size", "alpha", "dpi"), [(1.2, 0.35, 160), (12.0, 0.6, 160), (4.0, 1.0, 93)])
def test_stamped_dots_are_agg_s(size, alpha, dpi):
    figure = Figure(figsize=(2, 1.5), dpi=dpi)
    axes = figure.add_axes((0.11, 0.12, 0.8, 0.7))
    axes.set(xlim=(-0.2, 1), ylim=(0, 1), facecolor="0.8")
    places = np.random.default_rng(0).uniform(-0.2, 1.05, (3_000, 2))
    dots = axes.scatter(*places.T, s=size, c="#D55E00", alpha=alpha, linewidths=0, zorder=9)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    expected = np.array(canvas.buffer_rgba())
    dots.set_visible(False)
    canvas.draw()
    picture = np.array(canvas.buffer_rgba())
    stamp = learn_stamp(dots, dpi)
    stamp_dots(picture, dots, stamp)
    np.testing.assert_array_equal(picture, expected)
    assert (expected != 255).any()


def test_dots_that_are_not_alike_have_no_stamp():
    axes = Figure().add_subplot()
    assert learn_stamp(axes.scatter([0, 1], [0, 1], s=[1, 9], linewidths=0), 100) is None
    assert learn_stamp(axes.scatter([0, 1], [0, 1], c=["red", "blue"], linewidths=0), 100) is None
    assert learn_stamp(axes.scatter([0, 1], [0, 1], linewidths=2), 100) is None


def as_gif(pictures, path):
    """Return the frames of a GIF as another reader shows them."""
    write_gif(path, pictures, fps=25)
    with Image.open(path) as image:
        return [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(image)]


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (64, 48), (200, 301)])
def test_few_colours_come_back_as_they_were(shape, tmp_path):
    """Noise, so that the codes of the compression grow to 12 bits; Pillow decodes it."""
    random = np.random.default_rng(0)
    colors = random.permutation(np.arange(0, 256, 4))[:60].astype(np.uint8)
    pictures = [colors[random.integers(0, 20, (*shape, 1))] for _ in range(3)]
    greys = [
        np.repeat(np.where(random.random((*shape, 1)) < 0.9, picture, pictures[0]), 3, axis=2)
        for picture in pictures
    ]
    shown = as_gif(greys, tmp_path / "a.gif")
    assert len(shown) == 3
    for one, other in zip(shown, greys, strict=True):
        np.testing.assert_array_equal(one, other)


def test_frames_that_change_little_are_small_and_equal_ones_count(tmp_path):
    random = np.random.default_rng(0)
    still = random.integers(0, 2, (200, 200, 1), np.uint8) * np.uint8(255) * np.ones(3, np.uint8)
    other = still.copy()
    other[50:60, 20:30] = 90
    write_gif(tmp_path / "one.gif", [still], fps=2)
    write_gif(tmp_path / "four.gif", [still, still, other, still], fps=2)
    assert (tmp_path / "four.gif").stat().st_size < (tmp_path / "one.gif").stat().st_size + 600
    with Image.open(tmp_path / "four.gif") as image:
        shown = [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(image)]
    for one, expected in zip(shown, [still, still, other, still], strict=True):
        np.testing.assert_array_equal(one, expected)


def test_colours_are_as_near_as_pillow_s_and_the_background_is_exact(tmp_path):
    frames = frames_of(panels(5_200))
    with paper():
        pictures = Film(frames)[:]
    shown = as_gif(pictures, tmp_path / "a.gif")
    for ours, picture in zip(shown, pictures, strict=True):
        peer = np.asarray(
            Image.fromarray(picture).convert("P", palette=Image.Palette.ADAPTIVE).convert("RGB")
        )
        off, peer_off = (np.abs(one.astype(int) - picture) for one in (ours, peer))
        assert off.mean() < 0.5
        # ours has one palette for all frames, Pillow's one for each
        assert np.sqrt((off**2).mean()) < 1.25 * np.sqrt((peer_off**2).mean())
        assert off.max() <= max(peer_off.max(), 64)
        assert (ours[(picture == 255).all(axis=2)] == 255).all()


def test_frames_are_drawn_when_they_are_written_and_not_kept(tmp_path):
    alive, most = set(), []

    class Drawn(Sequence):
        def __len__(self):
            return 30

        def __getitem__(self, number):
            if not 0 <= number < 30:
                raise IndexError
            frame = np.full((40, 40, 3), 255, np.uint8)
            frame[number : number + 5] = 30
            alive.add(id(frame))
            weakref.finalize(frame, alive.discard, id(frame))
            most.append(len(alive))
            return frame

    write_gif(tmp_path / "a.gif", Drawn(), fps=5)
    assert max(most) <= 3  # the first, one that is encoded, and one that is drawn
    most.clear()
    write_mp4(tmp_path / "a.mp4", Drawn(), fps=5)
    assert max(most) <= 2
