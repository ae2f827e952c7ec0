"""Scores of embeddings by name, computed together so that common parts are computed once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedlens.analysis.collapse.scores import BY_CLASS, COLLAPSE, GROUPS, collapse_scores
from embedlens.analysis.open_set import ranking as new_class
from embedlens.analysis.retrieval import geometry
from embedlens.analysis.retrieval import neighbours as retrieval
from embedlens.analysis.retrieval.options import RetrievalOptions
from embedlens.analysis.spectrum.ranks import effective_rank, spectral_decay
from embedlens.analysis.spectrum.values import singular_values
from embedlens.arrays import check_labels, check_searched, to_numpy
from embedlens.errors import InputError, unknown
from embedlens.label_sets import LabelSets
from embedlens.similarity import Gallery, search
from embedlens.similarity.lloyd import FAISS_SEED as DEFAULT_SEED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import ArrayLike

    from embedlens.similarity import GalleryLike, Searcher

AT_R = ("r_precision", "map_at_r")
CLUSTERING = ("nmi", "f1", "ami")
DISTANCES = ("alignment", "pi_intra", "pi_inter", "pi_ratio")
SPREAD = ("uniformity", "mean_similarity")
SPECTRUM = ("effective_rank", "rho")
METRICS = (
    *AT_R, "map_at_5", "knn_accuracy", *CLUSTERING, *DISTANCES, *SPREAD, *SPECTRUM, "hubness", *COLLAPSE,
)  # fmt: skip
SINGLE_LABEL = ("map_at_5", "knn_accuracy", *CLUSTERING, *DISTANCES, *BY_CLASS)
"""Metrics that need one label per item."""
WITH_SETS = ("recall", *(name for name in METRICS if name not in SINGLE_LABEL))
"""Metrics of items that have sets of labels, too."""
RECALL_PRESETS = {"cub": (1, 2, 4, 8), "sop": (1, 10, 100, 1000)}
"""The K of Recall@K in papers: on CUB-200-2011 and Cars196, and on Stanford Online Products."""

DEFAULT = ("nmi", "f1", "recall", *AT_R)
ALL = (
    *CLUSTERING, "recall", *AT_R, "map_at_5", "knn_accuracy", *DISTANCES, *SPREAD, *SPECTRUM, "hubness",
    *COLLAPSE,
)  # fmt: skip
_RECALL = re.compile(r"(?:recall_at_|recall@|r@)(\d+)", re.IGNORECASE)
_PRINTED = {
    "rp": "r_precision", "r-precision": "r_precision", "map@r": "map_at_r", "map@5": "map_at_5",
    "knn": "knn_accuracy", "eff._rank": "effective_rank", "rankme": "effective_rank",
    "twonn": "intrinsic_dim_twonn", "mle_dim": "intrinsic_dim_mle",
}  # fmt: skip
"""Other names of metrics, as in tables and papers."""


@dataclass(frozen=True, slots=True)
class ScoreSettings:
    """Settings of the scores.

    Attributes
    ----------
    ks
        The K that the name `recall` stands for.
    knn
        k of the kNN accuracy.
    weighted
        Whether votes of the kNN accuracy are weighted by similarity.
    macro
        Whether R-precision and MAP@R are averaged over classes.
    new_threshold
        Similarity below which MAP@5 inserts the label `new` of the unknown class; None: never.
    new_label
        Label of the items of the unknown class. They are left out of queries and gallery, but for MAP@5,
        where they are queries whose right label is `new`. None: there are none.
    seeds
        Seeds of k-means, one clustering each; scores are means over them.
    rho_k
        The k - 1 largest singular values are left out of rho.
    id_k
        Number of neighbours of `intrinsic_dim_mle`.
    alpha_range
        Numbers of the first and last eigenvalue that alpha is fitted to.
    spread_far
        False accept rate of `threshold_spread`, `far_spread` and `tar_spread`.
    """

    ks: tuple[int, ...] = RECALL_PRESETS["cub"]
    knn: int = 10
    weighted: bool = False
    macro: bool = False
    new_threshold: float | None = None
    new_label: int | None = None
    seeds: tuple[int, ...] = (DEFAULT_SEED,)
    rho_k: int = 1
    id_k: int = 20
    alpha_range: tuple[int, int] = (11, 500)
    spread_far: float = 0.01


def check_metrics(names: Iterable[str], settings: ScoreSettings | None = None) -> list[str]:
    """Return the full names of metrics, each once, in the order requested.

    Parameters
    ----------
    names
        Names of metrics; `recall` stands for Recall@K at the K of the settings, `recall_at_K`, `recall@K` or
        `R@K` for one K, `default` for what `evaluate` prints, `all` for every metric of embeddings [N, D],
        and the names of `GROUPS` for several.
    settings
        Settings with the K of `recall`.

    Raises
    ------
    InputError
        An unknown name, or none.
    """
    settings = settings or ScoreSettings()
    found: list[str] = []
    for given in names:
        name = given.strip().lower().replace(" ", "_")
        name = _PRINTED.get(name, name)
        recall = _RECALL.fullmatch(name)
        if name in ("default", "all"):
            found += check_metrics(DEFAULT if name == "default" else ALL, settings)
        elif name in GROUPS:
            found += GROUPS[name]
        elif name == "recall":
            found += _recalls(settings.ks)
        elif recall:
            found += _recalls([int(recall.group(1))])
        elif name in METRICS:
            found.append(name)
        else:
            raise unknown(given, "metric", ("recall", "recall_at_K", *METRICS, *GROUPS, "default", "all"))
    if not found:
        known = ", ".join((*METRICS, *GROUPS, "default", "all"))
        message = f"no metric given; choose some of: recall, recall_at_K, {known}"
        raise InputError(message)
    return list(dict.fromkeys(found))


def _recalls(ks: Iterable[int]) -> list[str]:
    """Return the names of Recall@K; K below 1 is refused."""
    for k in ks:
        if k < 1:
            message = f"Recall@{k}; K must be at least 1"
            raise InputError(message)
    return [f"recall_at_{k}" for k in ks]


def score(
    z: ArrayLike,
    y: ArrayLike,
    metrics: Sequence[str],
    *,
    settings: ScoreSettings | None = None,
    gallery: GalleryLike | None = None,
    device: str = "cpu",
    by: Searcher = search,
) -> dict[str, float]:
    """Return scores by name.

    Parameters
    ----------
    z
        Embeddings [N, D], not necessarily normalised.
    y
        Integer labels [N], or `LabelSets`, for the metrics of `WITH_SETS`.
    metrics
        Names, as `check_metrics` knows them.
    settings
        Settings of the scores; by default those of `ScoreSettings`.
    gallery
        Embeddings [M, D] and labels [M] that retrieval searches; without it every item searches all others.
        Scores of clusters, distances and spectra are those of `z` alone.
    device
        Torch device that screens; the answer does not depend on it.
    by
        What finds ranks and neighbours for the scores of retrieval, as of `retrieval.retrieve`.

    Returns
    -------
    dict
        ``n`` (queries with a positive) and ``n_singletons`` (without one) where retrieval was requested,
        every metric, ``NAME_std`` of clustering scores over several seeds, and with alpha the range that was
        fitted, ``alpha_from`` and ``alpha_to``.

        With `new_label`, MAP@5 is over ``n + n_new`` queries: for ``n_new`` of them, those of the unknown
        class and those without a positive, the right label is `new`. All other scores leave these items out.

    Raises
    ------
    InputError
        An unknown name, data that have no such score (one class, no positives), or embeddings that cannot be
        normalised.

    Notes
    -----
    Definitions: `retrieval.retrieve`, `new_class.rank_labels`, `clustering.kmeans_scores`,
    `geometry.class_distances`, `geometry.uniformity`, `geometry.mean_similarity`, `spectrum.effective_rank`,
    `spectrum.spectral_decay`, `collapse.collapse_scores`.
    """
    settings = settings or ScoreSettings()
    wanted = check_metrics(metrics, settings)
    array, labels = check_searched(z, y)
    if isinstance(labels, LabelSets):
        _check_sets(wanted, settings)
    z, y = array, labels
    found: dict[str, float] = {}
    apart = settings.new_label is not None and "map_at_5" in wanted
    if apart and settings.new_label is not None:
        at_5 = new_class.map_at_5(
            z, y, settings.new_threshold, new_label=settings.new_label, gallery=gallery, device=device
        )
        n = at_5["n"] - at_5["n_new"]
        alone = at_5["n_new"] - int(np.sum(check_labels(y) == settings.new_label))
        found = {"n": n, "n_singletons": alone, "n_new": at_5["n_new"]}
    if settings.new_label is not None:
        z, y, gallery = _known(z, y, gallery, settings.new_label)
    demands = _demands([name for name in wanted if not apart or name != "map_at_5"], settings)
    if demands is not None:
        found |= retrieval.retrieve(z, y, demands, gallery=gallery, device=device, by=by).summary()
    if apart:
        found["map_at_5"] = at_5["map_at_5"]
    if any(name in CLUSTERING for name in wanted):
        ami = "ami" in wanted
        from embedlens.analysis.retrieval import clustering  # loads torch

        scores = clustering.kmeans_scores(z, y, seeds=settings.seeds, ami=ami, device=device)
        found |= scores.summary()
    if any(name in DISTANCES for name in wanted):
        found |= geometry.class_distances(z, y).summary()
    if "uniformity" in wanted:
        found["uniformity"] = geometry.uniformity(z)
    if "mean_similarity" in wanted:
        found["mean_similarity"] = geometry.mean_similarity(z)
    if any(name in SPECTRUM for name in wanted):
        sigma, dim = singular_values(z), array.shape[1]
        found["effective_rank"] = effective_rank(sigma)
        found["rho"] = spectral_decay(sigma, dim, k=settings.rho_k)
    if any(name in COLLAPSE for name in wanted):
        found |= collapse_scores(
            z, y, wanted,
            neighbours=settings.id_k, power_law_range=settings.alpha_range, far=settings.spread_far,
            device=device,
        )  # fmt: skip
    counts = [name for name in ("n", "n_singletons", "n_new", "alpha_from", "alpha_to") if name in found]
    spread = [name for base in wanted for name in (base, f"{base}_std") if name in found]
    return {name: found[name] for name in (*counts, *spread)}


def _check_sets(wanted: Sequence[str], settings: ScoreSettings) -> None:
    """Refuse scores that need one label per item, for items that have sets of labels."""
    names = [name for name in wanted if name in SINGLE_LABEL]
    if names or settings.new_label is not None:
        message = (
            f"{', '.join(names) or 'an unknown class'}: one label per item is needed, but items have sets of "
            f"labels (multi-label); choose some of: {', '.join(WITH_SETS)}"
        )
        raise InputError(message)


def _known(
    z: ArrayLike, y: ArrayLike, gallery: GalleryLike | None, new_label: int
) -> tuple[ArrayLike, ArrayLike, GalleryLike | None]:
    """Return queries and gallery without the items of the unknown class."""
    labels = check_labels(y)
    known = labels != new_label
    if gallery is not None:
        searched = Gallery.of(gallery)
        gallery = searched.take(check_labels(searched.labels) != new_label, known)
    return to_numpy(z)[known], labels[known], gallery


def _demands(wanted: Sequence[str], settings: ScoreSettings) -> RetrievalOptions | None:
    """Return the options of retrieval for some metrics; None if none of them is a retrieval score."""
    ks = tuple(int(name.removeprefix("recall_at_")) for name in wanted if name.startswith("recall_at_"))
    demands = RetrievalOptions(
        ks=ks,
        at_r=any(name in AT_R for name in wanted),
        macro=settings.macro,
        map_at_5="map_at_5" in wanted,
        new_threshold=settings.new_threshold,
        knn=settings.knn if "knn_accuracy" in wanted else 0,
        weighted=settings.weighted,
        hubness="hubness" in wanted,
    )
    idle = RetrievalOptions(
        macro=settings.macro, new_threshold=settings.new_threshold, weighted=settings.weighted
    )
    return None if demands == idle else demands
