"""The command that compares distances to the ideal point."""

from __future__ import annotations


def distances() -> None:
    """Not built yet."""
    raise NotImplementedError
