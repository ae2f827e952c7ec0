"""Data sets, their registry, and their splits by classes or by items."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from embedlens.errors import InputError, unknown
from embedlens.registry import Registry
from embedlens.results import Result
from embedlens.training.datasets.images import ImageFiles, Images

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

ALL = "the whole"
SPLIT_BY = ("classes", "items")
_ITEMS_SEED = 0  # of the data, not of a run: all runs see the same items in train and test


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Catalogue(Result):
    """All N items of a data set in its own order, with its published splits.

    Attributes
    ----------
    images
        The image of each item; None if the data set has only labels.
    labels
        int64 [N].
    items
        Column name -> one text per item.
    class_names
        Label -> name.
    split
        Name of the split of each item as published, "" for items that are left out; None: no published split.
    item_split
        As `split`, for a second published split by items, in which all classes are in the training split.
    query_gallery
        Query split -> gallery split, of `split`.
    published
        Name in `split` -> published numbers of its items and classes.
    total
        Published numbers of items and classes of all splits together.
    boxes
        float [N, 4]: left, top, right, bottom of the object, pixels; None: the data set has no boxes.
    mirrored
        Whether mirroring keeps the class of an image (photographs: yes; letters: no).
    halves_seed
        Classes are halved in sorted order, or, with a seed, in a fixed random order.
    """

    images: Images | None
    labels: NDArray[np.int64]
    items: dict[str, list[str]]
    class_names: dict[int, str]
    split: NDArray[np.str_] | None = None
    item_split: NDArray[np.str_] | None = None
    query_gallery: Mapping[str, str] = field(default_factory=dict)
    published: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    total: tuple[int, int] | None = None
    boxes: NDArray[np.float64] | None = None
    mirrored: bool = True
    halves_seed: int | None = None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ImageSplit(Result):
    """The items of one split.

    Attributes
    ----------
    images
        Their images; None if the data set has only labels.
    labels
        int64 [N].
    items
        Column name -> one text per item.
    positions
        int64 [N]: place of each item in the data set's own order, from 0.
    """

    images: Images | None
    labels: NDArray[np.int64]
    items: dict[str, list[str]]
    positions: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ImageDataset:
    """Images with labels, split for training and testing.

    Attributes
    ----------
    splits
        "train", and "test" or "query" and "gallery".
    class_names
        Label -> name.
    mirrored
        Whether mirroring keeps the class of an image.
    query_gallery
        Query split -> gallery split.
    size
        Number of items of the data set, those outside the splits included.
    messages
        Messages for the user, e.g. numbers of items that differ from the published ones.
    """

    splits: dict[str, ImageSplit]
    class_names: dict[int, str]
    mirrored: bool
    query_gallery: Mapping[str, str]
    size: int
    messages: tuple[str, ...]

    def __repr__(self) -> str:
        splits = [
            f"{name} {split.labels.size:,} items of {np.unique(split.labels).size:,} classes"
            for name, split in self.splits.items()
        ]
        return f"ImageDataset({', '.join(splits)})"


Loader = Callable[[Path | None], Catalogue]
DATASETS: Registry[Loader] = Registry("data set")
"""Data sets by the name that `--data` takes."""


def load_dataset(
    name: str, root: Path | None = None, *, split_by: str | None = None, boxes: bool = False
) -> ImageDataset:
    """Load a data set by its name.

    Parameters
    ----------
    name
        A name in `DATASETS`.
    root
        Folder or file of a data set that is read from disk.
    split_by
        "classes": train and test share no class, as published or by halves of the classes. "items": all
        classes are seen in training, as published or by halves of the items of each class. None: as
        published, else by classes.
    boxes
        Whether to crop images to the bounding boxes of their objects.

    Raises
    ------
    InputError
        Unknown name; a root that is missing, lacks files, or has too few items to train and test on; boxes
        of a data set that has none.
    """
    if split_by is not None and split_by not in SPLIT_BY:
        raise unknown(split_by, "way to split", SPLIT_BY)
    catalogue = DATASETS.get(name)(root)
    images = catalogue.images
    if boxes:
        if not isinstance(images, ImageFiles) or catalogue.boxes is None:
            message = f"data set {name!r} has no boxes to cut images to here; leave out --boxes"
            raise InputError(message)
        images = ImageFiles(images.paths, catalogue.boxes)
    of_items = _splits(catalogue, split_by)
    splits = {}
    for split in _names(of_items):
        rows = np.flatnonzero(of_items == split)
        columns = {column: [values[row] for row in rows] for column, values in catalogue.items.items()}
        splits[split] = ImageSplit(
            None if images is None else images.take(rows), catalogue.labels[rows], columns, rows
        )
    as_published = catalogue.split is not None and of_items is catalogue.split
    paired = catalogue.query_gallery if as_published else {}
    _check(name, splits, queries=paired)
    found = {split: part.labels for split, part in splits.items()} if as_published else {}
    published = dict(catalogue.published) if as_published else {}
    if catalogue.total is not None and not published:
        found, published = {ALL: catalogue.labels}, {ALL: catalogue.total}
    messages = _unlike(name, found, published)
    return ImageDataset(
        splits, catalogue.class_names, catalogue.mirrored, paired, catalogue.labels.size, messages
    )


def _splits(catalogue: Catalogue, split_by: str | None) -> NDArray[np.str_]:
    """Return the name of the split of each item."""
    if split_by == "items":
        if catalogue.item_split is not None:
            return catalogue.item_split
        return np.where(halve_items(catalogue.labels), "train", "test")
    published = catalogue.split
    if published is not None:
        trained = np.unique(catalogue.labels[published == "train"])
        tested = np.unique(catalogue.labels[(published != "train") & (published != "")])
        if split_by is None or not np.intersect1d(trained, tested).size:
            return published
    return np.where(halve(catalogue.labels, seed=catalogue.halves_seed), "train", "test")


def _names(of_items: NDArray[np.str_]) -> list[str]:
    """Return the names of the splits, "train" first, the others in the order of their first items."""
    names = [str(name) for name in dict.fromkeys(of_items.tolist()) if name]
    return sorted(names, key=lambda name: name != "train")


def _check(name: str, splits: Mapping[str, ImageSplit], *, queries: Mapping[str, str]) -> None:
    """Refuse splits with too few classes or items for training or testing."""
    if "train" not in splits or len(splits) < 2:
        message = (
            f"data set {name!r} has the splits {', '.join(splits) or '(none)'}; "
            "train and one to test on are needed"
        )
        raise InputError(message)
    paired = {*queries, *queries.values()}
    for split, part in splits.items():
        counts = np.unique(part.labels, return_counts=True)[1]
        if counts.size < 2 or (counts.max() < 2 and split not in paired):
            classes = "1 class" if counts.size == 1 else f"{counts.size} classes"
            message = (
                f"data set {name!r}, split {split!r}, has {classes}, the largest of "
                f"{counts.max(initial=0)} items; two classes and a class of two items are needed"
            )
            raise InputError(message)


def _unlike(
    name: str, labels: Mapping[str, NDArray[np.int64]], published: Mapping[str, tuple[int, int]]
) -> tuple[str, ...]:
    """Return a message for each split whose numbers of items and classes differ from the published ones."""
    messages = []
    for split, (items, classes) in published.items():
        found = labels.get(split, np.empty(0, np.int64))
        if (found.size, np.unique(found).size) != (items, classes):
            place = split if split == ALL else f"split {split}"
            messages.append(
                f"{name}: {place} has {found.size:,} items of {np.unique(found).size:,} classes here, as "
                f"published {items:,} of {classes:,}"
            )
    return tuple(messages)


def need_root(name: str, root: Path | None) -> Path:
    """Return the folder of a data set that is read from disk, or say that it is missing."""
    if root is None:
        message = f"data set {name!r} is read from a folder; say where with --root"
        raise InputError(message)
    if not root.is_dir():
        message = f"{root} is a file, not a folder" if root.exists() else f"no such folder: {root}"
        raise InputError(message)
    return root


def refuse_root(name: str, root: Path | None) -> None:
    """Refuse a folder for a data set that is not read from one."""
    if root is not None:
        message = f"data set {name!r} comes with the packages, not from {root}; leave out --root"
        raise InputError(message)


def halve(labels: NDArray[np.int64], *, seed: int | None = None) -> NDArray[np.bool_]:
    """Return the mask [N] of the items whose class is in the first half of the classes.

    Classes are halved in sorted order, or, with a seed, in a fixed random order.
    """
    classes = np.unique(labels)
    if seed is not None:
        classes = np.random.default_rng(seed).permutation(classes)
    return np.isin(labels, classes[: (classes.size + 1) // 2])


def halve_items(labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return the mask [N] of a random half of the items of each class, the larger one where they are odd.

    The mask is fixed by the labels.
    """
    mask = np.zeros(labels.size, dtype=bool)
    order = np.random.default_rng(_ITEMS_SEED).permutation(labels.size)
    grouped = order[np.argsort(labels[order], kind="stable")]
    for group in np.split(grouped, np.flatnonzero(np.diff(labels[grouped])) + 1):
        mask[group[: (group.size + 1) // 2]] = True
    return mask
