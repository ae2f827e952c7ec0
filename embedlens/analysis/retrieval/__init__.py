"""Retrieval and clustering scores, and the geometry of classes on the sphere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.lazy import attached

if TYPE_CHECKING:
    from embedlens.analysis.retrieval import (
        class_sizes,
        clustering,
        duplicates,
        geometry,
        label_ranking,
        learners,
        neighbours,
        options,
        per_query,
    )
    from embedlens.analysis.retrieval.class_sizes import ClassSizes
    from embedlens.analysis.retrieval.clustering import (
        ClusteringScores,
        SeededScores,
        clustering_scores,
        kmeans_scores,
    )
    from embedlens.analysis.retrieval.duplicates import Duplicates, count_duplicates, first_equal
    from embedlens.analysis.retrieval.geometry import (
        ClassDistances,
        class_distances,
        mean_similarity,
        tolerance,
        uniformity,
    )
    from embedlens.analysis.retrieval.label_ranking import (
        first_labels,
        label_precision,
        mean_precision,
        winning_labels,
    )
    from embedlens.analysis.retrieval.learners import Clusters, describe_clusters
    from embedlens.analysis.retrieval.neighbours import Retrieval, recall_at_k, retrieve
    from embedlens.analysis.retrieval.options import RetrievalOptions
    from embedlens.analysis.retrieval.per_query import at_r, skewness

__all__ = [
    "ClassDistances",
    "ClassSizes",
    "ClusteringScores",
    "Clusters",
    "RetrievalOptions",
    "Duplicates",
    "Retrieval",
    "SeededScores",
    "at_r",
    "class_distances",
    "class_sizes",
    "clustering",
    "clustering_scores",
    "count_duplicates",
    "describe_clusters",
    "duplicates",
    "first_equal",
    "first_labels",
    "geometry",
    "kmeans_scores",
    "label_precision",
    "label_ranking",
    "learners",
    "mean_precision",
    "mean_similarity",
    "neighbours",
    "options",
    "per_query",
    "recall_at_k",
    "retrieve",
    "skewness",
    "tolerance",
    "uniformity",
    "winning_labels",
]

__getattr__, __dir__ = attached(
    __name__,
    __all__,
    {
        "class_sizes": ["ClassSizes"],
        "clustering": ["ClusteringScores", "clustering_scores", "SeededScores", "kmeans_scores"],
        "duplicates": ["Duplicates", "first_equal", "count_duplicates"],
        "geometry": ["ClassDistances", "class_distances", "uniformity", "mean_similarity", "tolerance"],
        "label_ranking": ["winning_labels", "label_precision", "mean_precision", "first_labels"],
        "learners": ["Clusters", "describe_clusters"],
        "neighbours": ["Retrieval", "retrieve", "recall_at_k"],
        "options": ["RetrievalOptions"],
        "per_query": ["at_r", "skewness"],
    },
)
