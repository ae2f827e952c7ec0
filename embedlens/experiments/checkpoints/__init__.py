"""Runs of embeddings by the checkpoints of a training that has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.lazy import attached

if TYPE_CHECKING:
    from embedlens.experiments.checkpoints.embedding import EmbeddingProgress, embed_checkpoints
    from embedlens.experiments.checkpoints.files import Checkpoint, find_checkpoints
    from embedlens.experiments.checkpoints.items import ImageChoice

__all__ = ["Checkpoint", "EmbeddingProgress", "ImageChoice", "embed_checkpoints", "find_checkpoints"]

__getattr__, __dir__ = attached(
    __name__, __all__,
    {
        "embedding": ["EmbeddingProgress", "embed_checkpoints"],
        "files": ["Checkpoint", "find_checkpoints"],
        "items": ["ImageChoice"],
    },
)  # fmt: skip
