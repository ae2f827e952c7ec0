from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from support import read_mp4

from embedlens.figures.animation import DPI, key_epochs, render, write_gif, write_mp4


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
