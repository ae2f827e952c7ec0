"""Results in, axes out: a file here for each file of `embedlens.analysis`. Importing changes no style."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from embedlens.figures import (
        animation,
        comparison,
        components,
        curves,
        distances,
        field,
        flow,
        identification,
        new_class,
        paired,
        panels,
        projection,
        pruning,
        sampling,
        slices,
        spectrum,
        spectrum_classes,
        spectrum_epochs,
        style,
        sweep,
        synthesis,
        trajectory,
        triplets,
        verification,
    )

__all__ = [
    "animation",
    "comparison",
    "components",
    "curves",
    "distances",
    "field",
    "flow",
    "identification",
    "new_class",
    "paired",
    "panels",
    "projection",
    "pruning",
    "sampling",
    "slices",
    "spectrum",
    "spectrum_classes",
    "spectrum_epochs",
    "style",
    "sweep",
    "synthesis",
    "trajectory",
    "triplets",
    "verification",
]


def __getattr__(name: str) -> object:
    """Load a figure when it is first asked for."""
    if name in __all__:
        return importlib.import_module(f"embedlens.figures.{name}")
    message = f"module 'embedlens.figures' has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
