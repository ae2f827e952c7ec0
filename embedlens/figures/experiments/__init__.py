"""Figures of training curves, sweeps, and comparisons of losses and methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.lazy import attached

if TYPE_CHECKING:
    from embedlens.figures.experiments import comparison, curves, losses, sweep

__all__ = ["comparison", "curves", "losses", "sweep"]

__getattr__, __dir__ = attached(__name__, __all__)
