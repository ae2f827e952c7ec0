"""Reading a run directory."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from embedlens.arrays import DTYPES, check_embeddings
from embedlens.errors import InputError, unknown
from embedlens.files import native, read_npy, read_table
from embedlens.label_sets import LabelSets, single_labels
from embedlens.store import format as layout
from embedlens.store.checks import check_thumbnails
from embedlens.store.description import RunFacts
from embedlens.store.extras import extra_epochs, read_extra, read_run_extra, run_extra_names
from embedlens.store.labels import read_targets
from embedlens.store.locations import run_path
from embedlens.store.lock import RunInUse, check_free
from embedlens.store.log import merge_log, read_log
from embedlens.store.snapshot import Snapshot
from embedlens.store.steps import as_moments

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from embedlens.label_sets import Labels
    from embedlens.store.log import LogRow

_BYTES_PER_ITEM = 1 << 16  # of items.csv


class Run:
    """A run directory opened for reading; `open_run` makes one.

    Each call reads the directory, so epochs that a recorder adds are seen; only run.json, and the epochs of
    a `pinned` run, are kept in memory.
    """

    def __init__(self, path: Path, info: layout.RunInfo, *, epochs: Iterable[int] | None = None) -> None:
        self.path = path
        self.info = info
        self._epochs = None if epochs is None else sorted(epochs)

    def __repr__(self) -> str:
        return f"Run({RunFacts.of(self.path, self.info, self._epochs).text()})"

    def _repr_html_(self) -> str:
        """Return the run as a table; IPython calls this."""
        return RunFacts.of(self.path, self.info, self._epochs).html()

    @property
    def name(self) -> str:
        """Name of the run."""
        return self.info.name

    @property
    def method(self) -> dict[str, Any]:
        """How the run was made: loss, learning rate, seed, ...; as given to its recorder."""
        return dict(self.info.method)

    @property
    def class_names(self) -> dict[int, str]:
        """Names of the classes by label; labels without a name are left out."""
        return {int(label): name for label, name in self.info.class_names.items()}

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits."""
        return tuple(self.info.splits)

    @property
    def log(self) -> list[LogRow]:
        """Rows of log.csv by epoch: the epoch and whatever metrics were taken."""
        return read_log(layout.log_file(self.path))

    def epochs(self, split: str | None = None) -> list[int]:
        """Return the finished epochs, ascending; an epoch counts when every split has its snapshot."""
        if split is not None:
            self._check_split(split)
        return layout.complete_epochs(self.path, self.info) if self._epochs is None else list(self._epochs)

    def partial_epochs(self) -> dict[int, list[str]]:
        """Return unfinished epochs and the splits that lack a snapshot; {} while another process writes."""
        try:
            check_free(self.path)
        except RunInUse:
            return {}
        return layout.partial_epochs(self.path, self.info)

    def renamed(self, name: str) -> Run:
        """Return the same run under another name, for figures and tables; nothing is written."""
        return Run(self.path, replace(self.info, name=name), epochs=self._epochs)

    def pinned(self) -> Run:
        """Return the same run with the epochs that are finished now; later ones do not exist for it.

        So a command reads the same epochs throughout, while a trainer adds others; where steps are counted,
        they are `embedlens.moments.Moment`.
        """
        return Run(self.path, self.info, epochs=as_moments(self.path, self.epochs()))

    def resolve_epoch(self, epoch: int) -> int:
        """Return the epoch meant by a number; negative numbers count from the end (-1 is the last)."""
        epochs = self.epochs()
        if not epochs:
            message = f"run {self.name!r} has no snapshot yet"
            raise InputError(message)
        if epoch < 0 and -epoch <= len(epochs):
            return epochs[epoch]
        if epoch not in epochs:
            place = f"run {self.name!r}"
            raise unknown(epoch, "epoch", [*layout.epoch_ranges(epochs), "last"]).within(place)
        return epochs[epochs.index(epoch)]

    def snapshot(self, split: str, epoch: int = -1) -> Snapshot:
        """Return one snapshot, checked.

        Parameters
        ----------
        split
            Name of the split.
        epoch
            Epoch; negative numbers count from the end.

        Raises
        ------
        InputError
            Unknown split or epoch; a file that is truncated, corrupt, of another shape or type than
            run.json says, or holds NaN, infinity or a zero vector.
        """
        labels = self.targets(split)
        epoch = self.resolve_epoch(epoch)
        array = self._array(layout.snapshot_file(self.path, split, epoch), labels.size, self.info.dim)
        return Snapshot(self.name, split, epoch, array, labels)

    def pretrained(self, split: str) -> NDArray[np.floating[Any]] | None:
        """Return the backbone's features before any training, [N, D0], or None where none were recorded."""
        rows = self.targets(split).size
        file = layout.split_folder(self.path, split) / "pretrained.npy"
        return self._array(file, rows, None) if file.is_file() else None

    def extra_epochs(self, split: str) -> dict[str, list[int]]:
        """Return the extra arrays of a split: name -> epochs at which they are recorded, ascending."""
        self._check_split(split)
        found = extra_epochs(self.path, split)
        if self._epochs is None:
            return found
        kept = {name: [epoch for epoch in epochs if epoch in self._epochs] for name, epochs in found.items()}
        return {name: epochs for name, epochs in kept.items() if epochs}

    def extra(self, split: str, name: str, epoch: int) -> NDArray[Any]:
        """Return an extra array of a split at an epoch, [N, ...], one row per item, memory-mapped.

        Raises
        ------
        InputError
            Nothing of that name, or not at that epoch; a file that is truncated or of other rows.
        """
        self._check_split(split)
        return read_extra(self.path, split, name, epoch=epoch, rows=self.info.splits[split].items)

    def run_extra_names(self) -> list[str]:
        """Return the names of the extra arrays of the whole run."""
        return run_extra_names(self.path)

    def run_extra(self, name: str) -> NDArray[Any]:
        """Return an extra array of the whole run; `InputError` for an unknown name."""
        return read_run_extra(self.path, name)

    def labels(self, split: str) -> NDArray[np.int64]:
        """Return the labels of a split, int64 [N]; `InputError` where items have sets of labels."""
        return single_labels(self.targets(split), f"run {self.name!r}, split {split!r}")

    def label_sets(self, split: str) -> LabelSets:
        """Return the set of labels of each item of a split; sets of one where items have single labels."""
        targets = self.targets(split)
        return targets if isinstance(targets, LabelSets) else LabelSets.of_single(targets)

    def targets(self, split: str) -> Labels:
        """Return what `labels` returns, or `label_sets` where items have sets (`is_multi_label`)."""
        self._check_split(split)
        return read_targets(self.path, self.info, split, items=lambda: self.items(split))

    @property
    def is_multi_label(self) -> bool:
        """Whether items have sets of labels."""
        return self.info.is_multi_label

    def items(self, split: str) -> dict[str, list[str]]:
        """Return the columns that describe the items of a split, one text per item; {} if there are none."""
        self._check_split(split)
        _, file = layout.label_files(self.path, self.info, split)
        if not file.is_file():
            return {}
        limit = _BYTES_PER_ITEM * (self.info.splits[split].items + 1)
        header, *cells = [row for _, row in read_table(file, limit=limit)] or [[]]
        return {name: [row[at] for row in cells] for at, name in enumerate(header)}

    def thumbnails(self, split: str) -> NDArray[np.uint8] | None:
        """Return the thumbnails of the items, uint8 [N, h, w] or [N, h, w, 3]; None if there are none."""
        self._check_split(split)
        file = layout.split_folder(self.path, split) / "thumbnails.npy"
        if not file.is_file():
            return None
        images = read_npy(file)
        try:
            check_thumbnails(images, self.info.splits[split].items)
        except InputError as error:
            raise error.within(str(file)) from error
        return images  # type: ignore[return-value]

    def disk_bytes(self) -> int:
        """Return the size of all files of the run, in bytes."""
        total = 0
        for path in self.path.rglob("*"):
            with suppress(FileNotFoundError):  # a writer may replace the file meanwhile
                total += path.stat().st_size if path.is_file() else 0
        return total

    def _check_split(self, split: str) -> None:
        if split not in self.info.splits:
            place = f"run {self.name!r}"
            raise unknown(split, "split", self.splits).within(place)

    def _array(self, file: Path, rows: int, dim: int | None) -> NDArray[np.floating[Any]]:
        """Open one file of embeddings and check it."""
        array = read_npy(file)
        if array.dtype.kind == "f" and array.dtype.name not in DTYPES:
            message = f"{file}: embeddings are {array.dtype}; {' or '.join(DTYPES)} is needed"
            raise InputError(message)
        try:
            return check_embeddings(native(array), rows=rows, dim=dim)
        except InputError as error:
            raise error.within(str(file)) from error


def open_run(path: str | os.PathLike[str]) -> Run:
    """Open a run directory.

    Parameters
    ----------
    path
        Directory that holds run.json, or its address (``s3://bucket/runs/mine``, or another of fsspec).

    Raises
    ------
    InputError
        No run there, or an unknown format or version; an address that cannot be read.
    """
    folder = run_path(path)
    return Run(folder, layout.read_info(folder))


def log_metrics(run: Run, epoch: int, metrics: Mapping[str, float]) -> None:
    """Write metrics of a recorded epoch into the log of a run; metrics of the same name are replaced.

    Parameters
    ----------
    run, epoch
        An opened run, and a finished epoch of it; another one raises `InputError`.
    metrics
        Name -> number.
    """
    merge_log(layout.log_file(run.path), run.resolve_epoch(epoch), metrics)
