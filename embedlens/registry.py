"""Registry of losses, miners, samplers, data sets, backbones and methods by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from embedlens.errors import unknown

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Registry(Generic[T]):
    """Names and what they stand for: losses, data sets, methods.

    Parameters
    ----------
    kind
        What is registered, in the singular; it stands in error messages.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, T] = {}

    def __repr__(self) -> str:
        return f"Registry({self.kind!r}: {', '.join(self.names())})"

    def register(self, name: str) -> Callable[[T], T]:
        """Return a decorator that enters its object under `name`; a second entry raises `ValueError`."""

        def enter(entry: T) -> T:
            if name in self._entries:
                message = f"{self.kind} {name!r} is registered twice"
                raise ValueError(message)
            self._entries[name] = entry
            return entry

        return enter

    def get(self, name: str) -> T:
        """Return the entry called `name`; an unknown name raises `InputError` with the choices."""
        if name not in self._entries:
            raise unknown(name, self.kind, self.names())
        return self._entries[name]

    def names(self) -> list[str]:
        """Return all names, sorted."""
        return sorted(self._entries)
