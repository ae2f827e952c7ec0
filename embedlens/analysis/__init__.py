"""Analyses of embeddings: functions from arrays to frozen results, by subject."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.lazy import attached

if TYPE_CHECKING:
    from embedlens.analysis import (
        collapse,
        compression,
        differences,
        drift,
        experiments,
        open_set,
        projection,
        pruning,
        retrieval,
        sampling,
        scores,
        spectrum,
        statistics,
        triplets,
        verification,
    )

__all__ = [
    "collapse",
    "compression",
    "differences",
    "drift",
    "experiments",
    "open_set",
    "projection",
    "pruning",
    "retrieval",
    "sampling",
    "scores",
    "spectrum",
    "statistics",
    "triplets",
    "verification",
]

__getattr__, __dir__ = attached(__name__, __all__)
