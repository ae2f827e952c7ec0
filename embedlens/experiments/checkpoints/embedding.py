"""Runs of embeddings by the checkpoints of a training, one checkpoint in memory at a time."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from embedlens import errors
from embedlens.arrays import DTYPES
from embedlens.devices import check_device
from embedlens.errors import InputError, unknown
from embedlens.experiments.checkpoints.files import find_checkpoints
from embedlens.experiments.checkpoints.items import DatasetItems, ImageChoice, Items, Reading
from embedlens.experiments.checkpoints.loaders import LoaderItems
from embedlens.experiments.checkpoints.outputs import outputs
from embedlens.experiments.checkpoints.recorded import Plan, identity, plan
from embedlens.experiments.checkpoints.user_code import UserFunction, current_folder, load_function
from embedlens.processes import available_processors
from embedlens.store import Recorder, Run, open_run
from embedlens.store.locations import run_path
from embedlens.store.ownership import clear
from embedlens.training.reproducible import reproducible

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from embedlens.experiments.checkpoints.files import Checkpoint

_SEED = 0  # of each checkpoint: networks that ignore it are then equal, which is warned of


@dataclass(frozen=True, slots=True)
class EmbeddingProgress:
    """Progress of a run of checkpoints.

    Attributes
    ----------
    checkpoint
        The checkpoint that is embedded.
    number, count
        Its place among those to embed, from 1, and how many they are.
    done, items
        Items that are embedded, of all splits; equal when the epoch is recorded.
    """

    checkpoint: Checkpoint
    number: int
    count: int
    done: int
    items: int


def embed_checkpoints(
    model: str | Callable[[Path], torch.nn.Module],
    checkpoints: str,
    out: str | os.PathLike[str],
    *,
    data: ImageChoice | None = None,
    loader: Any = None,
    splits: Sequence[str] = (),
    device: str = "cpu",
    batch_size: int = 128,
    threads: int | None = None,
    workers: int = 0,
    dtype: str = "float32",
    overwrite: bool = False,
    epoch_offset: int | None = None,
    report: Callable[[EmbeddingProgress], None] | None = None,
    warn: Callable[[str], None] | None = None,
) -> Run:
    """Make a run of checkpoints that exist already: one epoch for each, embedded by the user's model.

    Epochs that the run has are skipped, so that a run is resumed, and continued when more checkpoints are
    there.

    Parameters
    ----------
    model
        Function of the path of a checkpoint that returns the network with its weights, or its name
        ``module:function``. The network is moved to the device and set to evaluation mode.
    checkpoints
        Pattern of their paths, as for `find_checkpoints`.
    out
        Directory of the run, or an address of fsspec.
    data
        The images to embed.
    loader
        Instead of `data`: a loader, split name -> loader, a function without arguments that returns one of
        them, or its name ``module:function``; as for `LoaderItems`.
    splits
        Names of the splits to embed; none: all.
    device
        "cpu" or "cuda".
    batch_size
        Images in a batch of `data`.
    threads
        Threads of torch; None: every core.
    workers
        Number of processes that read images of `data`.
    dtype
        "float32" or "float16": how snapshots are stored.
    overwrite
        Whether epochs that the run has are embedded again.
    epoch_offset
        What is added to the epochs of the names, as for `find_checkpoints`: 1 where names count from 0 after
        the first epoch, as Lightning's do.
    report
        Called with the progress after every batch.
    warn
        Called with each message for the user; None: each is an `InputWarning`.

    Raises
    ------
    InputError
        No checkpoint, or names that are not clear; errors in the user's code, with file and line; a function
        that returns no network; outputs that are not [n, D], or NaN, or of another D than before; a run of
        something else; a checkpoint that changed since it was recorded.
    """
    send = warn or errors.warn
    if (data is None) == (loader is None):
        message = "the images come from a data set or from a loader; give one of --data and --loader"
        raise InputError(message)
    if dtype not in DTYPES:
        raise unknown(dtype, "dtype", DTYPES)
    for name, value in (("batch_size", batch_size), ("threads", threads)):
        if value is not None and value < 1:
            message = f"{name} is {value}; {1} is the least"
            raise InputError(message)
    reading = Reading(torch.device(check_device(device)), batch_size, workers)
    found = find_checkpoints(checkpoints, epoch_offset=epoch_offset)
    with current_folder(), reproducible(threads or available_processors(), deterministic=False):
        function = _function(model)
        items = _items(data, loader, splits)
        method = {"model": function.name, **items.facts}
        source = function.digest()
        planned = plan(run_path(out), method, found.checkpoints, source=source, overwrite=overwrite)
        for text in (*found.messages, *items.messages, *planned.messages):
            send(text)
        if planned.skipped:
            send(f"recorded already: {len(planned.skipped)} of {len(found.checkpoints)} checkpoints")
        job = _Job(run_path(out), function, items, reading, planned, dtype, send)
        if planned.begun:
            job.recorder(planned.method_now()).close()  # other items are refused before a network is loaded
        for number, checkpoint in enumerate(planned.pending, 1):
            job.embed(checkpoint, report, number)
    return open_run(out)


def _function(model: str | Callable[[Path], torch.nn.Module]) -> UserFunction:
    """Return the model function; one that does not take one argument is refused."""
    if isinstance(model, str):
        function = load_function(model, "--model")
    else:
        function = UserFunction(_name_of(model), model)
    function.check_takes(arguments=1, what="the path of a checkpoint")
    return function


def _items(data: ImageChoice | None, loader: Any, splits: Sequence[str]) -> Items:
    """Return the items to embed."""
    if data is not None:
        return DatasetItems(data, splits)
    name = "loader"
    if isinstance(loader, str) or callable(loader):
        function = (
            load_function(loader, "--loader")
            if isinstance(loader, str)
            else UserFunction(_name_of(loader), loader)
        )
        function.check_takes(arguments=0, what="no argument")
        name, loader = function.name, function()
    return LoaderItems(loader, name, splits)


def _name_of(function: Any) -> str:
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{getattr(function, '__module__', None) or '__main__'}:{name}"


@dataclass(slots=True)
class _Job:
    """Embeds one checkpoint after the other into a run."""

    out: Path
    function: UserFunction
    items: Items
    reading: Reading
    plan: Plan
    dtype: str
    send: Callable[[str], None]
    before: tuple[Checkpoint, NDArray[Any], str] | None = None
    warned: bool = False

    def embed(
        self, checkpoint: Checkpoint, report: Callable[[EmbeddingProgress], None] | None, number: int
    ) -> None:
        """Embed all items by a checkpoint and record its epoch."""
        torch.manual_seed(_SEED)
        entry = identity(checkpoint)
        batches = outputs(self.function, checkpoint, self.items, reading=self.reading)
        first = next(batches)  # before the run is begun, so that errors of the model leave nothing behind
        done, total = 0, sum(self.items.sizes.values())
        recorder = self.recorder(self.plan.method_with(checkpoint, {**entry, "sha256": None}))
        try:
            with (
                recorder,
                recorder.epoch(checkpoint.epoch, step=checkpoint.step, overwrite=True) as writer,
            ):
                for split, start, z in _chained(first, batches):
                    writer.add(split, np.arange(start, start + len(z)), z)
                    done += len(z)
                    if report is not None and done < total:
                        report(EmbeddingProgress(checkpoint, number, len(self.plan.pending), done, total))
                if identity(checkpoint, entry)["sha256"] != entry["sha256"]:
                    message = "the checkpoint changed while it was embedded; run again when it is complete"
                    raise InputError(message)
        except BaseException as error:
            self._withdraw(recorder)
            if isinstance(error, InputError) and str(checkpoint.path) not in str(error):
                raise error.within(str(checkpoint.path)) from error
            raise
        self.plan.begun = True
        self.recorder(self.plan.method_with(checkpoint, entry)).close()
        if report is not None:  # of the last batch, once the epoch is recorded
            report(EmbeddingProgress(checkpoint, number, len(self.plan.pending), total, total))
        self._compare(checkpoint, first[2].detach().float().cpu().numpy(), entry["sha256"])

    def recorder(self, method: dict[str, Any]) -> Recorder:
        """Return a recorder of the run, whose run.json has this method from now on."""
        contents, begun = self.items.contents, self.plan.begun
        return Recorder(
            self.out,
            labels=contents.labels,
            items=contents.items,
            thumbnails={} if begun else self.items.thumbnails(self.reading.workers),
            class_names=contents.class_names or None,
            query_gallery=contents.query_gallery,
            method=method,
            dtype=self.dtype,
            resume=begun,
        )

    def _withdraw(self, recorder: Recorder) -> None:
        """Remove the run if it has no epoch."""
        if not self.plan.begun:
            with suppress(OSError), recorder:
                clear(self.out)
            with suppress(OSError):
                self.out.rmdir()

    def _compare(self, checkpoint: Checkpoint, z: NDArray[Any], digest: str) -> None:
        """Warn once if the embeddings are those of the checkpoint before, which is another file."""
        before, self.before = self.before, (checkpoint, z, digest)
        if before is None or self.warned or before[2] == digest or not np.array_equal(before[1], z):
            return
        self.warned = True
        self.send(
            f"{before[0].path.name} and {checkpoint.path.name} give equal embeddings; does "
            f"{self.function.name} load the weights of the checkpoint?"
        )


def _chained(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest
