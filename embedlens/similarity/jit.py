"""Compiles the loops that numpy and torch cannot fuse; the only place that knows numba."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numba
from numba.extending import intrinsic

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


def _larger(_context: Any, _a: Any, _b: Any) -> Any:
    """Compile to one compare and select that the vectoriser knows as a maximum; neither number is a NaN."""
    flags = ("nnan", "nsz")

    def generate(_target: Any, builder: Any, _signature: Any, values: Any) -> Any:
        above = builder.fcmp_ordered(">", *values, flags=flags)
        return builder.select(above, *values, flags=flags)

    return numba.float32(numba.float32, numba.float32), generate


larger: Any = intrinsic(_larger)
"""The larger of two float32 numbers, in compiled loops: `max` obeys NaN there, and is not vectorised."""


def cache_folder() -> Path:
    """Return where machine code is kept: ``embedlens`` in the user's folder for caches."""
    named = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(named) if named else Path("~/.cache").expanduser()) / "embedlens"


def _compile(function: F, *, fastmath: bool | set[str]) -> F:
    """Compile, with a cache outside the package: an uninstaller would leave files that it does not know."""
    config: Any = numba.config
    kept = config.CACHE_DIR
    try:
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError
        config.CACHE_DIR = kept or str(folder)
        return cast("F", numba.njit(nogil=True, cache=True, fastmath=fastmath)(function))
    except (OSError, RuntimeError):  # no folder that may be written to: compiled anew in every process
        return cast("F", numba.njit(nogil=True, fastmath=fastmath)(function))
    finally:
        config.CACHE_DIR = kept
