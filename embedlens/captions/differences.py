"""Captions of figures of what changed between two runs or epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from embedlens.analysis.differences import ClassChanges, Confusions, Difference, Losses


def ranks(result: Difference) -> str:
    """Return what the histogram of ranks on two sides shows."""
    first, second = result.names
    mean = "mean rank over the runs" if result.test is None else "rank"
    numbers, one = result.summary(), result.interval
    lost, won = f"{numbers['n_lost']:,}", f"{numbers['n_won']:,}"
    changed = f"Outlined: the anchors lost at R@1 (column: {lost}) and won (row: {won})."
    if result.test is None:
        changed = (
            f"Anchors right at R@1 in a larger fraction of the runs of {second} than of {first} are won "
            f"({won}), in a smaller one lost ({lost})."
        )
    sentences = [
        f"Anchors by the {mean} of their nearest positive in {first} (across) and in {second} (up), in bins "
        "of powers of 2.",
        changed,
    ]
    parts = [f"R@1 changes by {100 * one.value:+.1f} percentage points"]
    if not np.isnan(one.low):
        over = "seeds and classes" if result.test is None else "classes"
        percent = f"{one.confidence:.0%}".replace("%", " %")
        parts.append(
            f"{percent} interval [{100 * one.low:+.1f}, {100 * one.high:+.1f}] over {over}"
        )  # fmt: skip
    if result.test is not None:
        parts.append(f"McNemar p = {result.test.p_value:.2g}")
    return " ".join([*sentences, f"{', '.join(parts)}."])


def classes(result: ClassChanges, most: int) -> str:
    """Return what the dots of classes show, at most `most` at either end."""
    first, second = result.names
    counts = result.summary()
    return (
        f"R@1 of the classes whose number of retrieved anchors changed most, up to {most} at either end: "
        f"hollow in {first}, filled in {second}; n is the number of anchors of the class. "
        f"Of {result.label.size:,} classes {counts['n_gained']:,} gained and {counts['n_lost']:,} lost."
    )


def confusions(result: Confusions, most: int, *, several: bool) -> str:
    """Return what the dots of confusions show, `most` at either end; `several`: of several runs a side."""
    first, second = result.names
    counts = result.summary()
    number = "Number, mean over the runs," if several else "Number"
    return (
        f"{number} of anchors of the class before the arrow whose nearest neighbour is of the class after "
        f"it: the confusions that changed most, up to {most} at either end, hollow in {first}, filled in "
        f"{second}; n is the number of anchors of the class. {counts['n_appeared']:,} confusions appeared, "
        f"{counts['n_gone']:,} went."
    )


def losses(result: Losses, *, several: bool) -> str:
    """Return what the sheet of the worst losses shows; `several`: a side has several runs."""
    first, second = result.names
    which = "; pictures are those of the first run of either side" if several else ""
    return (
        f"The {result.anchor.size:,} worst of {result.n_lost:,} losses: anchors that {first} retrieves and "
        f"{second} does not, by falling rank of the nearest positive there. Beside each anchor stand its "
        "nearest positive (green) and negative (orange) in both, the nearer first with a thick border, with "
        f"class and cosine similarity{which}."
    )
