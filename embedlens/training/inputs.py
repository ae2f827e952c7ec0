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
    """What a network wants an image to look like.

    Attributes
    ----------
    channels
        1 or 3.
    size
        Height and width, pixels; None: as they are.
    crop
        Fraction of the image's shorter side that is looked at, from its middle.
    mean, std
        What values in [0, 1] are shifted and scaled by, one number per channel; empty: not at all.
    """

    channels: int
    size: int | None = None
    crop: float = 1.0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    def scaled(self, images: torch.Tensor) -> torch.Tensor:
        """Return float images [B, c, h, w] in [0, 1] with the channels, mean and deviation wanted."""
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
    """Whether reading is copying; what is not is read by workers."""

    @abstractmethod
    def __len__(self) -> int:
        """Return N."""

    @abstractmethod
    def read(self, rows: NDArray[np.int64], draw: Draw | None) -> torch.Tensor:
        """Return the items as they are moved to the device, [B, ...]; with a draw changed at random."""

    @abstractmethod
    def prepare(self, raw: torch.Tensor, draw: Draw | None) -> torch.Tensor:
        """Return what was read, and stands on the device, as the network takes it."""


class ArrayInputs(Inputs):
    """Images in memory; changed at random by a small turn, scale and shift.

    Parameters
    ----------
    pixels
        uint8 [N, h, w] or [N, h, w, 3].
    view
        What the network wants.
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
        """Scale images to the size wanted, if one is."""
        size = self._view.size
        if size is None or images.shape[2:] == (size, size):
            return images
        return functional.interpolate(
            images, (size, size), mode="bilinear", align_corners=False, antialias=True
        )


class FileInputs(Inputs):
    """Images in files; changed at random by a crop of random place and shape and a mirror image.

    Without a draw the middle of the image is looked at.

    Parameters
    ----------
    files
        The files.
    view
        What the network wants; it must name a size.
    mirrored
        Whether images may be mirrored.
    reduced
        Read large JPEGs at a reduced size: faster, and not the same pixels.
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
    """Features that were computed before; they are not changed at random.

    Parameters
    ----------
    features
        [M, D0], any float type, memory-mapped as a rule.
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
