"""HDF5 and zarr: one file or store per split, with an array for each epoch."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.exporting.base import check_room, facts_text, target, without_nul
from embedlens.exporting.contents import row_blocks
from embedlens.files import temporary_file
from embedlens.optional import needed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from embedlens.exporting.contents import Contents, SplitContents

_UNSAFE = re.compile(r"[^A-Za-z0-9_]+")
_LONGEST = 100  # letters of the name of an array


@target("hdf5", several=True, reading='h5py.File("{out}/{split}.h5")["embeddings/epoch-{epoch}"][:]')
def write_hdf5(contents: Contents, folder: Path) -> None:
    """Write SPLIT.h5 with the data sets that `_fill` names."""
    h5py = needed("h5py", "files", "writing .h5 files")
    for split in contents:
        check_room(split, folder)
        with temporary_file(folder / f"{split.name}.h5") as path, h5py.File(path, "w") as file:
            _fill(split, partial(_create_in_hdf5, file, h5py.string_dtype()), file.attrs)


def _create_in_hdf5(file: Any, text: Any, name: str, *, axes: tuple[str, ...], **options: Any) -> Any:
    """Create a data set; `text` is the type of texts in HDF5."""
    dtype = options.pop("dtype")
    array = file.create_dataset(name, dtype=text if dtype is str else dtype, **options)
    for number, axis in enumerate(axes):
        array.dims[number].label = axis
    return array


@target(
    "zarr",
    several=True,
    reading='zarr.open_group("{out}/{split}.zarr", mode="r")["embeddings/epoch-{epoch}"][:]',
)
def write_zarr(contents: Contents, folder: Path) -> None:
    """Write SPLIT.zarr, format 3, with the arrays that `_fill` names."""
    zarr = needed("zarr", "files", "writing zarr stores")
    for split in contents:
        group = zarr.open_group(folder / f"{split.name}.zarr", mode="w", zarr_format=3)
        _fill(split, partial(_create_in_zarr, group), group.attrs)


def _create_in_zarr(group: Any, name: str, *, axes: tuple[str, ...], **options: Any) -> Any:
    """Create an array."""
    return group.create_array(name, dimension_names=axes, **options)


def _fill(split: SplitContents, create: Callable[..., Any], attributes: Any) -> None:
    """Create the arrays of a split, with the names of their axes.

    embeddings/epoch-EPOCH [item, dim], epoch and step [epoch], label and class [item], items/NAME [item], and
    thumbnails [item, height, width] or with a channel. A step that the log lacks is -1. The attribute
    `embedlens` is JSON: run, method, class names. The attribute `column` of a column of items is its name,
    of which the array's own name has letters, digits and underscores alone.
    """
    attributes["embedlens"] = facts_text(split)
    _numbers(create, "epoch", np.array(split.epochs), "epoch")
    if split.steps:
        _numbers(create, "step", np.array([split.steps.get(epoch, -1) for epoch in split.epochs]), "epoch")
    _numbers(create, "label", split.labels, "item")
    _texts(create, "class", split.classes)
    for name, (column, texts) in zip(_names(split), split.items.items(), strict=True):
        _texts(create, f"items/{name}", texts).attrs["column"] = without_nul(column)
    n, dim = split.shape
    options = {"dtype": split.run.info.dtype, "axes": ("item", "dim")}
    for epoch in split.epochs:
        name, chunks = f"embeddings/epoch-{epoch:04d}", (row_blocks((n, dim))[0].stop, dim)
        array = create(name, shape=(n, dim), chunks=chunks, **options)
        for rows, block in split.blocks(epoch):
            array[rows] = block
    if split.thumbnails is not None:
        _thumbnails(create, split.thumbnails)


def _numbers(create: Callable[..., Any], name: str, values: NDArray[np.int64], axis: str) -> None:
    create(name, shape=values.shape, dtype="int64", axes=(axis,), chunks=values.shape)[:] = values


def _texts(create: Callable[..., Any], name: str, texts: list[str]) -> Any:
    array = create(name, shape=(len(texts),), dtype=str, axes=("item",), chunks=(len(texts),))
    array[:] = np.array([without_nul(text) for text in texts], dtype=object)
    return array


def _thumbnails(create: Callable[..., Any], images: NDArray[np.uint8]) -> None:
    """Create the array of thumbnails, block by block."""
    axes = ("item", "height", "width", "channel")[: images.ndim]
    blocks = row_blocks(images.shape)
    chunks = (blocks[0].stop, *images.shape[1:])
    array = create("thumbnails", shape=images.shape, dtype="uint8", axes=axes, chunks=chunks)
    for rows in blocks:
        array[rows] = images[rows]


def _names(split: SplitContents) -> list[str]:
    """Return names of arrays for the columns of the items: unique, safe as names of files."""
    names: list[str] = []
    for column in split.items:
        name = _UNSAFE.sub("_", column)[:_LONGEST].strip("_") or "column"
        while name in names:
            name += "_"
        names.append(name)
    return names
