"""What is said of followed triplets: the data of the figure, the numbers of the answer, the table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from embedlens.analysis.trajectory import Path
    from embedlens.artifacts import Table


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """One anchor: its paths, one a run, and the classes of anchor, positive and negative."""

    paths: tuple[Path, ...]
    classes: tuple[str, str, str]


def table(anchors: Sequence[Followed], split: str) -> Table:
    """Return every state of every path, a block a path."""
    return [
        {"run": path.run, "split": split, **_items(one, path), **path.columns()}
        for one in anchors
        for path in one.paths
    ]


def _items(one: Followed, path: Path) -> dict[str, Any]:
    """Return which three items a path is of."""
    return {
        "anchor": path.anchor,
        "class": one.classes[0],
        "positive": path.positive,
        "negative": path.negative,
        "negative_class": one.classes[2],
    }


def summary(found: Mapping[str, Sequence[Followed]]) -> dict[str, Any]:
    """Return the numbers of first and last state: run -> split -> state -> anchor -> name -> value."""
    told: dict[str, Any] = {}
    for split, one, path in _paths(found):
        states = told.setdefault(path.run, {}).setdefault(split, {})
        for at in (0, -1):
            numbers = {"s_ap": path.s_ap, "s_an": path.s_an, "ideal_distance": path.distance}
            ends = {name: float(values[at]) for name, values in numbers.items()}
            state = states.setdefault(path.states[at].removeprefix("epoch "), {})
            state[str(path.anchor)] = {**_items(one, path), **ends}
    return told


def _paths(
    found: Mapping[str, Sequence[Followed]],
) -> Iterator[tuple[str, Followed, Path]]:
    """Yield all paths with their split and anchor."""
    for split, anchors in found.items():
        for one in anchors:
            for path in one.paths:
                yield split, one, path


def print_table(found: Mapping[str, Sequence[Followed]]) -> None:
    """Print where every path starts and ends."""
    from embedlens_cli import output

    rows = []
    for split, one, path in _paths(found):
        ends = [f"{path.states[at]}: {path.s_ap[at]:.3f}, {path.s_an[at]:.3f}" for at in (0, -1)]
        far = [f"{path.distance[at]:.3f}" for at in (0, -1)]
        items = (
            f"{path.anchor} ({one.classes[0]})",
            str(path.positive),
            f"{path.negative} ({one.classes[2]})",
        )
        rows.append((f"{path.run}, {split}", *items, *ends, *far))
    output.print_table(
        (
            "run, split", "anchor (class)", "positive", "negative (class)", "from (S_ap, S_an)",
            "to (S_ap, S_an)", "distance to (1, 0)", "at the end",
        ),
        rows,
    )  # fmt: skip
