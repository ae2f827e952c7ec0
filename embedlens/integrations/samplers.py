"""Samplers of loaders: the order in which data sets are recorded, and samplers that are refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError, count_text, warn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedlens.store.ranks import Ranks


class Order:
    """The batches that one of several processes reads, as a batch sampler.

    All processes have equally many, so that a network whose parts lie in several processes is called equally
    often; the last one is read twice where they would not.
    """

    def __init__(self, items: int, size: int, ranks: Ranks | None) -> None:
        self.items, self.batch_size = items, size
        starts = list(range(0, items, size))
        if ranks is not None:
            n = -(-len(starts) // ranks.size)
            starts = (starts[ranks.rank :: ranks.size] + starts[-1:])[:n]
        self.starts = starts

    def __iter__(self) -> Iterator[list[int]]:
        for start in self.starts:
            yield list(range(start, min(start + self.batch_size, self.items)))

    def __len__(self) -> int:
        return len(self.starts)


def check_loader(loader: Any) -> None:
    """Refuse a data set, whose items would be taken for batches, and several loaders for one split.

    Parameters
    ----------
    loader
        What is given for one split.
    """
    from torch.utils.data import DataLoader, Dataset

    name = type(loader).__name__
    if isinstance(loader, Dataset):
        message = f"{name} is a data set; give a loader of it, DataLoader(data, batch_size=256)"
        raise InputError(message)
    inner = list(loader.values()) if isinstance(loader, Mapping) else loader
    if isinstance(inner, list | tuple) and any(isinstance(one, DataLoader) for one in inner):
        message = f"a {name} of {count_text(len(inner), 'loader')}; give one loader for each split"
        raise InputError(message)
    if not hasattr(loader, "__iter__") and not hasattr(loader, "__getitem__"):
        message = f"{name} is no loader; give DataLoader(data, batch_size=256)"
        raise InputError(message)


def check_subset(loader: Any) -> None:
    """Refuse a sampler that selects a part of the data set, since the data set is recorded as a whole.

    A sampler that draws fewer items than there are, of any, is a warning.
    """
    from torch.utils.data import DistributedSampler, SubsetRandomSampler

    data, sampler = loader.dataset, _sampler(loader)
    if sampler is None or isinstance(sampler, Order):
        return
    name = type(sampler).__name__
    chosen = getattr(sampler, "indices", None)
    if isinstance(sampler, DistributedSampler):  # the samplers of a process, also around another one
        chosen, drawn = None, sampler.dataset
    else:
        drawn = sampler
    counted: Any = chosen if hasattr(chosen, "__len__") else drawn
    n_drawn = len(counted) if hasattr(counted, "__len__") else len(data)
    if n_drawn >= len(data):
        return
    if chosen is not None or isinstance(sampler, SubsetRandomSampler | DistributedSampler):
        message = (
            f"{name} selects {n_drawn:,} of the {len(data):,} items of the data set; give a loader of "
            "torch.utils.data.Subset(data, indices), without sampler"
        )
        raise InputError(message)
    warn(
        f"{name} draws {n_drawn:,} of the {len(data):,} items of the data set, and all are recorded; for a "
        "part of them give a loader of torch.utils.data.Subset(data, indices)"
    )


def _sampler(loader: Any) -> Any:
    """Return the sampler of items inside those that others wrap around it; None: batches have no sampler."""
    sampler = loader.batch_sampler
    while hasattr(sampler, "batch_sampler"):  # Accelerate and Lightning wrap it
        sampler = sampler.batch_sampler
    return sampler if isinstance(sampler, Order) else getattr(sampler, "sampler", None)


def check_sampler(loader: Any) -> None:
    """Refuse a sampler whose order the labels may have."""
    from torch.utils.data import DistributedSampler, RandomSampler, SequentialSampler

    sampler = _sampler(loader)
    sampler = loader.batch_sampler if sampler is None else sampler
    if not isinstance(sampler, Order | SequentialSampler | RandomSampler | DistributedSampler):
        message = (
            f"the loader draws items by {type(sampler).__name__}, so their row numbers are unknown; let the "
            "data set return them, and say where they stand in a batch by rows="
        )
        raise InputError(message)
