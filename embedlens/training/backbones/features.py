"""Precomputed features from .npy files or a run as backbone, for training a head on a CPU."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch import nn

from embedlens.arrays import check_embeddings
from embedlens.errors import InputError
from embedlens.files import read_npy
from embedlens.training.backbones.base import BACKBONES, Backbone
from embedlens.training.inputs import FeatureInputs, Inputs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedlens.training.choices import NetworkChoice
    from embedlens.training.datasets import ImageDataset


@BACKBONES.register("features")
def features(choice: NetworkChoice, data: ImageDataset, workers: int) -> Backbone:
    """Read features [N, D0] instead of images.

    The text after the colon is a file with the features of all items in the order of the data set; a pattern
    with ``{split}``, for one file per split in the order of its items; or a run with pretrained features.

    Raises
    ------
    InputError
        A file that is missing, or features whose number of rows is not that of the items; an image size.
    """
    if choice.image_size is not None:
        message = f"--image-size is for images; {choice.backbone!r} reads none"
        raise InputError(message)
    text = choice.backbone.partition(":")[2]
    if Path(text).is_dir():
        text = str(Path(text) / "splits" / "{split}" / "pretrained.npy")
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
    return Backbone(nn.Identity(), next(iter(widths.values())), inputs, pretrained=True)


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
