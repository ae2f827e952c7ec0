"""The command that follows single triplets."""

from __future__ import annotations


def trajectory() -> None:
    """Not built yet."""
    raise NotImplementedError
