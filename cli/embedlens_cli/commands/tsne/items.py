"""The items of a map: all, or a sample of whole classes or of items of every class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from embedlens_cli.commands.tsne.maps import Maps, Settings


@dataclass(frozen=True, slots=True)
class Sampled:
    """How the items of a map were drawn.

    Attributes
    ----------
    n_classes, of_classes
        Number of classes on the map, and of the split.
    whole
        Whether these classes have all their items on the map.
    by_default
        Whether the option left it open.
    """

    n_classes: int
    of_classes: int
    whole: bool
    by_default: bool

    @property
    def numbers(self) -> dict[str, int | str]:
        """What the sidecar and the answer say."""
        drawn = "whole classes" if self.whole else "items of every class"
        return {"sampled": drawn, "n_classes": self.n_classes, "of_classes": self.of_classes}

    @property
    def note(self) -> str:
        """What the corner of the map says."""
        return f"{self.n_classes:,} of {self.of_classes:,} classes" if self.whole else ""


def sampled_rows(
    labels: NDArray[np.int64], settings: Settings, highlight: Sequence[int]
) -> tuple[NDArray[np.int64] | None, Sampled | None]:
    """Return the rows to map, None for all, and how they were drawn; classes to highlight are among them."""
    import numpy as np

    from embedlens.analysis.projection.maps import sample, whole_by_default

    size, whole = settings.options.sample, settings.options.whole_classes
    if size is None:
        return None, None
    by_default = whole is None
    if whole is None:
        whole = whole_by_default(labels, size, first=highlight)
    first = highlight if whole else ()
    rows = sample(labels, size, whole_classes=whole, first=first, seed=settings.parameters.seed)
    return rows, Sampled(np.unique(labels[rows]).size, np.unique(labels).size, whole, by_default)


def sample_warnings(maps: Maps) -> list[str]:
    """Return a line for each split of which whole classes are mapped by default."""
    lines = [
        f"run {one.label!r}, split {one.split!r}: the map shows all items of {result.sampled.note}, drawn at "
        "random; --every-class maps some items of every class"
        for one, result in maps.items()
        if result.sampled is not None and result.sampled.whole and result.sampled.by_default
    ]
    return list(dict.fromkeys(lines))
