"""How a space collapses: within classes, in its class means, in its dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.lazy import attached

if TYPE_CHECKING:
    from embedlens.analysis.collapse import dimension, moments, neural, scores
    from embedlens.analysis.collapse.dimension import IntrinsicDimension, intrinsic_dimension
    from embedlens.analysis.collapse.moments import ClassMoments, class_moments
    from embedlens.analysis.collapse.neural import NeuralCollapse, neural_collapse
    from embedlens.analysis.collapse.scores import collapse_scores

__all__ = [
    "ClassMoments",
    "IntrinsicDimension",
    "NeuralCollapse",
    "class_moments",
    "collapse_scores",
    "dimension",
    "intrinsic_dimension",
    "moments",
    "neural",
    "neural_collapse",
    "scores",
]

__getattr__, __dir__ = attached(
    __name__,
    __all__,
    {
        "dimension": ["IntrinsicDimension", "intrinsic_dimension"],
        "moments": ["ClassMoments", "class_moments"],
        "neural": ["NeuralCollapse", "neural_collapse"],
        "scores": ["collapse_scores"],
    },
)
