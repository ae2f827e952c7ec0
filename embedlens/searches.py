"""Queries and gallery of a snapshot, without the items that are left out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.errors import InputError
from embedlens.label_sets import LabelSets, label_codes, single_labels
from embedlens.leave_out import LeaveOut, LeftOutLabels
from embedlens.results import Result
from embedlens.selection import searched_split
from embedlens.similarity.gallery import Gallery
from embedlens.split_items import SplitItems, column_codes, is_first, item_codes, n_pairs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from embedlens.analysis.scores import ScoreSettings
    from embedlens.analysis.spectrum.slices import Slice
    from embedlens.label_sets import Labels
    from embedlens.similarity.ignored import Codes
    from embedlens.store import Run


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Search(Result):
    """Queries and the gallery that they search: the input of every retrieval score.

    Attributes
    ----------
    place
        Where the snapshot stands, for messages.
    query
        The queries.
    other
        The items of the gallery; None where the queries search each other.
    gallery
        The gallery as the engine takes it, with the rows that are queries, too.
    counts
        How many items were left out, by reason; only of what was requested, or found.
    """

    place: str
    query: SplitItems
    other: SplitItems | None = None
    gallery: Gallery | None = None
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def z(self) -> NDArray[np.floating[Any]]:
        """Embeddings of the queries [N, D]."""
        return self.query.z

    @property
    def y(self) -> NDArray[np.int64]:
        """int64 labels of the queries [N]; `InputError` where items have sets of labels."""
        return single_labels(self.targets, self.place)

    @property
    def targets(self) -> Labels:
        """Labels of the queries, int64 [N] or label sets, for what works with both."""
        return self.query.targets

    @property
    def gallery_split(self) -> str | None:
        """The split that is searched; None: the queries' own."""
        return None if self.other is None or self.other.split == self.query.split else self.other.split

    @property
    def gallery_rows(self) -> NDArray[np.int64]:
        """int64 [M]: rows of the gallery's items in their split as recorded."""
        return self.query.rows if self.other is None else self.other.rows

    def part(self, slice_: Slice | None) -> Search:
        """Return the search by some slices of the embedding; errors name a row that is zero there."""
        from embedlens.analysis.spectrum.slices import take

        if slice_ is None:
            return self
        try:
            query = replace(self.query, z=take(self.query.z, slice_))
            other = None if self.other is None else replace(self.other, z=take(self.other.z, slice_))
        except InputError as error:
            raise error.within(self.place) from error
        gallery = None if self.gallery is None or other is None else self.gallery._replace(embeddings=other.z)
        return replace(self, query=query, other=other, gallery=gallery)

    def score(
        self, metrics: Sequence[str], *, settings: ScoreSettings | None = None, device: str = "cpu"
    ) -> dict[str, float]:
        """Return scores of the snapshot by name, as `analysis.scores.score` does; errors say the place."""
        from embedlens.analysis.scores import score

        try:
            return score(
                self.z, self.targets, metrics, settings=settings, gallery=self.gallery, device=device
            )
        except InputError as error:
            raise error.within(self.place) from error


def search_of(
    run: Run,
    split: str,
    epoch: int | None = -1,
    *,
    gallery: str | None = None,
    leave_out: LeaveOut | None = None,
) -> Search:
    """Return a snapshot with its gallery.

    Parameters
    ----------
    run, split, epoch
        The snapshot; negative epochs count from the end. None: the features before any training.
    gallery
        Split to search, "none" for the split itself; None: what the run names.
    leave_out
        Which items are left out.

    Raises
    ------
    InputError
        A split, epoch or class that the run does not have, or nothing that is left.
    """
    out = leave_out or LeaveOut()
    searched = searched_split(run, split, gallery)
    at = None if epoch is None else run.resolve_epoch(epoch)
    place = f"run {run.name!r}, split {split!r}, {'pretrained' if at is None else f'epoch {at}'}"

    def read(name: str) -> SplitItems:
        return SplitItems.of_run(run, name, embeddings_of(run, name, at), out)

    return search_in(
        read, (split, searched), place=place, labels=out.labels_of(run), duplicates=out.duplicates
    )


