"""What a report shows, as arrays and texts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from embedlens.results import Result

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Items(Result):
    """The items of a split, or of the gallery that it searches.

    Attributes
    ----------
    split
        Name of the split.
    labels
        int64 [N].
    class_names
        Label -> name of the class, of those that have one.
    columns
        Name of a column of items.csv -> one text per item.
    thumbnails
        uint8 [N, h, w] or [N, h, w, 3]; None where there are none.
    label_texts
        Label -> what the page shows in its place, of those that stand for a set of labels.
    """

    split: str
    labels: NDArray[np.int64]
    class_names: Mapping[int, str] = field(default_factory=dict)
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    thumbnails: NDArray[np.uint8] | None = None
    label_texts: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MapSeries(Result):
    """Maps of the same items at several epochs, aligned.

    Attributes
    ----------
    rows
        int64 [m]: rows in the split.
    epochs
        The epochs, ascending.
    xy
        float64 [E, m, 2].
    """

    rows: NDArray[np.int64]
    epochs: Sequence[int]
    xy: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TripletSeries(Result):
    """The nearest triplets of the items shown, of one run at several epochs.

    Attributes
    ----------
    run
        Place of the run in the report.
    epochs
        The epochs, ascending.
    s_ap, s_an
        float64 [E, n]; NaN where an item has no triplet at an epoch.
    positive, negative
        int32 [E, n]: rows in the gallery; -1 where there is no triplet.
    summaries
        For each epoch what `analysis.triplets.summarise` says of all triplets, those that are not shown
        among them.
    maps
        t-SNE maps; None without.
    """

    run: int
    epochs: Sequence[int]
    s_ap: NDArray[np.float64]
    s_an: NDArray[np.float64]
    positive: NDArray[np.int32]
    negative: NDArray[np.int32]
    summaries: Sequence[Mapping[str, Any]]
    maps: MapSeries | None = None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Dataset(Result):
    """Items and the runs that have them in the same rows.

    Attributes
    ----------
    items
        The items.
    gallery
        The items that they search; None where they search each other.
    rows
        int64 [n], ascending: the rows that are shown.
    series
        One for each run.
    """

    items: Items
    gallery: Items | None
    rows: NDArray[np.int64]
    series: Sequence[TripletSeries]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RunFacts(Result):
    """A run: its name, its colour as #rrggbb, how it was trained, and the rows of its log."""

    name: str
    color: str
    method: Mapping[str, Any] = field(default_factory=dict)
    log: Sequence[Mapping[str, float | None]] = ()


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PaperFigure(Result):
    """A figure as the commands draw it: heading, name of its files, SVG, and the data as CSV."""

    title: str
    name: str
    svg: str
    csv: str


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ReportData(Result):
    """All that a report shows.

    Attributes
    ----------
    title
        Heading of the page.
    runs
        The runs, in order.
    datasets
        One for each split and each set of items in it.
    figures
        Paper figures, below the views.
    messages
        What the page says of itself: what is sampled, what is not linked and why.
    command
        The command that made it, as typed.
    """

    title: str
    runs: Sequence[RunFacts]
    datasets: Sequence[Dataset]
    figures: Sequence[PaperFigure] = ()
    messages: Sequence[str] = ()
    command: str = ""
