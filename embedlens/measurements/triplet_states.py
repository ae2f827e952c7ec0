"""States of runs in which triplets are chosen or followed: the items of a split, and of its gallery."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError, unknown
from embedlens.moments import name_of
from embedlens.results import Result
from embedlens.same_items import check_same_items
from embedlens.searches import embeddings_of
from embedlens.selection import choose_epoch, gallery_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from embedlens.analysis.triplets.nearest import Triplets
    from embedlens.measurements.reader import Reader
    from embedlens.measurements.selected import Selected
    from embedlens.searches import Search
    from embedlens.store import Run


@dataclass(frozen=True, slots=True)
class State:
    """A split of a run at one epoch, or before training.

    Items are numbered as in the split, and in the gallery, as recorded, whatever is left out.

    Attributes
    ----------
    label
        Name of the run in figures, tables and JSON.
    run, split
        Of which run and split it is.
    epoch
        None: the backbone's features before any training.
    reader
        Reads it, and collects warnings about its data.
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
        """Name in legends."""
        return "pretrained" if self.epoch is None else name_of(self.epoch)

    @property
    def gallery(self) -> str | None:
        """The split that holds positives and negatives; None: its own."""
        return gallery_of(self.run, self.split)

    @property
    def place(self) -> str:
        """Run, split and state, for messages."""
        return f"run {self.run.name!r}, split {self.split!r}, {self.name}"

    @property
    def embeddings(self) -> NDArray[np.floating[Any]]:
        """All items of the split, [N, D]."""
        return embeddings_of(self.run, self.split, self.epoch)

    @property
    def gallery_embeddings(self) -> NDArray[np.floating[Any]] | None:
        """All items of the gallery, [M, D]; None where the split searches itself."""
        return None if self.gallery is None else embeddings_of(self.run, self.gallery, self.epoch)

    def equals(self, other: State) -> bool:
        """Return whether another state has the same name and the same embeddings."""
        import numpy as np

        if self.name != other.name or not np.array_equal(self.embeddings, other.embeddings):
            return False
        one, two = self.gallery_embeddings, other.gallery_embeddings
        return one is two if one is None or two is None else np.array_equal(one, two)

    def search(self) -> Search:
        """Return the items with their gallery, less what is left out; the reader collects warnings."""
        return self.reader.search(self.run, self.split, self.epoch, label=self.label)

    def nearest(self, *, device: str) -> Triplets:
        """Return the nearest triplets of the items that are not left out."""
        from embedlens.analysis.triplets.nearest import nearest_triplets

        search = self.search()
        try:
            near = nearest_triplets(search.z, search.targets, gallery=search.gallery, device=device)
        except InputError as error:
            raise error.within(search.place) from error
        return replace(
            near,
            anchor=search.query.rows[near.anchor],
            positive=search.gallery_rows[near.positive],
            negative=search.gallery_rows[near.negative],
        )

    def follow(self, triplets: Triplets, *, device: str) -> Triplets:
        """Return triplets chosen in another state, with their similarities in this one."""
        from embedlens.analysis.triplets.nearest import follow_triplets

        try:
            return follow_triplets(self.embeddings, triplets, gallery=self.gallery_embeddings, device=device)
        except InputError as error:
            raise error.within(self.place) from error


def states_of(places: Sequence[Selected]) -> dict[str, list[State]]:
    """Return the states of each run, label -> states, of the snapshots of one split by run and epoch.

    Pretrained features stand first, where a run has them.
    """
    states: dict[str, list[State]] = {}
    for one in places:
        states.setdefault(one.label, []).append(State.of(one))
    for several in states.values():
        if (initial := several[0].initial).epoch is None:
            several.insert(0, initial)
    return states


