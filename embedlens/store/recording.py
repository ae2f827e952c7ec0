"""Writing of epochs by a recorder that holds its run: checks, whole arrays, batches, links and the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError
from embedlens.store import format as layout
from embedlens.store.checks import check_epoch_number, check_row
from embedlens.store.checksums import placement
from embedlens.store.epoch_files import (
    check_logged_step,
    check_new,
    discard_after,
    linkable_dim,
    place_snapshots,
    with_dim,
    write_epoch,
)
from embedlens.store.epoch_writer import EpochWriter, RowTarget
from embedlens.store.extras import extra_files
from embedlens.store.log import drop_after, merge_log
from embedlens.store.shared_epochs import shared_epoch
from embedlens.store.steps import TRAINED_EPOCHS, is_numbered, last_number, number_of_step, with_step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from embedlens.store.checksums import Placement
    from embedlens.store.extras import Extras
    from embedlens.store.holding import Hold
    from embedlens.store.ranks import Ranks


class Recording:
    """A run that this process writes, alone or as one of several.

    Parameters
    ----------
    hold, info
        The lock of the run, and what its run.json says.
    ranks
        Place of this process among several; None: it is alone.
    """

    def __init__(self, hold: Hold, info: layout.RunInfo, ranks: Ranks | None) -> None:
        self.path, self.info = hold.path, info
        self._hold, self._ranks = hold, ranks
        self._open: set[int] = set()
        self._used = -1
        self._columns: tuple[str, ...] = ()  # of the log, which the run has in any case

    @property
    def writes(self) -> bool:
        """Whether this process writes the run: of processes that use torch, only process 0 does."""
        return self._ranks is None or self._ranks.leads or not self._ranks.uses_torch

    def current(self) -> layout.RunInfo:
        """Return what run.json says, read again where another process may have written since."""
        if self._ranks is not None and layout.info_file(self.path).is_file():
            self.info = layout.read_info(self.path)
        return self.info

    def numbered(
        self, epoch: float | None, step: int | None, metrics: Mapping[str, Any] | None, *, overwrite: bool
    ) -> tuple[int, dict[str, float]]:
        """Return the number of an epoch that can be recorded, and its checked metrics with its step."""
        row = with_step(epoch, step, metrics)
        if is_numbered(epoch):
            number = check_epoch_number(epoch)
        else:
            number = self._number(float(row["step"]), overwrite=overwrite)
            self._columns = (TRAINED_EPOCHS,)
        self._used = max(self._used, number)
        return number, self.check_epoch(number, row, overwrite=overwrite)

    def _number(self, step: float, *, overwrite: bool) -> int:
        """Return the number of the snapshot of a step; of processes that use torch, process 0 decides."""

        def find() -> int:
            info = self.current()
            return number_of_step(self.path, info, step, overwrite=overwrite, used=self._used)

        return int(self._ranks.led(find)) if self._ranks and self._ranks.uses_torch else find()

    def writer(self, epoch: int, row: Mapping[str, float], *, overwrite: bool) -> EpochWriter:
        """Return the writer of a checked epoch in batches."""
        besides: Extras = {}

        def commit(target: RowTarget, row: Mapping[str, float]) -> None:
            target.complete()
            self.write(
                epoch,
                row,
                dim=target.dim,
                write=lambda files, _, file: files.written(file),
                extras=extra_files(self.path, epoch, besides),
                overwrite=overwrite,
            )

        if self._ranks is None:
            with self._hold:
                rows = RowTarget(self.path, self.info, epoch)
                return EpochWriter(rows, row, commit, opened=self._open, extras=besides)
        target, end = shared_epoch(
            self.path, self.info, epoch, ranks=self._ranks, hold=self._hold, commit=commit
        )
        return EpochWriter(target, row, end, opened=self._open)

    def link(self, epoch: int, files: Mapping[str, Path]) -> None:
        """Record files as the snapshots of a checked epoch by hard links."""
        dim = linkable_dim(files, self.info)
        with self._hold:
            self.info = with_dim(self.path, self.info, dim)
            with placement(self.path) as placed:
                place_snapshots(
                    placed,
                    self.path,
                    self.info,
                    epoch=epoch,
                    write=lambda placed, split, target: placed.link(target, files[split]),
                )

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Write metrics into the row of an epoch, if this process writes."""
        if self.writes:
            with self._hold:
                merge_log(layout.log_file(self.path), epoch, metrics)

    def discard_after(self, epoch: int | None, step: int | None) -> None:
        """Remove all later epochs and their rows, if this process writes."""
        if (epoch is None) == (step is None):
            message = "discard_after takes the last epoch to keep, or step=N"
            raise InputError(message)
        self._used = -1
        if self.writes:
            with self._hold:
                epoch = last_number(self.path, step or 0) if epoch is None else epoch
                discard_after(self.path, self.info, epoch)
                drop_after(layout.log_file(self.path), epoch)

    def check_alone(self) -> None:
        """Refuse whole arrays where several processes record the run."""
        if self._ranks is not None:
            message = (
                f"this recorder is one of {self._ranks.size} processes; each adds its own rows by epoch(), "
                "whole arrays are recorded by a recorder without ranks"
            )
            raise InputError(message)

    def check_epoch(
        self, epoch: int, metrics: Mapping[str, float] | None, *, overwrite: bool
    ) -> dict[str, float]:
        """Refuse an epoch that cannot be recorded, before anything is written; return its checked metrics."""
        if epoch in self._open:
            message = f"epoch {epoch} is being written by this recorder; end its with block first"
            raise InputError(message)
        if not overwrite and self.writes:
            check_new(self.path, self.info, epoch)
        return check_row(epoch, metrics or {})

    def write(
        self,
        epoch: int,
        row: Mapping[str, float],
        *,
        dim: int,
        write: Callable[[Placement, str, Path], None],
        extras: Mapping[Path, NDArray[Any]] | None = None,
        overwrite: bool,
    ) -> None:
        """Write a checked epoch and its row of the log."""
        with self._hold:
            self.current()
            if not overwrite:
                check_new(self.path, self.info, epoch)
                check_logged_step(self.path, epoch, row)
            self.info = with_dim(self.path, self.info, dim)
            write_epoch(self.path, self.info, epoch, write=write, extras=extras or {})
            log = layout.log_file(self.path)
            merge_log(log, epoch, row, another_step=overwrite, columns=self._columns)
