"""Batch loading by this process or by workers, with the same result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DataLoader, Dataset

from embedlens.errors import InputError
from embedlens.results import Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from embedlens.training.inputs import Inputs
    from embedlens.training.streams import Draw


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Request(Result):
    """Items to read for one batch.

    Attributes
    ----------
    rows
        int64 [n]: the items that this process reads.
    draw
        Random streams of their augmentation; None: no augmentation.
    batch
        int64 [B]: the items of the whole batch, of which `rows` are those of this process; None: these.
    learner
        Number of the learner that is trained on it; None: the whole network.
    """

    rows: NDArray[np.int64]
    draw: Draw | None = None
    batch: NDArray[np.int64] | None = None
    learner: int | None = None


class _Reader(Dataset[Any]):
    """Reads requests, possibly in a worker, and returns errors instead of raising them."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs

    def __getitem__(self, request: Request) -> tuple[Request, torch.Tensor | InputError]:
        try:
            return request, self._inputs.read(request.rows, request.draw)
        except InputError as error:
            return request, error


def read_raw(
    inputs: Inputs, requests: Iterable[Request], *, workers: int
) -> Iterator[tuple[Request, torch.Tensor]]:
    """Yield each request, in order, with the items read for it.

    Parameters
    ----------
    inputs
        The split.
    requests
        Requests; with workers they are read in advance.
    workers
        Number of processes that read; 0, or a split in memory: this process.

    Raises
    ------
    InputError
        An item that cannot be read.
    """
    reader = _Reader(inputs)
    answers: Iterable[Any] = (reader[request] for request in requests)
    if workers and not inputs.in_memory:
        answers = DataLoader(
            reader,
            sampler=requests,
            batch_size=None,
            num_workers=workers,
            collate_fn=_as_it_is,
            generator=torch.Generator(),  # the global one is that of the training steps, and must not advance
        )
    for request, raw in answers:
        if isinstance(raw, InputError):
            raise raw
        yield request, raw


def read_batches(
    inputs: Inputs, requests: Iterable[Request], device: torch.device, *, workers: int
) -> Iterator[tuple[Request, torch.Tensor]]:
    """Yield each request, in order, with the input of the network for it, on the device.

    Parameters and errors are those of `read_raw`.
    """
    for request, raw in read_raw(inputs, requests, workers=workers):
        yield request, inputs.prepare(raw.to(device), request.draw)


def blocks(rows: NDArray[np.int64], size: int) -> Iterator[Request]:
    """Yield requests for rows in order, `size` at a time, without augmentation."""
    for start in range(0, rows.size, size):
        yield Request(rows[start : start + size])


def _as_it_is(answer: Any) -> Any:
    return answer
