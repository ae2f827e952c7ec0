"""Recall@1 against the number of leading principal components kept.

Rotation of embeddings onto their principal directions changes no inner product; Recall@1 without the last
coordinates then shows how much the neighbourhoods depend on the directions of small variance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedlens.analysis.spectrum.values import spectrum
from embedlens.arguments import check_integers
from embedlens.arrays import check_labels
from embedlens.errors import InputError, unknown
from embedlens.results import Result
from embedlens.similarity.gallery import leaves_out
from embedlens.similarity.pairing import Pairing
from embedlens.similarity.prefixes import prefix_hits
from embedlens.similarity.threads import spans

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from embedlens.similarity.gallery import GalleryLike
    from embedlens.similarity.rows import Rows

BASES = ("pca", "svd")
SIMILARITIES = ("cosine", "inner")
_ROWS = 1 << 13


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PruningCurve(Result):
    """Recall@1 by the leading components of a basis.

    Attributes
    ----------
    dims
        int64 [T], ascending: numbers of leading components kept.
    recall
        float64 [T]: Recall@1, in [0, 1].
    dim
        D, the dimensions of the embedding.
    n, n_singletons
        Items counted, and items left out because they have no positive.
    basis, similarity, centered
        "pca" or "svd"; "cosine" similarity or "inner" product of the kept coordinates; whether the mean of
        the fit was subtracted before the rotation.
    """

    dims: NDArray[np.int64]
    recall: NDArray[np.float64]
    dim: int
    n: int
    n_singletons: int
    basis: str
    similarity: str
    centered: bool

    def columns(self) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
        """Return the data that a figure of the curve shows, by column."""
        return {"dims": self.dims, "recall_at_1": self.recall}


def pruned_recall(
    z: ArrayLike,
    y: ArrayLike,
    dims: Sequence[int] | None = None,
    *,
    fit: ArrayLike | None = None,
    gallery: GalleryLike | None = None,
    basis: str = "pca",
    similarity: str = "cosine",
    center: bool = False,
    device: str = "cpu",
) -> PruningCurve:
    """Return Recall@1 of the leading principal components of embeddings.

    Parameters
    ----------
    z
        Embeddings [N, D], not necessarily normalised; they are normalised first.
    y
        Integer labels [N].
    dims
        Numbers of leading components to keep, each in 1 to D; by default all of them.
    fit
        Other embeddings [M, D] that give the directions, such as those of the training split; by default `z`.
    gallery
        Embeddings [G, D] and labels [G] to search; by default `z` itself, each item without itself.
    basis
        "pca": directions of the centred embeddings of the fit; "svd": of the uncentred ones.
    similarity
        "cosine" similarity or "inner" product of the kept coordinates.
    center
        Whether the mean of the fit is subtracted before the rotation. If not, Recall@1 with all D components
        is exactly that of the embeddings.
    device
        Torch device that screens; the answer does not depend on it.

    Raises
    ------
    InputError
        Numbers of components out of range, an unknown basis or similarity, dimensions that do not agree, no
        positive, or embeddings that cannot be normalised.

    Notes
    -----
    Recall@1 is the fraction of items whose nearest positive is strictly more similar than every negative;
    if all kept coordinates of an item are 0, its similarities are 0. All numbers of components are computed
    in one pass over the tiles of the similarity matrix (`embedlens.similarity.prefixes`).
    """
    for got, kind, known in ((basis, "basis", BASES), (similarity, "similarity", SIMILARITIES)):
        if got not in known:
            raise unknown(got, kind, known)
    whole = Pairing(z, check_labels(y), gallery)
    dim = whole.queries.dim
    kept = np.unique(np.arange(1, dim + 1) if dims is None else check_integers(dims, "dims to keep"))
    check_dims(kept, dim)
    if not (whole.positives > 0).any():
        message = (
            "no query has a positive but itself and what its gallery leaves out; Recall@1 needs one"
            if leaves_out(gallery)
            else "no label has two items, so there is no positive; Recall@1 needs a class of two or more"
        )
        raise InputError(message)
    found = spectrum(z if fit is None else fit, center=basis == "pca")
    if found.mean.size != dim:
        message = f"the fit has {found.mean.size} dims, the embeddings {dim}; they must agree"
        raise InputError(message)
    mean = found.mean if center else np.zeros(dim)
    leading = found.components[: kept[-1]]  # the other coordinates are never compared
    queries = _rotated(whole.queries, mean, leading)
    rotated = queries if whole.one_set else _rotated(whole.gallery, mean, leading)
    result = prefix_hits(
        whole,
        (queries, rotated),
        kept.tolist(),
        rotation=not center,
        cosine=similarity == "cosine",
        device=device,
    )
    counted = result.n_positives > 0
    return PruningCurve(
        dims=kept,
        recall=result.hits[counted].mean(axis=0),
        dim=dim,
        n=int(counted.sum()),
        n_singletons=int((~counted).sum()),
        basis=basis,
        similarity=similarity,
        centered=center,
    )


def check_dims(dims: NDArray[np.int64], dim: int) -> None:
    """Refuse numbers of components that the embeddings do not have.

    Parameters
    ----------
    dims
        int64 [T]: the numbers.
    dim
        D of embeddings [N, D].
    """
    wrong = dims[(dims < 1) | (dims > dim)]
    if wrong.size or not dims.size:
        got = ", ".join(map(str, wrong.tolist())) or "none"
        message = f"dims to keep: {got}; numbers in 1 to {dim} are needed, the dims of the embedding"
        raise InputError(message)


def _rotated(rows: Rows, mean: NDArray[np.float64], components: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the coordinates of the normalised rows along components [d, D], float64 [N, d].

    Equal rows get equal ones.
    """
    out = np.empty((len(rows), len(components)))
    for part in spans(len(rows), _ROWS):
        out[part] = (rows.unit(part) - mean) @ components.T
    # The product of a row may differ in its last bits with its place in the block; equal rows must tie.
    copies = np.flatnonzero(rows.twin != np.arange(len(rows)))
    out[copies] = out[rows.twin[copies]]
    return out
