"""Machine code of loops by numba, with a cache on disk; the only module that imports numba."""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from contextlib import suppress
from typing import Any

import numba
from numba.core.caching import FunctionCache
from numba.extending import intrinsic

from embedlens.errors import InputWarning
from embedlens.notices import notify
from embedlens.similarity.kept import cache_folder


def _larger(_context: Any, _a: Any, _b: Any) -> Any:
    """Compile to one compare and select that the vectoriser knows as a maximum; neither number is a NaN."""
    flags = ("nnan", "nsz")

    def generate(_target: Any, builder: Any, _signature: Any, values: Any) -> Any:
        above = builder.fcmp_ordered(">", *values, flags=flags)
        return builder.select(above, *values, flags=flags)

    return numba.float32(numba.float32, numba.float32), generate


larger = intrinsic(_larger)


class _SafeCache(FunctionCache):
    """numba's cache of one function; a fault of the cache costs time, never a result.

    A file that is cut, damaged or cannot be read counts as not there, and is written again; one that cannot
    be written (a full disk, a folder of another user) leaves the machine code in memory. The first fault of
    a process is reported.
    """

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the machine code for a signature, or None where the cache has none that can be used."""
        _load_functions_of_numpy()
        try:
            kept = super().load_overload(sig, target_context)  # type: ignore[no-untyped-call]
            if kept is None:
                notify("compiling loops for this machine, once; it takes about 10 seconds")
            return kept
        except Exception as error:  # unpickling a damaged file fails with any exception
            _warn_once(f"the cache of compiled loops in {self.cache_path} is damaged", error)
            with suppress(Exception):
                self.flush()  # type: ignore[no-untyped-call]
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep the machine code for a signature, where that is possible."""
        try:
            super().save_overload(sig, data)  # type: ignore[no-untyped-call]
        except Exception as error:
            _warn_once(f"compiled loops cannot be kept in {self.cache_path}", error)


def _load_functions_of_numpy() -> None:
    """Load what numba knows of numpy without scipy's BLAS, which it looks for and our loops do not use.

    That saves 0.1 s of each process. Products in compiled loops of others ask for it themselves.
    """
    if "numba.np.arraymath" in sys.modules:
        return
    with suppress(ImportError, AttributeError):  # another version of numba: it looks for it
        products: Any = importlib.import_module("numba.np.linalg")
        look = products.ensure_blas
        products.ensure_blas = lambda: None
        try:
            importlib.import_module("numba.np.arraymath")
        finally:
            products.ensure_blas = look


_warned: list[str] = []


def _warn_once(what: str, error: Exception) -> None:
    """Report the first fault of the cache; the ones after it have the same cause as a rule."""
    if _warned:
        return
    _warned.append(what)
    reason = getattr(error, "strerror", None) or type(error).__name__
    message = f"{what} ({reason}); loops are compiled again, which takes some seconds"
    warnings.warn(message, InputWarning, stacklevel=2)


def compile_loop(function: Any, *, fastmath: bool | set[str]) -> Any:
    """Compile, with a cache outside the package: an uninstaller would leave files that it does not know."""
    made: Any = numba.njit(nogil=True, fastmath=fastmath)(function)
    cache: Any = _SafeCache
    config: Any = numba.config
    kept = config.CACHE_DIR
    try:
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError
        config.CACHE_DIR = kept or str(folder)
        made._cache = cache(function)
    except (OSError, RuntimeError):  # no folder that may be written to: compiled anew in every process
        pass
    finally:
        config.CACHE_DIR = kept
    return made
