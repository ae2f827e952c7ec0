"""What the items of a map are coloured by: their class, or numbers that the method recorded of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.errors import InputError, unknown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from embedlens.store import Run

CLASS = "class"
"""What items are coloured by, unless it is something that the method recorded."""


def colored_splits(runs: Sequence[Run], color: str, asked: Sequence[str]) -> list[str]:
    """Return the splits asked for, or all, for which every run has recorded what items are coloured by.

    All have classes: where items are coloured by these, only the splits asked for are returned.
    """
    if color == CLASS:
        return list(asked)
    found = [split for split in runs[0].splits if all(color in run.extra_epochs(split) for run in runs)]
    if not found:
        known = sorted({name for run in runs for split in run.splits for name in run.extra_epochs(split)})
        if color in known:
            message = f"{color!r} is not recorded by every run of the map; draw those that have it apart"
            raise InputError(message)
        raise unknown(color, "colour", [CLASS, *known])
    for split in asked:
        if split not in found and split in runs[0].splits:
            message = f"{color!r} is recorded of {', '.join(found)}, not of {split}"
            raise InputError(message)
    return list(asked) or found


def recorded(run: Run, split: str, name: str, epoch: int) -> NDArray[np.int64]:
    """Return whole numbers [N] that the method recorded under a name at an epoch."""
    array = run.extra(split, name, epoch)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        message = (
            f"{name!r} of split {split!r} is {array.dtype} {list(array.shape)}; "
            "one whole number an item is needed"
        )
        raise InputError(message)
    return array.astype("int64")


def class_of(word: str, labels: NDArray[np.int64], names: Mapping[int, str]) -> int:
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
