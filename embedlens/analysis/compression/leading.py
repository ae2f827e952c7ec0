"""Scores of the first dimensions of embeddings, and of their leading principal components."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedlens.analysis.pruning import check_dims, pruned_recall
from embedlens.analysis.scores import score
from embedlens.analysis.spectrum import spectrum
from embedlens.arguments import check_integers
from embedlens.arrays import to_numpy
from embedlens.label_sets import LabelSets
from embedlens.similarity import Gallery
from embedlens.similarity.pairing import Pairing
from embedlens.similarity.prefixes import prefix_hits
from embedlens.similarity.rows import Rows
from embedlens.similarity.threads import spans

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from embedlens.analysis.scores import ScoreSettings
    from embedlens.similarity import GalleryLike

    Take = Callable[[ArrayLike, int], NDArray[np.floating]]

RECALL_AT_1 = "recall_at_1"
_ROWS = 1 << 13


def first_dims_recall(
    z: ArrayLike,
    y: ArrayLike,
    dims: ArrayLike,
    *,
    gallery: GalleryLike | None = None,
    device: str = "cpu",
) -> NDArray[np.float64]:
    """Return Recall@1 by the cosine similarity of the first d dimensions, float64, for several d.

    Parameters
    ----------
    z
        Embeddings [N, D].
    y
        Integer labels [N].
    dims
        Numbers of dimensions, ascending, each in 1 to D.
    gallery
        Embeddings [M, D] and labels [M] to search; by default `z` itself, each item without itself.
    device
        Torch device that screens; the answer does not depend on it.

    Raises
    ------
    InputError
        Numbers of dimensions out of range, or embeddings that cannot be normalised.

    Notes
    -----
    As Kusupati et al., "Matryoshka representation learning", NeurIPS 2022, evaluate: the first dimensions,
    rescaled to unit length. A row whose first d values are all 0 has similarity 0 to every row.
    """
    pairing = Pairing(z, y, gallery)
    ends = check_integers(dims, "dims to keep")
    check_dims(ends, pairing.queries.dim)
    queries = _in_range(pairing.queries)
    rows = queries if pairing.one_set else _in_range(pairing.gallery)
    found = prefix_hits(pairing, (queries, rows), ends.tolist(), rotation=False, device=device)
    recalls: NDArray[np.float64] = found.hits[found.n_positives > 0].mean(axis=0)
    return recalls


def leading_scores(
    kind: str,
    data: tuple[ArrayLike, ArrayLike | LabelSets, GalleryLike | None],
    dims: Sequence[int],
    *,
    metrics: Sequence[str],
    settings: ScoreSettings,
    fit: ArrayLike | None = None,
    device: str = "cpu",
) -> list[dict[str, float]]:
    """Return the scores by the first dimensions ("dims") or the leading components ("pca"), for each number.

    Recall@1 of all numbers is computed in one pass, other scores by a search for each number below D.

    Parameters
    ----------
    kind
        "dims" or "pca".
    data
        Embeddings [N, D], labels [N], and the gallery or None.
    dims
        Numbers kept, ascending, each in 1 to D.
    metrics, settings
        Full names of scores, and their parameters.
    fit
        Embeddings [F, D] that the components are fitted on; by default those of `data`.
    device
        Torch device that screens.
    """
    z, y, gallery = data
    once = () if isinstance(y, LabelSets) else (RECALL_AT_1,)
    others = [name for name in metrics if name not in once]
    scores: list[dict[str, float]] = [{} for _ in dims]
    if RECALL_AT_1 in metrics and once:
        if kind == "pca":
            recalls = pruned_recall(z, y, dims, fit=fit, gallery=gallery, device=device).recall
        else:
            recalls = first_dims_recall(z, y, dims, gallery=gallery, device=device)
        scores = [{RECALL_AT_1: value} for value in recalls.tolist()]
    if others:
        take = _components(z if fit is None else fit, max(dims)) if kind == "pca" else _first
        for number, found in zip(dims, scores, strict=True):
            found |= _scores(take, data, number, metrics=others, settings=settings, device=device)
    return scores


def _scores(
    take: Take,
    data: tuple[ArrayLike, ArrayLike | LabelSets, GalleryLike | None],
    number: int,
    *,
    metrics: Sequence[str],
    settings: ScoreSettings,
    device: str,
) -> dict[str, float]:
    """Return the scores by some number of coordinates; by the embeddings as they are where all are kept."""
    z, y, gallery = data
    if number < to_numpy(z).shape[1]:
        rows = take(z, number)
        sides = [rows]
        if gallery is not None:
            searched = Gallery.of(gallery)
            sides.append(take(searched.embeddings, number))
            gallery = searched._replace(embeddings=sides[1])
        z = rows
        if not all(side.any(axis=1).all() for side in sides):
            z, gallery = _marked(rows, y, gallery)
    return score(z, y, metrics, settings=settings, gallery=gallery, device=device)


def _marked(
    rows: NDArray[np.floating], y: ArrayLike | LabelSets, gallery: GalleryLike | None
) -> tuple[NDArray[np.floating], Gallery]:
    """Return rows that can be normalised, and have the same similarities: those of zero vectors are 0.

    Zero vectors of the queries get a 1 in a column of their own, those of the gallery in another.
    """
    searched = Gallery.itself(rows, y) if gallery is None else Gallery.of(gallery)
    other = to_numpy(searched.embeddings)
    none = ~rows.any(axis=1), ~other.any(axis=1)
    left = np.column_stack([rows, none[0], np.zeros(len(rows))]).astype(rows.dtype)
    right = np.column_stack([other, np.zeros(len(other)), none[1]]).astype(other.dtype)
    return left, searched._replace(embeddings=right)


def _in_range(rows: Rows) -> NDArray[np.float64]:
    """Return rows of lengths from 1/2 to 1: each is divided by a power of two, which changes no cosine."""
    return np.ldexp(rows.raw.astype(np.float64), -np.frexp(rows.norm)[1][:, None])


def _first(z: ArrayLike, number: int) -> NDArray[np.floating]:
    return np.ascontiguousarray(to_numpy(z)[:, :number])


def _components(fit: ArrayLike, most: int) -> Take:
    """Return what gives the leading coordinates of rows, float32, by the components of the centred fit."""
    basis = spectrum(fit).components[:most]

    def take(z: ArrayLike, number: int) -> NDArray[np.floating]:
        rows = Rows(z)
        out = np.empty((len(rows), number), np.float32)
        for part in spans(len(rows), _ROWS):
            out[part] = rows.unit(part) @ basis[:number].T
        # A product may differ in its last bits with the place of a row; equal rows must tie.
        copies = np.flatnonzero(rows.twin != np.arange(len(rows)))
        out[copies] = out[rows.twin[copies]]
        return out

    return take
