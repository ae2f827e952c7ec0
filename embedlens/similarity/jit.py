"""Compiles the loops that numpy and torch cannot fuse; the only place that knows numba."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

import numba

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")


def compiled(function: F) -> F:
    """Compile a function that releases the GIL; the machine code is kept on disk where that is possible.

    Arithmetic stays IEEE arithmetic in the order written: no fast-math, no fused multiply-add.
    """
    return _compile(function, fastmath=False)


def compiled_loosely(function: F) -> F:
    """Compile a function whose sums may be taken in any order: only for screening, whose bound allows it."""
    return _compile(function, fastmath={"reassoc", "contract"})


def _compile(function: F, *, fastmath: bool | set[str]) -> F:
    try:
        return cast("F", numba.njit(nogil=True, cache=True, fastmath=fastmath)(function))
    except RuntimeError:  # no folder that may be written to: compiled anew in every process
        return cast("F", numba.njit(nogil=True, fastmath=fastmath)(function))
