"""Images of one size, and thumbnails, of a whole data set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedlens.errors import InputError
from embedlens.training.datasets.images import ImageArray, ImageFiles
from embedlens.training.inputs import FileInputs, View
from embedlens.training.loading import blocks, read_raw

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedlens.training.datasets import ImageDataset

_READ_AT_ONCE = 64
_THUMBNAIL, _SMALL_THUMBNAIL = 64, 32  # pixels a side
_MANY = 20_000  # items of a split whose thumbnails are small ones


def the_images(name: str, data: ImageDataset) -> dict[str, ImageArray | ImageFiles]:
    """Return the images of every split of the data set called `name`.

    Raises
    ------
    InputError
        The data set has no images, or files that do not exist.
    """
    found: dict[str, ImageArray | ImageFiles] = {}
    for split, part in data.splits.items():
        if isinstance(part.images, ImageFiles):
            try:
                part.images.check_files()
            except InputError as error:
                place = f"data set {name!r}, split {split!r}"
                raise error.within(place) from error
        if not isinstance(part.images, (ImageArray, ImageFiles)):
            message = f"data set {name!r} has no images; train on features: --backbone features:FILE.npy"
            raise InputError(message)
        found[split] = part.images
    return found


def read_all(files: ImageFiles, size: int, *, workers: int, reduced: bool = False) -> NDArray[np.uint8]:
    """Return the centre crop of every image, uint8 [N, size, size, 3].

    Parameters
    ----------
    files
        The images.
    size
        Height and width, pixels.
    workers
        Number of processes that read; 0: this process.
    reduced
        Whether large JPEGs are decoded at a reduced size, which is faster but gives other pixels.

    Raises
    ------
    InputError
        An image that is missing or cannot be read.
    """
    inputs = FileInputs(files, View(3, size), mirrored=False, reduced=reduced)
    pixels = np.empty((len(files), size, size, 3), dtype=np.uint8)
    requests = blocks(np.arange(len(files)), _READ_AT_ONCE)
    for request, raw in read_raw(inputs, requests, workers=workers):
        pixels[request.rows] = raw.numpy()
    return pixels


def thumbnails(data: ImageDataset, *, workers: int) -> dict[str, NDArray[np.uint8]]:
    """Return thumbnails of every item by split; none for splits without images.

    Images in memory are their own thumbnails; those of files are centre crops of 64 x 64 pixels, 32 x 32 for
    more than 20,000 items. If files are missing (a data set that is trained on features), there are none.

    Raises
    ------
    InputError
        An image that cannot be read.
    """
    found = {}
    for split, part in data.splits.items():
        images = part.images
        if isinstance(images, ImageArray):
            found[split] = images.pixels
        elif isinstance(images, ImageFiles) and all(path.is_file() for path in images.paths):
            size = _THUMBNAIL if len(images) <= _MANY else _SMALL_THUMBNAIL
            found[split] = read_all(images, size, workers=workers, reduced=True)
    return found
