"""t-SNE maps, of one epoch and of series, and synthesised points."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.lazy import attached

if TYPE_CHECKING:
    from embedlens.analysis.projection import (
        alignment,
        gradient,
        items,
        maps,
        optimisation,
        parameters,
        synthesis,
    )
    from embedlens.analysis.projection.alignment import align
    from embedlens.analysis.projection.gradient import ExactGradient
    from embedlens.analysis.projection.items import (
        Graph,
        Points,
        Sample,
        central_space,
        draw_sample,
        graph_of,
        points_of,
        sample,
        whole_by_default,
    )
    from embedlens.analysis.projection.maps import Projection, Step, tsne, tsne_series
    from embedlens.analysis.projection.optimisation import Optimised, Phase, optimised, rest_of
    from embedlens.analysis.projection.parameters import Parameters
    from embedlens.analysis.projection.synthesis import (
        Synthesised,
        SynthesisedMap,
        synthesised,
        synthesised_map,
    )

__all__ = [
    "ExactGradient",
    "Graph",
    "Optimised",
    "Parameters",
    "Phase",
    "Points",
    "Projection",
    "Sample",
    "Step",
    "Synthesised",
    "SynthesisedMap",
    "align",
    "alignment",
    "central_space",
    "draw_sample",
    "gradient",
    "graph_of",
    "items",
    "maps",
    "optimisation",
    "optimised",
    "parameters",
    "points_of",
    "rest_of",
    "sample",
    "synthesis",
    "synthesised",
    "synthesised_map",
    "tsne",
    "tsne_series",
    "whole_by_default",
]

__getattr__, __dir__ = attached(
    __name__,
    __all__,
    {
        "alignment": ["align"],
        "gradient": ["ExactGradient"],
        "items": [
            "Points",
            "Graph",
            "Sample",
            "central_space",
            "whole_by_default",
            "sample",
            "draw_sample",
            "points_of",
            "graph_of",
        ],  # fmt: skip
        "maps": ["Projection", "Step", "tsne", "tsne_series"],
        "optimisation": ["Phase", "Optimised", "optimised", "rest_of"],
        "parameters": ["Parameters"],
        "synthesis": ["Synthesised", "SynthesisedMap", "synthesised", "synthesised_map"],
    },
)
