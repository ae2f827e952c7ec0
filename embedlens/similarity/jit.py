"""Loops that numba compiles when they are first called; until then it is not loaded."""

from __future__ import annotations

import functools
from functools import partial
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")


def compiled(function: F) -> F:
    """Compile a function that releases the GIL; the machine code is kept on disk where that is possible.

    Arithmetic stays IEEE arithmetic in the order written: no fast-math, no fused multiply-add.
    """
    return cast("F", _Loop(function, partial(_compiled, fastmath=False)))


def compiled_loosely(function: F) -> F:
    """Compile a function whose sums may be taken in any order: only for screening, whose bound allows it."""
    return cast("F", _Loop(function, partial(_compiled, fastmath={"reassoc", "contract"})))


class _Loop:
    """A loop that is compiled when it is first called, by its plain function and what compiles it."""

    def __init__(self, function: Callable[..., Any], compiler: Callable[[Any], Any]) -> None:
        functools.update_wrapper(self, function)
        self._function, self._compiler, self._made = function, compiler, None

    def __call__(self, *arguments: Any) -> Any:
        """Run the loop."""
        made = self._made
        return (self.made() if made is None else made)(*arguments)

    def made(self) -> Any:
        """Return the compiled function; loops that it calls are replaced by theirs, which numba looks for."""
        with _ONE_AT_A_TIME:
            if self._made is None:
                names = self._function.__globals__
                for name in self._function.__code__.co_names:
                    if isinstance(called := names.get(name), _Loop):
                        names[name] = called.made()
                self._made = self._compiler(self._function)
            return self._made


_ONE_AT_A_TIME = RLock()


def _compiled(function: Any, *, fastmath: bool | set[str]) -> Any:
    from embedlens.similarity.compilation import compile_loop

    return compile_loop(function, fastmath=fastmath)


def _larger(a: Any, b: Any) -> Any:
    return a if a > b else b


def _intrinsic(_: Any) -> Any:
    from embedlens.similarity import compilation

    return compilation.larger


larger: Any = _Loop(_larger, _intrinsic)
"""The larger of two float32 numbers in compiled loops: `max` respects NaN, and is not vectorised."""
