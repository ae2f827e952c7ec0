"""See, measure and print what training did to an embedding space.

Importing this package is cheap: neither torch nor matplotlib is loaded until a name that needs it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from embedlens import analysis, experiments, figures, objectives, similarity, training
    from embedlens.errors import InputError
    from embedlens.store import Recorder, Run, Snapshot, open_run

__version__ = "0.1.0"

__all__ = [
    "InputError",
    "Recorder",
    "Run",
    "Snapshot",
    "__version__",
    "analysis",
    "experiments",
    "figures",
    "objectives",
    "open_run",
    "similarity",
    "training",
]

_HOMES = {
    "InputError": "embedlens.errors",
    "Recorder": "embedlens.store",
    "Run": "embedlens.store",
    "Snapshot": "embedlens.store",
    "open_run": "embedlens.store",
}
_ROOMS = {"analysis", "experiments", "figures", "objectives", "similarity", "training"}


def __getattr__(name: str) -> object:
    """Load a public name, or one of the rooms, when it is first asked for (PEP 562)."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in _ROOMS:
        return importlib.import_module(f"embedlens.{name}")
    message = f"module 'embedlens' has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
