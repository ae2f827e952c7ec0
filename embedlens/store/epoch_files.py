"""Files of one epoch in a run whose lock is held: which epochs can be written, and their placement."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from embedlens.arrays import check_embeddings
from embedlens.errors import InputError, unknown
from embedlens.store import format as layout
from embedlens.store.checks import check_step
from embedlens.store.checksums import placement
from embedlens.store.contents import check_recorded, linkable, recorded_only
from embedlens.store.extras import recorded_extras
from embedlens.store.log import epoch_of, read_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from embedlens.store.checksums import Placement


def check_splits(epoch: int, given: Iterable[str], info: layout.RunInfo) -> None:
    """Refuse an epoch that lacks a split of the run, or has another."""
    splits = set(given)
    for split in splits - set(info.splits):
        raise unknown(split, "split", info.splits)
    for split in set(info.splits) - splits:
        message = f"epoch {epoch} lacks split {split!r}; an epoch is recorded for every split of the run"
        raise InputError(message)


def check_arrays(
    embeddings: Mapping[str, ArrayLike], info: layout.RunInfo, epoch: int
) -> dict[str, NDArray[np.floating[Any]]]:
    """Return the checked embeddings [N, D] of every split, in the type of the run; D is one for all."""
    dim, arrays = info.dim, {}
    for split, stated in info.splits.items():
        try:
            array = check_embeddings(embeddings[split], rows=stated.items, dim=dim, dtype=info.dtype)
        except InputError as error:
            place = f"split {split!r}, epoch {epoch}"
            raise error.within(place) from error
        dim, arrays[split] = array.shape[1], array
    return arrays


def linkable_dim(files: Mapping[str, Path], info: layout.RunInfo) -> int:
    """Return the dims of files, by split, that can be the snapshots of an epoch as they are."""
    dim = info.dim
    for split, file in files.items():
        dim = linkable(file, info.dtype, rows=info.splits[split].items, dim=dim).shape[1]
    return int(dim or 0)


def check_new(run: Path, info: layout.RunInfo, epoch: int) -> None:
    """Refuse an epoch that is recorded already."""
    if epoch in layout.complete_epochs(run, info):
        message = f"epoch {epoch} is recorded already in {run}; pass overwrite=True to replace it"
        raise InputError(message)


def check_logged_step(run: Path, epoch: int, row: Mapping[str, float]) -> None:
    """Refuse a number of steps other than the one that stands in the epoch's row of the log."""
    rows = read_log(layout.log_file(run))
    stood = next((one for one in rows if epoch_of(one) == epoch), {})
    check_step(stood.get("step"), row.get("step"))


def with_dim(run: Path, info: layout.RunInfo, dim: int) -> layout.RunInfo:
    """Return what run.json says, with the number of dimensions; it is written if this is the first epoch."""
    if info.dim is not None:
        return info
    if info.slices and info.slices[-1][1] != dim:
        message = f"slices end at {info.slices[-1][1]}, but the embeddings have {dim} dims; they must agree"
        raise InputError(message)
    known = replace(info, dim=dim)
    layout.write_info(run, known)
    return known


def write_epoch(
    run: Path,
    info: layout.RunInfo,
    epoch: int,
    *,
    write: Callable[[Placement, str, Path], None],
    extras: Mapping[Path, NDArray[Any]],
) -> None:
    """Write one checked epoch; an earlier one is removed first, so that epochs are never mixed.

    Parameters
    ----------
    run, info, epoch
        The run's directory, what its run.json says, and the epoch.
    write
        Writes the snapshot of a split to its path, by a method of the placement.
    extras
        Path -> array of what the method recorded besides.

    Raises
    ------
    InputError
        A file of another program in the place of one of the epoch.
    """
    with placement(run) as files:
        place_snapshots(files, run, info, epoch=epoch, write=write)
        check_recorded(run, info, list(extras))
        for target, array in extras.items():
            files.npy(target, array)
        files.remove(extras_of(run, info, lambda number: number == epoch))


def place_snapshots(
    files: Placement,
    run: Path,
    info: layout.RunInfo,
    *,
    epoch: int,
    write: Callable[[Placement, str, Path], None],
) -> None:
    """Add the snapshots of an epoch to files that are placed together; those that stand are removed first."""
    targets = {split: layout.snapshot_file(run, split, epoch) for split in info.splits}
    check_recorded(run, info, list(targets.values()))
    for split, target in targets.items():
        write(files, split, target)
    files.remove(targets.values())


def extras_of(run: Path, info: layout.RunInfo, belongs: Callable[[int], bool]) -> list[Path]:
    """Return the files of extras of the epochs for which `belongs` is true."""
    found = [file for (_, epoch), file in recorded_extras(run) if belongs(epoch)]
    return recorded_only(run, info, found)


def discard_after(run: Path, info: layout.RunInfo, epoch: int) -> None:
    """Remove the snapshots and extras of all epochs after `epoch` (-1 removes all)."""
    later = [
        layout.snapshot_file(run, split, number)
        for split in info.splits
        for number in sorted(layout.snapshot_epochs(run, split))
        if number > epoch
    ]
    check_recorded(run, info, later)
    extras = extras_of(run, info, lambda number: number > epoch)
    if later or extras:
        with placement(run) as files:
            files.remove([*later, *extras])
