"""Figures of what changed between two embeddings: by anchor, class and confusion, and the worst losses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.lazy import attached

if TYPE_CHECKING:
    from embedlens.figures.differences import anchors, classes, confusions, losses

__all__ = ["anchors", "classes", "confusions", "losses"]

__getattr__, __dir__ = attached(__name__, __all__)
