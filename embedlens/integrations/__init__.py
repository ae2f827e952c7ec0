"""Recording from the training loops of other libraries; each module loads its library when used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.lazy import attached

if TYPE_CHECKING:
    from embedlens.integrations.keras import KerasEmbeddingCallback
    from embedlens.integrations.lightning import EmbeddingRecorder
    from embedlens.integrations.plain_torch import record_embeddings
    from embedlens.integrations.pytorch_metric_learning import MetricLearningHooks
    from embedlens.integrations.sentence_transformers import EmbeddingEvaluator
    from embedlens.integrations.transformers import TrainerEmbeddingCallback

__all__ = [
    "EmbeddingEvaluator", "EmbeddingRecorder", "KerasEmbeddingCallback", "MetricLearningHooks",
    "TrainerEmbeddingCallback", "record_embeddings",
]  # fmt: skip

_LAZY = {
    "keras": ["KerasEmbeddingCallback"],
    "lightning": ["EmbeddingRecorder"],
    "plain_torch": ["record_embeddings"],
    "pytorch_metric_learning": ["MetricLearningHooks"],
    "sentence_transformers": ["EmbeddingEvaluator"],
    "transformers": ["TrainerEmbeddingCallback"],
}

__getattr__, __dir__ = attached(__name__, __all__, _LAZY)
