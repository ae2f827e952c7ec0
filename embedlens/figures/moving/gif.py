"""Writes an animated GIF frame by frame: one palette for all, and of each frame only what changed.

Source: the GIF89a specification (CompuServe, 1990), with variable-length LZW codes of up to 12 bits.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from scipy.spatial import cKDTree

from embedlens.similarity.jit import compiled

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

    from numpy.typing import NDArray

UNCHANGED = 255
"""The index that leaves a pixel as the frame before had it; the palette has 255 colours beside it."""

_BITS = 7  # a channel, of the table from colours to the palette
_DEPTH = 8  # bits of an index
_CODES = 4096  # LZW codes of up to 12 bits
_ROUNDS, _EXACT = 4, 8  # of k-means; the most frequent colours, kept as they are


def palette_of(pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Return up to 255 colours that suit the pictures, uint8 [n, 3], the most frequent first.

    Median cut among the different colours of the pictures, then a few rounds of k-means in which a colour
    weighs as its pixels to the power of 3/4. The colours that cover most (background, lines, dense dots) are
    in it as they are.
    """
    pixels = np.concatenate([picture.reshape(-1, 3) for picture in pictures]).astype(np.uint32)
    packed, counts = np.unique((pixels[:, 0] << 16) | (pixels[:, 1] << 8) | pixels[:, 2], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    packed, counts = packed[order], counts[order]
    colors = np.stack([packed >> 16, (packed >> 8) & 255, packed & 255], axis=1).astype(np.uint8)
    if len(colors) <= UNCHANGED:
        return colors
    first = Image.fromarray(colors[None]).quantize(UNCHANGED, method=Image.Quantize.MEDIANCUT)
    chosen = np.reshape(first.getpalette() or [], (-1, 3))[:UNCHANGED].astype(np.float64)
    weights = counts**0.75
    for _ in range(_ROUNDS):
        nearest = cKDTree(chosen).query(colors)[1]
        mass = np.bincount(nearest, weights, len(chosen))
        for channel in range(3):
            sums = np.bincount(nearest, weights * colors[:, channel], len(chosen))
            np.divide(sums, mass, out=chosen[:, channel], where=mass > 0)
    chosen[cKDTree(chosen).query(colors[:_EXACT])[1]] = colors[:_EXACT]
    nearest = cKDTree(chosen).query(colors)[1]
    frequent = np.argsort(-np.bincount(nearest, counts, len(chosen)), kind="stable")
    return np.round(chosen[frequent]).astype(np.uint8)


class GifStream:
    """Writes frames, one after the other, to an open file.

    Parameters
    ----------
    file
        Open for writing bytes.
    size
        Width and height in pixels.
    palette
        Colours of all frames, uint8 [n, 3], n <= 255, the most frequent first.
    """

    def __init__(self, file: BinaryIO, size: tuple[int, int], palette: NDArray[np.uint8]) -> None:
        self._file = file
        self._palette = palette.astype(np.int64)
        self._table = np.full(1 << (3 * _BITS), -1, np.int16)
        keys = self._palette >> (8 - _BITS)
        for entry in reversed(range(len(palette))):  # where colours share a cell, the most frequent has it
            self._table[(keys[entry, 0] << 2 * _BITS) | (keys[entry, 1] << _BITS) | keys[entry, 2]] = entry
        self._shown = np.full((size[1], size[0]), UNCHANGED, np.uint8)
        self._codes = np.full(_CODES << _DEPTH, -1, np.int16)
        colors = np.zeros((256, 3), np.uint8)
        colors[: len(palette)] = palette
        file.write(b"GIF89a" + struct.pack("<HHBBB", *size, 0b11110111, 0, 0) + colors.tobytes())
        file.write(b"\x21\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<H", 0) + b"\x00")  # for ever

    def add(self, picture: NDArray[np.uint8], seconds: float) -> None:
        """Write one frame, uint8 [h, w, 3], that stays for so many seconds.

        A frame that changes nothing is one pixel, so that it still counts.
        """
        changed = np.empty(self._shown.shape, np.uint8)
        top, bottom, left, right = _map(picture, self._palette, self._table, self._shown, changed)
        part = changed[top:bottom, left:right]
        delay = round(100 * seconds)
        # leave the frame in place, one index is transparent
        control = struct.pack("<BBBBHBB", 0x21, 0xF9, 4, 0b00000101, delay, UNCHANGED, 0)
        place = struct.pack("<BHHHHB", 0x2C, left, top, right - left, bottom - top, 0)
        coded = np.empty(2 * part.size + 64, np.uint8)
        length = _compress(np.ascontiguousarray(part).reshape(-1), self._codes, coded)
        self._file.write(control + place + bytes([_DEPTH]) + _blocks(coded[:length].tobytes()))

    def close(self) -> None:
        """Write the end of the file."""
        self._file.write(b"\x3b")


