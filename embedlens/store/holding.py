"""How a recorder holds a run: its lock, the start of the run in a hidden folder, and the reopening."""

from __future__ import annotations

import weakref
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from embedlens.errors import InputError
from embedlens.files import is_remote
from embedlens.store import format as layout
from embedlens.store.contents import begin
from embedlens.store.extras import check_run_extras
from embedlens.store.lock import LOCK_NAME, Lock
from embedlens.store.ownership import building, check_untaken, remove_temporary

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

T = TypeVar("T")


class Hold:
    """The lock of a run, taken when it is needed: ``with hold:`` has it until the end of the block.

    Parameters
    ----------
    path
        The run's directory.
    keep
        Whether the lock is kept after the block, until `release`; else other processes may write between.
    wait
        Seconds to wait for another process that holds it.
    """

    def __init__(self, path: Path, *, keep: bool = True, wait: float = 0.0) -> None:
        self.path, self._keep, self._wait = path, keep, wait
        self._lock: Lock | None = None
        self._depth = 0

    def __enter__(self) -> Hold:
        if self._lock is None or not self._lock.is_held:
            self.take(Lock(self.path, name=LOCK_NAME, wait=self._wait))
        self._depth += 1
        return self

    def __exit__(self, *raised: object) -> None:
        self._depth -= 1
        if not self._keep and self._depth == 0:
            self.release()

    def take(self, lock: Lock) -> None:
        """Hold a lock that was taken elsewhere; it is released with this object."""
        self.release()
        self._lock = lock
        weakref.finalize(self, lock.release)

    def release(self) -> None:
        """Release the lock."""
        if self._lock is not None:
            self._lock.release()

    def kept(self, action: Callable[[], T]) -> T:
        """Return the result of an action under the lock; release the lock if it fails."""
        try:
            return action()
        except BaseException:
            self.release()
            raise


def begin_run(
    hold: Hold,
    info: layout.RunInfo,
    contents: Mapping[str, dict[str, Any]],
    *,
    extras: Mapping[str, NDArray[Any]],
) -> None:
    """Start a run: in place if the folder exists or is remote, else in a hidden folder until it is complete.

    Parameters
    ----------
    hold
        The lock, taken here.
    info, contents, extras
        What run.json says, what describes each split, and the arrays of the whole run, all checked.
    """
    if hold.path.exists() or is_remote(hold.path):  # an object store cannot rename a folder
        with hold:
            check_untaken(hold.path)  # by now another process may have begun
            begin(hold.path, info, contents=contents, extras=extras)
        return
    with building(hold.path) as folder:
        hold.take(Lock(folder, run=hold.path))
        with hold:
            hold.kept(lambda: begin(folder, info, contents=contents, extras=extras))


def start_run(
    hold: Hold,
    info: layout.RunInfo,
    contents: Mapping[str, dict[str, Any]],
    *,
    extras: Mapping[str, ArrayLike],
    resume: bool,
    keep_method: bool,
) -> layout.RunInfo:
    """Begin a run, or resume the one that stands there if `resume` is true; return what run.json says.

    Parameters
    ----------
    hold, info, contents, extras
        As for `begin_run`; extras are checked here.
    resume
        Whether to resume the run.
    keep_method
        Whether a run that is resumed keeps its method.

    Raises
    ------
    InputError
        The path exists, another process writes it, or a run to resume has other items or labels.
    """
    run = hold.path
    if resume and layout.info_file(run).is_file():
        with hold:
            return hold.kept(lambda: _reopened(run, info, keep_method=keep_method))
    check_untaken(run)
    layout.info_text(info)
    checked = check_run_extras(extras)
    hold.kept(lambda: begin_run(hold, info, contents, extras=checked))
    return info


def _reopened(run: Path, wanted: layout.RunInfo, *, keep_method: bool) -> layout.RunInfo:
    """Return what run.json says of a run to resume, after comparing its items and labels."""
    info = layout.read_info(run)
    check_same(run, info, wanted.splits)
    remove_temporary(run)
    if not keep_method and wanted.method != info.method:
        info = replace(info, method=dict(wanted.method))
        layout.write_info(run, info)
    return info


def check_same(run: Path, info: layout.RunInfo, splits: Mapping[str, layout.SplitInfo]) -> None:
    """Refuse a run of other items or labels."""
    if info.splits != splits:
        message = f"{run} was recorded for other items or labels; choose another name"
        raise InputError(message)
