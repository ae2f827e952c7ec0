"""What a data set is, and the register of those that a person can name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from embedlens.errors import InputError
from embedlens.registry import Registry

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class ImageSplit:
    """The images of one split.

    Attributes
    ----------
    images
        uint8 [N, h, w], grey, or [N, h, w, 3], RGB.
    labels
        int64 [N].
    items
        Column name -> one text an item.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    items: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class ImageDataset:
    """Images with labels, split in two.

    Attributes
    ----------
    splits
        "train" and "test".
    class_names
        Label -> name.
    mirrored
        Whether a mirrored image is still of its class (photographs: yes; letters: no).
    """

    splits: dict[str, ImageSplit]
    class_names: dict[int, str]
    mirrored: bool = False


Loader = Callable[[Path | None], ImageDataset]
DATASETS: Registry[Loader] = Registry("data set")


def load_dataset(name: str, root: Path | None = None) -> ImageDataset:
    """Load the data set called `name`; `root` is the folder of those that are read from disk.

    Raises
    ------
    InputError
        Unknown name; a root that is missing, lacks files, or holds too little to train and test on.
    """
    dataset = DATASETS.get(name)(root)
    for split, part in dataset.splits.items():
        counts = np.unique(part.labels, return_counts=True)[1]
        if counts.size < 2 or counts.max() < 2:
            message = (
                f"data set {name!r}, split {split!r}, has {counts.size} classes, the largest of "
                f"{counts.max(initial=0)} items; two classes and a class of two items are needed"
            )
            raise InputError(message)
    return dataset


def need_root(name: str, root: Path | None) -> Path:
    """Return the folder of a data set that is read from disk, or say that it is missing."""
    if root is None:
        message = f"data set {name!r} is read from a folder; say where with --root"
        raise InputError(message)
    if not root.is_dir():
        message = f"no such folder: {root}"
        raise InputError(message)
    return root


def halve(labels: NDArray[np.int64], *, seed: int | None = None) -> NDArray[np.bool_]:
    """Return the mask [N] of the items whose class is in the first half of the classes.

    The halves are those of the sorted classes, or, with a seed, of the classes in a random order that is
    the same for ever.
    """
    classes = np.unique(labels)
    if seed is not None:
        classes = np.random.default_rng(seed).permutation(classes)
    return np.isin(labels, classes[: (classes.size + 1) // 2])


def split_by_class(
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    items: dict[str, list[str]],
    *,
    train: NDArray[np.bool_],
) -> dict[str, ImageSplit]:
    """Return the train split (the items in the mask [N]) and the test split (the others)."""
    splits = {}
    for name, mask in (("train", train), ("test", ~train)):
        rows = np.flatnonzero(mask)
        columns = {column: [values[row] for row in rows] for column, values in items.items()}
        splits[name] = ImageSplit(images[rows], labels[rows], columns)
    return splits
