"""Fashion-MNIST from the four idx files of its distribution (Debian: package dataset-fashion-mnist)."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING

import numpy as np

from embedlens.errors import InputError
from embedlens.training.datasets.base import DATASETS, Catalogue, need_root
from embedlens.training.datasets.images import ImageArray

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_PARTS = ("train", "t10k")
_MOST_BYTES = 1 << 28  # the largest of the four files has 47 MB
_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


@DATASETS.register("fashion-mnist")
def fashion_mnist(root: Path | None = None) -> Catalogue:
    """Return the 70,000 images, 28 x 28 grey: classes 0 to 4 for training, 5 to 9 for testing.

    Split by items, the 60,000 are for training and the 10,000 for testing, as published.

    Parameters
    ----------
    root
        Folder with ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte`` and
        ``t10k-labels-idx1-ubyte``, each also as ``.gz``.
    """
    folder = need_root("fashion-mnist", root)
    pixels = [_read(folder, f"{part}-images-idx3-ubyte", 3) for part in _PARTS]
    labels = np.concatenate([_read(folder, f"{part}-labels-idx1-ubyte", 1) for part in _PARTS])
    images = np.concatenate(pixels)
    if len(images) != len(labels):
        message = f"{folder}: {len(images)} images, but {len(labels)} labels"
        raise InputError(message)
    if labels.max(initial=0) >= len(_NAMES):
        message = f"{folder}: label {labels.max()}; the labels of Fashion-MNIST are 0 to 9"
        raise InputError(message)
    numbers = labels.astype(np.int64)
    items = {"class": [_NAMES[label] for label in numbers]}
    item_split = np.repeat(["train", "test"], [len(part) for part in pixels])
    return Catalogue(ImageArray(images), numbers, items, dict(enumerate(_NAMES)), item_split=item_split)


def _read(folder: Path, name: str, dimensions: int) -> NDArray[np.uint8]:
    """Read one idx file of bytes, plain or compressed."""
    file = next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)
    if file is None:
        message = (
            f"{folder} has no file {name} (nor {name}.gz); the four idx files of Fashion-MNIST are needed"
        )
        raise InputError(message)
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as source:
            raw = source.read(_MOST_BYTES)  # what is longer is refused by its length below
    except (OSError, EOFError, zlib.error) as error:
        message = f"{file} cannot be decompressed: {error}"
        raise InputError(message) from error
    header = 4 + 4 * dimensions
    shape = np.frombuffer(raw[4:header].ljust(header - 4, b"\0"), dtype=">i4").astype(np.int64)
    if raw[:4] != bytes((0, 0, 8, dimensions)) or len(raw) != header + int(shape.prod()):
        message = f"{file} is not an idx file of {dimensions} dimensions, or it is truncated"
        raise InputError(message)
    return np.frombuffer(raw, dtype=np.uint8, offset=header).reshape(shape)
