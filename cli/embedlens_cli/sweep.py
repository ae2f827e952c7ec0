"""The command that trains a grid of runs and compares them."""

from __future__ import annotations


def sweep() -> None:
    """Not built yet."""
    raise NotImplementedError
