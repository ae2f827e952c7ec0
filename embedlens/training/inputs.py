"""Network inputs of a split: reading items, possibly in workers, and preparing them on the device."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch.nn import functional

from embedlens.training.augmentation import augment, random_crop

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedlens.training.datasets.images import ImageFiles
    from embedlens.training.streams import Draw


@dataclass(frozen=True, slots=True)
class View:
    """Format of images that a network takes.

    Attributes
    ----------
    channels
        1 or 3.
    size
        Height and width, pixels; None: not resized.
    crop
        Fraction of the shorter side of the image that a centre crop keeps.
    mean, std
        Mean and standard deviation of each channel, for standardising values in [0, 1]; empty: none.
    """

    channels: int
    size: int | None = None
    crop: float = 1.0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    def scaled(self, images: torch.Tensor) -> torch.Tensor:
        """Return float images [B, c, h, w] in [0, 1] in the format of the view."""
        if images.shape[1] < self.channels:
            images = images.expand(-1, self.channels, -1, -1)
        if not self.mean:
            return images
        mean, std = (
            torch.tensor(values, dtype=images.dtype, device=images.device).view(1, -1, 1, 1)
            for values in (self.mean, self.std)
        )
        return (images - mean) / std


class Inputs(ABC):
    """The items of one split as what a network takes."""

    in_memory: ClassVar[bool] = True
    """Whether all items are in memory; if not, workers read them."""

    @abstractmethod
    def __len__(self) -> int:
        """Return N."""

    @abstractmethod
    def read(self, rows: NDArray[np.int64], draw: Draw | None) -> torch.Tensor:
        """Return items as they are moved to the device, [B, ...]; augmented if `draw` is given."""

    @abstractmethod
    def prepare(self, raw: torch.Tensor, draw: Draw | None) -> torch.Tensor:
        """Return the network input of items that were read and moved to the device."""


class ArrayInputs(Inputs):
    """Images in memory; augmented by small rotations, scalings and shifts.

    Parameters
    ----------
    pixels
        uint8 [N, h, w] or [N, h, w, 3].
    view
        Format of the network's images.
    mirrored
        Whether images may be mirrored.
    """

    def __init__(self, pixels: NDArray[np.uint8], view: View, *, mirrored: bool) -> None:
        self.pixels = pixels
        self._view = view
        self._mirrored = mirrored

    def __len__(self) -> int:
        return len(self.pixels)

    def read(self, rows: NDArray[np.int64], draw: Draw | None) -> torch.Tensor:
        """Return uint8 images as they are stored."""
        return torch.from_numpy(self.pixels[rows])

    def prepare(self, raw: torch.Tensor, draw: Draw | None) -> torch.Tensor:
        """Return float images [B, c, h, w]."""
        images = raw.to(torch.get_default_dtype()) / 255
        images = images[:, None] if images.ndim == 3 else images.permute(0, 3, 1, 2)
        if draw is not None:
            images = augment(images, draw, mirrored=self._mirrored)
        return self._view.scaled(self._sized(images))

    def _sized(self, images: torch.Tensor) -> torch.Tensor:
        """Resize images to the size of the view, if it has one."""
        size = self._view.size
        if size is None or images.shape[2:] == (size, size):
            return images
        return functional.interpolate(
            images, (size, size), mode="bilinear", align_corners=False, antialias=True
        )


class FileInputs(Inputs):
    """Images in files; augmented by random crops and mirroring, else centre-cropped.

    Parameters
    ----------
    files
        The files.
    view
        Format of the network's images, with a size.
    mirrored
        Whether images may be mirrored.
    reduced
        Whether large JPEGs are decoded at a reduced size, which is faster but gives other pixels.
    """

    in_memory: ClassVar[bool] = False

    def __init__(self, files: ImageFiles, view: View, *, mirrored: bool, reduced: bool = False) -> None:
        self.files = files
        self._view = view
        self._size = int(view.size or 0)
        self._mirrored = mirrored
        self._reduced = reduced

    def __len__(self) -> int:
        return len(self.files)

    def read(self, rows: NDArray[np.int64], draw: Draw | None) -> torch.Tensor:
        """Return uint8 images [B, size, size, 3]."""
        return torch.from_numpy(
            np.stack([self._one(int(row), draw, place) for place, row in enumerate(rows)])
        )

    def _one(self, row: int, draw: Draw | None, place: int) -> NDArray[np.uint8]:
        from PIL import Image, ImageOps

        size = (self._size, self._size)
        image = self.files.open(row, at_least=self._size if self._reduced else None)
        if draw is not None:
            return np.asarray(random_crop(image, self._size, draw.of_item(place), mirrored=self._mirrored))
        bleed = (1 - self._view.crop) / 2
        return np.asarray(ImageOps.fit(image, size, Image.Resampling.BICUBIC, bleed=bleed))

    def prepare(self, raw: torch.Tensor, draw: Draw | None) -> torch.Tensor:
        """Return float images [B, 3, size, size]."""
        return self._view.scaled(raw.permute(0, 3, 1, 2).to(torch.get_default_dtype()) / 255)


class FeatureInputs(Inputs):
    """Precomputed features, which are not augmented.

    Parameters
    ----------
    features
        [M, D0], any float type, memory-mapped or not.
    rows
        int64 [N]: the row of each item.
    """

    def __init__(self, features: NDArray[np.floating], rows: NDArray[np.int64]) -> None:
        self._features = features
        self._rows = rows

    def __len__(self) -> int:
        return self._rows.size

    def read(self, rows: NDArray[np.int64], draw: Draw | None) -> torch.Tensor:
        """Return features [B, D0]."""
        return torch.from_numpy(np.ascontiguousarray(self._features[self._rows[rows]], dtype=np.float32))

    def prepare(self, raw: torch.Tensor, draw: Draw | None) -> torch.Tensor:
        """Return features [B, D0]."""
        return raw.to(torch.get_default_dtype())
