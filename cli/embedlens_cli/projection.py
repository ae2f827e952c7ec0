"""The command that draws maps."""

from __future__ import annotations


def tsne() -> None:
    """Not built yet."""
    raise NotImplementedError
