"""Thumbnails in sheets: each stands where the header says, and the smaller format is taken."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from embedlens.report.encoding import Blocks
from embedlens.report.sprites import SIDE, add_thumbnails


def sheets_of(entry):
    return [Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) for uri in entry["sheets"]]


def cut(entry, at):
    """The thumbnail of a place, as the page cuts it."""
    number, place = divmod(at, entry["per_sheet"])
    left = place % entry["columns"] * entry["width"]
    top = place // entry["columns"] * entry["height"]
    sheet = sheets_of(entry)[number]
    return np.asarray(sheet.crop((left, top, left + entry["width"], top + entry["height"])))


@pytest.mark.parametrize("shape", [(7, 5), (7, 5, 3)])
def test_every_thumbnail_is_where_the_header_says(shape):
    images = np.random.default_rng(0).integers(256, size=(11, *shape), dtype=np.uint8)
    rows = np.array([0, 3, 4, 9, 10])
    entry = add_thumbnails(Blocks(), images, rows, size=48)
    assert (entry["width"], entry["height"]) == (5, 7)
    if entry["sheets"][0].startswith("data:image/png"):
        for at, row in enumerate(rows):
            assert np.array_equal(cut(entry, at), images[row])


def test_large_ones_are_scaled_down_and_small_ones_stay():
    images = np.full((2, 100, 50), 130, np.uint8)
    entry = add_thumbnails(Blocks(), images, np.arange(2), size=48)
    assert (entry["width"], entry["height"]) == (24, 48)
    assert abs(int(cut(entry, 1).mean()) - 130) <= 2
    assert add_thumbnails(Blocks(), images, np.arange(2), size=200)["height"] == 100


def test_noise_is_a_jpeg_and_plain_images_are_png():
    random = np.random.default_rng(0)
    noise = random.integers(256, size=(40, 32, 32, 3), dtype=np.uint8)
    plain = np.zeros((40, 32, 32, 3), np.uint8)
    for images, kind in ((noise, "jpeg"), (plain, "png")):
        entry = add_thumbnails(Blocks(), images, np.arange(40), size=32)
        assert entry["sheets"][0].startswith(f"data:image/{kind};base64,")


def test_no_sheet_is_larger_than_a_graphics_processor_takes():
    images = np.zeros((1100, 128, 128), np.uint8)
    entry = add_thumbnails(Blocks(), images, np.arange(1100), size=128)
    sheets = sheets_of(entry)
    assert len(sheets) == 2
    assert all(max(sheet.size) <= SIDE for sheet in sheets)
    assert sheets[0].size == (SIDE, SIDE)
    images[1099] = 255
    entry = add_thumbnails(Blocks(), images, np.arange(1100), size=128)
    assert cut(entry, 1099).mean() > 250
    assert cut(entry, 1098).mean() < 5
