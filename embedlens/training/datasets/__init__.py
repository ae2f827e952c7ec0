"""Data sets by name, read from the layouts in which they are published; nothing is downloaded."""

from embedlens.training.datasets import (
    cars196,
    csv_list,
    cub200,
    digits,
    fashion_mnist,
    folder,
    glyphs,
    inshop,
    lfw,
    sop,
)
from embedlens.training.datasets.base import DATASETS, ImageDataset, ImageSplit, load_dataset

__all__ = [
    "DATASETS",
    "ImageDataset",
    "ImageSplit",
    "cars196",
    "csv_list",
    "cub200",
    "digits",
    "fashion_mnist",
    "folder",
    "glyphs",
    "inshop",
    "lfw",
    "load_dataset",
    "sop",
]
