"""Precomputed features from .npy files or a run as backbone, for training a head on a CPU."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from embedlens.arrays import check_embeddings
from embedlens.errors import InputError
from embedlens.files import read_npy
from embedlens.training.backbones.base import BACKBONES, Backbone, Stages
from embedlens.training.inputs import FeatureInputs, Inputs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from embedlens.training.choices import NetworkChoice
    from embedlens.training.datasets import ImageDataset


_WIDEST = 1 << 16


class HiddenLayers(nn.Sequential):
    """Linear layers with ReLU on features.

    Parameters
    ----------
    widths
        Dimensions of the features, and of each layer.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        layers = [[nn.Linear(inner, outer), nn.ReLU()] for inner, outer in pairwise(widths)]
        super().__init__(*(part for layer in layers for part in layer))
        self.widths = tuple(widths)


class HiddenStages(Stages):
    """Features and what each hidden layer makes of them.

    Parameters
    ----------
    layers
        The hidden layers.
    """

    def __init__(self, layers: HiddenLayers) -> None:
        super().__init__()
        self.network = layers
        self.widths = layers.widths

    def forward(self, inputs: torch.Tensor) -> list[torch.Tensor]:
        """Return the features [B, width], and the output of each layer."""
        found = [inputs]
        for layer in self.network:
            found.append(layer(found[-1]))
        return [found[0], *found[2::2]]


@BACKBONES.register("features")
def features(choice: NetworkChoice, data: ImageDataset, workers: int) -> Backbone:
    """Read features [N, D0] instead of images.

    The text after the colon is a file with the features of all items in the order of the data set; a pattern
    with ``{split}``, for one file per split in the order of its items; or a run with pretrained features.
    Hidden layers start from random weights; their output is what methods take for the backbone's features.

    Raises
    ------
    InputError
        A file that is missing, or features whose number of rows is not that of the items; an image size;
        widths of hidden layers that are none.
    """
    if choice.image_size is not None:
        message = f"--image-size is for images; {choice.backbone!r} reads none"
        raise InputError(message)
    hidden = _widths(choice.hidden)
    text = choice.backbone.partition(":")[2]
    if Path(text).is_dir():
        _check_items(Path(text), choice.data, data)
        text = _of_run(Path(text), data.splits)
    inputs: dict[str, Inputs] = {}
    widths: dict[str, int] = {}
    for split, part in data.splits.items():
        whole = "{split}" not in text
        file = Path(text.replace("{split}", split))
        items = data.size if whole else part.labels.size
        array = _read(file, items, "the data set" if whole else f"split {split!r}")
        inputs[split] = FeatureInputs(array, part.positions if whole else np.arange(items))
        widths[str(file)] = array.shape[1]
    if len(set(widths.values())) > 1:
        shown = ", ".join(f"{file} {width}" for file, width in widths.items())
        message = f"features of unequal dims: {shown}; one network computes one number"
        raise InputError(message)
    width = next(iter(widths.values()))
    if not hidden:
        return Backbone(nn.Identity(), width, inputs, pretrained=True)
    layers = HiddenLayers([width, *hidden])
    stages = partial(HiddenStages, layers)
    return Backbone(layers, hidden[-1], inputs, pretrained=False, given=nn.Identity(), stages=stages)


def _of_run(folder: Path, splits: Iterable[str]) -> str:
    """Return the pattern of the files of a run's pretrained features; refuse a folder that has none."""
    pattern = str(folder / "splits" / "{split}" / "pretrained.npy")
    if not any(Path(pattern.replace("{split}", split)).exists() for split in splits):
        message = (
            f"no pretrained features in {folder}; a run has them where its backbone is pretrained, such as "
            "--backbone timm:NAME --epochs 0; to start from the network of another run, give --init"
        )
        raise InputError(message)
    return pattern


def _check_items(folder: Path, name: str, data: ImageDataset) -> None:
    """Refuse the features of a run whose splits have items of other classes than those of the data set."""
    for split, part in data.splits.items():
        file = folder / "splits" / split / "labels.npy"
        if not file.is_file():
            continue
        labels = read_npy(file)
        if labels.shape == part.labels.shape and (_numbered(labels) != _numbered(part.labels)).any():
            message = (
                f"run {folder} has other items in split {split!r} than data set {name!r} has here; its "
                "features are of another --split-by or another data set"
            )
            raise InputError(message)


def _numbered(labels: NDArray[Any]) -> NDArray[np.int64]:
    """Return labels [N] renumbered in the order in which they first appear."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[inverse], np.int64)


def _widths(text: str | None) -> list[int]:
    """Read the widths of hidden layers."""
    words = [word.strip() for word in (text or "").split(",")] if text is not None else []
    if not all(word.isdecimal() and 0 < int(word) <= _WIDEST for word in words):
        message = f"hidden is {text!r}; numbers from 1 to {_WIDEST:,} are needed, comma-separated, e.g. 512"
        raise InputError(message)
    return [int(word) for word in words]


def _read(file: Path, items: int, of: str) -> NDArray[np.floating]:
    """Read the features of a number of items."""
    if not file.is_file():
        message = f"no such file of features: {file}"
        raise InputError(message)
    array = read_npy(file)
    if array.ndim == 2 and len(array) != items:
        message = f"{file} has {len(array):,} rows, but {of} has {items:,} items; one row per item is needed"
        raise InputError(message)
    try:
        return check_embeddings(array, rows=items, dim=None)
    except InputError as error:
        raise error.within(str(file)) from error
