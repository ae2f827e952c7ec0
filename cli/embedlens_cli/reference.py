"""Where triplets are chosen that are then followed: a reference epoch of a reference run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.errors import unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedlens.store import Run

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
