"""Thread pool over blocks of rows, with one thread of each library of products in each thread."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from embedlens.processes import available_processors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

T = TypeVar("T")


def spans(n: int, step: int) -> list[slice]:
    """Return consecutive slices of about `step` that cover n rows."""
    return [slice(start, min(start + step, n)) for start in range(0, n, step)]


def thread_count() -> int:
    """Return how many threads compute: as many as torch uses, where it is loaded.

    Elsewhere ``OMP_NUM_THREADS``, as torch takes it, or the processors that this process may use.
    """
    if (torch := _loaded_torch()) is not None:
        return int(torch.get_num_threads())
    named = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(named) if named.isdecimal() and int(named) else available_processors()


def in_parallel(function: Callable[[T], object], items: Iterable[T]) -> None:
    """Call the function with every item, from `thread_count` threads; the first error is raised.

    Compiled loops and products release the interpreter's lock. Products take one thread inside: they and
    reductions overlap, and none waits for the slowest.
    """
    work: Sequence[T] = list(items)
    threads = min(thread_count(), len(work))
    if threads <= 1:
        for item in work:
            function(item)
        return
    with _single_products() as begin, ThreadPoolExecutor(threads, initializer=begin) as pool:
        for _ in pool.map(function, work):
            pass


@contextmanager
def one_thread() -> Iterator[None]:
    """Set torch to one thread: for small batches, whose sums then depend on no number of threads.

    Waiting for other threads would take longer than the work.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _single_products() -> Iterator[Callable[[], None]]:
    """Have products of numpy and torch take one thread; yield what each thread calls first."""
    torch = _loaded_torch()
    before = torch.get_num_threads() if torch is not None else 0
    try:
        with _blas().limit(limits=1):
            yield (lambda: torch.set_num_threads(1)) if torch is not None else (lambda: None)
    finally:
        if torch is not None:
            torch.set_num_threads(before)


@cache
def _blas() -> Any:
    """Return what sets the threads of the library that numpy multiplies with."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")


def _loaded_torch() -> Any:
    """Return torch where it is loaded; it takes a second to load, and small matrices do without."""
    torch = sys.modules.get("torch")
    return torch if hasattr(torch, "set_num_threads") else None


@contextmanager
def full_precision() -> Iterator[None]:
    """Sum products in float32 inside the context, whatever torch is set to: screening bounds assume it."""
    if (torch := _loaded_torch()) is None:
        yield
        return
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
