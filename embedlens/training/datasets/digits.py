"""The handwritten digits that scikit-learn ships: 1,797 images, trained on 0 to 4, tested on 5 to 9."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedlens.training.datasets.base import DATASETS, Catalogue, refuse_root
from embedlens.training.datasets.images import ImageArray

if TYPE_CHECKING:
    from pathlib import Path


@DATASETS.register("digits")
def digits(root: Path | None = None) -> Catalogue:
    """Return the digits, 8 x 8 grey, enlarged to 16 x 16; `root` must be None."""
    refuse_root("digits", root)
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = np.rint(bunch.images * (255 / 16)).astype(np.uint8).repeat(2, axis=1).repeat(2, axis=2)
    labels = bunch.target.astype(np.int64)
    items = {"class": [str(label) for label in labels]}
    names = {digit: str(digit) for digit in range(10)}
    return Catalogue(ImageArray(images), labels, items, names, mirrored=False)
