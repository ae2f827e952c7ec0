"""Curves of pruned dimensions: numbers by name, and the table of Recall@1 by components."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embedlens_cli.common import console
from embedlens_cli.common.snapshots import Selected

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedlens.analysis.pruning import PruningCurve
    from embedlens.analysis.spectrum.slices import Slice
    from embedlens.analysis.spectrum.values import Spectrum


@dataclass(frozen=True, slots=True, eq=False)
class PrunedSlice:
    """The curve of a snapshot, or of a slice of it.

    Attributes
    ----------
    fit
        The split that the basis was fitted on.
    curve
        Recall@1 by number of components.
    slice_, spectrum
        The slice, and its spectrum on the items that are searched for; None: the whole embedding.
    """

    fit: str
    curve: PruningCurve
    slice_: Slice | None = None
    spectrum: Spectrum | None = None

    @property
    def facts(self) -> dict[str, str]:
        """What the basis was fitted on, and which slice it is of."""
        return {"fit": self.fit, **({} if self.slice_ is None else {"chunk": self.slice_.name})}


def summary(results: Sequence[PrunedSlice]) -> dict[str, Any]:
    """Return dim, fit, n and Recall@1 by number of components; those of slices stand under "slices"."""
    numbers = [
        {
            "dim": one.curve.dim,
            "fit": one.fit,
            "n": one.curve.n,
            "n_singletons": one.curve.n_singletons,
            "recall_at_1": dict(
                zip(map(str, one.curve.dims.tolist()), one.curve.recall.tolist(), strict=True)
            ),
        }
        for one in results
    ]
    slices = {
        one.slice_.name: part for one, part in zip(results, numbers, strict=True) if one.slice_ is not None
    }
    return numbers[0] | ({"slices": slices} if slices else {})


_COLUMNS = 12


def print_table(pruned: Mapping[Selected, Sequence[PrunedSlice]]) -> None:
    """Print Recall@1 by components; of many numbers the powers of two and the last."""
    every = [(one, result) for one, results in pruned.items() for result in results]
    known = sorted({int(number) for _, result in every for number in result.curve.dims})
    if len(known) > _COLUMNS:
        ends = {result.curve.dims[-1] for _, result in every}
        known = [number for number in known if number & (number - 1) == 0 or number in ends]
    rows = []
    for one, result in every:
        recall = dict(zip(result.curve.dims.tolist(), result.curve.recall.tolist(), strict=True))
        cells = [f"{recall[number]:.4f}" if number in recall else "-" for number in known]
        part = "" if result.slice_ is None else f" [{result.slice_.name}]"
        place = f"{one.label}, {one.split}{part}"
        rows.append((place, str(one.epoch), result.fit, f"{result.curve.n:,}", *cells))
    columns = ("run, split", "epoch", "fit", "n", *(f"R@1 of {number}" for number in known))
    console.print_table(columns, rows)
