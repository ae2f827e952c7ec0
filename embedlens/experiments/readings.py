"""What reads the snapshots of the runs of a grid, and collects the warnings about their data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from embedlens.searches import Search
    from embedlens.store import Run


class Readings(Protocol):
    """A reader of snapshots, as `embedlens.measurements.reader.Reader`."""

    def search(self, run: Run, split: str, epoch: int) -> Search:
        """Return a snapshot with its gallery; warnings about its data are collected."""
        ...

    def fresh(self) -> Self:
        """Return a reader that has collected nothing yet, for a worker."""
        ...

    def add(self, other: Self) -> None:
        """Collect what another reader has collected."""
        ...
