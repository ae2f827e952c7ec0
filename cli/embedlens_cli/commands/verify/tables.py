"""Tables of `verify`, and its messages."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from embedlens.moments import short_name_of
from embedlens_cli.common import console
from embedlens_cli.common.snapshots import Selected

if TYPE_CHECKING:
    from collections.abc import Mapping

    from embedlens.measurements.verification import Verification

_UNRESOLVED = "not resolved"


def warnings(results: Mapping[Selected, Verification]) -> list[str]:
    """Say which numbers of negatives were skipped, and which queries."""
    lines = []
    for at, one in results.items():
        place = f"run {at.label!r}, split {at.split!r}"
        if one.pairs.n_skipped:
            lines.append(
                f"{place}: {one.pairs.n_skipped:,} of {one.pairs.n_skipped + one.pairs.a.size:,} pairs of "
                f"{one.pairs.source} name a missing item; skipped"
            )
        if one.skipped:
            skipped = map(str, one.skipped)
            lines.append(f"{place}: too few classes for {' and '.join(skipped)} negatives; skipped")
        if one.closed.n_without_mate:
            lines.append(
                f"{place}: {one.closed.n_without_mate:,} queries have no mate in the gallery; left out"
            )
    return list(dict.fromkeys(lines))


def print_tables(results: Mapping[Selected, Verification]) -> None:
    """Print accuracy, TAR, many negatives, identification and thresholds of classes, one table each."""
    from embedlens.analysis.verification.pairs import FARS

    every = list(results.values())
    negatives = sorted({int(m) for one in every for m in one.many.negatives})
    fars = dict.fromkeys(far for one in every for far in one.fars)
    tables = (
        {
            "pairs": "pairs", "folds": "folds", "class-disjoint": "classes_disjoint", "accuracy": "accuracy",
            "AUC": "auc", "EER": "eer",
        },
        {f"TAR@FAR {far:g}": f"tar_at_far_{far:g}" for far in FARS},
        {"queries": "queries", **{f"VRF of {m}": f"vrf_{m}" for m in negatives}},
        {
            "gallery": "n_gallery", "probes": "n_probes", "rank-1": "rank_1",
            **{f"DIR@FAR {far:g}": f"dir_at_far_{far:g}" for far in fars},
        },
        {
            "OPIS": "opis", "classes": "opis_classes",
            **{
                f"{title} at FAR {far:g}": f"{name}_at_far_{far:g}"
                for far in fars
                for title, name in (
                    ("threshold", "threshold"), ("its spread", "threshold_spread"),
                    ("FAR spread", "far_spread"), ("TAR spread", "tar_spread"),
                )
            },
        },
    )  # fmt: skip
    numbers = [
        {
            **one.summary(),
            "pairs": f"{one.roc.n_genuine:,} + {one.roc.n_impostor:,}",
            "queries": one.many.n,
        }
        for one in every
    ]
    unresolved = False
    for columns in tables:
        cells = [[_text(values, name) for name in columns.values()] for values in numbers]
        unresolved |= any(_UNRESOLVED in row for row in cells)
        rows = [
            (f"{one.label}, {one.split}", short_name_of(one.epoch), *row)
            for one, row in zip(results, cells, strict=True)
        ]
        console.print_table(("run, split", "epoch", *columns), rows)
        console.print_line("")
    console.print_line("±: standard error, over folds (accuracy) or draws (VRF, rank-1, DIR)")
    console.print_line("spread: standard deviation over classes with two items or more")
    if unresolved:
        console.print_line(f"{_UNRESOLVED}: fewer impostor pairs, or impostor probes, than 1 / FAR")


def _text(numbers: Mapping[str, Any], name: str) -> str:
    """Return a number as text, with its standard error where it has one; nothing of what was skipped."""
    value, error = numbers.get(name, ""), numbers.get(f"{name}_se", math.nan)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, float):
        return f"{value:,}" if isinstance(value, int) else value
    if math.isnan(value):
        return _UNRESOLVED
    return f"{value:.4f}" + ("" if math.isnan(error) else f" ± {error:.4f}")
