"""Archives of numpy: one file per split and epoch."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.exporting.base import facts_text, target, write_items, write_thumbnails
from embedlens.files import temporary_file
from embedlens.label_sets import LabelSets

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from embedlens.exporting.contents import Contents
    from embedlens.label_sets import Labels


@target("npz", several=False, reading='numpy.load("{out}/{split}_{epoch}.npz")["embeddings"]')
def write(contents: Contents, folder: Path) -> None:
    """Write SPLIT_EPOCH.npz with the arrays `embeddings`, `labels` and `facts`, and SPLIT_items.csv.

    Of label sets, `labels_indptr` and `labels_indices` are those of a CSR matrix.
    """
    for split in contents:
        write_items(split, folder)
        write_thumbnails(split, folder)
        for epoch in split.epochs:
            with (
                temporary_file(folder / f"{split.name}_{epoch:04d}.npz") as path,
                zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive,
            ):
                facts = np.array(facts_text(split, epoch=epoch, step=split.steps.get(epoch)))
                blocks = (block for _, block in split.blocks(epoch))
                _add(archive, "embeddings", split.run.info.dtype, split.shape, blocks)
                for name, array in _label_arrays(split.targets).items():
                    _add(archive, name, "int64", array.shape, [array])
                _add(archive, "facts", facts.dtype, (), [facts])


def _label_arrays(targets: Labels) -> dict[str, NDArray[np.int64]]:
    """Return the arrays of labels by name; of label sets those of a CSR matrix."""
    if isinstance(targets, LabelSets):
        return {"labels_indptr": targets.indptr, "labels_indices": targets.indices}
    return {"labels": targets}


def _add(
    archive: zipfile.ZipFile,
    name: str,
    dtype: Any,
    shape: tuple[int, ...],
    blocks: Iterable[NDArray[Any]],
) -> None:
    """Add an array to an archive, block by block."""
    kind = np.dtype(dtype).newbyteorder("<")
    header = {"descr": kind.str, "fortran_order": False, "shape": shape}
    # A fixed time, so that the same run gives the same bytes.
    member = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
    with archive.open(member, "w", force_zip64=True) as file:
        np.lib.format.write_array_header_1_0(file, header)
        for block in blocks:
            file.write(np.ascontiguousarray(block, kind).data.cast("B") if block.ndim else block.tobytes())
