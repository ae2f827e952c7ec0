"""Names of classes in tables and legends: the column beside the label, and names that runs share."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from embedlens.errors import shortened
from embedlens.store.relabelled import UNLABELLED, RelabelledRun

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from embedlens.store import Run

COLUMN = "class_name"
"""Column of a CSV file that stands beside the labels, where the run names its classes."""


def columns(labels: NDArray[np.int64], names: Mapping[int, str]) -> dict[str, NDArray[np.str_]]:
    """Return the column of class names for labels [n]; {} for a run that names no class."""
    import numpy as np

    if not names:
        return {}
    classes, places = np.unique(labels, return_inverse=True)
    known = np.array([names.get(label, str(label)) for label in classes.tolist()], dtype=str)
    return {COLUMN: known[places.ravel()]}


def of_items(run: Run, split: str, unnamed: str = "{}") -> list[str]:
    """Return the name of the class of each item of a split.

    It is that of the column ``class`` of items.csv, else of run.json, else `unnamed` with the label. Where
    another column gives the labels, it is the value there, and a dash where it is empty.
    """
    named = None if isinstance(run, RelabelledRun) else run.items(split).get("class")
    if named:
        return named
    labels, known, _ = distinct_classes(run, split)
    return [
        "-" if label == UNLABELLED else known.get(label, unnamed.format(label)) for label in labels.tolist()
    ]


def joint(several: Iterable[Mapping[int, str]]) -> dict[int, str]:
    """Return one name for each label of several runs; names that differ stand side by side, ``a / b``."""
    joined: dict[int, dict[str, None]] = {}
    for names in several:
        for label, name in names.items():
            joined.setdefault(label, {})[name] = None
    return {label: " / ".join(names) for label, names in joined.items()}


def name_of(label: int, names: Mapping[int, str]) -> str:
    """Return the name of a class in tables and messages, or its number where it has none."""
    return shortened(names.get(label) or str(label))


class ItemClasses(NamedTuple):
    """One class for each item of a split, for what shows one.

    Attributes
    ----------
    labels
        int64 [N].
    names
        Label -> name of the class, of those that have one.
    texts
        Label -> what is shown in its place: of a set the labels in it, "0;3". Empty of single labels.
    """

    labels: NDArray[np.int64]
    names: dict[int, str]
    texts: dict[int, str]


def distinct_classes(run: Run, split: str) -> ItemClasses:
    """Return one class for each item: of label sets each distinct set, named by its labels, "cat, dog".

    Sets are numbered alike in all splits of the run. Nothing may take equal numbers for positives.
    """
    from embedlens.label_sets import LabelSets, label_codes

    targets = run.targets(split)
    if not isinstance(targets, LabelSets):
        return ItemClasses(targets, run.class_names, {})
    every = {name: targets if name == split else run.label_sets(name) for name in run.splits}
    codes = label_codes([*every.values()])
    first = dict(
        zip(codes[::-1].tolist(), reversed(LabelSets.concatenated([*every.values()]).lists()), strict=True)
    )
    known = run.class_names
    start = sum(len(every[name]) for name in run.splits[: run.splits.index(split)])
    return ItemClasses(
        codes[start : start + len(targets)],
        {code: set_name(labels, known) for code, labels in sorted(first.items())},
        {code: ";".join(map(str, labels)) for code, labels in first.items()},
    )


def set_name(labels: Iterable[int], names: Mapping[int, str]) -> str:
    """Return the name of a set of labels: the names of its classes, or their numbers."""
    return ", ".join(names.get(label) or str(label) for label in labels) or "no label"
