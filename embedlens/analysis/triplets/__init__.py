"""Nearest triplets: their similarities, density, flow, gradient field, paths and distances to (1, 0)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.lazy import attached

if TYPE_CHECKING:
    from embedlens.analysis.triplets import density, distances, field, flow, nearest, paired, trajectory
    from embedlens.analysis.triplets.density import counts_by_place, enclosing_levels
    from embedlens.analysis.triplets.distances import Distances, Ecdf, Histogram, ecdf, histograms
    from embedlens.analysis.triplets.field import Field
    from embedlens.analysis.triplets.flow import Flow, occupied
    from embedlens.analysis.triplets.nearest import (
        Triplets,
        TripletSummary,
        follow_triplets,
        ideal_distance,
        nearest_triplets,
        summarise,
    )
    from embedlens.analysis.triplets.paired import (
        Paired,
        agree,
        compare,
        compare_choices,
        resampled_medians,
        signed_rank_p,
    )
    from embedlens.analysis.triplets.trajectory import (
        Path,
        follow,
        moved_anchors,
        random_anchors,
        state_name,
        take,
        worst_anchors,
    )

__all__ = [
    "Distances",
    "Ecdf",
    "Field",
    "Flow",
    "Histogram",
    "Paired",
    "Path",
    "TripletSummary",
    "Triplets",
    "agree",
    "compare",
    "compare_choices",
    "counts_by_place",
    "density",
    "distances",
    "ecdf",
    "enclosing_levels",
    "field",
    "flow",
    "follow",
    "follow_triplets",
    "histograms",
    "ideal_distance",
    "moved_anchors",
    "nearest",
    "nearest_triplets",
    "occupied",
    "paired",
    "random_anchors",
    "resampled_medians",
    "signed_rank_p",
    "state_name",
    "summarise",
    "take",
    "trajectory",
    "worst_anchors",
]

__getattr__, __dir__ = attached(
    __name__,
    __all__,
    {
        "density": ["counts_by_place", "enclosing_levels"],
        "distances": ["Distances", "Histogram", "Ecdf", "histograms", "ecdf"],
        "field": ["Field"],
        "flow": ["Flow", "occupied"],
        "nearest": [
            "Triplets",
            "TripletSummary",
            "nearest_triplets",
            "follow_triplets",
            "ideal_distance",
            "summarise",
        ],
        "paired": ["Paired", "compare", "compare_choices", "agree", "resampled_medians", "signed_rank_p"],
        "trajectory": [
            "Path",
            "state_name",
            "follow",
            "take",
            "worst_anchors",
            "moved_anchors",
            "random_anchors",
        ],
    },
)
