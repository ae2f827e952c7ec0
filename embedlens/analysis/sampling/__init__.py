"""Distances of pairs, what miners select, and the theory of distances on the sphere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.lazy import attached

if TYPE_CHECKING:
    from embedlens.analysis.sampling import distances, mining, theory
    from embedlens.analysis.sampling.distances import (
        DistanceHistogram,
        PairDistances,
        histogram,
        pair_distances,
    )
    from embedlens.analysis.sampling.mining import NonzeroFraction, SelectedNegatives, selected_negatives
    from embedlens.analysis.sampling.theory import (
        GradientNoise,
        LossCurve,
        SphereDensity,
        check_margin,
        gradient_noise,
        loss_curves,
        sphere_density,
    )

__all__ = [
    "DistanceHistogram",
    "GradientNoise",
    "LossCurve",
    "NonzeroFraction",
    "PairDistances",
    "SelectedNegatives",
    "SphereDensity",
    "check_margin",
    "distances",
    "gradient_noise",
    "histogram",
    "loss_curves",
    "mining",
    "pair_distances",
    "selected_negatives",
    "sphere_density",
    "theory",
]

__getattr__, __dir__ = attached(
    __name__,
    __all__,
    {
        "distances": ["DistanceHistogram", "PairDistances", "pair_distances", "histogram"],
        "mining": ["SelectedNegatives", "NonzeroFraction", "selected_negatives"],
        "theory": [
            "LossCurve",
            "SphereDensity",
            "GradientNoise",
            "check_margin",
            "loss_curves",
            "sphere_density",
            "gradient_noise",
        ],
    },
)
