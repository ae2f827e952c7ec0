"""Scores of pairs of snapshots: which are computed, from which parts, and the checks of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedlens.analysis.drift.alignment import Tile
from embedlens.arguments import check_integers
from embedlens.errors import InputError, unknown
from embedlens.results import Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from embedlens.analysis.drift.alignment import TileScores
    from embedlens.analysis.drift.neighbours import NeighbourFile
    from embedlens.analysis.drift.spaces import Space

SCORES = ("overlap", "cka", "procrustes", "angle")
"""Names of the scores; of the overlap there is one for each number of neighbours."""
KS = (1, 10, 100)
"""Numbers of neighbours by default."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PairScores(Result):
    """Some scores of some pairs of snapshots.

    Attributes
    ----------
    pairs
        Numbers (a, b), a < b, of snapshots.
    scores
        Names in `SCORES`.
    ks
        Numbers of neighbours, ascending; none where the overlap is not computed.
    """

    pairs: list[tuple[int, int]]
    scores: tuple[str, ...]
    ks: list[int]

    @classmethod
    def of(
        cls, pairs: Iterable[tuple[int, int]], scores: Sequence[str], *, ks: ArrayLike, n: int
    ) -> PairScores:
        """Return the scores of pairs of snapshots of n items; numbers of neighbours are checked."""
        return cls(sorted(set(pairs)), tuple(scores), _check_ks(ks, n) if "overlap" in scores else [])

    def tiles(self, spaces: Sequence[Space]) -> list[Tile]:
        """Return the tiles that `values` takes; none where only the overlap is computed."""
        if not {"cka", "procrustes", "angle"} & {*self.scores}:
            return []
        return Tile.cover(
            spaces, self.pairs, procrustes="procrustes" in self.scores, angles="angle" in self.scores
        )

    def values(
        self, neighbours: NeighbourFile, parts: Iterable[TileScores]
    ) -> dict[str, NDArray[np.float64]]:
        """Return each score of each pair, float64 [P], from the neighbours and what the tiles gave."""
        found: dict[str, NDArray[np.float64]] = {}
        if self.ks:
            overlap = neighbours.overlap(self.pairs, self.ks)
            found |= {f"overlap_at_{k}": overlap[:, number] for number, k in enumerate(self.ks)}
        return found | self._aligned(parts)

    def _aligned(self, parts: Iterable[TileScores]) -> dict[str, NDArray[np.float64]]:
        """Return CKA, Procrustes residual and angle in degrees, of those that are computed."""
        frobenius: dict[tuple[int, int], float] = {}
        nuclear: dict[tuple[int, int], float] = {}
        angle: dict[tuple[int, int], float] = {}
        for part in parts:
            frobenius |= part.frobenius
            nuclear |= part.nuclear
            angle |= part.angle
        points = {a for (a, b), norm in frobenius.items() if a == b and norm == 0}
        found: dict[str, NDArray[np.float64]] = {}
        for name in self.scores:
            if name == "overlap":
                continue
            found[name] = np.full(len(self.pairs), np.nan)
            for number, (a, b) in enumerate(self.pairs):
                if points & {a, b}:
                    continue
                if name == "cka":
                    value = frobenius[a, b] ** 2 / (frobenius[a, a] * frobenius[b, b])
                elif name == "procrustes":
                    value = max(0.0, 2.0 - 2.0 * nuclear[a, b])
                else:
                    value = float(np.degrees(angle[a, b]))
                found[name][number] = value
        return found


def check_scores(scores: Sequence[str]) -> None:
    """Refuse unknown scores, and none at all."""
    for name in scores:
        if name not in SCORES:
            raise unknown(name, "score of drift", SCORES)
    if not scores:
        message = f"no score is named; choose some of {', '.join(SCORES)}"
        raise InputError(message)


def check_sizes(sizes: Sequence[int]) -> None:
    """Refuse fewer than two snapshots, and snapshots of different numbers of items."""
    if len(sizes) < 2:
        message = f"{len(sizes)} snapshot to compare; at least two are needed"
        raise InputError(message)
    if len(set(sizes)) > 1:
        message = f"snapshots of {min(sizes)} and of {max(sizes)} items; all must hold the same items"
        raise InputError(message)


def _check_ks(ks: ArrayLike, n: int) -> list[int]:
    """Return numbers of neighbours, ascending, each once; those that n items do not have are refused.

    Parameters
    ----------
    ks
        The numbers.
    n
        Number N of items of the embeddings [N, D].
    """
    numbers: list[int] = sorted(set(check_integers(ks, "numbers of neighbours", least=1).tolist()))
    if not numbers or numbers[-1] >= n:
        got = ", ".join(map(str, numbers)) or "none"
        message = f"numbers of neighbours: {got}; of {n} items, numbers in 1 to {n - 1} are needed"
        raise InputError(message)
    return numbers
