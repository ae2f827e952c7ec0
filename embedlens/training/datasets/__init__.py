"""Data sets by name; each comes as images in memory with disjoint train and test splits."""

from embedlens.training.datasets import digits, fashion_mnist, folder, glyphs
from embedlens.training.datasets.base import DATASETS, ImageDataset, ImageSplit, load_dataset

__all__ = [
    "DATASETS",
    "ImageDataset",
    "ImageSplit",
    "digits",
    "fashion_mnist",
    "folder",
    "glyphs",
    "load_dataset",
]
