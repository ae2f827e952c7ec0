"""Text of a paired comparison of two states."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.figures.layout.text import shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedlens.analysis.triplets.paired import Paired

LONGEST = 20
"""Letters of a name, at most."""
_MINUS = "\N{MINUS SIGN}"


def corner_lines(paired: Sequence[Paired], names: Sequence[str] = (), *, letters: int = LONGEST) -> list[str]:
    """Return what the corner says of a paired comparison, line by line.

    Where triplets chosen in another state make another one the nearer, it is undecided which is.

    Parameters
    ----------
    paired
        Comparisons of the same two states; none gives no lines.
    names
        States whose epoch the legend tells, as "run, epoch N".
    letters
        Of a name; longer ones lose their middle.
    """
    if not paired:
        return []
    first, *others = paired
    winners = {one.nearer for one in paired}
    winner = (shorten(first.nearer, letters) or "neither") if len(winners) == 1 else "undecided"
    ends = (
        (first.low, first.high) if not first.nearer else sorted(abs(end) for end in (first.low, first.high))
    )
    p = "p < 0.001" if first.p_value < 0.001 else f"p = {first.p_value:.3f}"
    return [
        f"nearer: {winner}",
        _median(first, letters if len(winners) > 1 else 0),
        f"95 % [{_number(ends[0])}, {_number(ends[1])}]",
        f"Wilcoxon {p}",
        f"triplets of {_reference(first, names, letters)}",
        *(
            f"(of {_reference(one, names, letters)}: {_median(one, letters if len(winners) > 1 else 0)})"
            for one in others
        ),
    ]


def _median(one: Paired, letters: int) -> str:
    """Return by how much one state is nearer, and which, in so many letters."""
    if not one.nearer:
        return f"median difference {_number(one.difference)}"
    name = f"{shorten(one.nearer, letters)} " if letters else ""
    return f"{name}by a median {abs(one.difference):.3f}"


def _reference(one: Paired, names: Sequence[str], letters: int) -> str:
    """Return where the triplets were chosen, without what the legend or the comparison tells anyway."""
    for side in (one.first, one.second):
        if one.reference.endswith(f", {side}"):
            return side
    run = one.reference.rpartition(", ")[0] if one.reference in names else ""
    return shorten(run or one.reference, letters)


def _number(value: float) -> str:
    """Return a number as papers print it."""
    return f"{value:.3f}".replace("-", _MINUS)
