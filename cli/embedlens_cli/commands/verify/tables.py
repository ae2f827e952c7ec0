"""Results of `verify`: numbers by name, tables, and facts for sidecars."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embedlens_cli.common import console
from embedlens_cli.common.snapshots import Selected

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedlens.analysis.verification.pairs import ManyNegatives, PairVerification, Roc
    from embedlens.analysis.verification.rank_1 import ClosedSet, OpenSet
    from embedlens.pairs import Pairs

_UNRESOLVED = "not resolved"


@dataclass(frozen=True, slots=True, eq=False)
class Verification:
    """What is measured of one snapshot."""

    pairs: Pairs
    accuracy: PairVerification
    roc: Roc
    many: ManyNegatives
    closed: ClosedSet
    open: OpenSet

    def values(self, fars: Sequence[float]) -> dict[str, float | int | bool]:
        """Return all numbers by name; NaN where the items do not resolve them."""
        from embedlens.analysis.verification.pairs import FARS

        values: dict[str, float | int | bool] = {
            "n_pairs": self.pairs.a.size,
            "folds": self.pairs.n_folds,
            "classes_disjoint": self.pairs.disjoint,
            "accuracy": self.accuracy.accuracy,
            "accuracy_se": self.accuracy.accuracy_se,
            "auc": self.roc.auc,
            "eer": self.roc.eer,
            **{f"tar_at_far_{far:g}": self.roc.tar_at(far) for far in FARS},
        }
        for m, mean, error in zip(self.many.negatives, self.many.mean, self.many.se, strict=True):
            values |= {f"vrf_{m}": float(mean), f"vrf_{m}_se": float(error)}
        values |= {"rank_1": self.closed.rank_1, "rank_1_se": self.closed.rank_1_se}
        values |= {"n_gallery": self.closed.n_gallery, "n_probes": self.closed.n_probes}
        for far in fars:
            mean, error = self.open.dir_at(far)
            values |= {f"dir_at_far_{far:g}": mean, f"dir_at_far_{far:g}_se": error}
        return values

    def counts(self) -> dict[str, Any]:
        """Return what a sidecar says: how much the curves stand on, and every fold."""
        return {
            "pairs": {
                "source": self.pairs.source,
                "n": self.pairs.a.size,
                "folds": self.pairs.n_folds,
                "classes_disjoint": self.pairs.disjoint,
                **({"skipped": self.pairs.n_skipped} if self.pairs.n_skipped else {}),
            },
            "folds": {name: column.tolist() for name, column in self.accuracy.columns().items()},
            "many_negatives": {name: column.tolist() for name, column in self.many.columns().items()},
            "closed_set": {
                "gallery": self.closed.n_gallery,
                "probes": self.closed.n_probes,
                "without_mate": self.closed.n_without_mate,
            },
            "open_set": {
                "gallery": self.open.n_gallery,
                "genuine_probes": self.open.n_genuine.tolist(),
                "impostor_probes": self.open.n_impostor.tolist(),
            },
        }


def warnings(results: Mapping[Selected, Verification], negatives: Sequence[int]) -> list[str]:
    """Say which numbers of negatives were skipped, and which queries."""
    lines = []
    for at, one in results.items():
        place = f"run {at.label!r}, split {at.split!r}"
        if one.pairs.n_skipped:
            lines.append(
                f"{place}: {one.pairs.n_skipped:,} of {one.pairs.n_skipped + one.pairs.a.size:,} pairs of "
                f"{one.pairs.source} name an item that is not there; skipped"
            )
        skipped = [str(m) for m in negatives if m not in one.many.negatives]
        if skipped:
            lines.append(f"{place}: too few classes for {' and '.join(skipped)} negatives; skipped")
        if one.closed.n_without_mate:
            lines.append(
                f"{place}: {one.closed.n_without_mate:,} queries have no mate in the gallery; left out"
            )
    return list(dict.fromkeys(lines))


def print_tables(results: Mapping[Selected, Verification], fars: Sequence[float]) -> None:
    """Print accuracy, TAR, many negatives and identification, one table each."""
    from embedlens.analysis.verification.pairs import FARS

    several = list(results.values())
    counts = sorted({int(m) for one in several for m in one.many.negatives})
    tables: dict[tuple[str, ...], list[tuple[str, ...]]] = {
        ("pairs", "folds", "class-disjoint", "accuracy", "AUC", "EER"): [
            (
                f"{one.roc.n_genuine:,} + {one.roc.n_impostor:,}",
                str(one.pairs.n_folds),
                "yes" if one.pairs.disjoint else "no",
                _text(one.accuracy.accuracy, one.accuracy.accuracy_se),
                _text(one.roc.auc),
                _text(one.roc.eer),
            )
            for one in several
        ],
        tuple(f"TAR@FAR {far:g}" for far in FARS): [
            tuple(_text(one.roc.tar_at(far)) for far in FARS) for one in several
        ],
        ("queries", *(f"VRF of {m}" for m in counts)): [
            (f"{one.many.n:,}", *(_share(one.many, m) for m in counts)) for one in several
        ],
        ("gallery", "probes", "rank-1", *(f"DIR@FAR {far:g}" for far in fars)): [
            (
                f"{one.closed.n_gallery:,}",
                f"{one.closed.n_probes:,}",
                _text(one.closed.rank_1, one.closed.rank_1_se),
                *(_text(*one.open.dir_at(far)) for far in fars),
            )
            for one in several
        ],
    }
    for columns, rows in tables.items():
        cells = [
            (f"{one.label}, {one.split}", str(one.epoch), *row)
            for one, row in zip(results, rows, strict=True)
        ]
        console.print_table(("run, split", "epoch", *columns), cells)
        console.print_line("")
    console.print_line("±: standard error, over folds (accuracy) or draws (VRF, rank-1, DIR)")
    if any(_UNRESOLVED in row for rows in tables.values() for row in rows):
        console.print_line(f"{_UNRESOLVED}: fewer impostor pairs, or impostor probes, than 1 / FAR")


def _share(many: ManyNegatives, m: int) -> str:
    """Return VRF of m negatives, or nothing where it was skipped."""
    at = many.negatives.tolist().index(m) if m in many.negatives else None
    return "" if at is None else _text(float(many.mean[at]), float(many.se[at]))


def _text(value: float, error: float = math.nan) -> str:
    """Return a fraction and its standard error as text."""
    if math.isnan(value):
        return _UNRESOLVED
    return f"{value:.4f}" + ("" if math.isnan(error) else f" ± {error:.4f}")