def embeddings_of(run: Run, split: str, epoch: int | None) -> NDArray[np.floating[Any]]:
    """Return all items of a split at an epoch, [N, D]; None: its features before any training."""
    if epoch is not None:
        return run.snapshot(split, epoch).embeddings
    features = run.pretrained(split)
    if features is None:
        message = f"run {run.name!r}, split {split!r}: no features from before training; name an epoch"
        raise InputError(message)
    return features


def items_of(run: Run, split: str, epoch: int = -1, *, leave_out: LeaveOut | None = None) -> Search:
    """Return the items of a snapshot alone, of which nothing is searched: `search_of` without a gallery."""
    return search_of(run, split, epoch, gallery=split, leave_out=leave_out)


def search_in(
    read: Callable[[str], SplitItems],
    splits: tuple[str, str | None],
    *,
    place: str,
    labels: LeftOutLabels | None = None,
    duplicates: bool = False,
) -> Search:
    """Return the search of one split in another (None: in itself); `read` gives the items of a split."""
    labels = labels or LeftOutLabels()
    sides = [read(name) for name in splits if name is not None]
    counts: dict[str, int] = {}
    kept = [side.take(side.labelled) for side in sides]
    if any(one is not other for one, other in zip(sides, kept, strict=True)):
        _count(counts, "n_unlabelled", sides, kept)
    sides, kept = kept, [side.take(~_has_one_of(side, labels.ignored)) for side in kept]
    if labels.ignored.size:
        _count(counts, "n_ignored", sides, kept)
    codes = item_codes(kept, contents=duplicates)
    if duplicates:
        firsts = [is_first(code) for code in codes]
        sides, kept = kept, [side.take(keep) for side, keep in zip(kept, firsts, strict=True)]
        codes = [code[keep] for code, keep in zip(codes, firsts, strict=True)]
        _count(counts, "n_duplicates", sides, kept)
    query, other = kept[0], kept[-1]
    asks = ~_has_one_of(query, labels.distractors)
    if labels.distractors.size:
        counts["n_distractors"] = int(_has_one_of(other, labels.distractors).sum())
    found = query.take(asks)
    if not found.n or not other.n:
        message = f"no item of split {(other if found.n else found).split!r} is left to score"
        raise InputError(message).within(place)
    by_column = found.junk is not None or found.not_same is not None
    if len(kept) == 1 and asks.all() and not by_column:
        return Search(place, found, counts=counts)
    if len(kept) == 1:
        itself = np.arange(asks.size)
        items: tuple[NDArray[np.int64], NDArray[np.int64]] | None = itself[asks], itself
    else:
        items = codes[0][asks], codes[-1]
        own = np.isin(items[0], items[1])
        counts |= {"n_own_in_gallery": int(own.sum())} if own.any() else {}
        items = items if own.any() else None
    junk, not_same = column_codes(found.junk, other.junk), column_codes(found.not_same, other.not_same)
    counts |= _left_out_pairs(found, other, items=items, junk=junk, not_same=not_same)
    return Search(place, found, other, Gallery(other.z, other.targets, items, junk, not_same), counts)


def _left_out_pairs(
    query: SplitItems, other: SplitItems, *, items: Codes | None, junk: Codes | None, not_same: Codes | None
) -> dict[str, int]:
    """Return the numbers of pairs of a query and a gallery row, not itself, that columns leave out."""
    if isinstance(query.targets, LabelSets):
        return {}  # positives share a label there, not the set
    labels = label_codes([query.targets, other.targets])
    classes = labels[: query.n], labels[query.n :]
    counts = {}
    for name, codes in (
        ("n_junk", None if junk is None else [junk, classes]),
        ("n_not_same", None if not_same is None else [not_same]),
    ):
        if codes is not None:
            own = 0 if items is None else n_pairs(*codes, classes, items)
            counts[name] = n_pairs(*codes) - own
    return counts


def _has_one_of(side: SplitItems, labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which items have one of some labels; only of single labels are there any to leave out."""
    return np.isin(side.y, labels) if labels.size else np.zeros(side.n, np.bool_)


def _count(
    counts: dict[str, int], name: str, before: Sequence[SplitItems], after: Sequence[SplitItems]
) -> None:
    """Note how many items were left out in all, and how many of them of a gallery."""
    left = [one.n - other.n for one, other in zip(before, after, strict=True)]
    counts[name] = sum(left)
    if len(left) > 1:
        counts[f"{name}_in_gallery"] = left[1]
