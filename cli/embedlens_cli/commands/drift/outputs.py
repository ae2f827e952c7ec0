"""Figures, tables and JSON answer of `drift`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.moments import Moment, count_of, counts_steps, name_of, short_name_of
from embedlens_cli.common import console

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedlens.analysis.drift.matrices import Drift
    from embedlens.csv_files import Table
    from embedlens.measurements.drift import SplitDrift
    from embedlens_cli.common.report import Report
    from embedlens_cli.common.snapshots import Selected


def enter(report: Report, found: SplitDrift) -> None:
    """Put the scores of each snapshot into the JSON answer: against the last epoch, and the other runs."""
    for places, scores in found.over_epochs.values():
        for number, one in enumerate(places):
            last = {"against_last_epoch": _row(scores, number, -1)} if number < len(places) - 1 else {}
            report.enter(one, {"n": found.n, "n_all": found.of, **last})
    if found.between_runs is not None:
        places, scores = found.between_runs
        for row, one in enumerate(places):
            others = {
                other.label: {"epoch": int(other.epoch), **_row(scores, row, column)}
                for column, other in enumerate(places)
                if column != row
            }
            report.enter(one, {"n": found.n, "n_all": found.of, "against_runs": others})


def _row(scores: Drift, row: int, column: int) -> dict[str, float]:
    """Return the scores of a pair by name."""
    return {name: float(matrix[row, column]) for name, matrix in scores.values.items()}


def save(report: Report, split: str, found: SplitDrift) -> None:
    """Write the heat maps of each run and of all runs, and the lines against the last epoch."""
    from embedlens.captions import spaces as captions
    from embedlens.figures.drift import figure, figure_of_lines

    size, counts = report.style.size(2), (found.n, found.of)
    said = report.artifacts.facts
    caption = {"scores": said["scores"], "normalize": said["normalized"]}
    for label, (places, scores) in found.over_epochs.items():
        drawn = figure(
            scores, names=[count_of(one.epoch) for one in places], label=_unit(places),
            title=f"{label}, {split}", **size,
        )  # fmt: skip
        report.add(
            drawn, _pairs(places, scores), places, facts={"shown": found.n, "of": found.of},
            caption=captions.drift("epochs", **caption), counts=[counts] * len(places),
        )  # fmt: skip
    if found.between_runs is not None:
        places, scores = found.between_runs
        names = [one.label for one in places]
        title = f"{split}, {_common_epoch(places) or 'last epoch compared of each run'}"
        drawn = figure(scores, names=names, label="", title=title, **size)
        report.add(
            drawn, _pairs(places, scores), places, facts={"shown": found.n, "of": found.of},
            caption=captions.drift("runs", **caption), counts=[counts] * len(places), words=["runs"],
        )  # fmt: skip
    if found.over_epochs:
        every = [one for places, _ in found.over_epochs.values() for one in places]
        lines = {label: (scores, [_count(one.epoch) for one in places])
                 for label, (places, scores) in found.over_epochs.items()}  # fmt: skip
        title = f"{next(iter(lines))}, {split}" if len(lines) == 1 else split
        last = _common_epoch([places[-1] for places, _ in found.over_epochs.values()])
        title = f"{title}: against {last or 'the last epoch compared'}"
        report.add(
            figure_of_lines(lines, unit=_unit(every), title=title, **size),
            _against(found.over_epochs), every, facts={"shown": found.n, "of": found.of},
            caption=captions.drift("last", **caption), counts=[counts] * len(every), words=["against-last"],
        )  # fmt: skip


def _common_epoch(places: Sequence[Selected]) -> str:
    """Return the name of the epoch that all snapshots are of; empty where they differ."""
    names = {name_of(one.epoch) for one in places}
    return names.pop() if len(names) == 1 else ""


def _unit(places: Sequence[Selected]) -> str:
    return "step" if counts_steps(one.epoch for one in places) else "epoch"


def _count(epoch: int) -> int:
    return epoch.step if isinstance(epoch, Moment) else epoch


def _pairs(places: Sequence[Selected], scores: Drift) -> Table:
    """Return each pair of snapshots with its scores."""
    columns = scores.columns()
    first, second = columns.pop("first").tolist(), columns.pop("second").tolist()
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    return [
        {
            **places[a].facts, "other_run": places[b].label, "other_epoch": places[b].epoch,
            **dict(zip(columns, values, strict=True)),
        }
        for a, b, values in zip(first, second, rows, strict=True)
    ]  # fmt: skip


def _against(runs: Mapping[str, tuple[Sequence[Selected], Drift]]) -> Table:
    """Return the scores of each epoch with the last one of its run."""
    return [
        {**one.facts, "other_epoch": places[-1].epoch, **_row(scores, number, -1)}
        for places, scores in runs.values()
        for number, one in enumerate(places[:-1])
    ]


def print_tables(found: Mapping[str, SplitDrift]) -> None:
    """Print the scores of each epoch with the last one, then those of pairs of runs."""
    from embedlens.figures.drift.matrices import label_of

    over, between = [], []
    names: list[str] = []
    for split, one in found.items():
        for label, (places, scores) in one.over_epochs.items():
            names = list(scores.values)
            for number, place in enumerate(places[:-1]):
                cells = [console.cell(value, ".4f") for value in _row(scores, number, -1).values()]
                pair = f"{short_name_of(place.epoch)} and {short_name_of(places[-1].epoch)}"
                over.append((f"{label}, {split}", pair, f"{one.n:,}", *cells))
        if one.between_runs is not None:
            places, scores = one.between_runs
            names = list(scores.values)
            for a, first in enumerate(places):
                for b, second in enumerate(places[a + 1 :], a + 1):
                    cells = [console.cell(value, ".4f") for value in _row(scores, a, b).values()]
                    pair = f"{short_name_of(first.epoch)} and {short_name_of(second.epoch)}"
                    between.append((f"{first.label} and {second.label}, {split}", pair, f"{one.n:,}", *cells))
    labels = [label_of(name) for name in names]
    for heading, rows in (("run, split", over), ("runs, split", between)):
        if rows:
            console.print_table((heading, "epochs", "n", *labels), rows)
