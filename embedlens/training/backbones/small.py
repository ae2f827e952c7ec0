"""Small convolutional network for small images on a CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from embedlens.training.backbones.base import BACKBONES, Backbone, Stages
from embedlens.training.datasets.images import ImageFiles
from embedlens.training.inputs import ArrayInputs, View
from embedlens.training.thumbnails import read_all, the_images

if TYPE_CHECKING:
    from embedlens.training.choices import NetworkChoice
    from embedlens.training.datasets import ImageDataset

FILE_SIZE = 64
"""Height and width, pixels, that images in files are read at unless another size is requested."""

_WIDTHS = (32, 64, 128, 128, 128)
_SMALLEST = 4  # pixels a side after the last pooling, at least


class SmallFeatures(nn.Sequential):
    """A few blocks of convolution, batch norm, pooling and ReLU.

    Parameters
    ----------
    channels
        1 for grey images, 3 for RGB.
    size
        Height and width of the images, pixels.

    Attributes
    ----------
    width, side
        Dimensions of the features, and height and width of the map that they are.
    depths
        Channels of each block's map.
    """

    def __init__(self, *, channels: int, size: tuple[int, int]) -> None:
        blocks: list[nn.Module] = []
        height, width = size
        for out in _WIDTHS:
            blocks += [nn.Conv2d(channels, out, 3, padding=1, bias=False), nn.BatchNorm2d(out)]
            channels = out
            if min(height, width) >= 2 * _SMALLEST:
                blocks.append(nn.MaxPool2d(2))
                height, width = height // 2, width // 2
            blocks.append(nn.ReLU())  # after the pooling: the same result from a quarter of the entries
            if min(height, width) < 2 * _SMALLEST:
                break
        super().__init__(*blocks)
        self.side = height, width
        self.width = channels * height * width
        self.depths = tuple(block.out_channels for block in blocks if isinstance(block, nn.Conv2d))
        for block in blocks:
            if isinstance(block, nn.Conv2d):  # the layout in which convolutions are fastest
                block.weight.data = block.weight.data.contiguous(memory_format=torch.channels_last)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the features [B, width] of images [B, channels, height, width] with values in [0, 1]."""
        return self.maps(images)[-1].flatten(1)

    def maps(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Return the map [B, channels, h, w] after each block, pooled where the block pools."""
        found: list[torch.Tensor] = []
        features = _channels_last(images)
        for block in self:
            if isinstance(block, nn.Conv2d) and block is not self[0]:
                found.append(features)
            features = block(features)
        return [*found, features]


def _channels_last(images: torch.Tensor) -> torch.Tensor:
    """Return images [B, C, H, W] in the layout in which convolutions are fastest.

    With one channel both layouts are the same in memory, and torch recognises this one only by its strides.
    """
    _, channels, height, width = images.shape
    strides = (channels * height * width, 1, channels * width, channels)
    return images.contiguous(memory_format=torch.channels_last).as_strided(images.shape, strides)


class SmallStages(Stages):
    """The small network with the maps of all its blocks, averaged down to the size of the last.

    Parameters
    ----------
    network
        The small network.
    """

    def __init__(self, network: SmallFeatures) -> None:
        super().__init__()
        self.network = network
        height, width = network.side
        self.widths = tuple(channels * height * width for channels in network.depths)

    def forward(self, inputs: torch.Tensor) -> list[torch.Tensor]:
        """Return the features [B, width] of every block."""
        return [
            functional.adaptive_avg_pool2d(one, self.network.side).flatten(1)
            for one in self.network.maps(inputs)
        ]


@BACKBONES.register("small")
def small(choice: NetworkChoice, data: ImageDataset, workers: int) -> Backbone:
    """Make the small network; images in files are read once, and held in memory at one size."""
    pixels = {}
    for split, images in the_images(choice.data, data).items():
        if isinstance(images, ImageFiles):
            pixels[split] = read_all(images, choice.image_size or FILE_SIZE, workers=workers)
        else:
            pixels[split] = images.pixels
    shape = next(iter(pixels.values())).shape
    channels = shape[3] if len(shape) == 4 else 1
    scaled_to = choice.image_size
    side = (shape[1], shape[2]) if scaled_to is None else (scaled_to, scaled_to)
    view = View(channels, scaled_to)
    module = SmallFeatures(channels=channels, size=side)
    inputs = {split: ArrayInputs(array, view, mirrored=data.mirrored) for split, array in pixels.items()}
    return Backbone(module, module.width, inputs, pretrained=False, stages=lambda: SmallStages(module))
