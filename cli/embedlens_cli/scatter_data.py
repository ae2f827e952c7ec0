"""The triplets that scatters show: how they are chosen and measured, and what is said of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError, unknown
from embedlens_cli.triplet_states import State, check_same_triplets, galleries

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedlens.analysis.triplets import Triplets
    from embedlens.artifacts import Table
    from embedlens.figures.panels import Panel
    from embedlens.store import Run
    from embedlens_cli.reading import Reader


@dataclass(frozen=True, slots=True)
class Fixed:
    """The triplets that are followed: where they were chosen, and by split which they are."""

    run: str
    epoch: int
    triplets: dict[str, Triplets]

    @property
    def stem(self) -> str:
        """What tells their figures from others."""
        return f"fixed-{self.run}-{self.epoch:04d}"


def choose_fixed(
    kind: str,
    runs: Sequence[Run],
    splits: Sequence[str],
    *,
    reference: tuple[str | None, str | None],
    reader: Reader,
    device: str,
) -> Fixed | None:
    """Choose the triplets that are followed in every epoch and run; None where each has its own nearest."""
    from embedlens import selection

    run_name, epoch = reference
    if kind not in ("nearest", "fixed"):
        raise unknown(kind, "kind of triplets", ("nearest", "fixed"))
    if kind == "nearest":
        if run_name or epoch:
            message = "--reference-run and --reference-epoch are for fixed triplets; add --triplets fixed"
            raise InputError(message)
        return None
    labels = selection.run_labels(runs)
    if run_name is not None and run_name not in labels:
        raise unknown(run_name, "reference run", labels)
    run = runs[0 if run_name is None else labels.index(run_name)]
    number = selection.choose_epoch(run, epoch or "last", "--reference-epoch")
    for split in splits:
        check_same_triplets(runs, split)
    panels = measure(run.name, run, number, splits, reader=reader, device=device)
    return Fixed(run.name, number, {panel.split: panel.triplets for panel in panels})


def measure(
    label: str,
    run: Run,
    epoch: int,
    splits: Sequence[str],
    *,
    fixed: Fixed | None = None,
    reader: Reader,
    device: str,
) -> list[Panel]:
    """Return the triplets of one epoch, by split; what cannot be measured is told with its place.

    Their items are numbered as in the split, and in the gallery, as recorded.
    """
    from embedlens.figures.panels import Panel

    panels = []
    for split in splits:
        state = State(run, split, epoch)
        if fixed is None:
            found = state.nearest(reader, label=label, device=device)
        else:
            reader.search(run, split, epoch, label=label)  # for what there is to say of its data
            found = state.follow(fixed.triplets[split], device=device)
        panels.append(Panel(label, split, epoch, found))
    return panels


def command_facts(
    runs: Sequence[Run], splits: Sequence[str], fixed: Fixed | None, device: str
) -> dict[str, Any]:
    """Return what the sidecar of every figure says."""
    from embedlens.analysis.triplets import RIGHT_BOUNDARY, TOP_RIGHT
    from embedlens.artifacts import run_facts
    from embedlens.figures.triplets import DRAW_SEED, ENCLOSED
    from embedlens.similarity import engine_facts

    return {
        "runs": run_facts(runs),
        "splits": list(splits),
        "galleries": galleries(runs, splits),
        "triplets": "nearest" if fixed is None else "fixed",
        "reference": None if fixed is None else {"run": fixed.run, "epoch": fixed.epoch},
        "regions": {
            "top_right": f"S_ap > {TOP_RIGHT} and S_an > {TOP_RIGHT}",
            "right_boundary": f"S_ap > {RIGHT_BOUNDARY}",
        },
        "contours_enclose": list(ENCLOSED),
        "draw_order_seed": DRAW_SEED,
        "engine": engine_facts(device),
    }


def panel_facts(panels: Sequence[Panel]) -> dict[str, Any]:
    """Return what the sidecar of one figure says: its epochs, and how many items it shows of how many."""
    return {
        "epochs": sorted({panel.epoch for panel in panels}),
        "panels": [
            {
                "run": panel.run,
                "split": panel.split,
                "epoch": panel.epoch,
                "shown": panel.triplets.s_ap.size,
                "of": panel.triplets.s_ap.size + panel.triplets.n_singletons,
            }
            for panel in panels
        ],
    }


def table_of(panels: Sequence[Panel]) -> Table:
    """Return the dots of all panels, one block each."""
    return [
        {"run": panel.run, "split": panel.split, "epoch": panel.epoch, **panel.triplets.columns()}
        for panel in panels
    ]


def summary_of(panels: Sequence[Panel]) -> dict[str, Any]:
    """Return the numbers of each panel: run -> split -> epoch -> name -> number."""
    from embedlens.analysis.triplets import summarise

    summary: dict[str, Any] = {}
    for panel in panels:
        epochs = summary.setdefault(panel.run, {}).setdefault(panel.split, {})
        epochs[str(panel.epoch)] = summarise(panel.triplets).columns()
    return summary


def print_summary(panels: Sequence[Panel]) -> None:
    """Print a row for each panel."""
    from embedlens.analysis.triplets import summarise
    from embedlens_cli import output

    rows = []
    for panel in sorted(panels, key=lambda panel: (panel.run, panel.split)):
        numbers = summarise(panel.triplets)
        shares = (
            numbers.below_diagonal,
            numbers.above_diagonal,
            numbers.top_right,
            numbers.right_boundary,
            numbers.mean_ideal_distance,
        )
        counts = (str(panel.epoch), f"{numbers.n:,}", f"{numbers.n_singletons:,}")
        rows.append((f"{panel.run}, {panel.split}", *counts, *(f"{share:.4f}" for share in shares)))
    below = "R@1" if panels[0].triplets.choice == "nearest" else "below diagonal"
    regions = ("above diagonal", "top right", "right boundary", "mean distance to (1, 0)")
    output.print_table(("run, split", "epoch", "n", "singletons", below, *regions), rows)


def print_flow(summary: Mapping[str, Any]) -> None:
    """Print a row for each flow in the summary."""
    from embedlens_cli import output

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
        output.print_table(columns, rows)
