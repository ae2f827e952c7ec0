"""Similarity of embedding spaces of the same items, for each pair of snapshots.

Scores of a pair of snapshots with rows z_i, w_i of item i:

- Overlap of neighbours: the mean over items of the fraction of the k nearest neighbours (cosine similarity,
  ties to the lower row number) that the item has in both snapshots. 1: all the same; the mean of unrelated
  spaces is k / (N - 1).
- Linear CKA: ``|X^T Y|_F^2 / (|X^T X|_F |Y^T Y|_F)`` of the centred rows X and Y, in [0, 1] (Kornblith et
  al., "Similarity of neural network representations revisited", ICML 2019, section 3).
- Procrustes residual: ``min_R |X R - Y|_F^2 = 2 - 2 |X^T Y|_*`` over rotations and reflections R, where X and
  Y are centred and have Frobenius norm 1; in [0, 2] (Schönemann, Psychometrika 1966; Ding et al., "Grounding
  representation similarity through statistical testing", NeurIPS 2021). Of spaces of different dims the one
  of fewer is filled up with zeros.
- Angle: the mean over items of the angle, in degrees, between x_i R and y_i, with the R of the residual. An
  item at the mean of its space has none, and is left out of this mean.

Rows are divided by their lengths first, then centred. All but the first are invariant to rotation, shift and
one scale for all items; the overlap is invariant to rotation, and to a scale of each item.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, permutations
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.analysis.drift.alignment import scores_of
from embedlens.analysis.drift.neighbours import NeighbourFile
from embedlens.analysis.drift.pair_scores import KS, SCORES, PairScores, check_scores, check_sizes
from embedlens.analysis.drift.spaces import space_of
from embedlens.arrays import to_numpy
from embedlens.results import Result
from embedlens.similarity.nearest_rows import nearest_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

_IDENTICAL = {"overlap": 1.0, "cka": 1.0, "procrustes": 0.0, "angle": 0.0}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Drift(Result):
    """Scores of all pairs of T snapshots of the same items.

    Attributes
    ----------
    n
        Number of items.
    values
        Name of a score ("overlap_at_10", "cka", "procrustes", "angle") -> float64 [T, T], symmetric. A score
        is NaN where all items of a snapshot are in one point; angles are in degrees.
    """

    n: int
    values: dict[str, NDArray[np.float64]]

    @classmethod
    def of(
        cls,
        values: Mapping[str, NDArray[np.float64]],
        pairs: Sequence[tuple[int, int]],
        snapshots: Sequence[int],
        *,
        n: int,
    ) -> Drift:
        """Return the matrices of some of the snapshots, from the scores of pairs (a, b), a < b, of all."""
        place = {pair: number for number, pair in enumerate(pairs)}
        found = {}
        for name, column in values.items():
            matrix = np.full((len(snapshots), len(snapshots)), np.nan)
            for (row, a), (other, b) in permutations(enumerate(snapshots), 2):
                matrix[row, other] = column[place[min(a, b), max(a, b)]]
            known = ~np.isnan(matrix).all(axis=1)
            matrix[known, known] = _IDENTICAL[name.partition("_at_")[0]]
            found[name] = matrix
        return cls(n, found)

    @property
    def size(self) -> int:
        """Number of snapshots T."""
        return len(next(iter(self.values.values())))

    def against(self, number: int = -1) -> dict[str, NDArray[np.float64]]:
        """Return the scores of each snapshot with one of them, by default the last: name -> float64 [T]."""
        return {name: matrix[:, number] for name, matrix in self.values.items()}

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return each pair of snapshots once: their numbers from 0, `first` < `second`, and the scores."""
        first, second = np.triu_indices(self.size, 1)
        pairs = {name: matrix[first, second] for name, matrix in self.values.items()}
        return {"first": first, "second": second, **pairs}

    def summary(self) -> dict[str, float]:
        """Return the number of items, and the scores of the first snapshot with the last."""
        return {"n": self.n} | {name: float(matrix[0, -1]) for name, matrix in self.values.items()}


def drift(
    embeddings: Iterable[ArrayLike],
    *,
    ks: Sequence[int] = KS,
    scores: Sequence[str] = SCORES,
    normalize: bool = True,
    device: str = "cpu",
) -> Drift:
    """Return how similar the embedding spaces of several snapshots are, for each pair.

    Parameters
    ----------
    embeddings
        Embeddings [N, D] of each snapshot, rows the same items; D may differ. Arrays that are mapped from
        files are read a block of rows at a time.
    ks
        Numbers of neighbours whose overlap is computed, each in 1 to N - 1.
    scores
        Names in `SCORES`.
    normalize
        Whether rows are divided by their lengths before they are centred; neighbours are those by cosine
        similarity either way.
    device
        Torch device that screens the neighbours; the answer does not depend on it.

    Raises
    ------
    InputError
        Fewer than two snapshots or items, numbers of items that differ, unknown scores, numbers of
        neighbours out of range, or embeddings that cannot be normalised.
    """
    check_scores(scores)
    arrays = [to_numpy(z) for z in embeddings]
    spaces = [space_of(z, normalize=normalize) for z in arrays]
    check_sizes([space.n for space in spaces])
    computed = PairScores.of(combinations(range(len(spaces)), 2), scores, ks=ks, n=spaces[0].n)
    with NeighbourFile() as neighbours:
        for z in arrays if computed.ks else ():
            neighbours.append(nearest_rows(z, max(computed.ks), device=device))
        values = computed.values(neighbours, map(scores_of, computed.tiles(spaces)))
    return Drift.of(values, computed.pairs, range(len(spaces)), n=spaces[0].n)
