"""Scores of a snapshot by the codes in which its items may be stored, against the bytes of an item."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.analysis.compression.kinds import CodeOptions
from embedlens.analysis.compression.points import Sides, Work
from embedlens.analysis.scores import ScoreSettings, check_metrics
from embedlens.arrays import check_searched
from embedlens.results import Result
from embedlens.similarity import Gallery

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from embedlens.similarity import GalleryLike


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Compression(Result):
    """Scores by code, each code a point: the float32 embedding first, then by code and by bytes.

    Attributes
    ----------
    codes
        str [T]: "float32", or one of `CODES`.
    sizes
        int64 [T]: dimensions or components kept, or groups of product quantisation; else D.
    bytes
        int64 [T]: bytes of an item.
    scores
        Metric -> float64 [T].
    dim, n, n_singletons
        D; queries counted, and queries left out because they have no positive.
    bits
        Bits of the code of a group of product quantisation.
    candidates, n_candidates
        Number of binary codes to rescore, and the mean number rescored, with those that tie with the last;
        NaN where nothing was rescored.
    missing
        Codes that could not be computed -> reason.
    """

    codes: NDArray[np.str_]
    sizes: NDArray[np.int64]
    bytes: NDArray[np.int64]
    scores: dict[str, NDArray[np.float64]]
    dim: int
    n: int
    n_singletons: int
    bits: int
    candidates: int
    n_candidates: float
    missing: dict[str, str] = field(default_factory=dict)

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return a row for each point: code, size, bytes, and the scores by name."""
        return {"code": self.codes, "size": self.sizes, "bytes": self.bytes, **self.scores}

    def points(self, code: str) -> NDArray[np.int64]:
        """Return the numbers of the points of a code, by ascending bytes."""
        return np.flatnonzero(self.codes == code)


def compress(
    z: ArrayLike,
    y: ArrayLike,
    options: CodeOptions | None = None,
    *,
    metrics: Sequence[str] = ("recall_at_1",),
    settings: ScoreSettings | None = None,
    fit: ArrayLike | None = None,
    gallery: GalleryLike | None = None,
    device: str = "cpu",
) -> Compression:
    """Score embeddings as they are and by codes of few bytes.

    Parameters
    ----------
    z
        Embeddings [N, D], not necessarily normalised; they are normalised first.
    y
        Integer labels [N], or `LabelSets`, for scores that work with them.
    options
        The codes, and their parameters.
    metrics, settings
        Names of scores, as `analysis.scores.check_metrics` knows them, and their parameters.
    fit
        Embeddings [F, D] that components, ranges and centroids are fitted on, such as those of the training
        split; by default `z`.
    gallery
        Embeddings [M, D] and labels [M] to search; by default `z` itself, each item without itself.
    device
        Torch device that screens; the answer does not depend on it.

    Raises
    ------
    InputError
        Unknown codes or metrics, parameters that the embeddings cannot have, or data that have no such score.

    Notes
    -----
    The gallery is stored as codes. "dims": the first dimensions of queries and gallery, by cosine similarity
    (Kusupati et al., NeurIPS 2022). "pca": their leading principal components, as `pruning.pruned_recall`.
    "int8" and "pq": the query as it is against what the code stands for, by Euclidean distance, which is
    faiss's `IndexScalarQuantizer` (`QT_8bit`) and `IndexPQ`, asymmetric distances (Jegou, Douze, Schmid,
    TPAMI 2011). "binary": Hamming distance of the signs. "rescored": the nearest binary codes again, by the
    inner product of the query as it is and the signs (Yamada, Asai, Hajishirzi, ACL 2021). Scores that
    search nothing are those of what the codes stand for. Bytes are those of an item; centroids, components
    and ranges, which are stored once, are not counted.
    """
    options = options or CodeOptions()
    options.check()
    settings = settings or ScoreSettings()
    wanted = check_metrics(metrics, settings)
    array, labels = check_searched(z, y)
    sides = Sides(array, labels, gallery=None if gallery is None else Gallery.of(gallery), fit=fit)
    work = Work(sides, options, metrics=wanted, settings=settings, device=device)
    points, missing = work.points()
    whole = points[0].values
    return Compression(
        codes=np.array([point.code for point in points]),
        sizes=np.array([point.size for point in points]),
        bytes=np.array([point.bytes for point in points]),
        scores={name: np.array([point.values[name] for point in points]) for name in wanted},
        dim=sides.dim,
        n=int(whole.get("n", labels.size)),
        n_singletons=int(whole.get("n_singletons", 0)),
        bits=options.bits,
        candidates=options.candidates,
        n_candidates=work.n_candidates,
        missing=missing,
    )
