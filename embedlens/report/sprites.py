"""Thumbnails of items in sheets, each a JPEG or a PNG, whichever is smaller."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedlens.report.encoding import Blocks

SIDE = 4096
"""Largest width and height of a sheet: what every graphics processor takes."""
_QUALITY = 82


def add_thumbnails(
    blocks: Blocks, images: NDArray[np.uint8], rows: NDArray[np.int64], *, size: int
) -> dict[str, Any]:
    """Add the thumbnails of some rows; return how the header describes them.

    Parameters
    ----------
    blocks
        Takes the numbers of the rows.
    images
        uint8 [N, h, w] or [N, h, w, 3].
    rows
        int64 [k]: whose thumbnails to add.
    size
        Largest side in pixels; larger images are scaled down, smaller ones stay.
    """
    height, width = images.shape[1:3]
    scale = min(1.0, size / max(height, width))
    cell = max(1, round(width * scale)), max(1, round(height * scale))
    columns = min(SIDE // cell[0], max(1, int(np.ceil(np.sqrt(rows.size)))))
    per_sheet = columns * (SIDE // cell[1])
    sheets = [
        _encoded(_sheet(images, rows[start : start + per_sheet], cell, columns))
        for start in range(0, rows.size, per_sheet)
    ]
    return {
        "width": cell[0],
        "height": cell[1],
        "columns": columns,
        "per_sheet": per_sheet,
        "sheets": sheets,
        "rows": blocks.array(rows.astype(np.int32)),
    }


def _sheet(
    images: NDArray[np.uint8], rows: NDArray[np.int64], cell: tuple[int, int], columns: int
) -> Image.Image:
    """Set thumbnails side by side, row by row."""
    width, height = cell
    sheet = Image.new(
        "L" if images.ndim == 3 else "RGB", (columns * width, -(-rows.size // columns) * height)
    )
    for place, row in enumerate(rows.tolist()):
        one = Image.fromarray(np.asarray(images[row]))
        if one.size != cell:
            one = one.resize(cell, Image.Resampling.LANCZOS)
        sheet.paste(one, (place % columns * width, place // columns * height))
    return sheet


def _encoded(sheet: Image.Image) -> str:
    """Return a sheet as data URI."""
    choices = {}
    for name, words in (("jpeg", {"quality": _QUALITY}), ("png", {})):
        file = io.BytesIO()
        sheet.save(file, name, **words)
        choices[name] = file.getvalue()
    name = min(choices, key=lambda key: len(choices[key]))
    return f"data:image/{name};base64,{base64.b64encode(choices[name]).decode()}"
