"""Images of a split, in memory or in files that are read when a batch needs them."""

from __future__ import annotations

import os
import threading
import warnings
from abc import ABC, abstractmethod
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, ClassVar

from embedlens.errors import InputError, first_sentence
from embedlens.files import check_regular

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image


MOST_PIXELS = 1 << 26
"""Pixels of an image, 8,192 x 8,192: decoded as RGB that is 200 MB, twice while it is turned upright."""
_silencing = threading.Lock()


class Images(ABC):
    """The images of N items."""

    in_memory: ClassVar[bool]

    @abstractmethod
    def __len__(self) -> int:
        """Return N."""

    @abstractmethod
    def take(self, rows: NDArray[np.int64]) -> Images:
        """Return the images of some rows, in their order, without reading them."""


class ImageArray(Images):
    """Images of one size, in memory.

    Parameters
    ----------
    pixels
        uint8 [N, h, w], grey, or [N, h, w, 3], RGB.
    """

    in_memory: ClassVar[bool] = True

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self.pixels = pixels

    def __len__(self) -> int:
        return len(self.pixels)

    def take(self, rows: NDArray[np.int64]) -> ImageArray:
        """Return a copy of some rows."""
        return ImageArray(self.pixels[rows])


class ImageFiles(Images):
    """Images in files, read on request as RGB, upright.

    Parameters
    ----------
    paths
        File of each of N items.
    boxes
        float [N, 4]: left, top, right, bottom, in pixels, to which images are cropped; parts of a box
        outside the image are ignored. None: whole images.
    """

    in_memory: ClassVar[bool] = False

    def __init__(self, paths: Sequence[Path], boxes: NDArray[np.float64] | None = None) -> None:
        self.paths = list(paths)
        self.boxes = boxes

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, rows: NDArray[np.int64]) -> ImageFiles:
        """Return the files of some rows."""
        boxes = None if self.boxes is None else self.boxes[rows]
        return ImageFiles([self.paths[row] for row in rows], boxes)

    def check_files(self) -> None:
        """Raise `InputError` where files do not exist."""
        missing = [path for path in self.paths if not path.is_file()]
        if missing:
            message = f"{len(missing):,} of {len(self.paths):,} images are missing, the first: {missing[0]}"
            raise InputError(message)

    def open(self, row: int, *, at_least: int | None = None) -> Image:
        """Read one image: RGB, upright, cropped to its box.

        Parameters
        ----------
        row
            Its row.
        at_least
            A JPEG may be decoded at a reduced size whose shorter side is at least this many pixels.

        Raises
        ------
        InputError
            The file is missing, broken or no image, or its box lies outside.
        """
        file = self.paths[row]
        if not file.exists():
            message = f"image {file} is missing"
            raise InputError(message)
        check_regular(file)
        try:
            with warnings.catch_warnings():  # what Pillow warns of is refused or decoded all the same
                warnings.simplefilter("ignore")
                upright = _decoded(file, at_least if self.boxes is None else None)
        except InputError:
            raise
        except Exception as error:  # a damaged file fails anywhere in Pillow's decoders, with any exception
            message = f"{file} cannot be read as an image ({first_sentence(error)[:200]}); fix or remove it"
            raise InputError(message) from error
        return upright if self.boxes is None else self._cut(upright, row)

    def _cut(self, image: Image, row: int) -> Image:
        """Cut an image to its box."""
        assert self.boxes is not None
        left, top, right, bottom = (round(float(edge)) for edge in self.boxes[row])
        box = (max(left, 0), max(top, 0), min(right, image.width), min(bottom, image.height))
        if box[0] >= box[2] or box[1] >= box[3]:
            message = (
                f"the box {left}, {top}, {right}, {bottom} of {self.paths[row]} lies outside the image, "
                f"{image.width} x {image.height} pixels"
            )
            raise InputError(message)
        return image.crop(box)


def _decoded(file: Path, at_least: int | None) -> Image:
    """Decode one image to RGB, upright; one of too many pixels raises `InputError` before it takes memory."""
    import PIL.Image
    from PIL import ImageOps

    with PIL.Image.open(file) as image:
        if at_least is not None:
            image.draft("RGB", (at_least, at_least))
        if image.width * image.height > MOST_PIXELS:
            message = (
                f"{file} has {image.width:,} x {image.height:,} pixels; {MOST_PIXELS:,} in all are the most. "
                "Scale it down or remove it"
            )
            raise InputError(message)
        with _silent_descriptor() if image.format == "TIFF" else nullcontext():
            return ImageOps.exif_transpose(image).convert("RGB")


@contextmanager
def _silent_descriptor() -> Iterator[None]:
    """Discard output to the file descriptor of standard error, where libtiff prints."""
    with _silencing:
        try:
            kept = os.dup(2)
        except OSError:  # closed: nothing can be printed
            yield
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)
