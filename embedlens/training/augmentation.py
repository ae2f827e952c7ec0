"""Light augmentation of a batch: a small turn, scale and shift, and a mirror image where that is allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    import numpy as np

_TURN = 0.17  # radians, about 10 degrees
_SCALE = 0.1
_SHIFT = 0.12  # of half the image


def augment(images: torch.Tensor, random: np.random.Generator, *, mirrored: bool) -> torch.Tensor:
    """Return the images [B, c, h, w], each moved by its own random amounts; what leaves the frame is lost."""
    n = len(images)
    angle = random.uniform(-_TURN, _TURN, n)
    scale = random.uniform(1 - _SCALE, 1 + _SCALE, n)
    shift = random.uniform(-_SHIFT, _SHIFT, (n, 2))
    flip = random.choice((-1.0, 1.0), n) if mirrored else 1.0
    matrix = torch.zeros(n, 2, 3)
    cosine, sine = torch.cos(torch.from_numpy(angle)), torch.sin(torch.from_numpy(angle))
    matrix[:, 0, 0] = cosine * torch.from_numpy(scale * flip)
    matrix[:, 0, 1] = -sine * torch.from_numpy(scale)
    matrix[:, 1, 0] = sine * torch.from_numpy(scale * flip)
    matrix[:, 1, 1] = cosine * torch.from_numpy(scale)
    matrix[:, :, 2] = torch.from_numpy(shift)
    grid = functional.affine_grid(matrix, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid.to(images.device), align_corners=False)
