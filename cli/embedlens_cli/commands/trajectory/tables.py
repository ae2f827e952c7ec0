"""Paths of followed triplets as a table, as rows of the figure's data and as numbers of the JSON answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens_cli.common import console
from embedlens_cli.common.report import Report

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedlens.artifacts import Table
    from embedlens.measurements.anchor_paths import AnchorPaths


def table(anchors: Sequence[AnchorPaths], split: str) -> Table:
    """Return every state of every path, one block per path."""
    return [
        {"run": path.run, "split": split, **one.items, **path.columns()}
        for one in anchors
        for path in one.paths
    ]


def enter(report: Report, anchors: Sequence[AnchorPaths], split: str) -> None:
    """Put first and last state into the JSON answer: run -> split -> state -> anchor -> name -> value."""
    for one in anchors:
        for path in one.paths:
            numbers = {"s_ap": path.s_ap, "s_an": path.s_an, "ideal_distance": path.distance}
            for at in (0, -1):
                ends = {name: float(values[at]) for name, values in numbers.items()}
                state = report.entry(path.run, split, path.states[at].removeprefix("epoch "))
                state[str(path.anchor)] = {**one.items, **ends}


def print_table(paths_by_split: Mapping[str, Sequence[AnchorPaths]]) -> None:
    """Print where every path starts and ends."""
    rows = []
    for split, anchors in paths_by_split.items():
        for one, path in [(each, path) for each in anchors for path in each.paths]:
            ends = [f"{path.states[at]}: {path.s_ap[at]:.3f}, {path.s_an[at]:.3f}" for at in (0, -1)]
            far = [f"{path.distance[at]:.3f}" for at in (0, -1)]
            items = (
                f"{path.anchor} ({one.classes[0]})",
                str(path.positive),
                f"{path.negative} ({one.classes[2]})",
            )
            rows.append((f"{path.run}, {split}", *items, *ends, *far))
    console.print_table(
        (
            "run, split", "anchor (class)", "positive", "negative (class)", "from (S_ap, S_an)",
            "to (S_ap, S_an)", "distance to (1, 0)", "at the end",
        ),
        rows,
    )  # fmt: skip
