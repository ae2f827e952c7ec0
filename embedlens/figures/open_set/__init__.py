"""Figures of open-set ranking."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.lazy import attached

if TYPE_CHECKING:
    from embedlens.figures.open_set import ranking

__all__ = ["ranking"]

__getattr__, __dir__ = attached(__name__, __all__)
