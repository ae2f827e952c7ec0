"""Augmentation of training images: small rotation, scaling and shift, or random crops; mirroring."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    from embedlens.training.streams import Draw

_TURN = 0.17  # radians, about 10 degrees
_SCALE = 0.1
_SHIFT = 0.12  # of half the image
_AREA = (0.2, 1.0)  # of the image, what a random crop keeps
_ASPECT = 4 / 3  # width to height of a crop, at most, and height to width
_TRIES = 10


def augment(images: torch.Tensor, draw: Draw, *, mirrored: bool) -> torch.Tensor:
    """Return images [B, c, h, w], each rotated, scaled and shifted at random.

    The amounts are drawn for the whole batch, of which a process takes those of its rows, so that they do not
    depend on the number of processes.
    """
    n, own = draw.size, slice(draw.start, draw.start + len(images))
    random = draw.of_batch()
    angle = random.uniform(-_TURN, _TURN, n)[own]
    scale = random.uniform(1 - _SCALE, 1 + _SCALE, n)[own]
    shift = random.uniform(-_SHIFT, _SHIFT, (n, 2))[own]
    flip = random.choice((-1.0, 1.0), n)[own] if mirrored else 1.0
    matrix = torch.zeros(len(images), 2, 3)
    cosine, sine = torch.cos(torch.from_numpy(angle)), torch.sin(torch.from_numpy(angle))
    matrix[:, 0, 0] = cosine * torch.from_numpy(scale * flip)
    matrix[:, 0, 1] = -sine * torch.from_numpy(scale)
    matrix[:, 1, 0] = sine * torch.from_numpy(scale * flip)
    matrix[:, 1, 1] = cosine * torch.from_numpy(scale)
    matrix[:, :, 2] = torch.from_numpy(shift)
    grid = functional.affine_grid(matrix, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid.to(images.device), align_corners=False)


def random_crop(image: Image, size: int, random: np.random.Generator, *, mirrored: bool) -> Image:
    """Return a random crop, scaled to `size` x `size` pixels and mirrored with probability 1/2 if allowed.

    The area is 0.2 to 1 of the image, the aspect ratio 3:4 to 4:3 (Szegedy et al., CVPR 2015, section 6,
    with the smaller range of areas that metric learning uses); if none of ten draws fits into the image, its
    centre is taken.
    """
    from PIL import Image as pil

    width, height = image.size
    box: tuple[float, float, float, float] | None = None
    for _ in range(_TRIES):
        area = width * height * random.uniform(*_AREA)
        aspect = math.exp(random.uniform(-math.log(_ASPECT), math.log(_ASPECT)))
        w, h = math.sqrt(area * aspect), math.sqrt(area / aspect)
        left, top = random.random() * (width - w), random.random() * (height - h)
        if w <= width and h <= height:
            box = (left, top, left + w, top + h)
            break
    if box is None:
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, left + side, top + side)
    cut = image.resize((size, size), pil.Resampling.BICUBIC, box=box)
    return cut.transpose(pil.Transpose.FLIP_LEFT_RIGHT) if mirrored and random.random() < 0.5 else cut
