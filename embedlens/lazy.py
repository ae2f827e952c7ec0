"""Packages whose names and modules are loaded when they are first used (PEP 562)."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence


def attached(
    package: str, public: Sequence[str], names: Mapping[str, Iterable[str]] | None = None
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` of a package that loads nothing until it is needed.

    Parameters
    ----------
    package
        Its name.
    public
        Its public names (`__all__`): modules of the package, and what `names` says of others.
    names
        Module of the package, or path of another one -> the public names that it holds.
    """
    homes = {name: module for module, several in (names or {}).items() for name in several}

    def load(name: str) -> object:
        if name in homes:
            home = homes[name]
            module = home if home.startswith("embedlens.") else f"{package}.{home}"
            return getattr(importlib.import_module(module), name)
        if name in public:
            return importlib.import_module(f"{package}.{name}")
        message = f"module {package!r} has no attribute {name!r}"
        raise AttributeError(message)

    def listed() -> list[str]:
        return sorted({*vars(sys.modules[package]), *public})

    return load, listed
