"""The command that prunes dimensions."""

from __future__ import annotations


def pca_prune() -> None:
    """Not built yet."""
    raise NotImplementedError
