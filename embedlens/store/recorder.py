"""Recorder of runs: writes one epoch at a time, from any training loop."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from embedlens.arrays import DTYPES
from embedlens.errors import unknown
from embedlens.store import format as layout
from embedlens.store.checks import (
    check_contents,
    check_epoch_number,
    check_mapping,
    check_query_gallery,
    check_slices,
    fingerprint,
)
from embedlens.store.description import RunFacts
from embedlens.store.epoch_files import (
    check_arrays,
    check_splits,
)
from embedlens.store.extras import check_extras, extra_files
from embedlens.store.holding import Hold, start_run
from embedlens.store.locations import run_path
from embedlens.store.recording import Recording
from embedlens.store.run import Run
from embedlens.store.shared_epochs import LOCK_WAIT_S, join_run
from embedlens.store.user_inputs import format_version, integer_labels, plain_method
from embedlens.text import escaped

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import ArrayLike

    from embedlens.store.epoch_writer import EpochWriter
    from embedlens.store.ranks import Ranks


class Recorder:
    """Writes a run directory; every epoch appears whole or not at all.

    No other process can write the run until `close`, the end of the ``with`` block, or the end of the
    process; several recorders of one process can.

    Parameters
    ----------
    path
        The run's directory, or its address (``s3://bucket/runs/mine``, or another of fsspec). It must not
        hold a run yet, unless `resume` is true.
    labels
        Split name -> labels [N]: integers, or class names, which are numbered alike in all splits. Row i of a
        split is the same item in every epoch. Of multi-label items: a set or list of labels for each, or a
        table [N, C] of 0 and 1, also a sparse one; the run then has version 2 of the format.
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
    ranks
        Place of this process among several that record the run together by `epoch`, each its own rows;
        None: this process alone records it.

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
        ranks: Ranks | None = None,
    ) -> None:
        self.path = run_path(path)
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
        info = layout.RunInfo(
            name=escaped(name or self.path.resolve().name),
            created=datetime.now(UTC).isoformat(),
            dtype=dtype,
            splits=splits,
            method=plain,
            class_names={str(label): escaped(text) for label, text in names.items()},
            slices=check_slices(slices),
            query_gallery=check_query_gallery(query_gallery or {}, splits),
            version=format_version(numbered.values()),
        )
        ranks = ranks if ranks is not None and ranks.size > 1 else None
        shared = ranks is not None and not ranks.uses_torch
        self._hold = Hold(self.path, keep=not shared, wait=LOCK_WAIT_S if shared else 0.0)

        def start() -> layout.RunInfo:
            return start_run(
                self._hold, info, contents, extras=extras or {}, resume=resume, keep_method=method is None
            )

        self.ranks = ranks
        self._recording = Recording(self._hold, join_run(self.path, splits, start, ranks=ranks), ranks)

    def __repr__(self) -> str:
        return f"Recorder({RunFacts.of(self.path, self._recording.info).text()})"

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *raised: object) -> None:
        """Release the lock; everything recorded is on the disk already."""
        self.close()

    def close(self) -> None:
        """Release the lock, so that other processes can write the run; recording again takes it back."""
        self._hold.release()

    @property
    def run(self) -> Run:
        """The run as a reader sees it now."""
        return Run(self.path, self._recording.current())

    def record(
        self,
        epoch: float | None,
        embeddings: Mapping[str, ArrayLike],
        *,
        step: int | None = None,
        metrics: Mapping[str, float] | None = None,
        extras: Mapping[str, Mapping[str, ArrayLike]] | None = None,
        overwrite: bool = False,
    ) -> int:
        """Write the snapshots of one epoch, and its row of log.csv; return its number.

        Parameters
        ----------
        epoch
            Epoch, a whole number from 0; 0 is the state before training. In a run that counts steps, None or
            the epochs trained so far as a float: snapshots are then numbered 0, 1, 2, ... in order.
        embeddings
            Split name -> [N, D], numpy or torch, any float type and device; every split of the run.
        step
            Optimiser steps so far, for the column `step` of log.csv; they ascend.
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
        self._recording.check_alone()
        check_mapping(embeddings, "embeddings", "z")
        number, row = self._recording.numbered(epoch, step, metrics, overwrite=overwrite)
        info = self._recording.info
        check_splits(number, embeddings, info)
        besides = check_extras(extras or {}, {split: one.items for split, one in info.splits.items()})
        arrays = check_arrays(embeddings, info, number)
        self._recording.write(
            number,
            row,
            dim=next(iter(arrays.values())).shape[1],
            write=lambda files, split, target: files.npy(target, arrays[split]),
            extras=extra_files(self.path, number, besides),
            overwrite=overwrite,
        )
        return number

    def epoch(
        self,
        epoch: float | None = None,
        *,
        step: int | None = None,
        metrics: Mapping[str, float] | None = None,
        overwrite: bool = False,
    ) -> EpochWriter:
        """Return a writer that takes one epoch in batches, by the row numbers of the items, in any order.

        Parameters
        ----------
        epoch, step
            As for `record`; the writer has the number.
        metrics
            Numbers for the epoch's row of log.csv; `EpochWriter.log` adds others.
        overwrite
            Whether to replace an epoch that was recorded before.

        Raises
        ------
        InputError
            An epoch recorded already, or a metric that is no number. The writer refuses other errors.

        Examples
        --------
        >>> with recorder.epoch(3) as epoch:  # doctest: +SKIP
        ...     for rows, x in loader:  # shuffled or not
        ...         epoch.add("test", rows, embed(x))
        """
        number, row = self._recording.numbered(epoch, step, metrics, overwrite=overwrite)

        return self._recording.writer(number, row, overwrite=overwrite)

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
        check_splits(check_epoch_number(epoch), files, self._recording.info)
        self._recording.check_alone()
        self._recording.check_epoch(epoch, {}, overwrite=False)
        self._recording.link(epoch, files)

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Write metrics into the row of an epoch in log.csv; metrics of the same name are replaced."""
        self._recording.log(epoch, metrics)

    def discard_after(self, epoch: int | None = None, *, step: int | None = None) -> None:
        """Remove the snapshots and log rows of all epochs after `epoch`, or `step` (-1 removes all).

        Of several processes that use torch.distributed, process 0 does it; others do nothing.
        """
        self._recording.discard_after(epoch, step)
