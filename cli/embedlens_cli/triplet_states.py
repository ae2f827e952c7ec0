"""States of runs in which triplets are chosen or followed: the items of a split, and of its gallery."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from embedlens.analysis.triplets import Triplets
    from embedlens.store import Run
    from embedlens_cli.reading import Reader


@dataclass(frozen=True, slots=True)
class State:
    """A split of a run at one epoch.

    Items are numbered as in the split, and in the gallery, as recorded, whatever is left out.

    Attributes
    ----------
    epoch
        None: the backbone's features before any training.
    """

    run: Run
    split: str
    epoch: int | None

    @classmethod
    def initial(cls, run: Run, split: str) -> State:
        """Return the state before training: pretrained features where split and gallery have them."""
        splits = {split, _gallery(run, split) or split}
        if all(run.pretrained(name) is not None for name in splits):
            return cls(run, split, None)
        return cls(run, split, run.epochs()[0])

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

    def nearest(self, reader: Reader, *, label: str = "", device: str) -> Triplets:
        """Return the nearest triplets of the items that are not left out; `reader` notes what it read."""
        from embedlens.analysis.triplets import nearest_triplets

        search = reader.search(self.run, self.split, self.epoch, label=label)
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
        from embedlens.analysis.triplets import follow_triplets

        try:
            return follow_triplets(self.embeddings, triplets, gallery=self.gallery_embeddings, device=device)
        except InputError as error:
            raise error.within(self.place) from error


def states_of(run: Run, split: str) -> Iterator[State]:
    """Yield every state of a run, the pretrained features first if it has them."""
    initial = State.initial(run, split)
    if initial.epoch is None:
        yield initial
    for epoch in run.epochs():
        yield State(run, split, epoch)


def check_same_triplets(runs: Sequence[Run], split: str, why: str = "") -> None:
    """Refuse runs of other items in a split or in its gallery; `why` says why they must be the same."""
    from embedlens import selection

    if len({_gallery(run, split) for run in runs}) > 1:
        message = f"the runs search split {split!r} in different galleries, so no triplet is in all of them"
        raise InputError(message)
    for name in dict.fromkeys((split, _gallery(runs[0], split) or split)):
        selection.check_same_items(runs, name, *([why] if why else []))


def galleries(runs: Sequence[Run], splits: Sequence[str]) -> dict[str, dict[str, str | None]]:
    """Return what a sidecar says of where positives and negatives are: run -> split -> gallery split."""
    return {run.name: {split: _gallery(run, split) for split in splits} for run in runs}


def _gallery(run: Run, split: str) -> str | None:
    from embedlens.selection import gallery_of

    return gallery_of(run, split)
