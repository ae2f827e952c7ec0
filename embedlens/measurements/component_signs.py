"""Signs of principal components over the epochs of runs."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from embedlens.analysis.spectrum.components import align_signs, score_correlations

if TYPE_CHECKING:
    from collections.abc import Mapping

    from embedlens.analysis.spectrum.components import ClassScatter
    from embedlens.measurements.selected import Selected


def aligned(results: Mapping[Selected, ClassScatter]) -> dict[Selected, ClassScatter]:
    """Return the results with signs of components aligned over the epochs of each run and split."""
    signed = dict(results)
    for split, label in dict.fromkeys((one.split, one.label) for one in results):
        places = [one for one in results if (one.split, one.label) == (split, label)]  # by epoch
        signed.update(zip(places, align_signs([results[one] for one in places]), strict=True))
    return signed


def sign_correlations(
    results: Mapping[Selected, ClassScatter],
) -> dict[Selected, dict[str, Any]]:
    """Return how the scores of each component correlate with those at the epoch before, where there is one.

    Parameters
    ----------
    results
        The components of one split, by run and epoch.
    """
    correlations: dict[Selected, dict[str, Any]] = {}
    for before, one in pairwise(results):
        if before.label != one.label:
            continue
        values = score_correlations(results[before], results[one]).tolist()
        numbers = map(str, results[one].components.tolist())
        correlations[one] = {"correlation_with_epoch_before": dict(zip(numbers, values, strict=True))}
    return correlations
