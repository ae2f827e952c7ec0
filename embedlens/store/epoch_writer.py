"""Writer of one epoch in batches: rows of any split in any order, each with its number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError, unknown
from embedlens.store import format as layout
from embedlens.store.checks import check_row
from embedlens.store.extras import check_extras
from embedlens.store.row_files import RowFile, check_batch, named_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from embedlens.store.extras import Extras


class RowTarget:
    """The temporary files of the snapshots of an epoch, one for each split that has rows.

    Parameters
    ----------
    run, info, epoch
        The run's directory, what its run.json says, and the epoch.
    """

    def __init__(self, run: Path, info: layout.RunInfo, epoch: int) -> None:
        self.info, self.epoch = info, epoch
        self.dim = info.dim or 0
        self._run = run
        self._files: dict[str, RowFile] = {}

    @property
    def n_repeated(self) -> int:
        """Number of rows that were given again with the same values."""
        return sum(file.n_repeated for file in self._files.values())

    def write(self, split: str, numbers: NDArray[np.int64], embeddings: NDArray[np.floating[Any]]) -> None:
        """Write the rows of a checked batch."""
        if split not in self._files:
            target = layout.snapshot_file(self._run, split, self.epoch)
            shape = (self.info.splits[split].items, embeddings.shape[1])
            self._files[split] = RowFile(target, shape, self.info.dtype)
            self.dim = embeddings.shape[1]
        self._files[split].write(numbers, embeddings)

    def complete(self) -> None:
        """Close the files; `InputError` if a row of a split is missing."""
        for split, stated in self.info.splits.items():
            if split not in self._files:
                message = (
                    f"epoch {self.epoch} lacks split {split!r}; an epoch is recorded for every split of the "
                    "run"
                )
                raise InputError(message)
            missing = self._files[split].missing()
            if missing.size:
                message = (
                    f"split {split!r}, epoch {self.epoch}: no embedding of {named_rows(missing)} of "
                    f"{stated.items:,}; add every row, and keep the last batch (drop_last=False)"
                )
                raise InputError(message)
        for file in self._files.values():
            file.close()

    def discard(self) -> None:
        """Remove the files."""
        for file in self._files.values():
            file.discard()


class EpochWriter:
    """Writer of one epoch, which `Recorder.epoch` returns; the epoch appears when its ``with`` block ends.

    Rows go straight to the disk; memory does not grow with their number. If the block raises, or a row is
    missing at its end, nothing is left of the epoch.

    Parameters
    ----------
    target
        What takes the rows: a `RowTarget`, or the shard of one process of several.
    row
        Metrics of the epoch, checked.
    commit
        Called at the end with the target and all metrics.
    opened
        Epochs that writers of the same recorder have open.
    extras
        Takes the extras of the epoch, which the commit writes; None where several processes record.
    """

    def __init__(
        self,
        target: Any,
        row: Mapping[str, float],
        commit: Callable[[Any, Mapping[str, float]], None],
        *,
        opened: set[int],
        extras: Extras | None = None,
    ) -> None:
        self._target, self._row, self._commit, self._opened = target, dict(row), commit, opened
        self._extras = extras
        self._state = "new"

    @property
    def epoch(self) -> int:
        """The epoch."""
        return int(self._target.epoch)

    @property
    def n_repeated(self) -> int:
        """Number of rows that were given again with the same values, and dropped.

        Of several processes, those of all, once the block has ended; without torch.distributed only the one
        that wrote the epoch knows.
        """
        return int(self._target.n_repeated)

    def add(self, split: str, rows: ArrayLike, embeddings: ArrayLike) -> None:
        """Write a batch of rows of one split.

        Parameters
        ----------
        split
            Name of the split.
        rows
            Row number of each item in the order of the labels, [n], numpy or torch.
        embeddings
            [n, D], numpy or torch, any float type and device. A row that is given again must have the same
            values (up to rounding, 1 % of its length); the first ones are kept.

        Raises
        ------
        InputError
            An unknown split; rows out of range, or given twice with different values; another number of rows
            or dims; values that are not floating-point, NaN, infinity or a zero vector. Nothing of the batch
            is written then.
        """
        self._check_open()
        info = self._target.info
        if split not in info.splits:
            raise unknown(split, "split", info.splits)
        try:
            numbers, checked = check_batch(
                rows,
                embeddings,
                items=info.splits[split].items,
                dim=self._target.dim or None,
                dtype=info.dtype,
            )
            self._target.write(split, numbers, checked)
        except InputError as error:
            place = f"split {split!r}, epoch {self.epoch}"
            raise error.within(place) from error

    def add_extras(self, extras: Mapping[str, Mapping[str, ArrayLike]]) -> None:
        """Record further arrays of a method with the epoch; those of the same split and name are replaced.

        Parameters
        ----------
        extras
            Split name -> name -> [N, ...], whole, with one row per item in the order of the labels.

        Raises
        ------
        InputError
            What `Recorder.record` refuses as extras; a recorder that is one of several processes.
        """
        self._check_open()
        if self._extras is None:
            message = (
                "this recorder is one of several processes; extras are arrays of all items, which a recorder "
                "without ranks records"
            )
            raise InputError(message)
        splits = self._target.info.splits
        for split, arrays in check_extras(extras, {name: one.items for name, one in splits.items()}).items():
            # They are written when the block ends; the arrays may change until then.
            self._extras.setdefault(split, {}).update({name: array.copy() for name, array in arrays.items()})

    def log(self, metrics: Mapping[str, float]) -> None:
        """Add metrics to the epoch's row of log.csv; those of the same name are replaced."""
        self._check_open()
        self._row |= check_row(self.epoch, metrics)

    def __enter__(self) -> EpochWriter:
        if self._state != "new" or self.epoch in self._opened:
            message = f"epoch {self.epoch} is begun already; call epoch() for each with block"
            raise InputError(message)
        self._state = "open"
        self._opened.add(self.epoch)
        return self

    def __exit__(self, kind: type[BaseException] | None, *raised: object) -> None:
        """Place the epoch, or remove what was written of it."""
        self._state = "ended"
        try:
            if kind is None:
                self._commit(self._target, self._row)
        finally:
            self._target.discard()
            self._opened.discard(self.epoch)

    def _check_open(self) -> None:
        if self._state != "open":
            message = f"epoch {self.epoch} is not open; add rows and metrics inside its with block"
            raise InputError(message)
