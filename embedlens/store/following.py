"""What another process sees of a run that is being written: its finished epochs, its log, and its writer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from embedlens.files import is_remote
from embedlens.store import format as layout
from embedlens.store.locations import run_path
from embedlens.store.lock import LOCK_NAME, RunInUse, check_free
from embedlens.store.log import epoch_of, read_log
from embedlens.store.run import Run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    Stamp = tuple[int, int, int, str]


class Writer(Enum):
    """State of the process that writes a run, as its lock file shows it.

    A process of another host counts as running while its lock file is there, since nobody can ask for it.
    """

    RUNNING = "running"
    CLOSED = "closed"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class View:
    """A run at one moment; two views are equal if nothing was written between them.

    Attributes
    ----------
    created
        When the run was begun, as run.json says; another run of the same name has another time.
    epochs
        Finished epoch -> marks of its files, which change when it is recorded again.
    log
        Mark of log.csv; None where there is none.
    writer
        State of the process that writes the run.
    """

    created: str
    epochs: Mapping[int, tuple[Stamp, ...]]
    log: Stamp | None
    writer: Writer


class Follower:
    """Looks at a run again and again; folders are listed, and files are read only where they have changed.

    Nothing is locked or written, so a writer is not disturbed.

    Parameters
    ----------
    path
        The run's directory, or its address.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._info: tuple[Stamp, layout.RunInfo] | None = None
        self._logged: tuple[Stamp | None, int] = None, -1

    def look(self) -> View | None:
        """Return what is there now; None where no run has been begun yet."""
        writer = writer_of(self.path)  # before the epochs: all that a closed writer has recorded is seen
        if is_remote(self.path):
            self.path = run_path(str(self.path))  # which forgets what was listed before
        info = self._read_info()
        if info is None:
            return None
        marks = {epoch: self._marks(info, epoch) for epoch in layout.complete_epochs(self.path, info)}
        epochs = {epoch: own for epoch, own in marks.items() if own is not None}
        return View(info.created, epochs, _stamp(layout.log_file(self.path)), writer)

    def is_logged(self, view: View) -> bool:
        """Return whether the last epoch of a view has its row in the log, which is written after it."""
        if view.log is not None and view.log != self._logged[0]:
            self._logged = view.log, max(map(epoch_of, read_log(layout.log_file(self.path))), default=-1)
        return not view.epochs or max(view.epochs) <= self._logged[1]

    def pinned(self, view: View) -> Run:
        """Return the run with the epochs of a view; later ones do not exist for it."""
        info = layout.read_info(self.path)
        return Run(self.path, info, epochs=view.epochs).pinned()

    def _read_info(self) -> layout.RunInfo | None:
        stamp = _stamp(layout.info_file(self.path))
        if stamp is None:
            return None
        if self._info is None or self._info[0] != stamp:
            self._info = stamp, layout.read_info(self.path)
        return self._info[1]

    def _marks(self, info: layout.RunInfo, epoch: int) -> tuple[Stamp, ...] | None:
        """Return the marks of the files of an epoch; None if one has just been removed."""
        found = [_stamp(layout.snapshot_file(self.path, split, epoch)) for split in info.splits]
        marks = tuple(stamp for stamp in found if stamp is not None)
        return marks if len(marks) == len(found) else None


def writer_of(run: Path) -> Writer:
    """Return the state of the process that writes a run.

    A writer that ends in good order removes the lock file; one that is killed leaves it behind.
    """
    try:
        check_free(run)
    except RunInUse:
        return Writer.RUNNING
    return Writer.GONE if (run / LOCK_NAME).exists() else Writer.CLOSED


def _stamp(file: Path) -> Stamp | None:
    """Return what changes with every writing of a file; None where it is not there."""
    try:
        facts = file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return facts.st_ino, facts.st_mtime_ns, facts.st_size, getattr(file, "mark", "")
