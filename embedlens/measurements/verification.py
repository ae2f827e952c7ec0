"""Verification of the pairs of a snapshot, identification of its items, and thresholds, as one result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embedlens.analysis.verification.consistency import threshold_consistency
from embedlens.analysis.verification.detection import open_set
from embedlens.analysis.verification.negatives import many_negatives
from embedlens.analysis.verification.pairs import FARS, roc, verify_pairs
from embedlens.analysis.verification.rank_1 import closed_set, closed_set_between
from embedlens.measurements.class_names import of_items
from embedlens.pairs import ItemNames, draw_pairs, read_pairs
from embedlens.results import Result

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from embedlens.analysis.verification.consistency import ThresholdConsistency
    from embedlens.analysis.verification.detection import OpenSet
    from embedlens.analysis.verification.negatives import ManyNegatives
    from embedlens.analysis.verification.pairs import PairVerification, Roc
    from embedlens.analysis.verification.rank_1 import ClosedSet
    from embedlens.pairs import Pairs
    from embedlens.searches import Search
    from embedlens.store import Run


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Verification(Result):
    """Verification and identification of one snapshot.

    Attributes
    ----------
    pairs, accuracy, roc
        The pairs, the accuracy of thresholds, and their ROC.
    many
        Verification among many negatives, for the numbers that the classes allow.
    closed, open
        Closed-set rank-1, and DIR against FAR.
    consistency
        Utility of thresholds by class, and the operating points of classes.
    fars
        False accept rates at which DIR and operating points are reported.
    skipped
        Numbers of negatives left out because there are too few classes.
    """

    pairs: Pairs
    accuracy: PairVerification
    roc: Roc
    many: ManyNegatives
    closed: ClosedSet
    open: OpenSet
    consistency: ThresholdConsistency
    fars: Sequence[float]
    skipped: Sequence[int]

    def summary(self) -> dict[str, float | int | bool]:
        """Return all numbers by name; NaN where there are too few items for one."""
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
        for far in self.fars:
            mean, error = self.open.dir_at(far)
            values |= {f"dir_at_far_{far:g}": mean, f"dir_at_far_{far:g}_se": error}
        return values | self.consistency.summary()

    def facts(self) -> dict[str, Any]:
        """Return the entries of the sidecar: numbers of pairs and probes, and the accuracy of every fold."""
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
            "threshold_consistency": {
                "classes": self.consistency.classes.size,
                "items": self.consistency.n,
                "compared_with": self.consistency.n_partners,
            },
        }


def read_pairs_of(
    run: Run,
    search: Search,
    path: Path,
    *,
    by_order: bool = False,
    folds: int | None = None,
    skip_missing: bool = False,
) -> Pairs:
    """Return the pairs that a file names, of the queries of a snapshot.

    Parameters
    ----------
    run, search
        The run, and the queries; class names are those of items.csv, else of run.json.
    path
        The file, as `embedlens.pairs.read_pairs` takes it.
    by_order
        Whether numbers of items are places among the rows of a class, not numbers of file names.
    folds
        Number of folds; None: those of the file.
    skip_missing
        Whether to leave out pairs of items that are not there, instead of refusing the file.
    """
    rows = search.query.rows.tolist()
    names, paths = of_items(run, search.query.split), run.items(search.query.split).get("path")
    known = ItemNames(
        search.y,
        [names[row] for row in rows],
        None if paths is None else [paths[row] for row in rows],
        by_order=by_order,
    )
    return read_pairs(path, known, folds=folds, skip_missing=skip_missing)


def verify(
    search: Search,
    pairs: Pairs | None = None,
    *,
    negatives: Sequence[int] = (1, 10, 100),
    fars: Sequence[float] = (0.01,),
    draws: int = 10,
    seed: int = 0,
    device: str = "cpu",
) -> Verification:
    """Verify pairs of the queries of a snapshot, and identify the queries.

    Closed-set rank-1 is over the gallery split where there is one, else over galleries that are drawn.

    Parameters
    ----------
    search
        Queries and gallery.
    pairs
        Pairs of rows of the queries; None: drawn by the seed.
    negatives
        Numbers of negative classes; those beyond the classes are skipped, unless all are.
    fars
        False accept rates of DIR and of operating points.
    draws, seed
        Draws of negatives and of galleries, and their seed.
    device
        "cpu" or "cuda".
    """
    z, y = search.z, search.y
    if pairs is None:
        pairs = draw_pairs(y, seed=seed)
    accuracy = verify_pairs(z, pairs, device=device)
    possible = [m for m in negatives if m < len(set(y.tolist()))] or list(negatives)
    curve = roc(accuracy.similarity, accuracy.same)
    many = many_negatives(z, y, possible, draws=draws, seed=seed, device=device)
    if search.gallery_split is not None and search.gallery is not None:
        closed = closed_set_between((z, y), search.gallery, device=device)
    else:
        closed = closed_set(z, y, draws=draws, seed=seed, device=device)
    identified = open_set(z, y, fars, draws=draws, seed=seed, device=device)
    skipped = [m for m in negatives if m not in many.negatives]
    points = threshold_consistency(z, y, fars, seed=seed)
    return Verification(pairs, accuracy, curve, many, closed, identified, points, fars, skipped)
