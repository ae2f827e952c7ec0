"""What takes long, said to whoever listens: the command line shows it on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_listeners: list[Callable[[str], None]] = []
_said: set[str] = set()


def listen(listener: Callable[[str], None]) -> None:
    """Call a function with every notice from now on."""
    _listeners.append(listener)


def notify(text: str) -> None:
    """Say to the listeners what takes long now, each text once per process."""
    if text not in _said:
        _said.add(text)
        for listener in _listeners:
            listener(text)
