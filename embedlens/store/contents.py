"""Files of a run that are written before its first epoch: labels, items, thumbnails, features, run.json."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from embedlens.arrays import check_embeddings
from embedlens.errors import InputError
from embedlens.files import read_npy
from embedlens.label_sets import LabelSets
from embedlens.store import format as layout
from embedlens.store.checksums import placement, read_checksums
from embedlens.store.extras import run_extra_file
from embedlens.store.label_set_files import label_set_bytes
from embedlens.store.ownership import clear, withdraw
from embedlens.text import csv_quoting

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from embedlens.store.checksums import Placement


def begin(
    run: Path,
    info: layout.RunInfo,
    *,
    contents: Mapping[str, dict[str, Any]],
    extras: Mapping[str, NDArray[Any]],
) -> None:
    """Write the files of a run before its first epoch, in a folder whose lock is held.

    Files left by an unfinished attempt are removed first; run.json is written last and makes the folder a
    run. If this fails (no space left, an interruption), the files written are removed, and files of other
    programs stay.

    Raises
    ------
    InputError
        A file of another program is in the place of one of the run.
    """
    layout.info_text(info)  # what cannot be written is refused before anything is removed
    clear(run, mark=True)  # an empty list says that the folder is one of a run to be
    try:
        with placement(run) as files:
            _place(files, run, contents)
            for name, array in extras.items():
                files.npy(_free(run_extra_file(run, name)), array)
        layout.write_info(run, info)
    except BaseException:
        withdraw(run)
        raise


def _place(files: Placement, run: Path, contents: Mapping[str, dict[str, Any]]) -> None:
    for split, given in contents.items():
        folder = layout.split_folder(run, split)
        if isinstance(given["labels"], LabelSets):
            files.bytes(_free(folder / "labels.npz"), label_set_bytes(given["labels"]))
        else:
            files.npy(_free(folder / "labels.npy"), given["labels"])
        if given["items"]:
            files.text(_free(folder / "items.csv"), _items_csv(given["items"]))
        for part in ("thumbnails", "pretrained"):
            if part in given:
                files.npy(_free(folder / f"{part}.npy"), given[part])


def _free(target: Path) -> Path:
    """Return a path that does not exist; a file that was not cleared is another program's, and is refused."""
    if target.exists() or target.is_symlink():
        message = f"{target} is not a file of this run; move it, or choose another name for the run"
        raise InputError(message)
    return target


def recorded_only(run: Path, info: layout.RunInfo, files: Iterable[Path]) -> list[Path]:
    """Return the files that were recorded in this run.

    Runs of earlier versions have no list; there, files are recognised by name.
    """
    listed = read_checksums(run)
    labels = [layout.labels_file(run, info, split) for split in info.splits]
    if not all(file.relative_to(run).as_posix() in listed for file in labels):
        return list(files)
    return [file for file in files if file.relative_to(run).as_posix() in listed]


def check_recorded(run: Path, info: layout.RunInfo, files: Sequence[Path]) -> None:
    """Refuse to replace or remove files with the name of a snapshot that were not recorded in this run."""
    standing = [file for file in files if file.exists() or file.is_symlink()]
    recorded = recorded_only(run, info, standing) if standing else []
    for file in standing:
        if file not in recorded:
            message = f"{file} was not recorded in this run; move it to another folder"
            raise InputError(message)


def linkable(file: Path, dtype: str, *, rows: int, dim: int | None) -> NDArray[np.floating[Any]]:
    """Return the embeddings of a file that can be a snapshot as it is.

    Parameters
    ----------
    file
        An ``.npy`` file of [N, D].
    dtype, rows, dim
        Type, N and D of the run; D is None where no epoch is recorded yet.

    Raises
    ------
    InputError
        A file that needs conversion, or that `embedlens.arrays.check_embeddings` refuses.
    """
    if file.suffix != ".npy":
        message = f"{file} is not a .npy file and cannot be linked; leave out --link"
        raise InputError(message)
    array = read_npy(file)
    if array.dtype != dtype or not array.flags.c_contiguous:
        message = f"{file} is not a C-ordered {dtype} array; leave out --link"
        raise InputError(message)
    try:
        return check_embeddings(array, rows=rows, dim=dim)
    except InputError as error:
        raise error.within(str(file)) from error


def _items_csv(columns: Mapping[str, Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=csv_quoting(columns))
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue()
