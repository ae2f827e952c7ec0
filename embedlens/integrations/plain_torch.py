"""Recording of a torch module's embeddings of whole loaders, which leaves the training as it was."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.errors import InputError, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import torch

    from embedlens.store import Recorder

    Rows = Callable[[Any], Any] | int | str


def record_embeddings(
    model: torch.nn.Module,
    loaders: Iterable[Any] | Mapping[str, Iterable[Any]],
    recorder: Recorder,
    *,
    epoch: float | None = None,
    step: int | None = None,
    rows: Rows | None = None,
    embed: Callable[[torch.nn.Module, Any], torch.Tensor] | None = None,
    metrics: Mapping[str, float] | None = None,
    overwrite: bool = False,
) -> None:
    """Embed the items of loaders and record them as one epoch.

    The model runs in evaluation mode and without gradients, on the device that it is on. Its mode, its
    gradients and all random states (torch, numpy, Python, loaders) are afterwards as before, so training goes
    on as if nothing had been recorded.

    Parameters
    ----------
    model
        The network; one inside DistributedDataParallel is taken out of it.
    loaders
        Split name -> loader, or one loader for a run of one split.
    recorder
        Recorder of the run; with `ranks`, the loader of each process gives its part of the items.
    epoch, step
        Epoch, 0 or more, with or without the optimiser steps so far; as for `Recorder.record`.
    rows
        Where a batch has the row numbers of its items: a position in a tuple, a key of a dict, or a function
        of the batch. None: the loader gives items in the order of the labels, or by a DistributedSampler.
    embed
        Function of model and batch, on the model's device, that returns [n, D]. None: the model is called
        with the batch, or with the first element of a tuple.
    metrics
        Numbers for the epoch's row of log.csv.
    overwrite
        Whether to replace an epoch that was recorded before.

    Raises
    ------
    InputError
        A loader of unknown order without `rows`, a batch that is a dict without `embed`; as
        `Recorder.epoch`.

    Examples
    --------
    >>> record_embeddings(model, {"test": loader}, recorder, epoch=3)  # doctest: +SKIP
    """
    splits = _by_split(loaders, recorder)
    network = _unwrapped(model)
    device = _device(network)
    called = embed or _embed
    with (
        recorder.epoch(epoch, step=step, metrics=metrics, overwrite=overwrite) as writer,
        _unchanged(network, splits.values(), device),
    ):
        for split, loader in splits.items():
            for numbers, batch in _numbered(loader, rows):
                writer.add(split, numbers, called(network, _moved(batch, device)))


def _by_split(loaders: Any, recorder: Recorder) -> dict[str, Iterable[Any]]:
    known = recorder.run.splits
    if isinstance(loaders, Mapping):
        for split in set(loaders) - set(known):
            raise unknown(split, "split", known)
        return dict(loaders)
    if len(known) > 1:
        message = f'one loader for {len(known)} splits; give a loader for each, e.g. {{"{known[0]}": loader}}'
        raise InputError(message)
    return {known[0]: loaders}


def _unwrapped(model: torch.nn.Module) -> torch.nn.Module:
    """Return the network inside a wrapper for several devices, which would synchronise at every batch."""
    from torch.nn.parallel import DataParallel, DistributedDataParallel

    inner: torch.nn.Module = (
        model.module if isinstance(model, DataParallel | DistributedDataParallel) else model
    )
    return inner


def _device(model: torch.nn.Module) -> torch.device:
    import torch

    first = next(itertools.chain(model.parameters(), model.buffers()), None)
    return torch.device("cpu") if first is None else first.device


def _embed(model: torch.nn.Module, batch: Any) -> torch.Tensor:
    """Return what a model makes of a batch, or of the first element of a tuple."""
    if isinstance(batch, Mapping):
        message = "a batch is a dict; give embed=, a function of model and batch that returns embeddings"
        raise InputError(message)
    output: torch.Tensor = model(batch[0] if isinstance(batch, tuple | list) else batch)
    return output


def _moved(batch: Any, device: torch.device) -> Any:
    """Return a batch with all its tensors on a device."""
    if isinstance(batch, Mapping):
        return {key: _moved(value, device) for key, value in batch.items()}
    if isinstance(batch, tuple | list):
        return [_moved(value, device) for value in batch]
    return batch.to(device, non_blocking=True) if hasattr(batch, "to") else batch


def _numbered(loader: Iterable[Any], rows: Rows | None) -> Iterator[tuple[Any, Any]]:
    """Yield the row numbers and the batch of each batch of a loader."""
    order = _order(loader) if rows is None else None
    start = 0
    for batch in loader:
        if rows is not None:
            yield (rows(batch) if callable(rows) else batch[rows]), batch
            continue
        count = _count(batch)
        numbers = np.arange(start, start + count)
        yield (numbers if order is None else order[start : start + count]), batch
        start += count


def _order(loader: Any) -> np.ndarray[Any, Any] | None:
    """Return the row numbers in the order in which a loader gives them; None: from 0 on."""
    from torch.utils.data import BatchSampler, DataLoader, DistributedSampler, SequentialSampler

    if not isinstance(loader, DataLoader) or loader.batch_sampler is None:
        return None
    sampler = loader.sampler
    if type(loader.batch_sampler) is BatchSampler:
        if isinstance(sampler, DistributedSampler):  # it draws from its own seed and epoch
            return np.array(list(sampler), np.int64)
        if isinstance(sampler, SequentialSampler):
            return None
        name = type(sampler).__name__
    else:
        name = type(loader.batch_sampler).__name__
    message = (
        f"the loader draws items by {name}, so their row numbers are unknown; let the data set return them, "
        "and say where they stand in a batch by rows="
    )
    raise InputError(message)


def _count(batch: Any) -> int:
    """Return the number of items of a batch."""
    while isinstance(batch, tuple | list | Mapping):
        batch = next(iter(batch.values())) if isinstance(batch, Mapping) else batch[0]
    return len(batch)


@contextmanager
def _unchanged(model: torch.nn.Module, loaders: Iterable[Any], device: torch.device) -> Iterator[None]:
    """Set a model to evaluation without gradients; afterwards restore its mode and all random states."""
    import torch

    modes = {module: module.training for module in model.modules()}
    generators = {id(one): one for loader in loaders for one in _generators(loader)}.values()
    states = [(generator, generator.get_state()) for generator in generators]
    python, numbers = random.getstate(), np.random.get_state()  # noqa: NPY002 - the state of others is kept
    devices = [device] if device.type == "cuda" else []
    try:
        with torch.random.fork_rng(devices=devices), torch.no_grad():
            model.eval()
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode
        for generator, state in states:
            generator.set_state(state)
        random.setstate(python)
        np.random.set_state(numbers)  # noqa: NPY002


def _generators(loader: Any) -> Iterator[torch.Generator]:
    """Yield the random generators that a loader and its samplers draw from."""
    import torch

    for holder in (loader, getattr(loader, "sampler", None), getattr(loader, "batch_sampler", None)):
        generator = getattr(holder, "generator", None)
        if isinstance(generator, torch.Generator):
            yield generator
