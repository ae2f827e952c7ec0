"""Settings of torch for reproducible training."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

_filling: Any = torch.utils.deterministic


@contextmanager
def reproducible(threads: int, *, deterministic: bool) -> Iterator[None]:
    """Fix the number of threads and use deterministic kernels of torch; settings are restored at the end.

    The number of threads is fixed since sums depend on it.
    """
    _warm_up()
    threads_before = torch.get_num_threads()
    before = torch.are_deterministic_algorithms_enabled(), _filling.fill_uninitialized_memory
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)
    _filling.fill_uninitialized_memory = False  # costs time, and every value is written before it is read
    try:
        with torch.random.fork_rng():
            yield
    finally:
        torch.set_num_threads(threads_before)
        torch.use_deterministic_algorithms(before[0])
        _filling.fill_uninitialized_memory = before[1]


def _warm_up() -> None:
    """Call the functions of the vector library once from one thread.

    A first call raced by several threads gave square roots that are off by 3e-4, in one process of thirty;
    Adam takes such roots, and training would not be reproducible.
    """
    for dtype in (torch.float32, torch.float64):
        one = torch.ones(8, dtype=dtype)
        for function in (torch.sqrt, torch.exp, torch.log, torch.sin, torch.cos, torch.tanh):
            function(one)
