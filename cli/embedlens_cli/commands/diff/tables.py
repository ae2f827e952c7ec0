"""What `diff` prints: R@1 of both sides with the interval of their difference, and what changed most."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from embedlens_cli.common import console

if TYPE_CHECKING:
    from collections.abc import Mapping

    from embedlens.analysis.differences import Difference
    from embedlens.measurements.differences import Sides, SplitDifference

_FEW = 3  # classes and confusions at either end


def print_tables(sides: Sides, found: Mapping[str, SplitDifference], class_names: Mapping[int, str]) -> None:
    """Print R@1, its difference, the anchors won and lost, and what changed most."""
    first, second = sides.names
    rows = [_row(split, one.anchors) for split, one in found.items()]
    tested = any(one.anchors.test is not None for one in found.values())
    console.print_line(f"{second} compared with {first}:")
    console.print_table(
        (
            "split", "n", "R@1 first", "R@1 second", "difference", "95 % interval", "won", "lost",
            *(["McNemar p"] if tested else []), "rank nearer", "rank farther",
        ),
        rows,
    )  # fmt: skip
    changes = [line for split, one in found.items() for line in _changes(split, one, class_names)]
    if changes:
        console.print_line("")
        console.print_table(("most changed", "split", "n", "first", "second"), changes)


def _row(split: str, one: Difference) -> tuple[str, ...]:
    """Return the cells of a split."""
    numbers = one.summary()
    interval = "-" if math.isnan(one.interval.low) else f"[{one.interval.low:+.4f}, {one.interval.high:+.4f}]"
    return (
        split, f"{numbers['n']:,}", f"{numbers['recall_at_1_first']:.4f}",
        f"{numbers['recall_at_1_second']:.4f}", f"{numbers['difference']:+.4f}", interval,
        f"{numbers['n_won']:,}", f"{numbers['n_lost']:,}",
        *([] if one.test is None else [_p_text(one.test.p_value)]),
        f"{numbers['n_rank_nearer']:,}", f"{numbers['n_rank_farther']:,}",
    )  # fmt: skip


def _p_text(value: float) -> str:
    """Return a p value in three digits; one that float64 cannot hold is below 1e-300."""
    return f"{value:.3g}" if value > 1e-300 else "< 1e-300"


def _changes(split: str, one: SplitDifference, names: Mapping[int, str]) -> list[tuple[str, ...]]:
    """Return the cells of the classes (R@1) and confusions (anchors) that changed most."""
    from embedlens.measurements.class_names import name_of

    rows: list[tuple[str, ...]] = []
    classes, pairs = one.classes, one.confusions
    for at in (place for places in classes.largest(_FEW) for place in places.tolist()):
        numbers = f"{classes.first[at]:.3f}", f"{classes.second[at]:.3f}"
        rows.append(
            (f"R@1 of {name_of(int(classes.label[at]), names)}", split, f"{classes.n[at]:,}", *numbers)
        )
    for at in (place for places in pairs.largest(_FEW) for place in places.tolist()):
        both = " taken for ".join(name_of(int(one[at]), names) for one in (pairs.label, pairs.nearest_label))
        rows.append((both, split, f"{pairs.n[at]:,}", f"{pairs.first[at]:.4g}", f"{pairs.second[at]:.4g}"))
    return rows
