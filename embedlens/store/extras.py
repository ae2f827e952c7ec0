"""Extra arrays of a training method, by name: one row per item at an epoch, or one array per run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.arrays import to_numpy
from embedlens.errors import InputError, unknown
from embedlens.files import native, read_npy
from embedlens.store.format import numbered_epoch, split_folder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_EPOCH_FILE = re.compile(r"([a-z][a-z0-9_]*)-(\d{4,9})\.npy", re.ASCII)

Extras = dict[str, dict[str, "NDArray[Any]"]]


def check_extras(extras: Mapping[str, Mapping[str, ArrayLike]], items: Mapping[str, int]) -> Extras:
    """Return checked extras in the form in which they are stored, split -> name -> array [N, ...].

    Parameters
    ----------
    extras
        Split -> name -> numbers with a row per item.
    items
        Split -> number of its items.

    Raises
    ------
    InputError
        An unknown split, a name that cannot be a file name, a number of rows that is not that of the split,
        or values that are not finite numbers.
    """
    checked: Extras = {}
    for split, arrays in extras.items():
        if split not in items:
            raise unknown(split, "split of extras", items)
        checked[split] = {name: _checked(name, array, split, items[split]) for name, array in arrays.items()}
    return checked


def _checked(name: str, values: ArrayLike, split: str | None, rows: int | None) -> NDArray[Any]:
    """Return one array, checked and ready to be stored."""
    if not _NAME.fullmatch(name):
        message = f"extra {name!r}; a name has small letters, digits and underscores, as in cluster"
        raise InputError(message)
    array = np.ascontiguousarray(to_numpy(values))
    place = f"extra {name!r}" + (f" of split {split!r}" if split else "")
    if array.dtype.kind not in "iuf":
        message = f"{place} holds {array.dtype}; numbers are needed"
        raise InputError(message)
    if rows is not None and (array.ndim == 0 or len(array) != rows):
        message = f"{place} has shape {list(array.shape)}; one row for each of the {rows} items is needed"
        raise InputError(message)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        message = f"{place} holds NaN or infinity"
        raise InputError(message)
    return array


def _folder(run: Path, split: str) -> Path:
    return split_folder(run, split) / "extra"


def _file(run: Path, split: str, name: str, epoch: int) -> Path:
    return _folder(run, split) / f"{name}-{epoch:04d}.npy"


def extra_files(run: Path, epoch: int, extras: Extras) -> dict[Path, NDArray[Any]]:
    """Return path -> array for the checked extras of an epoch."""
    return {
        _file(run, split, name, epoch): array
        for split, arrays in extras.items()
        for name, array in arrays.items()
    }


def recorded_extras(run: Path) -> list[tuple[tuple[str, int], Path]]:
    """Return the files of the extras of all splits with their names and epochs."""
    splits = split_folder(run, "")
    found = [_files(run, path.name) for path in splits.iterdir()] if splits.is_dir() else []
    return [entry for files in found for entry in files.items()]


def _files(run: Path, split: str) -> dict[tuple[str, int], Path]:
    """Return the files of a split's extras by name and epoch."""
    folder = _folder(run, split)
    found = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if (epoch := numbered_epoch(_EPOCH_FILE, path.name)) is not None:
            found[path.name.rpartition("-")[0], epoch] = path
    return found


def extra_epochs(run: Path, split: str) -> dict[str, list[int]]:
    """Return name -> the epochs at which it was recorded, ascending."""
    found: dict[str, list[int]] = {}
    for name, epoch in sorted(_files(run, split)):
        found.setdefault(name, []).append(epoch)
    return found


def read_extra(run: Path, split: str, name: str, *, epoch: int, rows: int) -> NDArray[Any]:
    """Return the extra [N, ...] of an epoch, memory-mapped; `InputError` if it is missing or damaged."""
    known = extra_epochs(run, split)
    if name not in known:
        raise unknown(name, f"extra of split {split!r}", known)
    if epoch not in known[name]:
        raise unknown(epoch, f"epoch of extra {name!r}", known[name])
    file = _file(run, split, name, epoch)
    array = read_npy(file)
    if array.ndim == 0 or len(array) != rows:
        message = f"{file} has shape {list(array.shape)}, but the split has {rows} items"
        raise InputError(message)
    return _numbers(file, array)


def _numbers(file: Path, array: NDArray[Any]) -> NDArray[Any]:
    """Return an array that was read, if it has finite numbers as recorded ones do."""
    if array.dtype.kind not in "iuf":
        message = f"{file} holds {array.dtype}; numbers are needed"
        raise InputError(message)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        message = f"{file} holds NaN or infinity; write it again"
        raise InputError(message)
    return native(array)


def check_run_extras(arrays: Mapping[str, ArrayLike]) -> dict[str, NDArray[Any]]:
    """Return checked arrays of the whole run, as they are stored; `InputError` as in `check_extras`."""
    return {name: _checked(name, values, None, None) for name, values in arrays.items()}


def run_extra_file(run: Path, name: str) -> Path:
    """Return the path of an array of the whole run."""
    return run / "extra" / f"{name}.npy"


def run_extra_names(run: Path) -> list[str]:
    """Return the names of the arrays of the whole run."""
    return sorted(path.stem for path in (run / "extra").glob("*.npy"))


def read_run_extra(run: Path, name: str) -> NDArray[Any]:
    """Return an array of the whole run by name; `InputError` if there is none."""
    known = run_extra_names(run)
    if name not in known:
        raise unknown(name, "extra of the run", known)
    file = run_extra_file(run, name)
    return _numbers(file, read_npy(file))
