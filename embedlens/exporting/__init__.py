"""Exports of runs to files that other programs read: tables, tensors, TensorBoard's projector."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.lazy import attached

if TYPE_CHECKING:
    from embedlens.exporting.run import TARGETS, Export, Target, export

__all__ = ["TARGETS", "Export", "Target", "export"]

__getattr__, __dir__ = attached(__name__, __all__, {"run": __all__})
