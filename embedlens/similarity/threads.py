"""Thread pool over blocks of rows, with one torch thread in each thread."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

T = TypeVar("T")


def spans(n: int, step: int) -> list[slice]:
    """Return consecutive slices of about `step` that cover n rows."""
    return [slice(start, min(start + step, n)) for start in range(0, n, step)]


def in_parallel(function: Callable[[T], object], items: Iterable[T]) -> None:
    """Call the function with every item, from as many threads as torch uses; the first error is raised.

    Compiled loops and torch's products release the interpreter's lock. Torch's number of threads is one
    inside, and afterwards what it was.
    """
    work: Sequence[T] = list(items)
    threads = min(torch.get_num_threads(), len(work))
    if threads <= 1:
        for item in work:
            function(item)
        return
    before = torch.get_num_threads()
    try:
        # One thread of torch in each of ours: products and reductions overlap, and none waits for the
        # slowest.
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            for _ in pool.map(function, work):
                pass
    finally:
        torch.set_num_threads(before)


@contextmanager
def full_precision() -> Iterator[None]:
    """Sum products in float32 inside the context, whatever torch is set to: screening bounds assume it."""
    before = torch.get_float32_matmul_precision()
    cuda = torch.backends.cuda.matmul
    reduced = cuda.allow_bf16_reduced_precision_reduction
    torch.set_float32_matmul_precision("highest")
    cuda.allow_bf16_reduced_precision_reduction = False
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
        cuda.allow_bf16_reduced_precision_reduction = reduced
