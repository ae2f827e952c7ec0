"""Scores of collapse, dimension and threshold consistency by name, with the parts that they share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedlens.analysis.collapse.dimension import intrinsic_dimension
from embedlens.analysis.collapse.neural import neural_collapse
from embedlens.analysis.retrieval.geometry import tolerance
from embedlens.analysis.spectrum.ranks import power_law
from embedlens.analysis.spectrum.values import spectrum
from embedlens.analysis.verification.consistency import threshold_consistency
from embedlens.arrays import check_searched
from embedlens.label_sets import single_labels

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import ArrayLike

    from embedlens.label_sets import LabelSets

NEURAL = ("nc1", "nc2_norms", "nc2_angles", "nc2_max_angles")
DIMENSION = ("lidar", "alpha", "intrinsic_dim_twonn", "intrinsic_dim_mle")
THRESHOLDS = ("opis", "threshold_spread", "far_spread", "tar_spread")
COLLAPSE = (*NEURAL, *DIMENSION, "tolerance", *THRESHOLDS)
BY_CLASS = (*NEURAL, "lidar", "tolerance", *THRESHOLDS)
"""Those of them that need one label per item."""
GROUPS = {
    "neural_collapse": NEURAL,
    "dimension": ("effective_rank", *DIMENSION),
    "threshold_consistency": THRESHOLDS,
}
"""Names that stand for several scores."""


def collapse_scores(
    z: ArrayLike,
    y: ArrayLike | LabelSets,
    names: Collection[str],
    *,
    neighbours: int = 20,
    power_law_range: tuple[int, int] = (11, 500),
    far: float = 0.01,
    device: str = "cpu",
) -> dict[str, float]:
    """Return those of some scores that are about collapse; what several share is computed once.

    Parameters
    ----------
    z
        Embeddings [N, D], not necessarily normalised.
    y
        Integer labels [N], or sets of labels for what needs no classes.
    names
        Names of scores; those not in `COLLAPSE` are ignored.
    neighbours
        k of `intrinsic_dim_mle`.
    power_law_range
        First and last eigenvalue of `alpha`; ``alpha_from`` and ``alpha_to`` say which were there.
    far
        False accept rate of `threshold_spread`, `far_spread` and `tar_spread`.
    device
        Torch device that searches neighbours; the answer does not depend on it.

    Raises
    ------
    InputError
        Data that have no such score, or embeddings that cannot be normalised.
    """
    array, given = check_searched(z, y)
    found: dict[str, float] = {}
    by_class = any(name in BY_CLASS for name in names)
    labels = single_labels(given, "labels") if by_class else np.zeros(len(array), np.int64)
    if any(name in (*NEURAL, "lidar") for name in names):
        found |= {
            name: value
            for name, value in neural_collapse(array, labels).summary().items()
            if name in COLLAPSE
        }
    if "alpha" in names:
        values = spectrum(array)
        first, last = power_law_range
        law = power_law(values.singular_values, first=first, last=last, least=values.resolution)
        found |= {"alpha": law.alpha, "alpha_from": law.first, "alpha_to": law.last}
    if any(name.startswith("intrinsic_dim") for name in names):
        k = neighbours if "intrinsic_dim_mle" in names else 2
        dimension = intrinsic_dimension(array, k=k, device=device)
        found |= {"intrinsic_dim_twonn": dimension.twonn, "intrinsic_dim_mle": dimension.mle}
    if "tolerance" in names:
        found["tolerance"] = tolerance(array, labels)
    if any(name in THRESHOLDS for name in names):
        points = threshold_consistency(array, labels, [far])
        spreads = {"threshold": points.own, "far": points.far, "tar": points.tar}
        found["opis"] = points.opis
        found |= {f"{name}_spread": float(points.spread(values)[0]) for name, values in spreads.items()}
    beside = ("alpha_from", "alpha_to")
    return {name: value for name, value in found.items() if name in names or name in beside}
