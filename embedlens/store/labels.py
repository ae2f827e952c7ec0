"""Reading of the labels of a split: one label per item, or sets of labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.arrays import check_labels
from embedlens.errors import InputError
from embedlens.files import read_npy
from embedlens.store import fingerprint_cache
from embedlens.store import format as layout
from embedlens.store.checks import fingerprint
from embedlens.store.label_set_files import read_label_sets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from embedlens.label_sets import Labels


def read_targets(
    run: Path, info: layout.RunInfo, split: str, *, items: Callable[[], Mapping[str, Sequence[str]]]
) -> Labels:
    """Return the labels of a split, int64 [N] or label sets.

    Parameters
    ----------
    run, info, split
        The run's directory, what its run.json says, and a split of it.
    items
        Reads the columns of the items, which the fingerprint in run.json covers, too.

    Raises
    ------
    InputError
        A file that is damaged, or holds other labels than run.json was written for.
    """
    stated, files = info.splits[split], layout.label_files(run, info, split)
    file, before = files[0], fingerprint_cache.state_of(files)
    labels = read_labels_file(file, items=stated.items)
    if labels.size != stated.items or not fingerprint_cache.agrees(
        files, stated.fingerprint, lambda: fingerprint(labels, items()), before=before
    ):
        message = f"{file}: labels or items are not those that run.json was written for"
        raise InputError(message)
    return labels


def read_labels_file(file: Path, *, items: int) -> Labels:
    """Return the labels in a file of a run; `items` bounds the size of label sets."""
    if file.suffix == ".npz":
        return read_label_sets(file, items=items)
    try:
        return check_labels(read_npy(file))
    except InputError as error:
        raise error if str(file) in str(error) else error.within(str(file)) from error
