"""Loaders of torch: batches with the row numbers of their items, and what a loader keeps between passes."""

from __future__ import annotations

import random
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.errors import InputError, count_text
from embedlens.integrations.samplers import Order, check_loader, check_sampler, check_subset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import torch

    from embedlens.store.ranks import Ranks

    Rows = Callable[[Any], Any] | int | str

_OPTIONS = (
    "collate_fn", "num_workers", "pin_memory", "timeout", "worker_init_fn", "multiprocessing_context",
    "prefetch_factor",
)  # fmt: skip
"""Arguments of a loader that do not change which items it gives."""
_COUNTS = ("epoch", "iteration")
"""Attributes by which loaders and samplers count their passes; some shuffle by them."""
_BATCH_SIZE = 64


def batches_of(
    loader: Iterable[Any],
    rows: Rows | None = None,
    *,
    items: int,
    ranks: Ranks | None = None,
) -> Iterator[tuple[Any, Any]]:
    """Yield the row numbers and the batch of each batch of a loader.

    Without `rows`, the items of a DataLoader's data set are read in their order, whatever the loader does:
    it may shuffle, repeat items, or drop the last batch. Of several processes each reads every size-th batch,
    so that batches are those of one process, and as many as the others.

    Parameters
    ----------
    loader
        A DataLoader, or anything that gives batches.
    rows
        Where a batch has the row numbers of its items: a position, a key, or a function of the batch.
    items
        Number of items of the split.
    ranks
        Place of this process among several.

    Raises
    ------
    InputError
        A loader whose row numbers are unknown; a data set with another number of items than the split.
    """
    if rows is not None:
        for batch in loader:
            yield (rows(batch) if callable(rows) else batch[rows]), batch
        return
    data = map_style(loader)
    if data is None:
        check_loader(loader)
        yield from _counted(loader, ranks)
        return
    check_subset(loader)
    check_sampler(loader)
    if len(data) != items:
        message = (
            f"the data set has {count_text(len(data), 'item')} and the run {items:,}; give the data set of "
            "the labels, or begin the run with a label for each of its items"
        )
        raise InputError(message)
    order = Order(len(data), batch_size(loader), ranks)
    for start, batch in zip(order.starts, _ordered(loader, order), strict=True):
        yield np.arange(start, min(start + order.batch_size, order.items)), batch


def in_order(loader: Any) -> Any:
    """Return a loader that gives the items of a loader's data set in their order, whatever its sampler is.

    A loader without a data set that has numbered items is returned as it is.

    Raises
    ------
    InputError
        No loader, a list of loaders, a sampler that selects a part of the data set.
    """
    check_loader(loader)
    data = map_style(loader)
    if data is not None:
        check_subset(loader)
    return loader if data is None else _ordered(loader, Order(len(data), batch_size(loader), None))


def batch_size(loader: Any) -> int:
    """Return the number of items of a loader's batches."""
    found = getattr(loader, "batch_size", None) or getattr(loader.batch_sampler, "batch_size", None)
    return int(found or _BATCH_SIZE)


def map_style(loader: Any) -> Any:
    """Return the data set of a DataLoader that asks for items by their numbers; None for a stream."""
    from torch.utils.data import DataLoader, IterableDataset

    if not isinstance(loader, DataLoader) or loader.batch_sampler is None:
        return None
    return None if isinstance(loader.dataset, IterableDataset) else loader.dataset


def _ordered(loader: Any, order: Order) -> Any:
    """Return a loader of the same data set whose batches are those of an order.

    It has its own generator, and its own processes, so the other one's random states stay as they are.
    """
    import torch
    from torch.utils.data import DataLoader

    options = {name: getattr(loader, name) for name in _OPTIONS}
    return DataLoader(
        loader.dataset, batch_sampler=order, generator=torch.Generator().manual_seed(0), **options
    )


def _counted(loader: Iterable[Any], ranks: Ranks | None) -> Iterator[tuple[Any, Any]]:
    """Yield batches that come in the order of the labels, numbered from 0 on."""
    if ranks is not None:
        message = (
            f"{type(loader).__name__} gives items in an order that is unknown where several processes read; "
            "let it return row numbers, and say where they stand in a batch by rows="
        )
        raise InputError(message)
    start = 0
    for batch in loader:
        count = count_of(batch)
        yield np.arange(start, start + count), batch
        start += count


def count_of(batch: Any) -> int:
    """Return the number of items of a batch."""
    while isinstance(batch, tuple | list | Mapping):
        batch = next(iter(batch.values())) if isinstance(batch, Mapping) else batch[0]
    return len(batch)


@contextmanager
def kept(loaders: Iterable[Any], devices: Sequence[torch.device] = ()) -> Iterator[None]:
    """Restore all random states at the end, also those of loaders, their samplers, data sets and workers.

    Parameters
    ----------
    loaders
        Loaders that are read meanwhile; their counters are restored too.
    devices
        CUDA devices whose random states are restored.
    """
    import torch

    loaders = list(loaders)
    holders = {id(one): one for loader in loaders for one in _holders(loader)}.values()
    generators = [one for holder in holders for one in _generators(holder)]
    states = [(generator, generator.get_state()) for generator in generators]
    counts = [
        (holder, name, vars(holder)[name])
        for holder in holders
        for name in _COUNTS
        if isinstance(getattr(holder, "__dict__", {}).get(name), int)
    ]
    # Persistent workers have random states of their own, so others read meanwhile.
    plain = {id(one): one for one in (getattr(loader, "base_dataloader", loader) for loader in loaders)}
    workers = [(one, one._iterator) for one in plain.values() if getattr(one, "_iterator", None) is not None]
    python, numbers = random.getstate(), np.random.get_state()  # noqa: NPY002 - the state of others is kept
    try:
        for loader, _ in workers:
            loader._iterator = None
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        for loader, iterator in workers:
            loader._iterator = iterator
        for generator, state in states:
            generator.set_state(state)
        for holder, name, count in counts:
            setattr(holder, name, count)
        random.setstate(python)
        np.random.set_state(numbers)  # noqa: NPY002


def _holders(loader: Any) -> Iterator[Any]:
    """Yield a loader, its data set, and its samplers, also those inside others."""
    yield loader
    for name in ("dataset", "sampler", "batch_sampler"):
        inner = getattr(loader, name, None)
        if inner is not None:
            yield from _holders(inner) if name != "dataset" else [inner]


def _generators(holder: Any) -> Iterator[torch.Generator]:
    import torch

    generator = getattr(holder, "generator", None)
    if isinstance(generator, torch.Generator):
        yield generator
