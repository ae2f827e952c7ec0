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
    """What is to be read for one batch.

    Attributes
    ----------
    rows
        int64 [n]: the items that this process reads.
    draw
        Where their random changes are drawn from; None: they are not changed.
    batch
        int64 [B]: the items of the whole batch, of which `rows` are those of this process; None: these.
    learner
        Which part of the network learns from it; None: the whole.
    """

    rows: NDArray[np.int64]
    draw: Draw | None = None
    batch: NDArray[np.int64] | None = None
    learner: int | None = None


class _Reader(Dataset[Any]):
    """Answers requests; runs in a worker, and hands errors over as they are."""

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
    """Give each request, in order, with what was read for it.

    Parameters
    ----------
    inputs
        The split.
    requests
        What is to be read; with workers they are requested ahead.
    workers
        Processes that read; 0, or whenever the split is in memory: this one.

    Raises
    ------
    InputError
        Whatever reading an item raises.
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
            generator=torch.Generator(),  # the global one belongs to the steps of training
        )
    for request, raw in answers:
        if isinstance(raw, InputError):
            raise raw
        yield request, raw


def read_batches(
    inputs: Inputs, requests: Iterable[Request], device: torch.device, *, workers: int
) -> Iterator[tuple[Request, torch.Tensor]]:
    """Give each request, in order, with what the network takes for it, on the device.

    As `read_raw`, and raises what it raises.
    """
    for request, raw in read_raw(inputs, requests, workers=workers):
        yield request, inputs.prepare(raw.to(device), request.draw)


def blocks(rows: NDArray[np.int64], size: int) -> Iterator[Request]:
    """Give requests for rows in their order, so many at a time, not changed at random."""
    for start in range(0, rows.size, size):
        yield Request(rows[start : start + size])


def _as_it_is(answer: Any) -> Any:
    return answer
