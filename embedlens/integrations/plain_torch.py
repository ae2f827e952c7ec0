"""Recording of a torch module's embeddings of whole loaders, which leaves the training as it was."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError, first_sentence, shortened, unknown
from embedlens.integrations.loaders import batches_of, kept
from embedlens.integrations.passes import PassLabels, check_shared
from embedlens.integrations.recording import within_split

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import torch

    from embedlens.integrations.loaders import Rows
    from embedlens.store import Recorder


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
) -> int:
    """Embed the items of loaders and record them as one epoch; return its number.

    The model runs in evaluation mode and without gradients, on the device that it is on. Its mode, its
    gradients and all random states (torch, numpy, Python, loaders) are afterwards as before, so training goes
    on as if nothing had been recorded.

    Parameters
    ----------
    model
        The network, also as `accelerator.prepare` returns it; one inside DistributedDataParallel is taken
        out of it.
    loaders
        Split name -> loader, or one loader for a run of one split; also as `accelerator.prepare` returns
        them.
    recorder
        Recorder of the run; with `ranks`, each process embeds its part of the items.
    epoch, step
        Epoch, 0 or more, with or without the optimiser steps so far; as for `Recorder.record`.
    rows
        Where a batch has the row numbers of its items: a position in a tuple, a key of a dict, or a function
        of the batch. None: the items of the loader's data set are embedded in their order, which is that of
        the labels, also where the loader shuffles, repeats items or drops the last batch. A stream gives its
        items in the order of the labels in every pass.
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
        A loader of unknown order without `rows`, a sampler that selects a part of the data set, a data set
        with another number of items than the labels, a stream whose batches have other labels than the run
        or than its first pass, a batch that is a dict without `embed`; as `Recorder.epoch`.

    Examples
    --------
    >>> record_embeddings(model, {"test": loader}, recorder, epoch=3)  # doctest: +SKIP
    """
    splits = _by_split(loaders, recorder)
    network = _unwrapped(model)
    device = _device(network)
    called = embed or embed_batch
    items = {split: stated.items for split, stated in recorder.run.info.splits.items()}
    if rows is None:
        check_shared(recorder, splits)
    with (
        recorder.epoch(epoch, step=step, metrics=metrics, overwrite=overwrite) as writer,
        _unchanged(network, splits.values(), device),
    ):
        for split, loader in splits.items():
            labels = PassLabels(recorder, split, loader) if rows is None else None
            for numbers, batch in _batches(split, loader, rows, items=items[split], ranks=recorder.ranks):
                writer.add(split, numbers, called(network, moved(batch, device)))
                if labels is not None:
                    labels.add(numbers, batch)
            if labels is not None:
                labels.check()
    return writer.epoch


def _batches(split: str, loader: Any, rows: Rows | None, **options: Any) -> Iterator[tuple[Any, Any]]:
    """Yield row numbers and batches; what is refused of the loader names the split."""
    with within_split(split):
        yield from batches_of(loader, rows, **options)


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


def embed_batch(model: torch.nn.Module, batch: Any) -> torch.Tensor:
    """Return what a model makes of a batch, or of the first element of a tuple."""
    import torch

    advice = "give embed=, a function of model and batch that returns embeddings"
    if isinstance(batch, Mapping):
        message = f"a batch is a dict; {advice}"
        raise InputError(message)
    name = type(model).__name__
    given = batch[0] if isinstance(batch, tuple | list) else batch
    try:
        output: torch.Tensor = model(given)
    except NotImplementedError as error:
        if "forward" not in str(error):
            raise
        message = f"{name} has no forward; {advice}"
        raise InputError(message) from error
    except (TypeError, AttributeError) as error:
        if isinstance(error, AttributeError) and isinstance(given, torch.Tensor):
            raise  # an error of the model, whatever it is called with
        kind = f"{type(given).__name__} that a batch begins with" if given is not batch else "batch"
        reason = shortened(first_sentence(error))
        message = f"{name} cannot be called with the {kind} ({type(error).__name__}: {reason}); {advice}"
        raise InputError(message) from error
    if not hasattr(output, "shape"):
        message = f"{name} returns {type(output).__name__}; {advice}"
        raise InputError(message)
    return output


def moved(batch: Any, device: torch.device) -> Any:
    """Return a batch with all its tensors on a device."""
    if isinstance(batch, Mapping):
        return {key: moved(value, device) for key, value in batch.items()}
    if isinstance(batch, tuple | list):
        return [moved(value, device) for value in batch]
    return batch.to(device, non_blocking=True) if hasattr(batch, "to") else batch


@contextmanager
def _unchanged(model: torch.nn.Module, loaders: Iterable[Any], device: torch.device) -> Iterator[None]:
    """Set a model to evaluation without gradients; afterwards restore its mode and all random states."""
    import torch

    modes = {module: module.training for module in model.modules()}
    try:
        with kept(loaders, [device] if device.type == "cuda" else []), torch.no_grad():
            model.eval()
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode
