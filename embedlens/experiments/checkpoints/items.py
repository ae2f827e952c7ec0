"""Items that checkpoints embed: the images of a data set that the trainer knows, in the order of its rows."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.errors import InputError, unknown
from embedlens.training.datasets import load_dataset
from embedlens.training.datasets.images import ImageFiles
from embedlens.training.inputs import ArrayInputs, FileInputs, View
from embedlens.training.loading import blocks, read_batches
from embedlens.training.thumbnails import the_images, thumbnails

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import torch
    from numpy.typing import NDArray

    from embedlens.training.datasets import ImageSplit
    from embedlens.training.inputs import Inputs

_SMALLEST, _LARGEST = 8, 1 << 13  # pixels a side


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageChoice:
    """Images of a data set, and what a network takes of them.

    Attributes
    ----------
    data, root
        Name of the data set, and its folder or file.
    split_by
        "classes" or "items"; None: as published.
    boxes
        Whether images are cropped to the bounding boxes of their objects.
    image_size
        Height and width of the network's images, pixels; None: that of images in memory.
    crop
        Fraction of the shorter side of images in files that a centre crop keeps.
    mean, std
        Mean and standard deviation of each channel, one or three, by which values in [0, 1] are standardised;
        empty: values stay in [0, 1]. Three make grey images RGB.
    """

    data: str
    root: str | None = None
    split_by: str | None = None
    boxes: bool = False
    image_size: int | None = None
    crop: float = 1.0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        size = self.image_size
        if size is not None and not _SMALLEST <= size <= _LARGEST:
            message = f"image_size is {size}; {_SMALLEST} to {_LARGEST:,} pixels are allowed"
            raise InputError(message)
        if not 0 < self.crop <= 1:
            message = f"crop is {self.crop:g}; a fraction above 0, 1 at most, is needed"
            raise InputError(message)
        if len(self.mean) != len(self.std) or len(self.mean) not in (0, 1, 3):
            message = (
                f"mean has {len(self.mean)} numbers and std {len(self.std)}; both need one per channel, that "
                "is 1 or 3"
            )
            raise InputError(message)
        if not all(math.isfinite(one) for one in self.mean) or not all(
            0 < one < math.inf for one in self.std
        ):
            message = "mean and std must be finite numbers, std above 0"
            raise InputError(message)

    def facts(self) -> dict[str, Any]:
        """Return what a run records of it: the data set, and what is not the default."""
        default = asdict(ImageChoice(data=self.data))
        facts = {
            name: value for name, value in asdict(self).items() if name == "data" or value != default[name]
        }
        return {name: list(value) if isinstance(value, tuple) else value for name, value in facts.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a run holds besides embeddings; `embedlens.store.Recorder` takes each as an argument."""

    labels: Mapping[str, Any]
    items: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    class_names: Mapping[int, str] = field(default_factory=dict)
    query_gallery: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reading:
    """How items are read: the device, items in a batch, and number of processes that read images."""

    device: torch.device
    batch_size: int
    workers: int


class Items(ABC):
    """The items of a run in the order of its rows.

    Attributes
    ----------
    contents
        Labels, and what else describes the items.
    facts
        What a run records of where they come from.
    messages
        Messages for the user.
    """

    contents: Contents
    facts: Mapping[str, Any]
    messages: Sequence[str]

    @abstractmethod
    def batches(self, split: str, reading: Reading) -> Iterator[tuple[int, Any]]:
        """Yield the inputs of the items of a split in order, on the device: number of items, and batch."""

    def thumbnails(self, workers: int) -> dict[str, NDArray[np.uint8]]:
        """Return the thumbnails of the items by split; none where they have none."""
        return {}

    @property
    def sizes(self) -> dict[str, int]:
        """Number of items by split."""
        return {split: len(labels) for split, labels in self.contents.labels.items()}


class DatasetItems(Items):
    """The images of a data set; the run has the labels, items and thumbnails of one that is trained on it.

    Parameters
    ----------
    choice
        The data set, and what the network takes.
    splits
        Names of the splits; none: all.

    Raises
    ------
    InputError
        What `load_dataset` refuses; images that are missing; files of images without `image_size`.
    """

    def __init__(self, choice: ImageChoice, splits: Sequence[str] = ()) -> None:
        root = None if choice.root is None else Path(choice.root)
        data = load_dataset(choice.data, root, split_by=choice.split_by, boxes=choice.boxes)
        kept = chosen(data.splits, splits, f"data set {choice.data!r}")
        pairs = {q: gallery for q, gallery in data.query_gallery.items() if {q, gallery} <= set(kept)}
        self._data = replace(data, splits=kept, query_gallery=pairs)
        self.contents = Contents(
            labels={split: part.labels for split, part in kept.items()},
            items={split: part.items for split, part in kept.items()},
            class_names=data.class_names,
            query_gallery=pairs,
        )
        self.facts = choice.facts()
        self.messages = data.messages
        self._inputs = _inputs(choice, self._data.splits, the_images(choice.data, self._data))

    def batches(self, split: str, reading: Reading) -> Iterator[tuple[int, Any]]:
        """Yield the images of a split in order, float [n, channels, h, w]."""
        inputs = self._inputs[split]
        requests = blocks(np.arange(len(inputs)), reading.batch_size)
        for request, batch in read_batches(inputs, requests, reading.device, workers=reading.workers):
            yield request.rows.size, batch

    def thumbnails(self, workers: int) -> dict[str, NDArray[np.uint8]]:
        """Return those that a run trained on the data set has."""
        return thumbnails(self._data, workers=workers)


def chosen(known: Mapping[str, Any], splits: Sequence[str], of: str) -> dict[str, Any]:
    """Return the splits that were named, in the order of the data set; all where none was."""
    for split in splits:
        if split not in known:
            raise unknown(split, "split", known).within(of)
    return {split: part for split, part in known.items() if not splits or split in splits}


def _inputs(
    choice: ImageChoice, splits: Mapping[str, ImageSplit], images: Mapping[str, Any]
) -> dict[str, Inputs]:
    """Return the inputs of each split."""
    found: dict[str, Inputs] = {}
    for split in splits:
        pictures = images[split]
        if isinstance(pictures, ImageFiles):
            if choice.image_size is None:
                message = (
                    f"the images of data set {choice.data!r} are files of any size; give the height and "
                    "width that the model takes by --image-size, e.g. 224"
                )
                raise InputError(message)
            view = View(3, choice.image_size, choice.crop, choice.mean, choice.std)
            found[split] = FileInputs(pictures, view, mirrored=False)
            continue
        channels = 3 if pictures.pixels.ndim == 4 or len(choice.mean) == 3 else 1
        view = View(channels, choice.image_size, 1.0, choice.mean, choice.std)
        found[split] = ArrayInputs(pictures.pixels, view, mirrored=False)
    return found
