"""Ownership of files in a run's directory: only files written by this program are ever removed."""

from __future__ import annotations

import re
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast

from embedlens.errors import InputError
from embedlens.files import is_remote, remove_leftovers, sync_folder, temporary_target
from embedlens.store.checksums import checksums_file, read_checksums, write_checksums
from embedlens.store.format import info_file, log_file, read_info, snapshot_epochs
from embedlens.store.lock import LOCK_NAME, LOG_LOCK_NAME, Lock

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

CHECKPOINT_NAME = "checkpoint.pt"
_SPLIT = r"splits/[A-Za-z0-9][A-Za-z0-9_.-]*"
_CONTENTS = re.compile(rf"{_SPLIT}/((labels|thumbnails|pretrained)\.npy|labels\.npz|items\.csv)")
_LATER = re.compile(rf"{_SPLIT}/(epoch-\d{{4,9}}\.npy|extra/[a-z][a-z0-9_]*-\d{{4,9}}\.npy)")
_RUN_EXTRA = re.compile(r"extra/[a-z][a-z0-9_]*\.npy")
_LONGEST_NAME = 240  # bytes


def _is_array(name: str) -> bool:
    """Return whether a path below a run is that of an array or of items.csv."""
    return any(known.fullmatch(name) for known in (_CONTENTS, _LATER, _RUN_EXTRA))


