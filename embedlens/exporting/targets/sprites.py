"""Sprites: the thumbnails of a split side by side in one image."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from embedlens.files import temporary_file

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SIDE = 8192
"""Largest width and height of a sprite; TensorBoard's projector refuses larger ones."""


def write_sprite(path: Path, images: NDArray[np.uint8] | None, *, most: int) -> tuple[int, int] | None:
    """Write the sprite of some thumbnails, row by row from the top left, as PNG.

    Parameters
    ----------
    path
        The file.
    images
        uint8 [N, h, w] or [N, h, w, 3]; None: nothing is written.
    most
        Number of thumbnails that are drawn, the first ones.

    Returns
    -------
    tuple of int, or None
        Width and height of a thumbnail in the sprite: scaled down where the sprite would be larger than
        8192 x 8192 pixels.
    """
    from PIL import Image

    if images is None:
        return None
    images = images[:most]
    columns, size = grid(len(images), (images.shape[2], images.shape[1]))
    lines = -(-len(images) // columns)
    mode = "L" if images.ndim == 3 else "RGB"
    sprite = Image.new(mode, (columns * size[0], lines * size[1]))
    for number, image in enumerate(images):
        one = Image.fromarray(np.asarray(image))
        if one.size != size:
            one = one.resize(size, Image.Resampling.LANCZOS)
        sprite.paste(one, (number % columns * size[0], number // columns * size[1]))
    with temporary_file(path) as temporary:
        sprite.save(temporary, "png")
    return size


def grid(count: int, size: tuple[int, int]) -> tuple[int, tuple[int, int]]:
    """Return the columns of a square grid, and width and height of its cells, so that it fits `SIDE`.

    Parameters
    ----------
    count
        Number of thumbnails.
    size
        Width and height of a thumbnail in pixels.
    """
    columns = math.isqrt(count - 1) + 1
    scale = min(1.0, SIDE / (columns * max(size)))
    return columns, (max(1, int(size[0] * scale)), max(1, int(size[1] * scale)))
