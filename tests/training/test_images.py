"""Images in files that are hostile, damaged or too large: one line, no memory, no library's warning."""

from __future__ import annotations

import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from embedlens import InputError
from embedlens.training.datasets.images import ImageFiles


def _png(width, height):
    """A PNG of a few kilobytes that claims so many pixels, all black, one bit each."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = bytes(1 + -(-width // 8)) * height
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def _refused(file):
    with pytest.raises(InputError) as caught:
        ImageFiles([file]).open(0)
    message = str(caught.value)
    assert str(file) in message
    assert "\n" not in message
    assert len(message) < 600
    return message


@pytest.mark.parametrize("size", [(13_000, 13_000), (100_000, 100_000), (1 << 13, (1 << 13) + 1)])
def test_too_many_pixels_are_refused_before_they_take_memory(tmp_path, size):
    width, height = size
    (tmp_path / "a.png").write_bytes(_png(width, 1)[:16] + struct.pack(">II", *size) + _png(width, 1)[24:])
    raw = bytearray((tmp_path / "a.png").read_bytes())
    raw[29:33] = struct.pack(">I", zlib.crc32(bytes(raw[12:29])))
    (tmp_path / "a.png").write_bytes(raw)
    message = _refused(tmp_path / "a.png")
    assert "pixels" in message


def test_the_largest_image_is_read(tmp_path):
    (tmp_path / "a.png").write_bytes(_png(1 << 13, 1 << 10))
    assert ImageFiles([tmp_path / "a.png"]).open(0).size == (1 << 13, 1 << 10)


def test_a_png_with_megabytes_of_text(tmp_path):
    info = PngImagePlugin.PngInfo()
    info.add_text("note", "x" * 3_000_000, zip=True)
    Image.new("L", (8, 8)).save(tmp_path / "a.png", pnginfo=info)
    assert "cannot be read as an image" in _refused(tmp_path / "a.png")


def _is_refused_in_one_line(file):
    try:
        ImageFiles([file]).open(0)
    except InputError as error:
        return "\n" not in str(error)
    return False


@pytest.mark.parametrize("kind", ["tiff", "png", "jpeg", "gif", "bmp", "webp"])
def test_any_damage_is_one_line_or_an_image(tmp_path, kind, capfd):
    """Warnings are errors here; bytes are changed in the header, and the file is cut."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 255, (24, 24, 3), dtype=np.uint8)
    options = {"compression": "tiff_lzw"} if kind == "tiff" else {}
    file = tmp_path / f"a.{kind}"
    Image.fromarray(pixels).save(file, **options)
    raw = file.read_bytes()
    assert ImageFiles([file]).open(0).size == (24, 24)
    refused = 0
    for number in range(60):
        damaged = bytearray(raw)
        for place in random.integers(0, len(raw) if number % 2 else min(len(raw), 200), 4):
            damaged[place] = random.integers(256)
        file.write_bytes(damaged[: random.integers(len(raw))] if number % 5 == 0 else damaged)
        refused += _is_refused_in_one_line(file)
    assert refused > 3
    assert capfd.readouterr() == ("", "")


def test_a_pipe_is_no_image(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    assert "is a pipe" in _refused(tmp_path / "a.png")