def _files(run: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files in the folders of a run: path below the run, and path."""
    splits = [folder for folder in _entries(run / "splits") if folder.is_dir()]
    for folder in (run, run / "splits", run / "extra", *splits, *(split / "extra" for split in splits)):
        for path in _entries(folder):
            if path.is_symlink() or not path.is_dir():
                yield path.relative_to(run).as_posix(), path


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _is_temporary(name: str, run: Path) -> bool:
    """Return whether a path below the run is that of a temporary file of this program."""
    folder, _, last = name.rpartition("/")
    target = temporary_target(last)
    if target is None:
        return False
    place = f"{folder}/{target}" if folder else target
    root = (info_file(run).name, log_file(run).name, checksums_file(run).name, CHECKPOINT_NAME)
    locks = (LOCK_NAME, LOG_LOCK_NAME)
    return place in (*root, *locks) or _is_array(place)


def remove_temporary(run: Path) -> None:
    """Remove temporary files that killed writers left in a run whose lock this process holds.

    A temporary log, which other processes may write, is removed only if its process has ended.
    """
    remove_leftovers(run)
    log = f".{log_file(run).name}."
    for name, path in _files(run):
        if _is_temporary(name, run) and not path.name.startswith((log, f".{LOG_LOCK_NAME}.")):
            path.unlink(missing_ok=True)


def is_unbegun(run: Path) -> bool:
    """Return whether a folder without run.json is empty or contains only files of a killed recorder.

    It does if it has a list of checksums, which is written before anything else; without one, every file must
    have a name that this program writes before run.json.
    """
    if not run.is_dir() or info_file(run).exists():
        return False
    if checksums_file(run).is_file():
        return True
    if {path.name for path in _entries(run) if path.is_dir()} - {"splits", "extra"}:
        return False
    inside = [path.relative_to(run).as_posix() for path in run.rglob("*") if not path.is_dir()]
    return all(name == LOCK_NAME or _is_temporary(name, run) or _CONTENTS.fullmatch(name) for name in inside)


def check_untaken(run: Path) -> None:
    """Refuse a path that exists, but for a run without any snapshot, which may be started again."""
    if not info_file(run).is_file():
        if (run.exists() or run.is_symlink()) and not is_unbegun(run):
            message = f"{run} already exists and is no run; choose another name"
            raise InputError(message)
        return
    try:
        splits = list(read_info(run).splits)
    except InputError:  # of another version, or damaged
        splits = [folder.name for folder in _entries(run / "splits")]
    if any(snapshot_epochs(run, split) for split in splits) or (run / CHECKPOINT_NAME).exists():
        message = f"{run} already exists; pass resume=True to continue it, or choose another name"
        raise InputError(message)


def clear(run: Path, *, mark: bool = False) -> None:
    """Remove the files that this program wrote in a run's directory, and folders that are then empty.

    run.json is removed before the files that it describes, and the list of checksums last, so that a folder
    that is only partly cleared is recognised as one; `mark` leaves an empty list. Lock and checkpoint are
    kept.
    """
    remove_temporary(run)
    owned = _owned(run)
    for file in (log_file(run), info_file(run)):
        file.unlink(missing_ok=True)
    folders = set()
    for path in owned:
        path.unlink(missing_ok=True)
        folders |= {parent for parent in path.parents if run in parent.parents}
    for folder in sorted(folders, key=lambda folder: len(folder.parts), reverse=True):
        with suppress(OSError):  # something else stands in it
            folder.rmdir()
    if mark:
        write_checksums(run, {})
    else:
        checksums_file(run).unlink(missing_ok=True)


def withdraw(run: Path) -> None:
    """Remove the files of a run that could not be started.

    If the folder has other files, an empty list of checksums stays and marks it as the folder of a run.
    """
    clear(run, mark=True)
    if {path.name for path in run.iterdir()} <= {LOCK_NAME, checksums_file(run).name}:
        checksums_file(run).unlink()


def _owned(run: Path) -> list[Path]:
    """Return the arrays of a run and the descriptions of its items, as listed.

    Runs of earlier versions have no list; there, files before the first epoch are recognised by name.
    """
    if checksums_file(run).is_file():
        return [run / name for name in read_checksums(run) if _is_array(name)]
    try:
        splits: Collection[str] | None = read_info(run).splits
    except InputError:
        splits = None
    return [
        path
        for name, path in _files(run)
        if _CONTENTS.fullmatch(name) and (splits is None or name.split("/")[1] in splits)
    ]


def building_folder(out: Path) -> Path:
    """Return the hidden folder in which a run is made before it is renamed to `out`."""
    return hidden_folder(out, "building")


def hidden_folder(out: Path, ending: str) -> Path:
    """Return the path of a hidden folder beside `out`, in which what becomes `out` is made."""
    name = f".{out.name}.{ending}"
    if len(name.encode(errors="surrogateescape")) > _LONGEST_NAME:
        name = f".{sha256(out.name.encode(errors='surrogateescape')).hexdigest()[:16]}.{ending}"
    return out.with_name(name)


def is_taken(out: Path) -> bool:
    """Return whether there is something where a run is to be made; what a killed upload left is nothing."""
    return (out.exists() or out.is_symlink()) and not (is_remote(out) and is_unbegun(out))


@contextmanager
def building(out: Path) -> Iterator[Path]:
    """Provide a locked, hidden folder beside `out`, which is renamed to `out` on success.

    Of an address it is a local folder, which is uploaded.

    On failure the files written there are removed. Files that a killed process left there are removed first.

    Raises
    ------
    InputError
        `out` exists, or another process is making it.
    """
    if is_remote(out):
        with _building_here(out) as folder:
            yield folder
        return
    folder = building_folder(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(exist_ok=True)
    with Lock(folder, run=out) as lock:
        try:
            if not checksums_file(folder).is_file():
                write_checksums(folder, {})
            clear(folder, mark=True)
            yield folder
            if is_taken(out):
                message = f"{out} already exists; choose another name"
                raise InputError(message)
            folder.rename(out)
            lock.moved(out)
        except BaseException:
            if folder.is_dir():
                withdraw(folder)
            lock.release()
            with suppress(OSError):
                folder.rmdir()
            raise
        sync_folder(out.parent)  # else a power failure may undo the renaming


@contextmanager
def _building_here(out: Path) -> Iterator[Path]:
    """Provide a local folder, which is uploaded to an address on success, run.json last."""
    local = cast("Any", out).staged
    with Lock(out):
        _discard(local)  # left by a killed process
        try:
            with building(local) as folder:
                yield folder
            if is_taken(out):
                message = f"{out} already exists; choose another name"
                raise InputError(message)
            clear(out, mark=True)
            _upload(local, out)
        finally:
            _discard(local)


def _discard(folder: Path) -> None:
    """Remove a local run that was to be uploaded."""
    if folder.is_dir():
        clear(folder)
        with suppress(OSError):
            folder.rmdir()


def _upload(folder: Path, out: Path) -> None:
    """Upload the files of a run: the list of checksums first, which marks them as ours, and run.json last."""
    first, last = checksums_file(folder), info_file(folder)
    between = [path for path in sorted(folder.rglob("*")) if path.is_file() and path not in (first, last)]
    try:
        for file in (first, *between, last):
            if file.name not in (LOCK_NAME, LOG_LOCK_NAME):
                cast("Any", out / file.relative_to(folder).as_posix()).upload(file)
    except BaseException:
        withdraw(out)
        raise
