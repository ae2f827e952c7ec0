"""Figures of results: `plot` draws one result into axes, `figure` makes the whole figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.lazy import attached

if TYPE_CHECKING:
    from embedlens.figures import (
        compression,
        differences,
        drift,
        experiments,
        export,
        layout,
        open_set,
        projection,
        pruning,
        sampling,
        spectrum,
        style,
        triplets,
        verification,
    )

__all__ = [
    "compression",
    "differences",
    "drift",
    "experiments",
    "export",
    "layout",
    "open_set",
    "projection",
    "pruning",
    "sampling",
    "spectrum",
    "style",
    "triplets",
    "verification",
]

__getattr__, __dir__ = attached(__name__, __all__)
