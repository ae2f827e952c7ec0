"""Commands that look at singular values and components."""

from __future__ import annotations


def spectrum() -> None:
    """Not built yet."""
    raise NotImplementedError


def components() -> None:
    """Not built yet."""
    raise NotImplementedError
