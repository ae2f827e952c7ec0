"""See, measure and print what training did to an embedding space.

Importing this package is cheap: neither torch nor matplotlib is loaded until a name that needs it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.lazy import attached
from embedlens.version import __version__

if TYPE_CHECKING:
    from embedlens import analysis, experiments, figures, objectives, report, similarity, training
    from embedlens.errors import InputError
    from embedlens.label_sets import LabelSets
    from embedlens.store import Recorder, Run, Snapshot, open_run

__all__ = [
    "InputError",
    "LabelSets",
    "Recorder",
    "Run",
    "Snapshot",
    "__version__",
    "analysis",
    "experiments",
    "figures",
    "objectives",
    "open_run",
    "report",
    "similarity",
    "training",
]

__getattr__, __dir__ = attached(
    __name__,
    __all__,
    {
        "embedlens.errors": ["InputError"],
        "embedlens.label_sets": ["LabelSets"],
        "embedlens.store": ["Recorder", "Run", "Snapshot", "open_run"],
    },
)
