"""Import of runs from files of other programs, found by a pattern of their paths."""

from __future__ import annotations

import glob
import re
import tempfile
import warnings
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.errors import InputError, InputWarning, listed, shortened, unknown
from embedlens.importing.epoch_names import names_an_epoch
from embedlens.importing.labels import MISSING_LABEL, gather_labels
from embedlens.importing.patterns import compile_pattern, find_files
from embedlens.importing.readers import read_array
from embedlens.importing.readers.base import check_rows
from embedlens.store.ownership import building
from embedlens.store.recorder import Recorder
from embedlens.store.run import Run, open_run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from embedlens.importing.patterns import SplitFiles


@dataclass(frozen=True, slots=True)
class ImportSource:
    """Where the arrays and the labels are.

    Attributes
    ----------
    pattern
        Path of the embeddings' files, with ``{epoch}`` and ``{split}`` where those stand in it.
    labels
        The same for the labels; with ``{epoch}`` the labels of all epochs must be equal.
    key, labels_key
        Name of the array in an archive (.npz) or dictionary (.pt), or of the column of a .csv; not needed
        where there is only one.
    split
        Name of the split where the pattern has no ``{split}``.
    missing_label
        What becomes of items whose label is empty or a word such as ``nan``: "refuse" the import, "drop"
        them, also from the embeddings, or "keep" them as a class of that name.
    """

    pattern: str
    labels: str
    key: str | None = None
    labels_key: str | None = None
    split: str = "test"
    missing_label: str = "refuse"


def import_run(
    source: ImportSource,
    out: Path,
    *,
    dtype: str = "float32",
    link: bool = False,
    method: Mapping[str, Any] | None = None,
) -> Run:
    """Make a run from files of other programs; it appears whole or not at all.

    Parameters
    ----------
    source
        Patterns of the files of embeddings and labels.
    out
        Directory of the run, which must not exist. If it is the result of the same import, it is returned.
    dtype
        "float32" or "float16": how snapshots are stored.
    link
        Hard-link the files, which must be C-ordered ``.npy`` of `dtype`, instead of copying them.
    method
        Description of the embeddings (loss, seed, ...) for run.json.

    Raises
    ------
    InputError
        A pattern that matches nothing or two files for one epoch; a split that lacks an epoch or labels;
        anything that `Recorder` refuses.
    """
    if source.missing_label not in MISSING_LABEL:
        raise unknown(source.missing_label, "way with missing labels", MISSING_LABEL)
    found = find_files(source.pattern, source.split)
    with_labels = find_files(source.labels, source.split)
    _warn_of_names(source, found, with_labels)
    labels = gather_labels(_of_splits(source, found, with_labels), source.labels_key, source.missing_label)
    epochs = sorted({epoch for files in found.values() for epoch in files})
    for split, files in found.items():
        missing = [epoch for epoch in epochs if epoch not in files]
        if missing:
            message = f"split {split!r} has no file for epoch {missing[0]}, which another split has"
            raise InputError(message)
    begin = partial(
        Recorder, labels=labels.values, class_names=labels.names, dtype=dtype, method=method, name=out.name
    )
    read = partial(_read_kept, key=source.key, kept=labels.kept)
    if out.exists():
        return _imported(out, begin, found, read)
    dropped = [split for split, kept in labels.kept.items() if not kept.all()]
    if link and dropped:
        message = (
            f"split {dropped[0]!r} has items without a label, so its files cannot be linked; leave out --link"
        )
        raise InputError(message)
    with building(out) as folder, begin(folder) as recorder:
        for epoch in epochs:
            sources = {split: found[split][epoch] for split in found}
            _import_epoch(recorder, epoch, sources, None if link else read)
    return open_run(out)


def _read_kept(
    split: str, file: Path, *, key: str | None, kept: Mapping[str, NDArray[np.bool_]]
) -> NDArray[Any]:
    """Return the embeddings of a file, without the rows of items that have no label."""
    array = read_array(file, key, rows=kept[split].size)
    check_rows(file, array.shape, kept[split].size)
    return array if kept[split].all() or not array.ndim else array[kept[split]]


def _imported(
    out: Path, begin: Callable[[Path], Recorder], found: SplitFiles, read: Callable[[str, Path], NDArray[Any]]
) -> Run:
    """Return the run at `out` if it is the one that the import would make; else refuse it.

    So an import that was interrupted at its very end can be repeated.
    """
    message = f"{out} already exists; choose another --out"
    try:
        run = open_run(out)
    except InputError as error:
        raise InputError(message) from error
    with tempfile.TemporaryDirectory() as scratch, begin(Path(scratch) / "run") as recorder:
        wanted = recorder.run.info
    same = replace(wanted, created=run.info.created, dim=run.info.dim) == run.info
    same = same and run.epochs() == sorted({epoch for files in found.values() for epoch in files})
    for split, files in found.items() if same else ():
        for epoch, file in files.items():
            stored = run.snapshot(split, epoch).embeddings
            given = np.asarray(read(split, file))
            same = same and given.shape == stored.shape and np.array_equal(given.astype(stored.dtype), stored)
    if not same:
        raise InputError(message)
    return run


def _import_epoch(
    recorder: Recorder,
    epoch: int,
    files: Mapping[str, Path],
    read: Callable[[str, Path], NDArray[Any]] | None,
) -> None:
    """Record one epoch, or link its files if `read` is None; errors name the files."""
    if read is None:
        recorder.link(epoch, files)
        return
    arrays = {split: read(split, file) for split, file in files.items()}
    try:
        recorder.record(epoch, arrays)
    except InputError as error:
        place = ", ".join(str(file) for file in files.values())
        raise error.within(place) from error


def _warn_of_names(source: ImportSource, found: SplitFiles, with_labels: SplitFiles) -> None:
    """Warn of files that the pattern leaves out, and of names with an epoch that are taken for epoch 0."""
    taken = {file for files in (*found.values(), *with_labels.values()) for file in files.values()}
    numbered = [file.name for files in found.values() for file in files.values() if names_an_epoch(file)]
    if numbered and "{epoch}" not in source.pattern:
        message = (
            f"pattern {shortened(source.pattern)!r} has no {{epoch}}, so {listed(numbered)} is imported as "
            "epoch 0; write {epoch} in the pattern where the name holds the epoch's number"
        )
        warnings.warn(message, InputWarning, stacklevel=3)
    _, wildcard = compile_pattern(source.pattern)
    left = [name for name in sorted(glob.glob(wildcard)) if Path(name) not in taken]
    if left:
        negative = any(re.search(r"(?<![0-9A-Za-z])-\d", name) for name in left)
        message = f"left out, since no number stands where the pattern has {{epoch}}: {listed(left)}" + (
            "; epochs begin at 0, the state before training" if negative else ""
        )
        warnings.warn(message, InputWarning, stacklevel=3)


def _of_splits(source: ImportSource, found: SplitFiles, with_labels: SplitFiles) -> SplitFiles:
    """Return the label files of every split; files of a pattern without ``{split}`` serve all splits."""
    chosen: SplitFiles = {}
    for split in found:
        shared = with_labels.get(source.split) if "{split}" not in source.labels else None
        by_epoch = with_labels.get(split) or shared
        if not by_epoch:
            message = f"no labels for split {split!r}: {source.labels!r} gives {listed(with_labels)}"
            raise InputError(message)
        chosen[split] = by_epoch
    return chosen
