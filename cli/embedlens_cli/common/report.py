"""The report of a command: figures with data and sidecar, the table, the JSON answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from embedlens.moments import Moment, counts_steps, name_of
from embedlens_cli.common import console
from embedlens_cli.common.figure_style import FigureStyle, answer, epochs_text
from embedlens_cli.common.option_groups import FigureOptions
from embedlens_cli.common.snapshots import Selected, Selection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from matplotlib.figure import Figure

    from embedlens.artifacts import Artifacts
    from embedlens.captions.places import Shown
    from embedlens.csv_files import Table

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Report:
    """Collects files, table and JSON answer of one command.

    Attributes
    ----------
    name
        First part of file names.
    selection
        What the command read.
    style
        How figures look.
    words
        Parts of file names for options that are not the defaults.
    artifacts
        The files and the JSON answer.
    as_json
        Whether the answer is one JSON object.
    """

    name: str
    selection: Selection
    style: FigureStyle
    words: Sequence[str]
    artifacts: Artifacts
    as_json: bool

    @classmethod
    def of(
        cls,
        name: str,
        selection: Selection,
        style: FigureStyle,
        *,
        options: FigureOptions,
        words: Iterable[str] = (),
        facts: Mapping[str, Any],
    ) -> Report:
        """Begin the report of a command that draws; `facts` are entries of each sidecar beside the runs."""
        from embedlens.artifacts import Artifacts, figures_folder, run_facts

        every = {"runs": run_facts(selection.runs), **facts, **selection.reader.facts}
        every |= selection.workers.facts if selection.workers else {}
        artifacts = Artifacts(figures_folder(selection.runs, options.out), console.command(), every)
        all_words = [*words, *selection.reader.leave_out.words]
        return cls(name, selection, style, all_words, artifacts, options.as_json)

    def add(
        self,
        figure: Figure | Mapping[str, Callable[[Path], None]],
        table: Table,
        places: Sequence[Selected],
        *,
        facts: Mapping[str, Any],
        caption: str,
        counts: Sequence[tuple[int, int]] = (),
        unit: str = "",
        words: Iterable[str] = (),
        epochs: str | None = None,
        every_run: bool = False,
    ) -> None:
        """Write the figure that shows some snapshots, its data and its sidecar.

        Parameters
        ----------
        figure
            The figure; of an animation its writers by the ending of the file.
        table
            Its data.
        places
            The snapshots that it shows.
        facts
            What its sidecar says beside split and epochs.
        caption
            What is drawn, in sentences; the caption also names runs, splits, epochs and numbers of items.
        counts, unit
            Number of items shown and of all, of each snapshot; what is counted, where it is not items.
        words
            What its file name says beside runs, splits, epochs and options.
        epochs
            What its file name says of the epochs, by default each of them.
        every_run
            Whether its file name has all runs, even those without a snapshot in it.
        """
        runs = self.selection.runs if every_run else [one.run for one in places]
        names = self.artifacts.named(list(dict.fromkeys(run.name for run in runs)))
        splits = list(dict.fromkeys(one.split for one in places))
        shown = sorted({one.epoch for one in places})
        parts = [self.name, *names, "+".join(splits), epochs or epochs_text(shown), *self.words, *words]
        of_splits = {"split": splits[0]} if len(splits) == 1 else {"splits": splits}
        every = {**of_splits, "epochs": shown, **facts}
        if counts_steps(shown):
            every["steps"] = [one.step for one in shown if isinstance(one, Moment)]
        text = self.caption(caption, _shown(places, counts), unit=unit)
        if isinstance(figure, Mapping):
            self.artifacts.save(self.style.stem(parts), figure, table, facts=every, caption=text)
        else:
            self.style.save(self.artifacts, parts, figure, table, facts=every, caption=text)

    def caption(self, what: str, shown: Sequence[Shown], *, unit: str = "") -> str:
        """Return the caption of a figure that shows some snapshots; `what` says what is drawn."""
        from embedlens.captions.places import caption

        return caption(what, shown, unit=unit, left_out=self.artifacts.facts.get("left_out"))

    def enter(self, place: Selected, numbers: Mapping[str, Any]) -> None:
        """Put the numbers of a snapshot into the JSON answer: run -> split -> epoch -> name -> number."""
        self.entry(place.label, place.split, str(place.epoch)).update(numbers)

    def entry(self, label: str, split: str, state: str) -> dict[str, Any]:
        """Return the part of the JSON answer that holds the numbers of a state of a run; empty at first."""
        splits: dict[str, Any] = self.artifacts.summary.setdefault(label, {}).setdefault(split, {})
        numbers: dict[str, Any] = splits.setdefault(state, {})
        return numbers

    def end(self, print_summary: Callable[[], None]) -> None:
        """Print the answer: one JSON object, or the run read by default, the summary, and the files."""
        answer(
            self.artifacts,
            self.selection.runs,
            print_summary,
            style=self.style,
            typed=self.selection.typed,
            as_json=self.as_json,
        )


def _shown(places: Sequence[Selected], counts: Sequence[tuple[int, int]]) -> list[Shown]:
    """Return snapshots as captions take them; without counts no number of items is said."""
    from embedlens.captions.places import Shown

    snapshots = [Shown(one.label, one.split, one.epoch) for one in places]
    if not counts:
        return snapshots
    return [replace(one, n=n, of=of) for one, (n, of) in zip(snapshots, counts, strict=True)]


def by_split(results: Mapping[Selected, Result], *, apart: bool = False) -> list[dict[Selected, Result]]:
    """Group results by split; with `apart` by split and epoch."""
    groups: dict[tuple[str, int], dict[Selected, Result]] = {}
    for place, result in results.items():
        groups.setdefault((place.split, place.epoch if apart else 0), {})[place] = result
    splits = list(dict.fromkeys(place.split for place in results))
    return [groups[key] for key in sorted(groups, key=lambda key: (splits.index(key[0]), key[1]))]


def headings(places: Iterable[Selected]) -> tuple[str, list[str]]:
    """Return the title of a figure, what all its snapshots share, and the names of these."""
    every = list(places)
    labels, epochs = {one.label for one in every}, {name_of(one.epoch) for one in every}
    shared = [*(labels if len(labels) == 1 else ()), every[0].split]
    shared += [*epochs] if len(epochs) == 1 else []
    names = [one.label + (f", {name_of(one.epoch)}" if len(epochs) > 1 else "") for one in every]
    return ", ".join(shared), names
