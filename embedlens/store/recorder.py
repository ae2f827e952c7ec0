"""Recording a run, one epoch at a time, from any training loop."""

from __future__ import annotations

import csv
import io
import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedlens.arrays import DTYPES, check_embeddings
from embedlens.errors import InputError, unknown
from embedlens.files import atomic_path, read_npy, remove_partial, write_npy, write_text
from embedlens.store import format as layout
from embedlens.store.checks import (
    check_contents,
    check_epoch_number,
    check_mapping,
    check_metric,
    check_slices,
    fingerprint,
)
from embedlens.store.extras import (
    check_extras,
    check_run_extras,
    discard_extras_after,
    write_extras,
    write_run_extras,
)
from embedlens.store.log import epoch_of, merge_log, read_log, write_log
from embedlens.store.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray


class Recorder:
    """Writes a run directory; every epoch appears whole or not at all.

    Parameters
    ----------
    path
        The run's directory. It must not hold a run yet, unless `resume` is true.
    labels
        Split name -> integer labels [N]. Row i of a split is the same item in every epoch.
    method
        How the embeddings came about (loss, learning rate, seed, ...): plain data, shown by `info`.
    items
        Split name -> columns that describe the items: column name -> one text an item.
    thumbnails
        Split name -> uint8 [N, h, w] or [N, h, w, 3].
    pretrained
        Split name -> the backbone's features before any training, [N, D0].
    class_names
        Label -> name.
    query_gallery
        Query split -> the split that its items search (In-Shop, for example); scores follow it.
    slices
        Pairs (start, stop) of dimensions, one for each piece that the embedding is made of; they follow one
        another from 0 to D.
    extras
        Name -> numbers that belong to the whole run (meta-classes, ...), ``extra/NAME.npy``.
    dtype
        "float32" or "float16": how snapshots are stored.
    name
        Name of the run; the directory's name by default.
    resume
        Continue the run that stands at `path`; labels and items must be the same.

    Raises
    ------
    InputError
        Something stands at `path` already, or the labels, items, thumbnails or slices do not fit each other.

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
        method: Mapping[str, Any] | None = None,
        items: Mapping[str, Mapping[str, Sequence[object]]] | None = None,
        thumbnails: Mapping[str, ArrayLike] | None = None,
        pretrained: Mapping[str, ArrayLike] | None = None,
        class_names: Mapping[int, str] | None = None,
        query_gallery: Mapping[str, str] | None = None,
        slices: Sequence[Sequence[int]] | None = None,
        extras: Mapping[str, ArrayLike] | None = None,
        dtype: str = "float32",
        name: str | None = None,
        resume: bool = False,
    ) -> None:
        self.path = Path(path)
        contents = check_contents(
            labels, items=items or {}, thumbnails=thumbnails or {}, pretrained=pretrained or {}
        )
        splits = {
            split: layout.SplitInfo(given["labels"].size, fingerprint(given["labels"], given["items"]))
            for split, given in contents.items()
        }
        if dtype not in DTYPES:
            raise unknown(dtype, "dtype", DTYPES)
        for split in [name for pair in (query_gallery or {}).items() for name in pair]:
            if split not in splits:
                raise unknown(split, "split of query_gallery", splits)
        pieces = check_slices(slices)
        if resume and layout.info_file(self.path).is_file():
            self._info = self._reopen(splits, method)
            return
        if self._holds_something():
            message = f"{self.path} already exists; pass resume=True to continue it, or choose another name"
            raise InputError(message)
        self._info = layout.RunInfo(
            name=name or self.path.resolve().name,
            created=datetime.now(UTC).isoformat(),
            dtype=dtype,
            splits=splits,
            method=dict(method or {}),
            class_names={str(label): str(text) for label, text in (class_names or {}).items()},
            slices=pieces,
            query_gallery=[list(pair) for pair in (query_gallery or {}).items()],
        )
        self._write_contents(contents, check_run_extras(extras or {}))

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *raised: object) -> None:
        """Nothing is held open: what was recorded is on the disk already."""

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
            Split name -> name -> [N, ...]: what a method records besides, with a row an item.
        overwrite
            Replace an epoch that was recorded before.

        Raises
        ------
        InputError
            An epoch recorded already, a split missing or unknown, rows or dims that differ from the run's,
            no floating-point numbers, NaN, infinity or a zero vector. Nothing is written then.
        """
        epoch = check_epoch_number(epoch)
        check_mapping(embeddings, "embeddings", "z")
        self._check_epoch(epoch, set(embeddings), overwrite=overwrite)
        row = {name: check_metric(name, value) for name, value in (metrics or {}).items()}
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
        write_extras(self.path, epoch, besides)
        self._place(epoch, int(dim or 0), lambda split, target: write_npy(target, arrays[split]))
        self.log(epoch, row)

    def link(self, epoch: int, files: Mapping[str, Path]) -> None:
        """Take ``.npy`` files as the snapshots of one epoch by hard links, without copying.

        The files must hold what the run stores: its dtype, in C order. Raises `InputError` as `record`
        does, and where a file needs converting or stands on another file system.
        """
        self._check_epoch(epoch, set(files), overwrite=False)
        dim = self._info.dim
        for split, file in files.items():
            if file.suffix != ".npy":
                message = f"{file} is no .npy file and cannot be linked; leave out --link"
                raise InputError(message)
            array = read_npy(file)
            if array.dtype != self._info.dtype or not array.flags.c_contiguous:
                message = (
                    f"{file} is no C-ordered {self._info.dtype} array and cannot be linked; leave out --link"
                )
                raise InputError(message)
            try:
                array = check_embeddings(array, rows=self._info.splits[split].items, dim=dim)
            except InputError as error:
                raise error.within(str(file)) from error
            dim = array.shape[1]
        self._place(epoch, int(dim or 0), lambda split, target: _hard_link(files[split], target))

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Write the epoch's row of log.csv; metrics that stand there already are replaced by name."""
        merge_log(layout.log_file(self.path), epoch, metrics)

    def discard_after(self, epoch: int) -> None:
        """Remove the snapshots and log rows of all epochs after `epoch` (-1 removes all)."""
        for split in self._info.splits:
            for later in sorted(layout.snapshot_epochs(self.path, split)):
                if later > epoch:
                    layout.snapshot_file(self.path, split, later).unlink()
            discard_extras_after(self.path, split, epoch)
        rows = read_log(layout.log_file(self.path))
        kept = [row for row in rows if epoch_of(row) <= epoch]
        if len(kept) < len(rows):
            write_log(layout.log_file(self.path), kept)

    def _holds_something(self) -> bool:
        """Tell whether `path` is taken; a run without a single snapshot is not, it is begun anew."""
        if not self.path.is_dir():
            return self.path.exists()
        if not layout.info_file(self.path).is_file():
            taken = not layout.is_unbegun(self.path)
        else:
            taken = any(self.path.rglob("epoch-*.npy")) or any(self.path.glob("*.pt"))
        if taken:
            return True
        remove_partial(self.path)
        for folder in ("splits", "extra"):
            shutil.rmtree(self.path / folder, ignore_errors=True)
        layout.log_file(self.path).unlink(missing_ok=True)
        return False

    def _check_epoch(self, epoch: int, given: set[str], *, overwrite: bool) -> None:
        """Refuse an epoch that cannot be recorded, before anything is written."""
        if epoch < 0:
            message = f"epoch {epoch} is negative; epochs start at 0, the state before training"
            raise InputError(message)
        for split in given - set(self._info.splits):
            raise unknown(split, "split", self._info.splits)
        for split in set(self._info.splits) - given:
            message = f"epoch {epoch} lacks split {split!r}; an epoch is recorded for every split of the run"
            raise InputError(message)
        if epoch in layout.complete_epochs(self.path, self._info) and not overwrite:
            message = f"epoch {epoch} is recorded already in {self.path}; pass overwrite=True to replace it"
            raise InputError(message)

    def _place(self, epoch: int, dim: int, write: Callable[[str, Path], None]) -> None:
        """Put one checked epoch in place; an epoch that stood there vanishes first, so none is ever mixed."""
        if self._info.dim is None:
            if self._info.slices and self._info.slices[-1][1] != dim:
                message = f"slices end at {self._info.slices[-1][1]}, but the embeddings have {dim} dims"
                raise InputError(message)
            self._info = replace(self._info, dim=dim)
            layout.write_info(self.path, self._info)
        targets = {split: layout.snapshot_file(self.path, split, epoch) for split in self._info.splits}
        for target in targets.values():
            target.unlink(missing_ok=True)
        for split, target in targets.items():
            write(split, target)

    def _reopen(
        self, splits: dict[str, layout.SplitInfo], method: Mapping[str, Any] | None
    ) -> layout.RunInfo:
        """Return the info of the run that is continued, after comparing its data with what was given."""
        info = layout.read_info(self.path)
        if info.splits != splits:
            message = f"{self.path} was recorded for other items or labels; choose another name"
            raise InputError(message)
        remove_partial(self.path)
        if method is not None and dict(method) != info.method:
            info = replace(info, method=dict(method))
            layout.write_info(self.path, info)
        return info

    def _write_contents(
        self, contents: Mapping[str, dict[str, Any]], extras: Mapping[str, NDArray[Any]]
    ) -> None:
        """Write all that stands before the first epoch; run.json comes last and makes the folder a run.

        When that fails (no space left, say), nothing stays behind.
        """
        try:
            for split, given in contents.items():
                folder = layout.split_folder(self.path, split)
                folder.mkdir(parents=True, exist_ok=True)
                write_npy(folder / "labels.npy", given["labels"])
                if given["items"]:
                    write_text(folder / "items.csv", _items_csv(given["items"]))
                for part in ("thumbnails", "pretrained"):
                    if part in given:
                        write_npy(folder / f"{part}.npy", given[part])
            write_run_extras(self.path, extras)
            layout.write_info(self.path, self._info)
        except BaseException:
            shutil.rmtree(self.path, ignore_errors=True)
            raise


def log_metrics(run: Run, epoch: int, metrics: Mapping[str, float]) -> None:
    """Write metrics of a recorded epoch into the log of a run; those that stand there are replaced by name.

    Parameters
    ----------
    run
        An opened run.
    epoch
        A finished epoch of it; another one raises `InputError`.
    metrics
        Name -> number.
    """
    merge_log(layout.log_file(run.path), run.resolve_epoch(epoch), metrics)


def _items_csv(columns: Mapping[str, Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue()


def _hard_link(source: Path, target: Path) -> None:
    try:
        with atomic_path(target) as temporary:
            os.link(source.resolve(), temporary)
    except OSError as error:
        message = f"{source} cannot be hard-linked to {target} ({error.strerror}); leave out --link to copy"
        raise InputError(message) from error
