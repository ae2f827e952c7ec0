"""Distributed training of one run by torchrun: the rows of each process, gathering, broadcasting."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING, Any, TypeVar

import torch

# Imported before a group exists: its functions take the default group as a default argument when they are
# imported, and DistributedDataParallel imports it. Imported only then, it would keep the group and its
# threads alive until the process ends, and a thread that holds a tensor then aborts the process.
import torch.distributed.nn
from torch import distributed as dist

from embedlens.devices import check_device
from embedlens.errors import InputError, ReportedElsewhere

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    import numpy as np
    from numpy.typing import NDArray

T = TypeVar("T")


_TORCHRUN = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}


class Team:
    """The processes that train one run; a context manager that joins and leaves the process group.

    Every process draws the same batch, embeds its part of the rows, and computes the loss of the whole batch
    from the gathered embeddings. So the batch size does not depend on the number of processes.

    Parameters
    ----------
    device
        "cpu" (gloo) or "cuda" (nccl).
    rank
        Number of this process; 0 records and reports.
    size
        Number of processes.

    Attributes
    ----------
    device
        Device of this process.
    """

    def __init__(self, device: str | torch.device = "cpu", *, rank: int = 0, size: int = 1) -> None:
        self.device = torch.device(device)
        self.rank = rank
        self.size = size

    @classmethod
    def of_torchrun(cls, device: str = "cpu") -> Team:
        """Return the team of this process from the environment of torchrun; without it a team of one.

        Raises
        ------
        InputError
            More processes on a machine than GPUs, or a device that is unknown or not available.
        """
        check_device(device)
        rank, size, local = (int(os.environ.get(name, default)) for name, default in _TORCHRUN.items())
        if size == 1 or device != "cuda":
            return cls(device, rank=rank, size=size)
        there = torch.cuda.device_count()
        if local >= there:
            message = f"process {local} of this machine has no GPU of its own; there are {there}"
            raise InputError(message)
        return cls(torch.device("cuda", local), rank=rank, size=size)

    def __enter__(self) -> Team:
        if self.size > 1 and not dist.is_initialized():
            if self.device.type == "cuda":
                torch.cuda.set_device(self.device)
            dist.init_process_group("nccl" if self.device.type == "cuda" else "gloo")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.size > 1 and dist.is_initialized():
            # A thread of the group that holds a tensor while Python ends aborts the process. The threads end
            # with the last reference to the group; cycles around DistributedDataParallel hold one.
            gc.collect()
            dist.destroy_process_group()

    @property
    def leads(self) -> bool:
        """Whether this process records and reports."""
        return self.rank == 0

    def rows_of(self, rows: int, rank: int | None = None) -> slice:
        """Return the rows of a process (by default this one); the first processes take one more."""
        rank = self.rank if rank is None else rank
        each, over = divmod(rows, self.size)
        start = rank * each + min(rank, over)
        return slice(start, start + each + (rank < over))

    def gather(self, own: torch.Tensor, rows: int) -> torch.Tensor:
        """Return the rows [rows, ...] of all processes, in order, from those of each; differentiable."""
        if self.size == 1:
            return own
        padded = own.new_zeros(-(-rows // self.size), *own.shape[1:])
        padded = torch.cat([own, padded[len(own) :]])
        parts: list[torch.Tensor] = list(_Gather.apply(padded, self.rank, self.size))  # type: ignore[no-untyped-call]
        spans = (self.rows_of(rows, rank) for rank in range(self.size))
        return torch.cat([part[: took.stop - took.start] for part, took in zip(parts, spans, strict=True)])

    def collect(self, own: NDArray[np.float32], rows: int) -> NDArray[np.float32]:
        """Return the rows [rows, D] of all processes, in order, from those of each, [n, D]."""
        if self.size == 1:
            return own
        with torch.no_grad():
            return self.gather(torch.from_numpy(own).to(self.device), rows).cpu().numpy()

    def average_gradients(self, module: torch.nn.Module) -> None:
        """Set the gradients of a module to their mean over processes, so that none drifts by rounding."""
        if self.size > 1:
            for parameter in module.parameters():
                if parameter.grad is not None:
                    dist.all_reduce(parameter.grad)
                    parameter.grad /= self.size

    def led(self, action: Callable[[], T]) -> T | None:
        """Run a function in process 0 while the others wait; return its result there, None elsewhere.

        If it raises `InputError`, the other processes raise `ReportedElsewhere`.
        """
        if self.size == 1:
            return action()
        result, refusal = None, None
        if self.leads:
            try:
                result = action()
            except InputError as error:
                refusal = error
        failed = self.broadcast(refusal is not None)
        if refusal is not None:
            raise refusal
        if failed:
            message = "process 0 reports the reason"
            raise ReportedElsewhere(message)
        return result

    def broadcast(self, value: Any) -> Any:
        """Return the value of process 0."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0)
        return box[0]


class _Gather(torch.autograd.Function):
    """Gathers equal numbers of rows; the backward pass returns the gradient of a process's own rows.

    Every process computes the gradient of the whole loss. DistributedDataParallel averages the parameter
    gradients over the processes, where their sum is needed; hence the factor `size`.
    """

    @staticmethod
    def forward(context: Any, own: torch.Tensor, rank: int, size: int) -> tuple[torch.Tensor, ...]:
        context.rank, context.size = rank, size
        parts = [torch.empty_like(own) for _ in range(size)]
        dist.all_gather(parts, own.contiguous())
        return tuple(parts)

    @staticmethod
    def backward(context: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        return gradients[context.rank] * context.size, None, None


def parallel(network: torch.nn.Module, team: Team, *, partial: bool = False) -> torch.nn.Module:
    """Return the network, wrapped in DistributedDataParallel in a team of several processes.

    `partial`: a step may leave parameters without a gradient.
    """
    if team.size == 1:
        return network
    devices = [team.device] if team.device.type == "cuda" else None
    wrapped = torch.nn.parallel.DistributedDataParallel(
        network, device_ids=devices, find_unused_parameters=partial
    )
    wrapped.register_forward_hook(lambda *_: _broadcast_buffers(network))
    return wrapped


def _broadcast_buffers(network: torch.nn.Module) -> None:
    """Copy the buffers of process 0, such as the statistics of batch norm, to all processes.

    DistributedDataParallel does so before a step; here also after it, since all processes embed what is
    recorded.
    """
    buffers = [buffer.data for buffer in network.buffers()]
    for kind in sorted({buffer.dtype for buffer in buffers}, key=str):
        alike = [buffer for buffer in buffers if buffer.dtype == kind]
        flat = torch.cat([buffer.flatten() for buffer in alike])
        dist.broadcast(flat, src=0)
        start = 0
        for buffer in alike:
            buffer.copy_(flat[start : start + buffer.numel()].view_as(buffer))
            start += buffer.numel()


def check_team(team: Team, processes: int, *, rows: int) -> None:
    """Refuse a team whose size is not that of the run, or that is too large for its batches.

    Raises
    ------
    InputError
        `processes` is not the size of the team; batches of `rows` rows leave a process fewer than two.
    """
    if team.size != processes:
        message = (
            f"the run is trained by {processes} processes, but {team.size} are here; other numbers give "
            f"other bytes, start it with: torchrun --nproc-per-node {processes} --no-python embedlens ..."
        )
        raise InputError(message)
    if rows < 2 * team.size:
        message = f"{team.size} processes share batches of {rows} rows; each needs two at least"
        raise InputError(message)
