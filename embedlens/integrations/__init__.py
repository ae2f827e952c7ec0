"""Recording from the training loops of other libraries; each module loads its library when used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.lazy import attached

if TYPE_CHECKING:
    from embedlens.integrations.lightning import EmbeddingRecorder
    from embedlens.integrations.plain_torch import record_embeddings

__all__ = ["EmbeddingRecorder", "record_embeddings"]

_LAZY = {"lightning": ["EmbeddingRecorder"], "plain_torch": ["record_embeddings"]}

__getattr__, __dir__ = attached(__name__, __all__, _LAZY)
