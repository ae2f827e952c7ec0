"""States of runs in which triplets are chosen or followed: the items of a split, and of its gallery."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from embedlens.analysis.triplets.nearest import Triplets
    from embedlens.searches import Search
    from embedlens.store import Run
    from embedlens_cli.common.reading import Reader
    from embedlens_cli.common.snapshots import Selected, Selection


@dataclass(frozen=True, slots=True)
class State:
    """A split of a run at one epoch, or before training.

    Items are numbered as in the split, and in the gallery, as recorded, whatever is left out.

    Attributes
    ----------
    label
        What the run is called in figures, tables and JSON.
    run, split
        Of which run and split it is.
    epoch
        None: the backbone's features before any training.
    reader
        Reads it, and notes what there is to say of its data.
    """

    label: str
    run: Run
    split: str
    epoch: int | None
    reader: Reader

    @classmethod
    def of(cls, one: Selected) -> State:
        """Return a snapshot as a state."""
        return cls(one.label, one.run, one.split, one.epoch, one.reader)

    @property
    def initial(self) -> State:
        """The state before training: pretrained features where split and gallery have them."""
        splits = {self.split, self.gallery or self.split}
        pretrained = all(self.run.pretrained(name) is not None for name in splits)
        return replace(self, epoch=None if pretrained else self.run.epochs()[0])

    @property
    def name(self) -> str:
        """What legends call it."""
        return "pretrained" if self.epoch is None else f"epoch {self.epoch}"

    @property
    def gallery(self) -> str | None:
        """The split that holds positives and negatives; None: its own."""
        return _gallery(self.run, self.split)

    @property
    def place(self) -> str:
        """Where it stands, for messages."""
        return f"run {self.run.name!r}, split {self.split!r}, {self.name}"

    @property
    def embeddings(self) -> NDArray[np.floating[Any]]:
        """All items of the split, [N, D]."""
        from embedlens.searches import embeddings_of

        return embeddings_of(self.run, self.split, self.epoch)

    @property
    def gallery_embeddings(self) -> NDArray[np.floating[Any]] | None:
        """All items of the gallery, [M, D]; None where the split searches itself."""
        from embedlens.searches import embeddings_of

        return None if self.gallery is None else embeddings_of(self.run, self.gallery, self.epoch)

    def equals(self, other: State) -> bool:
        """Say whether another run has the same numbers here."""
        import numpy as np

        if self.name != other.name or not np.array_equal(self.embeddings, other.embeddings):
            return False
        one, two = self.gallery_embeddings, other.gallery_embeddings
        return one is two if one is None or two is None else np.array_equal(one, two)

    def search(self) -> Search:
        """Return it with its gallery, less what is left out; the reader notes what it read."""
        return self.reader.search(self.run, self.split, self.epoch, label=self.label)

    def nearest(self, *, device: str) -> Triplets:
        """Return the nearest triplets of the items that are not left out."""
        from embedlens.analysis.triplets.nearest import nearest_triplets

        search = self.search()
        try:
            near = nearest_triplets(search.z, search.y, gallery=search.gallery, device=device)
        except InputError as error:
            raise error.within(search.place) from error
        return replace(
            near,
            anchor=search.query.rows[near.anchor],
            positive=search.gallery_rows[near.positive],
            negative=search.gallery_rows[near.negative],
        )

    def follow(self, triplets: Triplets, *, device: str) -> Triplets:
        """Return triplets that were chosen in another state as they stand in this one."""
        from embedlens.analysis.triplets.nearest import follow_triplets

        try:
            return follow_triplets(self.embeddings, triplets, gallery=self.gallery_embeddings, device=device)
        except InputError as error:
            raise error.within(self.place) from error


def states_of(selection: Selection, split: str) -> dict[str, list[State]]:
    """Return the states of each run of a selection of all epochs; pretrained features stand first."""
    states: dict[str, list[State]] = {}
    for one in selection.of_split(split):
        states.setdefault(one.label, []).append(State.of(one))
    for several in states.values():
        if (initial := several[0].initial).epoch is None:
            several.insert(0, initial)
    return states


def check_same_triplets(selection: Selection, why: str = "") -> None:
    """Refuse runs of other items in a split or in its gallery; `why` says why they must be the same."""
    from embedlens.selection import check_same_items

    runs = selection.runs
    for split in selection.splits:
        if len({_gallery(run, split) for run in runs}) > 1:
            message = (
                f"the runs search split {split!r} in different galleries, so no triplet is in all of them"
            )
            raise InputError(message)
        for name in dict.fromkeys((split, _gallery(runs[0], split) or split)):
            check_same_items(runs, name, *([why] if why else []))


def galleries(selection: Selection) -> dict[str, dict[str, str | None]]:
    """Return what a sidecar says of where positives and negatives are: run -> split -> gallery split."""
    return {run.name: {split: _gallery(run, split) for split in selection.splits} for run in selection.runs}


def _gallery(run: Run, split: str) -> str | None:
    from embedlens.selection import gallery_of

    return gallery_of(run, split)
