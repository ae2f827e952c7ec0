"""Stanford Online Products, from the two lists that it comes with.

Source: Oh Song, Xiang, Jegelka, Savarese, "Deep Metric Learning via Lifted Structured Feature Embedding"
(2016).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedlens.training.datasets.base import DATASETS, Catalogue, need_root
from embedlens.training.datasets.images import ImageFiles
from embedlens.training.datasets.lists import find_file, find_home, read_list

if TYPE_CHECKING:
    from pathlib import Path

_LAYOUT = "Stanford_Online_Products (or its parent) with Ebay_train.txt, Ebay_test.txt and folders of images"
_COLUMNS = ("image_id", "class_id", "super_class_id", "path")
_TOTAL = (120_053, 22_634)  # items and classes
_PUBLISHED = {"train": (59_551, 11_318), "test": (60_502, 11_316)}


@DATASETS.register("sop")
def sop(root: Path | None = None) -> Catalogue:
    """Return the 120,053 images of 22,634 products, split into training and testing by products.

    Items have a column ``super_class``, the name of their folder: ``bicycle``, ``chair``, ...

    Parameters
    ----------
    root
        The folder ``Stanford_Online_Products`` or its parent. It holds ``Ebay_train.txt``, ``Ebay_test.txt``
        and the folders that they name.
    """
    home = find_home(need_root("sop", root), "Stanford_Online_Products", "Ebay_train.txt")
    files = {part: find_file(home, [f"Ebay_{part}.txt"], _LAYOUT) for part in ("train", "test")}
    lists = {part: read_list(file, _COLUMNS, headed=True) for part, file in files.items()}
    for column in ("image_id", "path"):
        seen = lists["train"].places(column)
        for value, row in lists["test"].places(column).items():
            if value in seen:
                message = f"{column} {value!r} is in {files['train'].name} already"
                raise lists["test"].error(row, message)
    paths = [path for listing in lists.values() for path in listing.columns["path"]]
    labels = np.concatenate([listing.whole("class_id") for listing in lists.values()])
    names = {label: str(label) for label in np.unique(labels).tolist()}
    folders = [path.rpartition("/")[0] for path in paths]
    items = {
        "class": [names[label] for label in labels.tolist()],
        "super_class": [folder.removesuffix("_final") for folder in folders],
        "path": paths,
    }
    return Catalogue(
        ImageFiles([home / path for path in paths]),
        labels,
        items,
        names,
        split=np.repeat(list(lists), [len(listing.columns["path"]) for listing in lists.values()]),
        published=_PUBLISHED,
        total=_TOTAL,
    )
