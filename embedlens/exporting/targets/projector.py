"""TensorBoard's Embedding Projector: tensors, metadata and sprites, named in projector_config.pbtxt."""

from __future__ import annotations

import codecs
import json
from typing import TYPE_CHECKING

import numpy as np

from embedlens.errors import warn
from embedlens.exporting.base import target
from embedlens.exporting.targets.sprites import write_sprite
from embedlens.files import temporary_file, write_text
from embedlens.text import escaped

if TYPE_CHECKING:
    from pathlib import Path

    from embedlens.exporting.contents import Contents, SplitContents

MOST_ROWS = 100_000
"""Rows that the projector shows of a tensor; it asks TensorBoard for no more."""


@target("projector", several=False, reading="tensorboard --logdir {out}")
def write(contents: Contents, folder: Path) -> None:
    r"""Write projector_config.pbtxt, a tensor for each split and epoch, metadata and sprite of each split.

    The projector computes in float32 and shows the first 100,000 rows. Characters that end cells or lines of
    the metadata stand as escapes: a tab as ``\t``.
    """
    entries = []
    for split in contents:
        if split.shape[0] > MOST_ROWS:
            warn(
                f"split {split.name!r} has {split.shape[0]:,} rows; the projector shows the first "
                f"{MOST_ROWS:,} of them"
            )
        _write_metadata(split, folder)
        size = write_sprite(folder / f"{split.name}_sprite.png", split.thumbnails, most=MOST_ROWS)
        for epoch in split.epochs:
            entries.append(_entry(split, epoch, _write_tensor(split, epoch, folder), size))
    write_text(folder / "projector_config.pbtxt", "".join(entries))


def _entry(split: SplitContents, epoch: int, tensor: str, size: tuple[int, int] | None) -> str:
    """Return the entry of a tensor in the configuration, in the text format of protocol buffers."""
    lines = [
        f"tensor_name: {_quoted(f'{split.name}_epoch-{epoch:04d}')}",
        *(f"tensor_shape: {length}" for length in split.shape),
        f"tensor_path: {_quoted(tensor)}",
        f"metadata_path: {_quoted(f'{split.name}_metadata.tsv')}",
    ]
    if size is not None:
        width, height = size
        image = _quoted(f"{split.name}_sprite.png")
        lines.append(f"sprite {{ image_path: {image} single_image_dim: {width} single_image_dim: {height} }}")
    return "embeddings {\n" + "".join(f"  {line}\n" for line in lines) + "}\n"


def _quoted(text: str) -> str:
    return json.dumps(text)  # names of splits are ASCII


def _write_metadata(split: SplitContents, folder: Path) -> None:
    """Write label, class, row and the columns of the items; the first line names them."""
    columns = {
        "label": map(str, split.label_cells),
        "class": split.classes,
        "row": map(str, range(split.shape[0])),
    }
    columns |= split.item_columns(*columns)
    with (
        temporary_file(folder / f"{split.name}_metadata.tsv") as path,
        path.open("w", newline="", encoding="utf-8") as file,
    ):
        for cells in [tuple(columns), *zip(*columns.values(), strict=True)]:
            file.write("\t".join(map(escaped, cells)) + "\n")


def _write_tensor(split: SplitContents, epoch: int, folder: Path) -> str:
    """Write the embeddings of an epoch; return the name of the file.

    TensorBoard reads a tensor as text first, and as numbers where that is no UTF-8. The few tensors that
    begin with a line of UTF-8 by chance would be refused by it: they are written as text.
    """
    stem = f"{split.name}_epoch-{epoch:04d}"
    _, first = next(split.blocks(epoch))
    if _begins_as_text(first.astype("<f4").tobytes()):
        with temporary_file(folder / f"{stem}.tsv") as path, path.open("w", encoding="ascii") as text:
            line = "\t".join(["%.9g"] * split.shape[1]) + "\n"
            for _, block in split.blocks(epoch):
                text.writelines(line % tuple(values) for values in block.tolist())
        return f"{stem}.tsv"
    with temporary_file(folder / f"{stem}.bytes") as path, path.open("wb") as file:
        for _, block in split.blocks(epoch):
            file.write(np.ascontiguousarray(block, "<f4").data)
    return f"{stem}.bytes"


def _begins_as_text(numbers: bytes) -> bool:
    """Return whether the first line of some bytes is UTF-8."""
    line = numbers.replace(b"\r", b"\n").partition(b"\n")[0]
    try:
        codecs.getincrementaldecoder("utf-8")().decode(line)  # the block may end within a character
    except UnicodeDecodeError:
        return False
    return True
