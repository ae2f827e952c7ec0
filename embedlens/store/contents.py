"""What stands in a run's directory before its first epoch: labels, items, thumbnails, features, run.json."""

from __future__ import annotations

import csv
import io
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError
from embedlens.store import format as layout
from embedlens.store.checksums import checksums_file, placement, read_checksums
from embedlens.store.extras import run_extra_file
from embedlens.store.ownership import clear

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from embedlens.store.checksums import Placement


def begin(
    run: Path,
    info: layout.RunInfo,
    *,
    contents: Mapping[str, dict[str, Any]],
    extras: Mapping[str, NDArray[Any]],
) -> None:
    """Write all that stands before the first epoch, in a folder whose lock is held.

    What an unfinished beginning left there goes first; run.json comes last and makes the folder a run. When
    that fails (no space left, an interruption), what was written is removed, and what others have put into
    the folder stays.

    Raises
    ------
    InputError
        A file of another program stands where one of the run belongs.
    """
    layout.info_text(info)  # what cannot be written is refused before anything is removed
    clear(run)
    try:
        with placement(run) as files:
            _place(files, run, contents)
            for name, array in extras.items():
                target = run_extra_file(run, name)
                _refuse_foreign(target)
                files.npy(target, array)
        layout.write_info(run, info)
    except BaseException:
        clear(run)
        if any(path.name != ".lock" for path in run.iterdir()):
            with suppress(OSError):  # an empty list says that the folder is one of a run to be
                checksums_file(run).touch()
        raise


def _place(files: Placement, run: Path, contents: Mapping[str, dict[str, Any]]) -> None:
    for split, given in contents.items():
        folder = layout.split_folder(run, split)
        files.npy(folder / "labels.npy", given["labels"])
        if given["items"]:
            files.text(folder / "items.csv", _items_csv(given["items"]))
        for part in ("thumbnails", "pretrained"):
            if part in given:
                files.npy(folder / f"{part}.npy", given[part])


def _refuse_foreign(target: Path) -> None:
    """Refuse to write over a file that was not cleared, since this program did not write it."""
    if target.exists() or target.is_symlink():
        message = f"{target} is not a file of this run; move it, or choose another name for the run"
        raise InputError(message)


def check_recordable(run: Path, info: layout.RunInfo, files: Sequence[Path]) -> None:
    """Refuse to write over, or remove, files that bear the name of a snapshot but were not recorded.

    Only runs that list what they write can tell.
    """
    standing = [file for file in files if file.exists() or file.is_symlink()]
    listed = read_checksums(run) if standing else {}
    if standing and all(
        (layout.split_folder(run, split) / "labels.npy").relative_to(run).as_posix() in listed
        for split in info.splits
    ):
        for file in standing:
            if file.relative_to(run).as_posix() not in listed:
                message = f"{file} was not recorded in this run; move it to another folder"
                raise InputError(message)


def _items_csv(columns: Mapping[str, Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue()
