"""Singular values of embeddings, over epochs and within classes; components and slices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.lazy import attached

if TYPE_CHECKING:
    from embedlens.analysis.spectrum import (
        components,
        epochs,
        factorisation,
        intra_class,
        ranks,
        slices,
        values,
    )
    from embedlens.analysis.spectrum.components import (
        ClassScatter,
        align_signs,
        class_scatter,
        component_numbers,
        score_correlations,
    )
    from embedlens.analysis.spectrum.epochs import SpectrumEpochs, over_epochs
    from embedlens.analysis.spectrum.factorisation import decompose, mean_row, triangle
    from embedlens.analysis.spectrum.intra_class import ClassSpectra, class_spectra
    from embedlens.analysis.spectrum.ranks import (
        PowerLaw,
        effective_rank,
        participation_ratio,
        power_law,
        spectral_decay,
    )
    from embedlens.analysis.spectrum.slices import Slice, SliceRecalls, slice_recalls, slices_of, take
    from embedlens.analysis.spectrum.values import Spectrum, resolution_of, singular_values, spectrum

__all__ = [
    "Slice",
    "ClassScatter",
    "ClassSpectra",
    "PowerLaw",
    "SliceRecalls",
    "Spectrum",
    "SpectrumEpochs",
    "align_signs",
    "slices_of",
    "class_scatter",
    "class_spectra",
    "component_numbers",
    "components",
    "decompose",
    "effective_rank",
    "epochs",
    "factorisation",
    "intra_class",
    "mean_row",
    "over_epochs",
    "participation_ratio",
    "power_law",
    "ranks",
    "resolution_of",
    "score_correlations",
    "singular_values",
    "slice_recalls",
    "slices",
    "spectral_decay",
    "spectrum",
    "take",
    "triangle",
    "values",
]

__getattr__, __dir__ = attached(
    __name__,
    __all__,
    {
        "components": [
            "ClassScatter",
            "component_numbers",
            "class_scatter",
            "score_correlations",
            "align_signs",
        ],
        "epochs": ["SpectrumEpochs", "over_epochs"],
        "factorisation": ["mean_row", "triangle", "decompose"],
        "intra_class": ["ClassSpectra", "class_spectra"],
        "slices": ["Slice", "SliceRecalls", "slices_of", "take", "slice_recalls"],
        "ranks": ["PowerLaw", "participation_ratio", "effective_rank", "power_law", "spectral_decay"],
        "values": ["Spectrum", "resolution_of", "spectrum", "singular_values"],
    },
)
