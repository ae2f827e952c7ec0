"""Measurements of recorded runs: analyses that need a run, its galleries and its log, not arrays alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.lazy import attached

if TYPE_CHECKING:
    from embedlens.measurements import (
        anchor_paths,
        class_names,
        component_signs,
        compression,
        data_warnings,
        description,
        distance_states,
        drift,
        following,
        maps,
        measuring,
        missing_metrics,
        open_set,
        reader,
        sampling,
        selected,
        slices,
        snapshot_scores,
        spectra,
        triplet_states,
        verification,
    )
    from embedlens.measurements.data_warnings import DataWarnings
    from embedlens.measurements.measuring import measure
    from embedlens.measurements.reader import Kept, Reader
    from embedlens.measurements.selected import Selected
    from embedlens.measurements.triplet_states import Reference, State

__all__ = [
    "DataWarnings", "Kept", "Reader", "Reference", "Selected", "State", "anchor_paths", "class_names",
    "component_signs", "compression", "data_warnings", "description", "distance_states", "drift", "following",
    "maps", "measure", "measuring", "missing_metrics", "open_set", "reader", "sampling", "selected", "slices",
    "snapshot_scores", "spectra", "triplet_states", "verification",
]  # fmt: skip

__getattr__, __dir__ = attached(
    __name__, __all__,
    {
        "data_warnings": ["DataWarnings"], "measuring": ["measure"], "reader": ["Kept", "Reader"],
        "selected": ["Selected"], "triplet_states": ["Reference", "State"],
    },
)  # fmt: skip
