"""Pictures of items, as thumbnails: a folder of image files, a sprite, an array."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.errors import InputError, first_sentence, listed, shortened
from embedlens.files import check_regular
from embedlens.importing.patterns import natural
from embedlens.importing.readers.base import reader_of
from embedlens.importing.readers.wanted import Wanted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm")
_MOST_PIXELS = 1 << 27  # of one image file, 400 MB as RGB
_SIDE, _SMALL_SIDE = 64, 32  # pixels, as `train` records thumbnails
_MANY = 20_000  # items of a split whose thumbnails are small ones


def read_pictures(
    path: Path, key: str | None, *, rows: int, items: Mapping[str, Sequence[str]]
) -> NDArray[np.uint8]:
    """Return thumbnails, uint8 [N, h, w] or [N, h, w, 3].

    Parameters
    ----------
    path
        A folder of images, an image with all of them in rows (a sprite), or a file of an array.
    key
        Name of the array in a file of several.
    rows
        Number of items.
    items
        Columns that describe the items; one that names files of the folder says which is whose.

    Raises
    ------
    InputError
        Anything else; as many pictures as items are needed.
    """
    if path.is_dir() and path.suffix.lower() != ".zarr":
        return _read_folder(path, rows, items)
    if path.suffix.lower() in IMAGES:
        return cut_sprite(path, rows, None)
    return _read_array(path, key, rows)


def cut_sprite(file: Path, rows: int, size: tuple[int, int] | None) -> NDArray[np.uint8]:
    """Return the pictures in a sprite, row by row from its upper left corner, uint8 [N, h, w, 3].

    Parameters
    ----------
    file
        The image.
    rows
        Number of pictures.
    size
        Width and height of one; None: the sprite is a square of ceil(sqrt(N)) columns, as TensorBoard's
        are, or has as many rows as the pictures need.
    """
    sprite = _open_image(file)
    height, width = sprite.shape[:2]
    if size is None:
        size = _cell(width, height, rows)
    w, h = size
    columns = width // w if w else 0
    if not h or width % w or height % h or columns * (height // h) < rows:
        message = (
            f"{file} has {width} x {height} pixels, which are not {rows:,} pictures of {w} x {h}; "
            "a sprite is a square grid of equal pictures"
        )
        raise InputError(message)
    cells = sprite.reshape(height // h, h, columns, w, 3).swapaxes(1, 2).reshape(-1, h, w, 3)
    return np.ascontiguousarray(cells[:rows])


def _cell(width: int, height: int, rows: int) -> tuple[int, int]:
    """Return width and height of a picture in a sprite of ceil(sqrt(N)) columns.

    Its lines are those that give square pictures, else those that are needed, else as many as columns.
    """
    columns = math.ceil(math.sqrt(rows)) or 1
    w, needed = width // columns, -(-rows // columns)
    choices = [lines for lines in (needed, columns) if height % lines == 0] or [needed]
    lines = next((lines for lines in choices if height // lines == w), choices[0])
    return w, height // lines


def _open_image(file: Path, side: int | None = None) -> NDArray[np.uint8]:
    """Return an image as RGB, uint8 [h, w, 3]; with `side`, its centre at that width and height."""
    from PIL import Image, ImageOps

    check_regular(file)
    try:
        with warnings.catch_warnings():  # our own limit is checked below
            warnings.simplefilter("ignore")
            with Image.open(file) as image:
                if image.width * image.height > _MOST_PIXELS:
                    message = (
                        f"{file} has {image.width} x {image.height} pixels; {_MOST_PIXELS:,} are the most"
                    )
                    raise InputError(message)
                if side is not None:
                    image.draft("RGB", (2 * side, 2 * side))
                    turned = ImageOps.exif_transpose(image).convert("RGB")
                    return np.asarray(ImageOps.fit(turned, (side, side), Image.Resampling.LANCZOS))
                return np.asarray(image.convert("RGB"))
    except InputError:
        raise
    except Exception as error:  # a damaged image fails anywhere in its decoder, with any exception
        message = f"{file} is not a readable image ({shortened(first_sentence(error))})"
        raise InputError(message) from error


def _read_folder(folder: Path, rows: int, items: Mapping[str, Sequence[str]]) -> NDArray[np.uint8]:
    """Return the images of a folder: by a column of the items, or in the natural order of their names."""
    files = sorted(
        (file for file in folder.rglob("*") if file.suffix.lower() in IMAGES),
        key=lambda file: natural(file.relative_to(folder).as_posix()),
    )
    chosen = _named(folder, files, items) or (files if len(files) == rows else None)
    if chosen is None:
        _check_none_missing(folder, files, items)
        message = (
            f"{folder} has {len(files):,} images, but there are {rows:,} items; one for each is needed, in "
            f"the order of their names, or named by a column of --items (columns: {listed(items)})"
        )
        raise InputError(message)
    side = _SIDE if rows <= _MANY else _SMALL_SIDE
    first = _open_image(chosen[0])
    small = max(first.shape[:2]) <= side
    pictures = np.empty((rows, *(first.shape[:2] if small else (side, side)), 3), np.uint8)
    for row, file in enumerate(chosen):
        picture = _open_image(file, None if small else side)
        if picture.shape != pictures.shape[1:]:
            return _fitted(chosen, side)  # they have several sizes: all are cut to the default
        pictures[row] = picture
    return pictures


def _fitted(files: Sequence[Path], side: int) -> NDArray[np.uint8]:
    """Return the centres of images of several sizes."""
    return np.stack([_open_image(file, side) for file in files])


def _named(folder: Path, files: Sequence[Path], items: Mapping[str, Sequence[str]]) -> list[Path] | None:
    """Return the images that a column of the items names, by their path, name, or name without ending."""
    paths = {file.relative_to(folder).as_posix(): file for file in files}
    for known in (paths, {file.name: file for file in files}, {file.stem: file for file in files}):
        for column in items.values():
            for values in (column, [value.replace("\\", "/").rpartition("/")[2] for value in column]):
                found = [known.get(value) for value in values]
                if found and all(found) and len(set(values)) > len(values) // 2:
                    return [file for file in found if file is not None]
    return None


def _check_none_missing(folder: Path, files: Sequence[Path], items: Mapping[str, Sequence[str]]) -> None:
    """Refuse a column that names most pictures of a folder, and some that are not there; one is named."""
    known = {file.relative_to(folder).as_posix() for file in files} | {file.name for file in files}
    known |= {file.stem for file in files}
    for name, column in items.items():
        values = [value.replace("\\", "/").rpartition("/")[2] for value in column]
        lacking = [row for row, value in enumerate(values) if value not in known]
        if lacking and 2 * len(lacking) < len(column):
            message = (
                f"{folder} has no picture {shortened(column[lacking[0]])!r}, which row {lacking[0] + 1} of "
                f"column {shortened(name)!r} names ({len(lacking):,} such rows); every item needs one"
            )
            raise InputError(message)


def _read_array(file: Path, key: str | None, rows: int) -> NDArray[Any]:
    """Return an array [N, h, w], [N, h, w, 3] or [N, 3, h, w]; numbers from 0 to 1 become 0 to 255."""
    wanted = Wanted(file, key, labels=True, option="--thumbnails")
    array = reader_of(file).read(wanted)
    if array.ndim and array.shape[0] != rows:
        message = f"{file} has {array.shape[0]:,} pictures, but there are {rows:,} items"
        raise InputError(message)
    if array.ndim == 4 and array.shape[1] in (1, 3) and array.shape[3] not in (1, 3):
        array = np.moveaxis(array, 1, 3)
    if array.ndim == 4 and array.shape[3] == 1:
        array = array[..., 0]
    if array.dtype.kind == "f" and array.size and 0 <= float(array.min()) <= float(array.max()) <= 1:
        array = np.rint(array * 255).astype(np.uint8)
    return array