def _blocks(data: bytes) -> bytes:
    """Return data in blocks of up to 255 bytes, each after its length, and the empty block that ends them."""
    parts = (data[start : start + 255] for start in range(0, len(data), 255))
    return b"".join(bytes([len(part)]) + part for part in parts) + b"\x00"


@compiled
def _map(
    picture: NDArray[np.uint8],
    palette: NDArray[np.int64],
    table: NDArray[np.int16],
    shown: NDArray[np.uint8],
    changed: NDArray[np.uint8],
) -> tuple[int, int, int, int]:
    """Write into `changed` each pixel's place in the palette, or that it is unchanged, note it in `shown`.

    `table` holds the places found so far, by the leading bits of the three channels. Returns the rectangle of
    what changed: top, bottom, left, right.
    """
    height, width = shown.shape
    top, bottom, left, right = height, 0, width, 0
    cut = 8 - _BITS
    for row in range(height):
        for column in range(width):
            red = np.int64(picture[row, column, 0])
            green = np.int64(picture[row, column, 1])
            blue = np.int64(picture[row, column, 2])
            key = ((((red >> cut) << _BITS) | (green >> cut)) << _BITS) | (blue >> cut)
            place = table[key]
            if place < 0:
                best = np.int64(1 << 30)
                for entry in range(palette.shape[0]):
                    one, two, three = (
                        palette[entry, 0] - red,
                        palette[entry, 1] - green,
                        palette[entry, 2] - blue,
                    )
                    distance = one * one + two * two + three * three
                    if distance < best:
                        best, place = distance, np.int16(entry)
                table[key] = place
            if np.uint8(place) == shown[row, column]:
                changed[row, column] = UNCHANGED
            else:
                changed[row, column] = shown[row, column] = np.uint8(place)
                top, bottom = min(top, row), row + 1
                left, right = min(left, column), max(right, column + 1)
    if bottom == 0:
        return 0, 1, 0, 1
    return top, bottom, left, right


@compiled
def _compress(pixels: NDArray[np.uint8], codes: NDArray[np.int16], out: NDArray[np.uint8]) -> int:
    """Write the LZW code of the pixels into `out`; return its length in bytes.

    `codes` is the dictionary, code of a string and next pixel -> code of the longer string; -1 everywhere,
    before and after.
    """
    clear, end = 1 << _DEPTH, (1 << _DEPTH) + 1
    size, following = _DEPTH + 1, end + 1
    used = np.empty(_CODES, np.int64)
    length, kept, bits = 0, np.int64(clear), size
    prefix = np.int64(pixels[0])
    for place in range(1, pixels.size):
        string = (prefix << _DEPTH) | np.int64(pixels[place])
        if codes[string] >= 0:
            prefix = np.int64(codes[string])
            continue
        kept |= prefix << bits
        bits += size
        if following < _CODES:
            codes[string] = following
            used[following] = string
            if following == 1 << size:
                size += 1
            following += 1
        else:
            kept |= np.int64(clear) << bits
            bits += size
            codes[used[end + 1 : following]] = -1
            size, following = _DEPTH + 1, end + 1
        while bits >= 8:
            out[length] = kept & 255
            length, kept, bits = length + 1, kept >> 8, bits - 8
        prefix = np.int64(pixels[place])
    codes[used[end + 1 : following]] = -1
    kept |= prefix << bits
    bits += size
    if following < _CODES and following == 1 << size:
        size += 1
    kept |= np.int64(end) << bits
    bits += size
    while bits > 0:
        out[length] = kept & 255
        length, kept, bits = length + 1, kept >> 8, bits - 8
    return length
