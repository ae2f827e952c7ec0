"""DeepFashion In-shop Clothes Retrieval, from the partition that it comes with.

Source: Liu, Luo, Qiu, Wang, Tang, "DeepFashion: Powering Robust Clothes Recognition and Retrieval with Rich
Annotations" (2016).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from embedlens.training.datasets.base import DATASETS, Catalogue, need_root
from embedlens.training.datasets.images import ImageFiles
from embedlens.training.datasets.lists import find_file, read_list

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from embedlens.training.datasets.lists import Listing

_LAYOUT = "list_eval_partition.txt there, in Eval/ or in Anno/, and the images in img/, Img/img/ or img/img/"
_COLUMNS = ("image_name", "item_id", "evaluation_status")
_BOXES = ("image_name", "clothes_type", "pose_type", "x_1", "y_1", "x_2", "y_2")
_PARTS = ("train", "query", "gallery")
_TOTAL = (52_712, 7_982)  # items and classes
_PUBLISHED = {"train": (25_882, 3_997), "query": (14_218, 3_985), "gallery": (12_612, 3_985)}
_ITEM = re.compile(r"id_([0-9]{1,18})")


@DATASETS.register("inshop")
def inshop(root: Path | None = None) -> Catalogue:
    """Return the 52,712 images of 7,982 items of clothing, split into train, query and gallery.

    Parameters
    ----------
    root
        Folder with ``list_eval_partition.txt``, in itself, in ``Eval/`` or in ``Anno/``, and the images,
        whose names begin with ``img/``, in itself, in ``Img/`` or in ``img/``. ``list_bbox_inshop.txt``, in
        itself or in ``Anno/``, is read where it is there; its boxes are for images of 256 x 256 pixels.
    """
    home = need_root("inshop", root)
    name = "list_eval_partition.txt"
    file = find_file(home, [name, f"Eval/{name}", f"Anno/{name}"], _LAYOUT)
    listing = read_list(file, _COLUMNS, headed=True, counted=True)
    listing.places("image_name")
    labels, names = _labels(listing)
    above = next((f"{folder}/" for folder in ("Img", "img") if (home / folder / "img").is_dir()), "")
    paths = [f"{above}{path}" for path in listing.columns["image_name"]]
    return Catalogue(
        ImageFiles([home / path for path in paths]),
        labels,
        {"class": listing.columns["item_id"], "path": paths},
        names,
        split=listing.choice("evaluation_status", {part: part for part in _PARTS}),
        query_gallery={"query": "gallery"},
        published=_PUBLISHED,
        total=_TOTAL,
        boxes=_boxes(home, listing),
    )


def _labels(listing: Listing) -> tuple[NDArray[np.int64], dict[int, str]]:
    """Return the numbers of the items of clothing, and their names."""
    names: dict[int, str] = {}
    labels = []
    for row, value in enumerate(listing.columns["item_id"]):
        match = _ITEM.fullmatch(value)
        if match is None or names.setdefault(int(match[1]), value) != value:
            message = (
                f"item_id is {value[:60]!r}; 'id_00000001' or the like is expected, each number written alike"
            )
            raise listing.error(row, message)
        labels.append(int(match[1]))
    return np.array(labels, dtype=np.int64), names


def _boxes(home: Path, listing: Listing) -> NDArray[np.float64] | None:
    """Read the box of the clothes in each image, where the file is there."""
    places = [home / "list_bbox_inshop.txt", home / "Anno" / "list_bbox_inshop.txt"]
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        return None
    boxes = read_list(file, _BOXES, headed=True, counted=True)
    return boxes.corners(_BOXES[3:])[boxes.rows_like(listing, "image_name")]
