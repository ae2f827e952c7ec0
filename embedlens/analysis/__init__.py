"""One question a file: arrays in, one small frozen result out."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from embedlens.analysis import (
        class_sizes,
        classifier,
        clustering,
        comparison,
        components,
        curves,
        density,
        distances,
        factors,
        field,
        flow,
        geometry,
        identification,
        label_ranking,
        new_choice,
        new_class,
        paired,
        projection,
        pruning,
        repeats,
        retrieval,
        sampling,
        scores,
        slices,
        spectrum,
        spectrum_classes,
        spectrum_epochs,
        sweep,
        synthesis,
        trajectory,
        triplets,
        verification,
    )

__all__ = [
    "class_sizes",
    "classifier",
    "clustering",
    "comparison",
    "components",
    "curves",
    "density",
    "distances",
    "factors",
    "field",
    "flow",
    "geometry",
    "identification",
    "label_ranking",
    "new_choice",
    "new_class",
    "paired",
    "projection",
    "pruning",
    "repeats",
    "retrieval",
    "sampling",
    "scores",
    "slices",
    "spectrum",
    "spectrum_classes",
    "spectrum_epochs",
    "sweep",
    "synthesis",
    "trajectory",
    "triplets",
    "verification",
]


def __getattr__(name: str) -> object:
    """Load an analysis when it is first asked for."""
    if name in __all__:
        return importlib.import_module(f"embedlens.analysis.{name}")
    message = f"module 'embedlens.analysis' has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
