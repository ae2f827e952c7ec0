"""A snapshot that the options of a command select."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from embedlens.measurements.reader import Reader
    from embedlens.searches import Search
    from embedlens.store import Run, Snapshot


@dataclass(frozen=True, slots=True, eq=False)
class Selected:
    """One snapshot among those that are measured together.

    Attributes
    ----------
    label
        Name of the run in figures, tables and JSON.
    run, split, epoch
        The snapshot.
    reader
        Reads it, and notes the warnings about its data.
    """

    label: str
    run: Run
    split: str
    epoch: int
    reader: Reader

    @property
    def facts(self) -> dict[str, Any]:
        """Run, split and epoch, as columns of a table and keys of a sidecar."""
        return {"run": self.label, "split": self.split, "epoch": self.epoch}

    @property
    def place(self) -> str:
        """Run, split and epoch, for messages."""
        return f"run {self.run.name!r}, split {self.split!r}, epoch {self.epoch}"

    @property
    def labelled_place(self) -> str:
        """The same with the label of the run, which no other run has."""
        return f"run {self.label!r}, split {self.split!r}, epoch {self.epoch}"

    @property
    def snapshot(self) -> Snapshot:
        """The snapshot with all of its items."""
        return self.run.snapshot(self.split, self.epoch)

    def search(self, gallery: str | None = None) -> Search:
        """Return the snapshot with the gallery that its split searches, or another one."""
        return self.reader.search(self.run, self.split, self.epoch, gallery=gallery, label=self.label)
