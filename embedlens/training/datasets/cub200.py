"""Caltech-UCSD Birds-200-2011, from the lists that it comes with.

Source: Wah, Branson, Welinder, Perona, Belongie, "The Caltech-UCSD Birds-200-2011 Dataset" (2011); the split
by classes is that of Oh Song, Xiang, Jegelka, Savarese, "Deep Metric Learning via Lifted Structured Feature
Embedding" (2016).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedlens.training.datasets.base import DATASETS, Catalogue, need_root
from embedlens.training.datasets.images import ImageFiles
from embedlens.training.datasets.lists import find_file, find_home, read_list

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from embedlens.training.datasets.lists import Listing

_LAYOUT = "CUB_200_2011 (or its parent) with images.txt, image_class_labels.txt, classes.txt and images/"
_TRAINED = 100  # classes 1 to 100
_TOTAL = (11_788, 200)  # items and classes
_PUBLISHED = {"train": (5_864, 100), "test": (5_924, 100)}


@DATASETS.register("cub200")
def cub200(root: Path | None = None) -> Catalogue:
    """Return the 11,788 images of 200 kinds of birds: classes 1 to 100 for training, the others for testing.

    Split by items, they are split as ``train_test_split.txt`` says.

    Parameters
    ----------
    root
        The folder ``CUB_200_2011`` or its parent. It holds ``images.txt``, ``image_class_labels.txt``,
        ``classes.txt`` and ``images/``; ``train_test_split.txt`` and ``bounding_boxes.txt`` are read where
        they are there.
    """
    home = find_home(need_root("cub200", root), "CUB_200_2011", "images.txt")
    images = read_list(find_file(home, ["images.txt"], _LAYOUT), ("image_id", "path"))
    images.places("path")
    classes = read_list(find_file(home, ["classes.txt"], _LAYOUT), ("class_id", "name"))
    of_images = read_list(find_file(home, ["image_class_labels.txt"], _LAYOUT), ("image_id", "class_id"))
    class_rows = classes.places("class_id")
    for row, value in enumerate(of_images.columns["class_id"]):
        if value not in class_rows:
            message = f"class_id {value!r} is not in {classes.file.name}"
            raise of_images.error(row, message)
    labels = of_images.whole("class_id")[of_images.rows_like(images, "image_id")]
    names = dict(zip(classes.whole("class_id").tolist(), classes.columns["name"], strict=True))
    paths = [f"images/{path}" for path in images.columns["path"]]
    return Catalogue(
        ImageFiles([home / path for path in paths]),
        labels,
        {"class": [names[label] for label in labels.tolist()], "path": paths},
        names,
        split=np.where(labels <= _TRAINED, "train", "test"),
        item_split=_item_split(home / "train_test_split.txt", images),
        published=_PUBLISHED,
        total=_TOTAL,
        boxes=_boxes(home / "bounding_boxes.txt", images),
    )


def _item_split(file: Path, images: Listing) -> NDArray[np.str_] | None:
    """Read which images are for training, where the file is there."""
    if not file.is_file():
        return None
    parts = read_list(file, ("image_id", "is_training_image"))
    return parts.choice("is_training_image", {"1": "train", "0": "test"})[parts.rows_like(images, "image_id")]


def _boxes(file: Path, images: Listing) -> NDArray[np.float64] | None:
    """Read the box of the bird in each image, where the file is there."""
    if not file.is_file():
        return None
    boxes = read_list(file, ("image_id", "x", "y", "width", "height"))
    corners = boxes.corners(("x", "y", "width", "height"), sized=True)
    return corners[boxes.rows_like(images, "image_id")]
