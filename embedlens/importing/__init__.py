"""Import of runs from files that other programs saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.lazy import attached

if TYPE_CHECKING:
    from embedlens.importing.run import import_run
    from embedlens.importing.source import ImportSource

__all__ = ["ImportSource", "import_run"]

__getattr__, __dir__ = attached(__name__, __all__, {"run": ["import_run"], "source": ["ImportSource"]})
