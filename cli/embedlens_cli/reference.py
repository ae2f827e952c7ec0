"""Where triplets are chosen that are then followed: a reference epoch of a reference run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.errors import InputError, unknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from embedlens.analysis.triplets import Triplets
    from embedlens.store import Run
    from embedlens_cli.data_warnings import DataWarnings

RunOption = Annotated[
    str | None, typer.Option(help="Name of the run that chooses the triplets.", show_default="the first")
]
EpochOption = Annotated[
    str, typer.Option(help="Epoch that chooses the nearest positive and negative: last, or a number.")
]


@dataclass(frozen=True, slots=True)
class Reference:
    """The run and the epoch that choose the triplets."""

    run: Run
    label: str
    epoch: int
    is_default: bool

    @property
    def stem(self) -> str:
        """What a file name says of it."""
        return "" if self.is_default else f"chosen-{self.label}-{self.epoch:04d}"

    @property
    def name(self) -> str:
        """What a figure calls it."""
        return f"{self.label}, epoch {self.epoch}"

    @property
    def facts(self) -> dict[str, Any]:
        """What a sidecar says of it."""
        return {"run": self.label, "epoch": self.epoch}


def choose_reference(runs: Sequence[Run], name: str | None, epoch: str) -> Reference:
    """Return the run and the epoch that choose the triplets; unknown ones raise `InputError`."""
    from embedlens import selection

    labels = selection.run_labels(runs)
    if name is not None and name not in labels:
        raise unknown(name, "reference run", labels)
    at = 0 if name is None else labels.index(name)
    number = selection.choose_epoch(runs[at], epoch, "--reference-epoch")
    is_default = at == 0 and number == runs[0].resolve_epoch(-1)
    return Reference(runs[at], labels[at], number, is_default)


def nearest_of(run: Run, split: str, epoch: int, *, warnings: DataWarnings, device: str) -> Triplets:
    """Return the nearest triplets of a snapshot within its split, and note what there is to say of its data.

    What cannot be compared is told with its place.
    """
    from embedlens.analysis.triplets import nearest_triplets
    from embedlens.searches import items_of

    search = items_of(run, split, epoch)
    warnings.look(run.name, search)
    try:
        return nearest_triplets(search.z, search.y, device=device)
    except InputError as error:
        raise error.within(search.place) from error


def tell_galleries(runs: Sequence[Run], splits: Sequence[str]) -> None:
    """Say which splits are compared within themselves, although they have a gallery."""
    from embedlens import selection
    from embedlens_cli import output

    for split in splits:
        if any(selection.gallery_of(run, split) for run in runs):
            output.remark(
                f"{split}: its items are compared with one another; evaluate and scatter search their gallery"
            )


def states_of(run: Run, split: str) -> Iterator[tuple[int, NDArray[np.floating[Any]]]]:
    """Yield epoch and embeddings of every state of a run, the pretrained features first if it has them."""
    from embedlens import selection
    from embedlens.analysis.trajectory import PRETRAINED

    initial = selection.initial_state(run, split)
    if initial.epoch is None:
        yield PRETRAINED, initial.embeddings
    for epoch in run.epochs():
        yield epoch, run.snapshot(split, epoch).embeddings
