"""The command that joins runs into one of concatenated embeddings."""

from __future__ import annotations


def concat() -> None:
    """Not built yet."""
    raise NotImplementedError
