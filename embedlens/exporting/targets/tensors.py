"""Safetensors: one file per split and epoch.

The format is written here rather than by its library, which needs whole tensors in memory: eight bytes with
the length of a header, the header in JSON, then the numbers
(https://huggingface.co/docs/safetensors/index#format).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.exporting.base import facts_text, target, write_items, write_thumbnails
from embedlens.files import temporary_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from embedlens.exporting.contents import Contents

_KINDS = {"float16": "F16", "float32": "F32", "int64": "I64"}
_ALIGNMENT = 8  # bytes at whose multiples the numbers begin


@target(
    "safetensors",
    several=False,
    reading='safetensors.torch.load_file("{out}/{split}_{epoch}.safetensors")["embeddings"]',
)
def write(contents: Contents, folder: Path) -> None:
    """Write SPLIT_EPOCH.safetensors with the tensors `embeddings` and `labels`, and SPLIT_items.csv."""
    for split in contents:
        write_items(split, folder)
        write_thumbnails(split, folder)
        for epoch in split.epochs:
            with (
                temporary_file(folder / f"{split.name}_{epoch:04d}.safetensors") as path,
                path.open("wb") as file,
            ):
                step = split.steps.get(epoch)
                metadata = {"embedlens": facts_text(split, epoch=epoch, step=step), "epoch": str(epoch)}
                shapes = {
                    "labels": ("int64", split.labels.shape),
                    "embeddings": (split.run.info.dtype, split.shape),
                }
                file.write(_header(shapes, metadata if step is None else metadata | {"step": str(step)}))
                file.write(split.labels.astype("<i8").data)
                for _, block in split.blocks(epoch):
                    file.write(block.astype(block.dtype.newbyteorder("<"), copy=False).data)


def _header(shapes: Mapping[str, tuple[str, tuple[int, ...]]], metadata: Mapping[str, str]) -> bytes:
    """Return length and header of tensors that follow one another: name -> dtype and shape."""
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    start = 0
    for name, (dtype, shape) in shapes.items():
        stop = start + int(np.prod(shape)) * np.dtype(dtype).itemsize
        header[name] = {"dtype": _KINDS[dtype], "shape": list(shape), "data_offsets": [start, stop]}
        start = stop
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    return len(text).to_bytes(8, "little") + text
