"""How commands read the snapshots that they score or draw triplets of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from embedlens.leave_out import LeaveOut
from embedlens.searches import Search, search_of
from embedlens_cli import options
from embedlens_cli.data_warnings import DataWarnings

if TYPE_CHECKING:
    from embedlens.store import Run


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads snapshots with their galleries for one command.

    Attributes
    ----------
    leave_out
        Which items are left out.
    warnings
        What there is to say of the data of the snapshots read.
    """

    leave_out: LeaveOut = field(default_factory=LeaveOut)
    warnings: DataWarnings = field(default_factory=DataWarnings)
    _left_out: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        ignore_label: str | None = None,
        distractor_label: str | None = None,
        *,
        exclude_duplicates: bool = False,
    ) -> Reader:
        """Return a reader as the options that several commands share say."""
        ignored, distractors = (
            tuple(dict.fromkeys(options.words(text or ""))) for text in (ignore_label, distractor_label)
        )
        return cls(LeaveOut(ignored, distractors, exclude_duplicates), DataWarnings(exclude_duplicates))

    @property
    def facts(self) -> dict[str, Any]:
        """What a sidecar says of what is left out of the snapshots read so far, and how many items."""
        if not self.leave_out:
            return {}
        return {"left_out": {**self.leave_out.facts, "items": self._left_out}}

    def search(
        self, run: Run, split: str, epoch: int | None = -1, *, gallery: str | None = None, label: str = ""
    ) -> Search:
        """Return a snapshot with its gallery, and note what there is to say of it; `search_of` says more."""
        found = search_of(run, split, epoch, gallery=gallery, leave_out=self.leave_out)
        return self.note(label or run.name, found)

    def note(self, label: str, search: Search) -> Search:
        """Note what there is to say of the data of a run with that label; return the search."""
        self.warnings.look(label, search)
        counts = {"snapshot": search.place, **search.counts}
        if counts not in self._left_out:
            self._left_out.append(counts)
        return search