def check_same_triplets(runs: Sequence[Run], splits: Sequence[str], why: str = "") -> None:
    """Refuse runs of other items in a split or in its gallery; `why` says why they must be the same."""
    for split in splits:
        if len({gallery_of(run, split) for run in runs}) > 1:
            message = (
                f"the runs search split {split!r} in different galleries, so no triplet is in all of them; "
                "name the runs one by one"
            )
            raise InputError(message)
        for name in dict.fromkeys((split, gallery_of(runs[0], split) or split)):
            check_same_items(runs, name, *([why] if why else []))


def galleries(runs: Sequence[Run], splits: Sequence[str]) -> dict[str, dict[str, str | None]]:
    """Return the split that holds positives and negatives: run -> split -> its gallery."""
    return {run.name: {split: gallery_of(run, split) for split in splits} for run in runs}


@dataclass(frozen=True, slots=True)
class Reference:
    """The run and the epoch in which the triplets to follow are selected.

    Attributes
    ----------
    run, label
        The run, and its name in figures and tables.
    epoch
        Its epoch.
    is_default
        Whether these are the first run and its last epoch.
    """

    run: Run
    label: str
    epoch: int
    is_default: bool

    @classmethod
    def of(
        cls, runs: Sequence[Run], labels: Sequence[str], *, name: str | None = None, epoch: str = "last"
    ) -> Reference:
        """Return the run of that label, by default the first, and its epoch; unknown ones are refused."""
        if name is not None and name not in labels:
            raise unknown(name, "reference run", labels)
        at = 0 if name is None else labels.index(name)
        number = choose_epoch(runs[at], epoch, "--reference-epoch")
        is_default = at == 0 and number == runs[0].resolve_epoch(-1)
        return cls(runs[at], labels[at], number, is_default)

    @property
    def stem(self) -> str:
        """Part of file names; empty for the default."""
        return "" if self.is_default else f"chosen-{self.label}-{self.epoch:04d}"

    @property
    def name(self) -> str:
        """Name in figures."""
        return f"{self.label}, {name_of(self.epoch)}"

    @property
    def facts(self) -> dict[str, Any]:
        """Entries of the sidecar."""
        return {"run": self.label, "epoch": self.epoch}

    def state(self, split: str, reader: Reader) -> State:
        """Return the state in which the triplets of a split are chosen."""
        return State(self.label, self.run, split, self.epoch, reader)


@dataclass(frozen=True, slots=True, repr=False)
class FixedTriplets(Result):
    """Triplets that are followed in every epoch of every run.

    Attributes
    ----------
    reference
        Where they are chosen.
    triplets
        Split -> the nearest triplets there.
    """

    reference: Reference
    triplets: dict[str, Triplets]

    @classmethod
    def of(
        cls, reference: Reference, splits: Sequence[str], *, reader: Reader, device: str = "cpu"
    ) -> FixedTriplets:
        """Return the nearest triplets of each split in the reference."""
        states = {split: reference.state(split, reader) for split in splits}
        return cls(reference, {split: state.nearest(device=device) for split, state in states.items()})

    @property
    def facts(self) -> dict[str, Any]:
        """Entries of the sidecar: the reference."""
        return {"run": self.reference.run.name, "epoch": self.reference.epoch}

    @property
    def name(self) -> str:
        """Name of the epoch of the reference."""
        return name_of(self.reference.epoch)

    @property
    def stem(self) -> str:
        """Part of file names."""
        return f"fixed-{self.reference.run.name}-{self.reference.epoch:04d}"


def triplets_of(one: Selected, fixed: FixedTriplets | None = None, *, device: str = "cpu") -> Triplets:
    """Return the triplets of a snapshot, numbered as recorded in the split and its gallery.

    Parameters
    ----------
    one
        The snapshot.
    fixed
        The triplets that are followed; None: the snapshot's own nearest.
    device
        Of the engine: "cpu" or "cuda".
    """
    state = State.of(one)
    if fixed is None:
        return state.nearest(device=device)
    state.search()  # for the warnings about its data
    return state.follow(fixed.triplets[one.split], device=device)
