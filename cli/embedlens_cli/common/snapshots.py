"""The snapshots that a command reads: runs x splits x epochs, each with its gallery and its place."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, overload

from embedlens.measurements.measuring import Place, measure
from embedlens.measurements.selected import Selected as Selected  # commands reach it here
from embedlens.measurements.slices import idle_learners, parts_of
from embedlens_cli.common import console, options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from embedlens.execution import Workers
    from embedlens.measurements.reader import Kept, Reader
    from embedlens.store import Run
    from embedlens_cli.common.option_groups import LeaveOutOptions, RunOptions, SnapshotOptions
    from embedlens_cli.common.run_names import RunNames

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Selection:
    """The snapshots that the options name.

    Attributes
    ----------
    runs, labels
        The runs, in order, and their labels.
    splits
        The splits.
    epoch
        Which epochs, as typed.
    reader
        Reads the snapshots.
    typed
        The runs as typed; none: the newest is meant.
    workers
        What measures the snapshots; None: this process.
    """

    runs: Sequence[Run]
    labels: Sequence[str]
    splits: Sequence[str]
    epoch: str
    reader: Reader
    typed: Sequence[str]
    workers: Workers | None = None

    @classmethod
    def of(
        cls,
        where: SnapshotOptions | RunOptions,
        leave_out: LeaveOutOptions,
        names: RunNames | None = None,
        *,
        workers: Workers | None = None,
    ) -> Selection:
        """Return the selection; `names` are the names of the runs.

        Raises
        ------
        InputError
            A run, split or label that is not there.
        """
        from embedlens import selection

        reader = leave_out.reader()
        typed = where.runs or []
        runs = reader.leave_out.relabelled(selection.choose_runs(typed))
        if names is not None:
            runs = names.rename(runs)
        reader.leave_out.check_same_classes(runs)
        choose = selection.choose_splits if where.all_splits else selection.evaluated_splits
        splits = choose(runs, options.words(where.split))
        return cls(runs, selection.run_labels(runs), splits, where.epoch, reader, typed, workers)

    @property
    def several_epochs(self) -> bool:
        """Whether several epochs may be meant; then there is a figure for each."""
        from embedlens.selection import many_epochs

        return many_epochs(self.epoch)

    @property
    def labelled(self) -> list[tuple[str, Run]]:
        """Each run with its label, in order."""
        return list(zip(self.labels, self.runs, strict=True))

    def epochs(self, run: Run) -> list[int]:
        """Return the epochs of a run that are meant, ascending."""
        from embedlens.selection import choose_epochs

        return choose_epochs(run, self.epoch)

    def of_split(self, split: str) -> list[Selected]:
        """Return the snapshots of one split."""
        return [one for one in self if one.split == split]

    def at(self, epochs: Callable[[Run], Iterable[int]]) -> list[Selected]:
        """Return the snapshots at other epochs than those selected, by run, then by epoch."""
        return [
            Selected(label, run, split, epoch, self.reader)
            for label, run in zip(self.labels, self.runs, strict=True)
            for epoch in epochs(run)
            for split in self.splits
        ]

    def __iter__(self) -> Iterator[Selected]:
        """Give the snapshots by run, then by split, then by epoch."""
        for label, run in self.labelled:
            for split in self.splits:
                for epoch in self.epochs(run):
                    yield Selected(label, run, split, epoch, self.reader)

    @overload
    def measure(
        self, function: Callable[[Selected], Result], doing: str, *, files: Sequence[Path] = ...
    ) -> dict[Selected, Result]: ...

    @overload
    def measure(
        self,
        function: Callable[[Place], Result],
        doing: str,
        *,
        places: Sequence[Place],
        files: Sequence[Path] = ...,
    ) -> dict[Place, Result]: ...

    def measure(
        self, function: Any, doing: str, *, places: Any = None, files: Sequence[Path] = ()
    ) -> dict[Any, Any]:
        """Return the result of a function for each snapshot, or for those of `places`.

        Workers run it, where the options name some: it is a function of a module, or a `functools.partial` of
        one. Its errors name the place, or one of some files. Progress is shown as `doing`; warnings about
        the data are printed once all are read.
        """
        every: list[Any] = list(self) if places is None else list(places)
        with closing(measure(function, every, executor=self.workers, files=files)) as measured:
            results = dict(console.track(measured, doing, total=len(every)))
        self.print_warnings()
        return results

    def print_warnings(self) -> None:
        """Print the warnings about the data that were read."""
        console.print_warnings(self.reader.warnings)

    def check_slices(self, slices: str | None) -> None:
        """Refuse slices that a run's embeddings cannot be cut into, before anything is computed."""
        for run in self.runs:
            parts_of(run, slices)

    def warn_of_idle_learners(self, slices: str | None) -> None:
        """Print the slices whose learners had no items at the selected epochs."""
        for line in idle_learners(((one.run, one.epoch) for one in self), slices):
            console.print_message(line)

    def kept(self) -> dict[tuple[str, str], Kept]:
        """Return the items that are not left out, the same at all epochs: label, split -> items."""
        found = {
            (label, split): self.reader.kept(run, split, self.epochs(run)[0])
            for label, run in self.labelled
            for split in self.splits
        }
        self.print_warnings()
        return found
