"""Differences between two runs, two groups of seeds, or two epochs of the same runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError, listed
from embedlens.experiments.seed_groups import repeats
from embedlens.moments import name_of
from embedlens.results import Result
from embedlens.selection import choose_epoch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedlens.analysis.differences import ClassChanges, Confusions, Difference, Losses, Outcomes
    from embedlens.measurements.reader import Reader
    from embedlens.measurements.selected import Selected
    from embedlens.store import Run

_OPTIONS = ("--from-epoch", "--to-epoch")


@dataclass(frozen=True, slots=True)
class Group:
    """One side of a comparison.

    Attributes
    ----------
    name
        Its name in figures and tables.
    label
        The run, or what the names of the runs share; a key of the JSON answer.
    members
        Label, run and epoch of each run.
    """

    name: str
    label: str
    members: tuple[tuple[str, Run, int], ...]

    @property
    def epochs(self) -> list[int]:
        """The epochs of its runs, each once."""
        return list(dict.fromkeys(epoch for _, _, epoch in self.members))

    @property
    def facts(self) -> dict[str, Any]:
        """Entries of the sidecar."""
        return {"name": self.name, "runs": [label for label, _, _ in self.members], "epochs": self.epochs}

    def places(self, split: str, reader: Reader) -> list[Selected]:
        """Return the snapshots of its runs."""
        from embedlens.measurements.selected import Selected

        return [Selected(label, run, split, epoch, reader) for label, run, epoch in self.members]


@dataclass(frozen=True, slots=True)
class Sides:
    """The two sides of a comparison, and whether their runs are compared one by one."""

    first: Group
    second: Group
    paired: bool

    @property
    def names(self) -> tuple[str, str]:
        """The names of the two sides."""
        return self.first.name, self.second.name

    @property
    def heading(self) -> str:
        """What both sides share: the run, or the epoch."""
        if self.first.label == self.second.label:
            return self.first.label
        epochs = {*self.first.epochs, *self.second.epochs}
        return name_of(epochs.pop()) if len(epochs) == 1 else ""


def sides_of(
    labelled: Sequence[tuple[str, Run]], *, from_epoch: str | None = None, to_epoch: str | None = None
) -> Sides:
    """Return what is compared: two runs, two groups of runs that differ in the seed, or two epochs.

    Parameters
    ----------
    labelled
        The runs with their labels. Two runs are the two sides. More are two groups that repeat one method
        with other seeds, or one such group at two epochs; one run is compared at two epochs.
    from_epoch, to_epoch
        Epochs of the first and of the second side, as typed; by default the last, and of one run or group the
        first and the last.

    Raises
    ------
    InputError
        Runs that are no two sides, epochs that a run does not have, or two that are the same.
    """
    runs = dict(labelled)
    groups: dict[str, list[str]] = {label: [label] for label in runs}
    if len(runs) > 2:
        groups = repeats(list(runs.values()))
        grouped = {label for members in groups.values() for label in members}
        groups |= {label: [label] for label in runs if label not in grouped}
        groups = dict(sorted(groups.items(), key=lambda group: list(runs).index(group[1][0])))
    if len(groups) > 2:
        message = (
            f"{len(runs)} runs are {len(groups)} groups of seeds ({listed(groups)}); name two runs, or two "
            "groups whose runs differ in the seed alone"
        )
        unseeded = [label for label, run in runs.items() if run.method.get("seed") is None]
        raise InputError(f"{message}; no seed in run.json: {listed(unseeded)}" if unseeded else message)
    typed = (from_epoch or ("first" if len(groups) == 1 else "last"), to_epoch or "last")
    several = [list(groups.items())[0], list(groups.items())[-1]]
    sides = [
        Group(
            label, label, tuple((name, runs[name], choose_epoch(runs[name], text, option)) for name in names)
        )
        for (label, names), text, option in zip(several, typed, _OPTIONS, strict=True)
    ]
    if len(groups) == 1:
        _check_two_epochs(*sides)
    return _named(*sides)


def _check_two_epochs(first: Group, second: Group) -> None:
    """Refuse an epoch that is compared with itself."""
    for (_, run, epoch), (_, _, other) in zip(first.members, second.members, strict=True):
        if epoch == other:
            message = (
                f"run {run.name!r}: --from-epoch and --to-epoch are both {name_of(epoch)}; name two epochs, "
                "or two runs"
            )
            raise InputError(message)


def _named(first: Group, second: Group) -> Sides:
    """Return the sides under names that differ, and whether their runs are pairs."""
    epochs = [" and ".join(map(name_of, side.epochs)) for side in (first, second)]
    if first.label == second.label:
        names, paired = epochs, True
    else:
        names = [side.label for side in (first, second)]
        if epochs[0] != epochs[1]:
            names = [f"{name}, {epoch}" for name, epoch in zip(names, epochs, strict=True)]
        seeds = [[run.method.get("seed") for _, run, _ in side.members] for side in (first, second)]
        paired = len(seeds[0]) > 1 and sorted(map(str, seeds[0])) == sorted(map(str, seeds[1]))
        if paired:
            first, second = (_by_seed(side) for side in (first, second))
    return Sides(replace(first, name=names[0]), replace(second, name=names[1]), paired)


def _by_seed(side: Group) -> Group:
    return replace(side, members=tuple(sorted(side.members, key=lambda one: str(one[1].method.get("seed")))))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SplitDifference(Result):
    """What changed in one split: by anchor, by class, by confusion, and up to `most_losses` worst losses."""

    anchors: Difference
    classes: ClassChanges
    confusions: Confusions
    losses: Losses
    most_losses: int


def outcomes_of(one: Selected, *, device: str) -> Outcomes:
    """Return the outcome of the search of each anchor of a snapshot, in rows as recorded.

    Parameters
    ----------
    one
        The snapshot.
    device
        Of the engine: "cpu" or "cuda".
    """
    from embedlens.analysis.differences import retrieval_outcomes

    search = one.search()
    found = retrieval_outcomes(search.z, search.y, gallery=search.gallery, device=device)
    near = found.triplets
    return replace(
        found,
        triplets=replace(
            near,
            anchor=search.query.rows[near.anchor],
            positive=search.gallery_rows[near.positive],
            negative=search.gallery_rows[near.negative],
        ),
    )


def difference_of(
    measured: Mapping[Selected, Outcomes],
    sides: Sides,
    split: str,
    *,
    most_losses: int,
    resamples: int,
    seed: int,
) -> SplitDifference:
    """Compare the outcomes of a split on two sides.

    Parameters
    ----------
    measured
        Outcomes of all snapshots: those of the first side, then those of the second, in the order of the
        runs, for each split.
    sides
        What is compared.
    split
        The split.
    most_losses
        The largest number of the worst losses.
    resamples, seed
        Of the bootstrap.
    """
    from embedlens.analysis import differences

    own = [result for one, result in measured.items() if one.split == split]
    count = len(sides.first.members)
    try:
        anchors = differences.compare(
            own[:count], own[count:],
            names=sides.names, paired=sides.paired, resamples=resamples, seed=seed,
        )  # fmt: skip
    except InputError as error:
        place = f"split {split!r}"
        raise error.within(place) from error
    return SplitDifference(
        anchors,
        differences.class_changes(anchors),
        differences.confusions_of(anchors),
        differences.worst_losses(anchors, most_losses),
        most_losses,
    )
