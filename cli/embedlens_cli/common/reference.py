"""The reference run and epoch, in which the triplets to follow are selected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.errors import unknown

if TYPE_CHECKING:
    from embedlens.store import Run
    from embedlens_cli.common.reading import Reader
    from embedlens_cli.common.snapshots import Selection
    from embedlens_cli.common.triplet_states import State


@dataclass(frozen=True, kw_only=True)
class ReferenceOptions:
    """Where triplets are chosen, as typed."""

    reference_run: Annotated[
        str | None,
        typer.Option(help="Name of the run in which the triplets are selected.", show_default="the first"),
    ] = None
    reference_epoch: Annotated[
        str,
        typer.Option(
            help="Epoch at which the nearest positive and negative are selected: last, or a number."
        ),
    ] = "last"


@dataclass(frozen=True, slots=True)
class Reference:
    """The run and the epoch that choose the triplets."""

    run: Run
    label: str
    epoch: int
    is_default: bool

    @classmethod
    def of(cls, selection: Selection, options: ReferenceOptions) -> Reference:
        """Return the run and the epoch that the options name; unknown ones raise `InputError`."""
        from embedlens.selection import choose_epoch

        name, runs, labels = options.reference_run, selection.runs, selection.labels
        if name is not None and name not in labels:
            raise unknown(name, "reference run", labels)
        at = 0 if name is None else labels.index(name)
        number = choose_epoch(runs[at], options.reference_epoch, "--reference-epoch")
        is_default = at == 0 and number == runs[0].resolve_epoch(-1)
        return cls(runs[at], labels[at], number, is_default)

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

    def state(self, split: str, reader: Reader) -> State:
        """Return the state in which the triplets of a split are chosen."""
        from embedlens_cli.common.triplet_states import State

        return State(self.label, self.run, split, self.epoch, reader)
