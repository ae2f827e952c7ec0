"""Recorder of runs: writes one epoch at a time, from any training loop."""

from __future__ import annotations

import weakref
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from embedlens.arrays import DTYPES, check_embeddings
from embedlens.errors import InputError, unknown
from embedlens.store import format as layout
from embedlens.store.checks import (
    check_contents,
    check_epoch_number,
    check_mapping,
    check_query_gallery,
    check_row,
    check_slices,
    check_step,
    fingerprint,
)
from embedlens.store.checksums import Placement, placement
from embedlens.store.contents import begin, check_recorded, linkable, recorded_only
from embedlens.store.description import RunFacts
from embedlens.store.extras import check_extras, check_run_extras, extra_files, recorded_extras
from embedlens.store.lock import Lock
from embedlens.store.log import drop_after, epoch_of, merge_log, read_log
from embedlens.store.ownership import building, check_untaken, remove_temporary
from embedlens.store.run import Run
from embedlens.store.user_inputs import integer_labels, plain_method
from embedlens.text import escaped

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

T = TypeVar("T")


class Recorder:
    """Writes a run directory; every epoch appears whole or not at all.

    No other process can write the run until `close`, the end of the ``with`` block, or the end of the
    process; several recorders of one process can.

    Parameters
    ----------
    path
        The run's directory. It must not hold a run yet, unless `resume` is true.
    labels
        Split name -> labels [N]: integers, or class names, which are numbered alike in all splits. Row i of a
        split is the same item in every epoch.
    method
        Description of the embeddings (loss, learning rate, seed, ...): plain data as a dict, an
        ``argparse.Namespace`` or a dataclass, shown by `info`.
    items
        Split name -> columns that describe the items: column name -> one text per item.
    thumbnails
        Split name -> uint8 [N, h, w] or [N, h, w, 3].
    pretrained
        Split name -> the backbone's features before any training, [N, D0].
    class_names
        Names in the order of their labels, label -> name, or name -> label (``class_to_idx``).
    query_gallery
        Query split -> the split that its items search (In-Shop, for example); scores follow it.
    slices
        Pairs (start, stop) of dimensions, one for each slice of the embedding, consecutive from 0 to D.
    extras
        Name -> numbers that belong to the whole run (meta-classes, ...), ``extra/NAME.npy``.
    dtype
        "float32" or "float16": how snapshots are stored.
    name
        Name of the run; the directory's name by default.
    resume
        Whether to resume the run at `path`; labels and items must be the same.

    Raises
    ------
    InputError
        `path` exists, another process writes it, or labels, items, thumbnails or slices are wrong or do not
        agree.

    Examples
    --------
    >>> with embedlens.Recorder("runs/mine", labels={"test": y}) as recorder:  # doctest: +SKIP
    ...     for epoch in range(10):
    ...         recorder.record(epoch, {"test": embed(x)})
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        labels: Mapping[str, ArrayLike],
        method: Mapping[str, Any] | object | None = None,
        items: Mapping[str, Mapping[str, Sequence[object]]] | None = None,
        thumbnails: Mapping[str, ArrayLike] | None = None,
        pretrained: Mapping[str, ArrayLike] | None = None,
        class_names: Mapping[int, str] | Mapping[str, int] | Sequence[str] | None = None,
        query_gallery: Mapping[str, str] | None = None,
        slices: Sequence[Sequence[int]] | None = None,
        extras: Mapping[str, ArrayLike] | None = None,
        dtype: str = "float32",
        name: str | None = None,
        resume: bool = False,
    ) -> None:
        self.path = Path(path)
        numbered, names = integer_labels(labels, class_names)
        plain = plain_method(method)
        contents = check_contents(
            numbered, items=items or {}, thumbnails=thumbnails or {}, pretrained=pretrained or {}
        )
        splits = {
            split: layout.SplitInfo(given["labels"].size, fingerprint(given["labels"], given["items"]))
            for split, given in contents.items()
        }
        if dtype not in DTYPES:
            raise unknown(dtype, "dtype", DTYPES)
        pairs = check_query_gallery(query_gallery or {}, splits)
        checked_slices = check_slices(slices)
        self._lock: Lock | None = None
        if resume and layout.info_file(self.path).is_file():
            self._hold()
            self._info = self._kept(lambda: self._reopen(splits, None if method is None else plain))
            return
        check_untaken(self.path)
        self._info = layout.RunInfo(
            name=escaped(name or self.path.resolve().name),
            created=datetime.now(UTC).isoformat(),
            dtype=dtype,
            splits=splits,
            method=plain,
            class_names={str(label): escaped(text) for label, text in names.items()},
            slices=checked_slices,
            query_gallery=pairs,
        )
        layout.info_text(self._info)
        self._kept(lambda: self._begin(contents, check_run_extras(extras or {})))

    def __repr__(self) -> str:
        return f"Recorder({RunFacts.of(self.path, self._info).text()})"

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *raised: object) -> None:
        """Release the lock; everything recorded is on the disk already."""
        self.close()

    def close(self) -> None:
        """Release the lock, so that other processes can write the run; recording again takes it back."""
        if self._lock is not None:
            self._lock.release()

    @property
    def run(self) -> Run:
        """The run as a reader sees it now."""
        return Run(self.path, self._info)

    def record(
        self,
        epoch: int,
        embeddings: Mapping[str, ArrayLike],
        *,
        metrics: Mapping[str, float] | None = None,
        extras: Mapping[str, Mapping[str, ArrayLike]] | None = None,
        overwrite: bool = False,
    ) -> None:
        """Write the snapshots of one epoch, and its row of log.csv.

        Parameters
        ----------
        epoch
            Epoch, 0 or more; 0 is the state before training.
        embeddings
            Split name -> [N, D], numpy or torch, any float type and device; every split of the run.
        metrics
            Numbers for the epoch's row of log.csv (loss, lr, seconds, ...).
        extras
            Split name -> name -> [N, ...]: further arrays of a method, with one row per item.
        overwrite
            Whether to replace an epoch that was recorded before.

        Raises
        ------
        InputError
            An epoch recorded already, a split missing or unknown, rows or dims that differ from those of the
            run, values that are not floating-point, NaN, infinity or a zero vector. Nothing is written then.
        """
        epoch = check_epoch_number(epoch)
        check_mapping(embeddings, "embeddings", "z")
        self._check_epoch(epoch, set(embeddings), overwrite=overwrite)
        row = check_row(epoch, metrics or {})
        besides = check_extras(extras or {}, {split: one.items for split, one in self._info.splits.items()})
        dim, arrays = self._info.dim, {}
        for split in self._info.splits:
            try:
                array = check_embeddings(
                    embeddings[split], rows=self._info.splits[split].items, dim=dim, dtype=self._info.dtype
                )
            except InputError as error:
                place = f"split {split!r}, epoch {epoch}"
                raise error.within(place) from error
            dim, arrays[split] = array.shape[1], array
        self._hold()
        if not overwrite:
            rows = read_log(layout.log_file(self.path))
            stood = next((one for one in rows if epoch_of(one) == epoch), {})
            check_step(stood.get("step"), row.get("step"))
        self._know_dim(int(dim or 0))
        with placement(self.path) as files:
            self._place(files, epoch, lambda split, target: files.npy(target, arrays[split]))
            added = extra_files(self.path, epoch, besides)
            check_recorded(self.path, self._info, list(added))
            for target, array in added.items():
                files.npy(target, array)
            files.remove(self._extras_of(lambda number: number == epoch))
        merge_log(layout.log_file(self.path), epoch, row, another_step=overwrite)

    def link(self, epoch: int, files: Mapping[str, Path]) -> None:
        """Record ``.npy`` files as the snapshots of one epoch by hard links, without copying.

        Parameters
        ----------
        epoch
            Epoch, 0 or more.
        files
            Split name -> file of [N, D] in the dtype of the run and in C order; every split of the run.

        Raises
        ------
        InputError
            As `record`; a file that needs conversion, or is on another file system.
        """
        self._check_epoch(check_epoch_number(epoch), set(files), overwrite=False)
        dim = self._info.dim
        for split, file in files.items():
            array = linkable(file, self._info.dtype, rows=self._info.splits[split].items, dim=dim)
            dim = array.shape[1]
        self._hold()
        self._know_dim(int(dim or 0))
        with placement(self.path) as placed:
            self._place(placed, epoch, lambda split, target: placed.link(target, files[split]))

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Write metrics into the row of an epoch in log.csv; metrics of the same name are replaced."""
        self._hold()
        merge_log(layout.log_file(self.path), epoch, metrics)

    def discard_after(self, epoch: int) -> None:
        """Remove the snapshots and log rows of all epochs after `epoch` (-1 removes all)."""
        self._hold()
        later = [
            layout.snapshot_file(self.path, split, number)
            for split in self._info.splits
            for number in sorted(layout.snapshot_epochs(self.path, split))
            if number > epoch
        ]
        check_recorded(self.path, self._info, later)
        extras = self._extras_of(lambda number: number > epoch)
        if later or extras:
            with placement(self.path) as files:
                files.remove([*later, *extras])
        drop_after(layout.log_file(self.path), epoch)

    def _hold(self) -> None:
        """Take the lock of the run unless this recorder still holds it."""
        if self._lock is None or not self._lock.is_held:
            self._take(Lock(self.path))

    def _take(self, lock: Lock) -> None:
        self.close()
        self._lock = lock
        weakref.finalize(self, lock.release)

    def _kept(self, action: Callable[[], T]) -> T:
        """Return the result of an action; release the lock if it fails."""
        try:
            return action()
        except BaseException:
            self.close()
            raise

    def _begin(self, contents: Mapping[str, dict[str, Any]], extras: Mapping[str, NDArray[Any]]) -> None:
        """Start the run: in place if the folder exists, else in a hidden folder until it is complete."""
        if self.path.exists():
            self._hold()
            check_untaken(self.path)  # by now another process may have begun
            begin(self.path, self._info, contents=contents, extras=extras)
            return
        with building(self.path) as folder:
            self._take(Lock(folder, run=self.path))
            self._kept(lambda: begin(folder, self._info, contents=contents, extras=extras))

    def _check_epoch(self, epoch: int, given: set[str], *, overwrite: bool) -> None:
        """Refuse an epoch that cannot be recorded, before anything is written."""
        for split in given - set(self._info.splits):
            raise unknown(split, "split", self._info.splits)
        for split in set(self._info.splits) - given:
            message = f"epoch {epoch} lacks split {split!r}; an epoch is recorded for every split of the run"
            raise InputError(message)
        if epoch in layout.complete_epochs(self.path, self._info) and not overwrite:
            message = f"epoch {epoch} is recorded already in {self.path}; pass overwrite=True to replace it"
            raise InputError(message)

    def _extras_of(self, belongs: Callable[[int], bool]) -> list[Path]:
        """Return the files of extras of the epochs for which `belongs` is true."""
        found = [file for (_, epoch), file in recorded_extras(self.path) if belongs(epoch)]
        return recorded_only(self.path, self._info, found)

    def _know_dim(self, dim: int) -> None:
        """Write the number of dimensions to run.json, if this is the first epoch."""
        if self._info.dim is None:
            if self._info.slices and self._info.slices[-1][1] != dim:
                end = self._info.slices[-1][1]
                message = f"slices end at {end}, but the embeddings have {dim} dims; they must agree"
                raise InputError(message)
            self._info = replace(self._info, dim=dim)
            layout.write_info(self.path, self._info)

    def _place(self, files: Placement, epoch: int, write: Callable[[str, Path], None]) -> None:
        """Write one checked epoch; an earlier one is removed first, so that epochs are never mixed."""
        targets = {split: layout.snapshot_file(self.path, split, epoch) for split in self._info.splits}
        check_recorded(self.path, self._info, list(targets.values()))
        for split, target in targets.items():
            write(split, target)
        files.remove(targets.values())

    def _reopen(
        self, splits: dict[str, layout.SplitInfo], method: Mapping[str, Any] | None
    ) -> layout.RunInfo:
        """Return the info of the run to resume, after comparing its items and labels."""
        info = layout.read_info(self.path)
        if info.splits != splits:
            message = f"{self.path} was recorded for other items or labels; choose another name"
            raise InputError(message)
        remove_temporary(self.path)
        if method is not None and method != info.method:
            info = replace(info, method=dict(method))
            layout.write_info(self.path, info)
        return info
