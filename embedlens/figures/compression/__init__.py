"""Figures of scores against the bytes of an item."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.lazy import attached

if TYPE_CHECKING:
    from embedlens.figures.compression import curves
    from embedlens.figures.compression.curves import figure, plot

__all__ = ["curves", "figure", "plot"]

__getattr__, __dir__ = attached(__name__, __all__, {"curves": ["figure", "plot"]})
