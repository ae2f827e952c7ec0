"""Names of classes in tables and legends: the column beside the label, and names that runs share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.errors import shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy as np
    from numpy.typing import NDArray

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
