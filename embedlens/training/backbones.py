"""Networks from images to embeddings."""

from __future__ import annotations

import torch
from torch import nn

_WIDTHS = (32, 64, 128, 128, 128)
_SMALLEST = 4  # pixels a side after the last pooling, at least


class SmallNetwork(nn.Module):
    """A few blocks of convolution, batch norm, ReLU and pooling, and one linear layer.

    Parameters
    ----------
    channels
        1 for grey images, 3 for RGB.
    size
        Height and width of the images, pixels.
    dim
        Dimensions of the embedding.
    """

    def __init__(self, *, channels: int, size: tuple[int, int], dim: int) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        height, width = size
        for out in _WIDTHS:
            blocks += [nn.Conv2d(channels, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU()]
            channels = out
            if min(height, width) < 2 * _SMALLEST:
                break
            blocks.append(nn.MaxPool2d(2))
            height, width = height // 2, width // 2
            if min(height, width) < 2 * _SMALLEST:
                break
        self.features = nn.Sequential(*blocks)
        self.embedding = nn.Linear(channels * height * width, dim)
        for block in blocks:
            if isinstance(block, nn.Conv2d):  # the layout in which convolutions are fastest
                block.weight.data = block.weight.data.contiguous(memory_format=torch.channels_last)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the embeddings [B, dim] of images [B, channels, height, width] with values in [0, 1]."""
        features = self.features(images.contiguous(memory_format=torch.channels_last))
        embeddings: torch.Tensor = self.embedding(features.flatten(1))
        return embeddings
