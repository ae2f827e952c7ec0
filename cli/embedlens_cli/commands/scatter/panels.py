"""The triplets that scatters show: which are chosen, and their tables and facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embedlens import measurements
from embedlens.errors import InputError, unknown
from embedlens.moments import short_name_of
from embedlens_cli.common import console
from embedlens_cli.common.report import Report
from embedlens_cli.common.snapshots import Selected, Selection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from embedlens.analysis.triplets.nearest import Triplets
    from embedlens.csv_files import Table
    from embedlens.measurements.triplet_states import FixedTriplets

    SnapshotTriplets = Mapping[Selected, Triplets]


def choose_fixed(
    kind: str, selection: Selection, *, run: str | None, epoch: str | None, device: str
) -> FixedTriplets | None:
    """Choose the triplets that are followed in every epoch and run; None where each has its own nearest."""
    if kind not in ("nearest", "fixed"):
        raise unknown(kind, "kind of triplets", ("nearest", "fixed"))
    if kind == "nearest":
        if run or epoch:
            message = "--reference-run and --reference-epoch are for fixed triplets; add --triplets fixed"
            raise InputError(message)
        return None
    reference = measurements.Reference.of(selection.runs, selection.labels, name=run, epoch=epoch or "last")
    measurements.triplet_states.check_same_triplets(selection.runs, selection.splits)
    return measurements.triplet_states.FixedTriplets.of(
        reference, selection.splits, reader=selection.reader, device=device
    )


def command_facts(selection: Selection, fixed: FixedTriplets | None, device: str) -> dict[str, Any]:
    """Return the entries of every figure's sidecar."""
    from embedlens.analysis.triplets.nearest import RIGHT_BOUNDARY, TOP_RIGHT
    from embedlens.figures.triplets.density import ENCLOSED
    from embedlens.figures.triplets.nearest import DRAW_SEED
    from embedlens.similarity import engine_facts

    return {
        "splits": list(selection.splits),
        "galleries": measurements.triplet_states.galleries(selection.runs, selection.splits),
        "triplets": "fixed" if fixed else "nearest",
        "reference": fixed.facts if fixed else None,
        "regions": {
            "top_right": f"S_ap > {TOP_RIGHT} and S_an > {TOP_RIGHT}",
            "right_boundary": f"S_ap > {RIGHT_BOUNDARY}",
        },
        "contours_enclose": list(ENCLOSED),
        "draw_order_seed": DRAW_SEED,
        "engine": engine_facts(device),
    }


def panel_facts(results: SnapshotTriplets) -> list[dict[str, Any]]:
    """Return what the sidecar of one figure says of its panels: how many items they show of how many."""
    return [
        {**one.facts, "shown": result.s_ap.size, "of": result.s_ap.size + result.n_singletons}
        for one, result in results.items()
    ]


def table_of(results: SnapshotTriplets) -> Table:
    """Return the dots of all panels, one block each."""
    return [{**one.facts, **result.columns()} for one, result in results.items()]


def enter(report: Report, results: SnapshotTriplets) -> None:
    """Put the numbers of each snapshot into the JSON answer."""
    from embedlens.analysis.triplets.nearest import summarise

    for one, result in results.items():
        report.enter(one, summarise(result).summary())


def print_summary(results: SnapshotTriplets) -> None:
    """Print one row per snapshot."""
    from embedlens.analysis.triplets.nearest import summarise

    rows = []
    for one in sorted(results, key=lambda one: (one.label, one.split)):
        numbers = summarise(results[one])
        fractions = (
            numbers.below_diagonal,
            numbers.above_diagonal,
            numbers.top_right,
            numbers.right_boundary,
            numbers.mean_ideal_distance,
        )
        counts = (short_name_of(one.epoch), f"{numbers.n:,}", f"{numbers.n_singletons:,}")
        rows.append((f"{one.label}, {one.split}", *counts, *(f"{value:.4f}" for value in fractions)))
    below = "R@1" if next(iter(results.values())).choice == "nearest" else "below diagonal"
    regions = ("above diagonal", "top right", "right boundary", "mean distance to (1, 0)")
    console.print_table(("run, split", "epoch", "n", "singletons", below, *regions), rows)


def print_flow(summary: Mapping[str, Any]) -> None:
    """Print one row per flow in the summary."""
    rows = [
        (
            f"{run}, {split}",
            f"{numbers['flow']['from_epoch']} to {epoch}",
            f"{numbers['flow']['arrows']:,}",
            f"{numbers['flow']['n_thin']:,}",
            f"{numbers['flow']['mean_d_ap']:+.4f}",
            f"{numbers['flow']['mean_d_an']:+.4f}",
        )
        for run, splits in summary.items()
        for split, epochs in splits.items()
        for epoch, numbers in epochs.items()
        if "flow" in numbers
    ]
    columns = ("run, split", "flow of epochs", "arrows", "in thin bins", "mean change of S_ap", "of S_an")
    if rows:
        console.print_table(columns, rows)
