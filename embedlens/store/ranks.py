"""Processes that record one run together, each its own rows: their ranks, and what they say to each other."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Ranks:
    """The place of this process among those that record one run together.

    Parameters
    ----------
    rank
        Number of this process, from 0 to size - 1.
    size
        Number of processes.
    job
        Text that all processes of one job share and no other job has, e.g. the number that a cluster gives
        it. Rows that an earlier job left are recognised by it.
    uses_torch
        Whether the processes wait for each other by torch.distributed, as `of_torch` sets.
    gathers
        Whether process 0 alone writes, and others send it their rows; needs `uses_torch`.

    Raises
    ------
    InputError
        A rank that is not among the processes, or no job.
    """

    rank: int
    size: int
    job: str
    uses_torch: bool = False
    gathers: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.size:
            message = f"rank {self.rank} of {self.size} processes; ranks are from 0 to size - 1"
            raise InputError(message)
        if not self.job:
            message = "job is empty; give text that the processes of this job share and no other job has"
            raise InputError(message)

    @classmethod
    def of_torch(cls, *, gather: bool = False) -> Ranks:
        """Return the place of this process in the default group of torch.distributed.

        All processes of the group call this, and then make the same calls of their recorders.

        Parameters
        ----------
        gather
            Whether rows are sent to process 0, which alone writes: for processes without a shared disk.

        Raises
        ------
        InputError
            The group has not been made.
        """
        import torch.distributed as dist

        if not (dist.is_available() and dist.is_initialized()):
            message = "torch.distributed has no process group; call init_process_group() first"
            raise InputError(message)
        box = [uuid.uuid4().hex]
        dist.broadcast_object_list(box, src=0)
        return cls(dist.get_rank(), dist.get_world_size(), box[0], uses_torch=True, gathers=gather)

    @property
    def leads(self) -> bool:
        """Whether this is process 0."""
        return self.rank == 0

    @property
    def digest(self) -> str:
        """Eight hexadecimal digits that stand for the job in file names."""
        return hashlib.sha256(self.job.encode()).hexdigest()[:8]

    def led(self, action: Callable[[], Any]) -> Any:
        """Run an action in process 0 and return its result in all; an `InputError` is raised in all."""
        result, refusal = None, None
        if self.leads:
            try:
                result = action()
            except InputError as error:
                refusal = error
        text, result = self.broadcast((refusal and str(refusal), result))
        if text is not None:
            raise refusal or InputError(text)
        return result

    def broadcast(self, value: Any) -> Any:
        """Return the value of process 0."""
        import torch.distributed as dist

        box = [value]
        dist.broadcast_object_list(box, src=0)
        return box[0]

    def gather(self, value: Any) -> list[Any]:
        """Return the values of all processes in process 0, and [] elsewhere."""
        import torch.distributed as dist

        values = [None] * self.size if self.leads else None
        dist.gather_object(value, values, dst=0)
        return values or []
