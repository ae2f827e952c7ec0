"""Colours of the items of a map: by class, or by numbers that the method recorded of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.errors import InputError, unknown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from embedlens_cli.common.snapshots import Selected, Selection

CLASS = "class"
"""What items are coloured by, unless it is something that the method recorded."""


def colored_splits(selection: Selection, color: str, *, named: bool) -> Sequence[str]:
    """Return the splits of a selection for which every run has recorded what items are coloured by.

    `named`: whether the user named the splits; else all are meant. All splits have classes.
    """
    if color == CLASS:
        return selection.splits
    runs = selection.runs
    splits = [split for split in runs[0].splits if all(color in run.extra_epochs(split) for run in runs)]
    if not splits:
        known = sorted({name for run in runs for split in run.splits for name in run.extra_epochs(split)})
        if color in known:
            message = f"{color!r} is not recorded by every run of the map; draw those that have it apart"
            raise InputError(message)
        raise unknown(color, "colour", [CLASS, *known])
    for split in selection.splits if named else ():
        if split not in splits:
            message = f"{color!r} is recorded of {', '.join(splits)}, not of {split}"
            raise InputError(message)
    return selection.splits if named else splits


def recorded(place: Selected, name: str) -> NDArray[np.int64]:
    """Return whole numbers [N] that the method recorded of a snapshot under a name."""
    array = place.run.extra(place.split, name, place.epoch)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        message = (
            f"{name!r} of split {place.split!r} is {array.dtype} {list(array.shape)}; "
            "one whole number per item is needed"
        )
        raise InputError(message)
    return array.astype("int64")


def label_of(word: str, labels: NDArray[np.int64], names: Mapping[int, str]) -> int:
    """Return the label meant by a number or by the name of a class."""
    import numpy as np

    from embedlens.selection import class_choices

    by_name = {name: label for label, name in names.items()}
    if word in by_name:
        return by_name[word]
    if word.lstrip("-").isdecimal() and int(word) in labels:
        return int(word)
    present = {label: names.get(label, str(label)) for label in np.unique(labels).tolist()}
    raise unknown(word, "class", class_choices(present))
