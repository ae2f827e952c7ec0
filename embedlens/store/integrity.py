"""Verification of a run: files present, readable, and equal to their checksums."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from embedlens.errors import InputError, count_text, first_sentence
from embedlens.files import file_digest
from embedlens.results import Result
from embedlens.store import format as layout
from embedlens.store.checksums import read_checksums
from embedlens.store.extras import recorded_extras
from embedlens.store.ownership import CHECKPOINT_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from embedlens.store.run import Run

_LISTED = 10  # files that a message names


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Integrity(Result):
    """Result of the verification of the files of a run.

    Attributes
    ----------
    damaged
        Path below the run -> the fault of the file.
    n_verified
        Number of files whose checksum agrees with the listed one, or with one recorded inside them.
    unlisted
        Paths of arrays without a checksum, recorded by an earlier version; they were only opened and checked.
    """

    damaged: dict[str, str]
    n_verified: int
    unlisted: list[str]


def verify(run: Run) -> Integrity:
    """Compare every file of a run with its checksum, and open every file as a reader would.

    Parameters
    ----------
    run
        The run, which may be one that is being written.
    """
    listed = read_checksums(run.path)
    damaged: dict[str, str] = {}
    n_verified = 0
    last = max(run.epochs(), default=-1)
    for name, expected in listed.items():
        file = run.path / name
        if not file.is_file():
            if _epoch(name) <= last:  # a later one was being recorded when its process ended
                damaged[name] = "missing"
        elif _digest(file) != expected:
            if read_checksums(run.path).get(name) == expected:  # else it was recorded anew meanwhile
                damaged[name] = "other bytes than were recorded"
        else:
            n_verified += 1
    for name, read in _readings(run):
        try:
            read()
        except InputError as error:
            # Every reader of a split needs its labels; damaged labels are reported once.
            folder = "/".join(name.split("/")[:2])
            if not {f"{folder}/labels.npy", f"{folder}/labels.npz"} & set(damaged):
                damaged.setdefault(name, str(error))
    checkpoint = run.path / CHECKPOINT_NAME
    n_verified += checkpoint.is_file() and CHECKPOINT_NAME not in damaged
    arrays = [file.relative_to(run.path).as_posix() for file in _arrays(run)]
    unlisted = [name for name in arrays if name not in listed and name not in damaged]
    return Integrity(damaged, n_verified, unlisted)


def verify_runs(runs: Mapping[str, Run]) -> dict[str, Integrity]:
    """Verify every file of runs, label -> run; return what was found of each.

    Raises
    ------
    InputError
        A damaged file; the message names those of all runs.
    """
    results = {label: verify(run) for label, run in runs.items()}
    damaged = [
        f"{runs[label].path / name} ({why})"
        for label, result in results.items()
        for name, why in result.damaged.items()
    ]
    if damaged:
        named = "; ".join(damaged[:_LISTED]) + ("; ..." if len(damaged) > _LISTED else "")
        count = count_text(len(damaged), "damaged file")
        message = f"{count}: {named}; put back copies, or record the run again"
        raise InputError(message)
    return results


def check_archive(file: Path | BinaryIO) -> None:
    """Compare the records of a file saved by torch, a zip archive, with their checksums.

    Raises
    ------
    InputError
        No archive, or a record that differs from its checksum, which `torch.load` does not check.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            broken = archive.testzip()
    except FileNotFoundError:
        message = f"{file}: no such file"
        raise InputError(message) from None
    except Exception as error:  # a damaged archive fails anywhere in the reader, with any exception
        message = f"damaged: {first_sentence(error)}"
        raise InputError(message) from error
    if broken is not None:
        message = f"damaged: the checksum of {broken} differs from the recorded one"
        raise InputError(message)


def _epoch(name: str) -> int:
    """Return the epoch in the name of an array; -1 where it has none."""
    digits = name.removesuffix(".npy").rpartition("-")[2]
    return int(digits) if digits.isdecimal() and len(digits) >= 4 else -1


def _digest(file: Path) -> str:
    try:
        return file_digest(file)
    except OSError as error:
        return str(error)


def _readings(run: Run) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield the files that a reader opens: path below the run, and the function that reads it."""
    yield "log.csv", lambda: run.log
    yield CHECKPOINT_NAME, partial(_check_checkpoint, run)
    for split in run.splits:
        folder = f"splits/{split}"
        labels = layout.labels_file(run.path, run.info, split)
        yield f"{folder}/{labels.name}", partial(run.targets, split)
        yield f"{folder}/thumbnails.npy", partial(run.thumbnails, split)
        yield f"{folder}/pretrained.npy", partial(run.pretrained, split)
        for epoch in run.epochs():
            yield f"{folder}/epoch-{epoch:04d}.npy", partial(run.snapshot, split, epoch)
        for name, epochs in run.extra_epochs(split).items():
            for epoch in epochs:
                yield f"{folder}/extra/{name}-{epoch:04d}.npy", partial(run.extra, split, name, epoch)
    for name in run.run_extra_names():
        yield f"extra/{name}.npy", partial(run.run_extra, name)


def _check_checkpoint(run: Run) -> None:
    file = run.path / CHECKPOINT_NAME
    if file.is_file():
        check_archive(file)


def _arrays(run: Run) -> list[Path]:
    """Return the files of all snapshots, of what describes the items, and of the extras."""
    found = [file for _, file in recorded_extras(run.path)]
    for split in run.splits:
        folder = layout.split_folder(run.path, split)
        found += [layout.snapshot_file(run.path, split, epoch) for epoch in run.epochs()]
        contents = ("labels.npy", "labels.npz", "items.csv", "thumbnails.npy", "pretrained.npy")
        found += [folder / name for name in contents if (folder / name).is_file()]
    return found
