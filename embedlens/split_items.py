"""Items of a split as they are searched, and which of them are the same item."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.errors import unknown
from embedlens.label_sets import LabelSets, label_codes, single_labels
from embedlens.results import Result
from embedlens.store import UNLABELLED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from embedlens.label_sets import Labels
    from embedlens.leave_out import LeaveOut
    from embedlens.similarity.ignored import Codes
    from embedlens.store import Run

ID = "id"
"""The column of items.csv that says which rows are the same item."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SplitItems(Result):
    """Items of a split.

    Attributes
    ----------
    split
        Its name.
    z, targets
        Embeddings [N, D]; int64 labels [N], or label sets.
    rows
        int64 [N]: their rows in the split as recorded.
    ids
        Texts [N]: which item each is; None where that is not recorded.
    junk, not_same
        Texts [N]: the values of the columns of items.csv that `LeaveOut` names; None: it names none.
    """

    split: str
    z: NDArray[np.floating[Any]]
    targets: Labels
    rows: NDArray[np.int64]
    ids: NDArray[np.str_] | None = None
    junk: NDArray[np.str_] | None = None
    not_same: NDArray[np.str_] | None = None

    @classmethod
    def of(
        cls,
        split: str,
        z: NDArray[np.floating[Any]],
        targets: Labels,
        *,
        ids: Sequence[str] | None = None,
        junk: Sequence[str] | None = None,
        not_same: Sequence[str] | None = None,
    ) -> SplitItems:
        """Return all items of a split."""
        columns = (None if one is None else np.asarray(one) for one in (ids, junk, not_same))
        return cls(split, z, targets, np.arange(targets.size), *columns)

    @classmethod
    def of_run(cls, run: Run, split: str, z: NDArray[np.floating[Any]], leave_out: LeaveOut) -> SplitItems:
        """Return all items of a split of a run, of which embeddings are given, with the columns needed.

        A column that the split does not have raises `InputError`.
        """
        columns = run.items(split)
        for option, name in (("--junk", leave_out.junk), ("--not-same", leave_out.not_same)):
            if name and name not in columns:
                place = f"run {run.name!r}, split {split!r}, {option}"
                raise unknown(name, "column of items.csv", columns).within(place)
        return cls.of(
            split, z, run.targets(split),
            ids=columns.get(ID), junk=columns.get(leave_out.junk), not_same=columns.get(leave_out.not_same),
        )  # fmt: skip

    @property
    def y(self) -> NDArray[np.int64]:
        """int64 labels [N]; `InputError` where items have sets of labels."""
        return single_labels(self.targets, f"split {self.split!r}")

    @property
    def n(self) -> int:
        """Number of items N."""
        return self.rows.size

    def take(self, keep: NDArray[np.bool_]) -> SplitItems:
        """Return some of the items; where all are kept, the arrays are not read."""
        if keep.all():
            return self
        columns = (None if one is None else one[keep] for one in (self.ids, self.junk, self.not_same))
        return SplitItems(self.split, self.z[keep], self.targets[keep], self.rows[keep], *columns)

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """Bool [N]: items that have a label, of a relabelled run those with a value in the column."""
        if isinstance(self.targets, LabelSets):
            return np.ones(self.n, np.bool_)
        labelled: NDArray[np.bool_] = self.targets != UNLABELLED
        return labelled


def item_codes(sides: Sequence[SplitItems], *, contents: bool) -> list[NDArray[np.int64]]:
    """Return a number for each row, equal for rows that are the same item: those of one id and equal labels.

    With `contents`, rows of equal labels that hold the same numbers are the same item, too.
    """
    from embedlens.analysis.retrieval.duplicates import first_equal

    sizes = np.cumsum([side.n for side in sides])[:-1]
    labels = label_codes([side.targets for side in sides])
    links = []
    if any(side.ids is not None for side in sides):
        texts = np.concatenate([np.full(side.n, "") if side.ids is None else side.ids for side in sides])
        numbers = np.unique(texts, return_inverse=True)[1].ravel()
        # Rows without an id are items of their own: their numbers lie beyond those of the ids.
        links.append(np.where(texts == "", np.arange(texts.size) + texts.size, numbers))
    if contents:
        links.append(np.concatenate(first_equal(*(side.z for side in sides))))
    codes = np.arange(labels.size)
    groups = [_pairs(labels, numbers) for numbers in links]
    if groups:
        codes = groups[0] if len(groups) == 1 else _joined(groups)
    return np.split(codes, sizes)


def _pairs(labels: NDArray[np.int64], numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return a number for each pair."""
    return np.unique(np.stack([labels, numbers]), axis=1, return_inverse=True)[1].ravel()


def _joined(groups: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return the groups of rows that are linked by any of some groups."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = groups[0].size
    ends, start = [], n
    for group in groups:
        ends.append(group + start)
        start += int(group.max()) + 1
    rows = np.tile(np.arange(n), len(groups))
    graph = coo_array((np.ones(rows.size, np.int8), (rows, np.concatenate(ends))), shape=(start, start))
    found: NDArray[np.int64] = connected_components(graph, directed=False)[1][:n].astype(np.int64)
    return found


def is_first(codes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which rows are the first with their number."""
    keep = np.zeros(codes.size, np.bool_)
    keep[np.unique(codes, return_index=True)[1]] = True
    return keep


def n_pairs(*several: Codes) -> int:
    """Return the number of pairs of a query and a gallery row that share several codes, none below 0."""
    codes = [np.concatenate(pair) for pair in several]
    split, there = several[0][0].size, np.all([one >= 0 for one in codes], axis=0)
    numbers = np.unique(np.stack(codes), axis=1, return_inverse=True)[1].ravel()
    of_queries, of_gallery = numbers[:split][there[:split]], numbers[split:][there[split:]]
    counts = np.bincount(of_gallery, minlength=numbers.max(initial=0) + 1)
    return int(counts[of_queries].sum())


def column_codes(queries: NDArray[np.str_] | None, gallery: NDArray[np.str_] | None) -> Codes | None:
    """Return numbers of the values of a column, -1 where it is empty; None without a column."""
    if queries is None or gallery is None:
        return None
    values = np.concatenate([queries, gallery])
    numbers = np.where(values == "", -1, np.unique(values, return_inverse=True)[1].ravel())
    return numbers[: queries.size], numbers[queries.size :]
