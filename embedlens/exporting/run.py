"""Export of a run to files of another format."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from embedlens.errors import InputError
from embedlens.exporting.base import TARGETS, Target
from embedlens.exporting.contents import contents_of, facts_of
from embedlens.exporting.folder import replacing
from embedlens.exporting.targets import annotated, hierarchies, npz, parquet, projector, tensors, text
from embedlens.files import is_remote
from embedlens.results import Result
from embedlens.store.locations import is_address, is_mangled

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from embedlens.store import Run

__all__ = ["TARGETS", "Export", "Target", "export"]

_WRITERS = (annotated, hierarchies, npz, parquet, projector, tensors, text)  # each registers its own target


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Export(Result):
    """An export.

    Attributes
    ----------
    path
        The folder.
    target
        Name of the format.
    splits
        The exported splits: name -> number of items.
    epochs
        The exported epochs, ascending.
    reading
        A command or a line of Python that reads it, for the first split and the last epoch.
    """

    path: Path
    target: str
    splits: dict[str, int]
    epochs: tuple[int, ...]
    reading: str


def export(
    run: Run,
    target: str,
    out: str | os.PathLike[str],
    *,
    splits: Sequence[str] | None = None,
    epochs: Sequence[int] | None = None,
) -> Export:
    """Export a run to a folder of files of another format, which appears whole or not at all.

    Values are those of the run: embeddings as recorded, float32 or float16, not normalised. They are read and
    written in blocks; labels and the texts of the items are in memory. An older export of the same run to the
    same target is replaced.

    Parameters
    ----------
    run
        The run.
    target
        anndata, csv, hdf5, npz, parquet, projector, safetensors or zarr.
    out
        The folder.
    splits
        Names of the splits; by default all.
    epochs
        Epochs, negative ones from the end; by default all where one file holds several, as in anndata, hdf5,
        parquet and zarr, else the last.

    Raises
    ------
    InputError
        An unknown target, split or epoch; a run without a snapshot; a library that is not installed; a folder
        that exists and is no export of the same run to the same target, or that holds other files.
    """
    kind = TARGETS.get(target)
    folder = _local(out)
    if epochs is None and kind.several:
        epochs = run.epochs() or None
    contents = contents_of(run, splits, epochs)
    sizes = {split: contents.run.info.splits[split].items for split in contents.splits}
    facts = {"target": target, **facts_of(contents.run), "splits": sizes, "epochs": list(contents.epochs)}
    with replacing(folder, facts) as new:
        kind.write(contents, new)
    reading = kind.reading.format(
        out=folder.as_posix(), split=contents.splits[0], epoch=f"{contents.epochs[-1]:04d}"
    )
    return Export(folder, target, sizes, contents.epochs, reading)


def _local(out: str | os.PathLike[str]) -> Path:
    """Return the path of a local folder; an address raises `InputError`."""
    if is_address(out) or is_remote(out) or is_mangled(Path(out)):
        message = f"{out}: exports are written to a local folder; choose another --out, and upload it"
        raise InputError(message)
    return Path(out)
