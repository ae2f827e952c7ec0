"""Import of a run from files of other programs."""

from __future__ import annotations

import tempfile
import warnings
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.errors import InputError, InputWarning, count_text
from embedlens.importing.descriptions import gather_items, gather_thumbnails, kept_items
from embedlens.importing.labels import gather_labels
from embedlens.importing.row_numbers import shuffled_rows_key
from embedlens.importing.source import find_embeddings, find_labels, warn_of_names
from embedlens.importing.split_reader import SplitReader
from embedlens.store.format import log_file
from embedlens.store.log import merge_log
from embedlens.store.ownership import building, is_taken
from embedlens.store.recorder import Recorder
from embedlens.store.run import Run, open_run
from embedlens.store.steps import TRAINED_EPOCHS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from embedlens.importing.source import ImportSource
    from embedlens.importing.sources import Moment, Sources


def import_run(
    source: ImportSource,
    out: Path,
    *,
    dtype: str = "float32",
    link: bool = False,
    method: Mapping[str, Any] | None = None,
    origins: dict[str, str] | None = None,
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
    origins
        Filled with the file and the array or column that the labels of each split come from, in words.

    Raises
    ------
    InputError
        A pattern that matches nothing or two files for one epoch; a split that lacks an epoch or labels;
        rows that are missing, or given twice with different values; anything that `Recorder` refuses.
    """
    found = find_embeddings(source)
    with_labels = find_labels(source, found)
    warn_of_names(source, found, with_labels)
    shuffled = None if source.rows_key else shuffled_rows_key(found)
    labels = gather_labels(with_labels, source.missing_label, rows_key=source.rows_key, proposed=shuffled)
    if shuffled:
        message = (
            f"the files have row numbers {shuffled!r} that are not in order; --rows-key {shuffled} puts the "
            "rows in their order"
        )
        warnings.warn(message, InputWarning, stacklevel=2)
    if origins is not None:
        origins |= labels.origins
    items = gather_items(source, found, labels)
    begin = partial(
        Recorder,
        labels=labels.values,
        class_names=labels.names,
        items=kept_items(items, labels.kept),
        thumbnails=gather_thumbnails(source, found, items=items, kept=labels.kept),
        dtype=dtype,
        method=method,
        name=out.name,
    )
    epochs = numbered(found)
    reader = SplitReader(found, labels, source)
    if is_taken(out):
        return _imported(out, begin, epochs, reader)
    if link:
        reader.check_linkable()
    with building(out) as folder, begin(folder) as recorder:
        for epoch in epochs:
            if link:
                _link(recorder, epoch, reader)
            else:
                _record(recorder, epoch, reader)
    return open_run(out)


@dataclass(frozen=True, slots=True)
class Epoch:
    """A snapshot to be recorded.

    Attributes
    ----------
    number
        Number of the snapshot.
    moment
        Its epoch and step in the names of the files.
    epoch
        What the recorder is given as its epoch: None or a float where the run counts steps.
    """

    number: int
    moment: Moment
    epoch: float | None


def numbered(found: Sources) -> list[Epoch]:
    """Return the snapshots of an import in order.

    Where files say epochs, these are the numbers. Where they say steps alone, or several steps of one epoch,
    snapshots are numbered from 0 in the order of their steps.
    """
    moments = sorted({moment for by_moment in found.values() for moment in by_moment})
    epochs = [moment.epoch for moment in moments]
    if None not in epochs and len(set(epochs)) == len(epochs):
        return [Epoch(int(moment.epoch or 0), moment, moment.epoch) for moment in moments]
    moments.sort(key=lambda moment: moment.step or 0)
    return [
        Epoch(number, moment, None if moment.epoch is None else float(moment.epoch))
        for number, moment in enumerate(moments)
    ]


def _imported(
    out: Path, begin: Callable[[Path], Recorder], epochs: Sequence[Epoch], reader: SplitReader
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
    same = same and run.epochs() == sorted(epoch.number for epoch in epochs)
    for split in reader.found if same else ():
        for epoch in epochs:
            same = same and _is_stored(run, split, epoch, reader)
    if not same:
        raise InputError(message)
    return run


def _is_stored(run: Run, split: str, epoch: Epoch, reader: SplitReader) -> bool:
    """Return whether a snapshot holds what the files hold."""
    stored = run.snapshot(split, epoch.number).embeddings
    if reader.is_whole(epoch.moment):
        given = np.asarray(reader.whole(split, epoch.moment))
        return given.shape == stored.shape and np.array_equal(given.astype(stored.dtype), stored)
    return all(
        array.shape[1:] == stored.shape[1:] and np.array_equal(array.astype(stored.dtype), stored[rows])
        for _, rows, array in reader.shards(split, epoch.moment)
    )


def _record(recorder: Recorder, epoch: Epoch, reader: SplitReader) -> None:
    """Record one epoch; errors name the files."""
    step = epoch.moment.step
    if reader.is_whole(epoch.moment):
        arrays = {split: reader.whole(split, epoch.moment) for split in reader.found}
        try:
            recorder.record(epoch.epoch, arrays, step=step)
        except InputError as error:
            place = ", ".join(str(file) for file in reader.files(epoch.moment).values())
            raise error.within(place) from error
        return
    with recorder.epoch(epoch.epoch, step=step) as writer:
        for split in reader.found:
            for part, rows, array in reader.shards(split, epoch.moment):
                try:
                    writer.add(split, rows, array)
                except InputError as error:
                    place = str(part.file)
                    raise error.within(place) from error
    if writer.n_repeated:
        message = (
            f"{epoch.moment}: {count_text(writer.n_repeated, 'row')} given again with the same values, and "
            "left out"
        )
        warnings.warn(message, InputWarning, stacklevel=3)


def _link(recorder: Recorder, epoch: Epoch, reader: SplitReader) -> None:
    """Record one epoch by links to its files."""
    recorder.link(epoch.number, reader.files(epoch.moment))
    if epoch.moment.step is None:
        return
    row = {"step": float(epoch.moment.step)}
    if isinstance(epoch.epoch, float):
        row[TRAINED_EPOCHS] = epoch.epoch
    counts_steps = epoch.epoch is None or TRAINED_EPOCHS in row
    columns = [TRAINED_EPOCHS] if counts_steps else []
    merge_log(log_file(recorder.path), epoch.number, row, columns=columns)
