"""Groups of options that commands share, and the decorator that gives a command its groups."""

from __future__ import annotations

import dataclasses
import inspect
from copy import copy
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NewType, TypeVar, get_type_hints

from typer.models import OptionInfo

from embedlens_cli.common import column_options, options, panels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from embedlens.execution import Workers
    from embedlens.measurements.reader import Reader
    from embedlens.measurements.triplet_states import Reference
    from embedlens.store import Run
    from embedlens_cli.common.figure_style import FigureStyle

Command = TypeVar("Command", bound="Callable[..., None]")

FileWords = NewType("FileWords", tuple[str, ...])
"""What file names say of the options of a command that are not their defaults, in order."""


@dataclass(frozen=True)
class InName:
    """Marks an option that is a part of file names where it is not the default.

    Attributes
    ----------
    text
        The part: a text whose {} stand for the values, or a function of the values.
    of
        The options whose values are used, where one of them is not the default; by default the marked one.
    """

    text: str | Callable[..., str]
    of: tuple[str, ...] = ()

    def word(self, *values: Any) -> str:
        """Return the part of a file name for values."""
        return self.text.format(*values) if isinstance(self.text, str) else self.text(*values)


@dataclass(frozen=True, kw_only=True)
class SnapshotOptions:
    """Options of the snapshots that a command reads: runs, splits, epochs, as typed."""

    panel: ClassVar[str] = panels.READ
    runs: options.Runs = None
    split: options.EvaluatedSplits = ""
    epoch: options.Epoch = "last"
    all_splits: ClassVar[bool] = False  # where none is named; otherwise those that are evaluated


@dataclass(frozen=True, kw_only=True)
class AllSplitsOptions(SnapshotOptions):
    """The same of a command that reads all splits where none is named."""

    split: options.Split = ""
    all_splits: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class EveryEpochOptions(SnapshotOptions):
    """The same of a command that reads all epochs where none is named."""

    epoch: options.Epoch = "all"


@dataclass(frozen=True, kw_only=True)
class OneEpochOptions(SnapshotOptions):
    """The same of a command that reads one epoch of each run."""

    epoch: options.OneEpoch = "last"


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Which runs and splits a command reads that always reads all epochs."""

    panel: ClassVar[str] = panels.READ
    runs: options.Runs = None
    split: options.EvaluatedSplits = ""
    epoch: ClassVar[str] = "all"
    all_splits: ClassVar[bool] = False


@dataclass(frozen=True, kw_only=True)
class LeaveOutOptions:
    """Options of the items left out of queries and galleries, for commands that search."""

    panel: ClassVar[str] = panels.LEFT_OUT
    labels: column_options.LabelColumn = None
    ignore_label: options.IgnoreLabel = None
    distractor_label: options.DistractorLabel = None
    exclude_duplicates: options.ExcludeDuplicates = False
    junk: column_options.Junk = None
    not_same: column_options.NotSame = None

    def reader(self) -> Reader:
        """Return a reader of snapshots without these items."""
        from embedlens.measurements.reader import Reader

        return Reader.of(
            self.ignore_label, self.distractor_label, exclude_duplicates=self.exclude_duplicates,
            labels=self.labels, junk=self.junk, not_same=self.not_same,
        )  # fmt: skip

    def typed(self, *, searching: bool = True) -> list[str]:
        """Return the options as they are typed for another command.

        One that searches nothing has no distractors: these items, which are of no class, are ignored there.
        """
        ignored, distractors = self.ignore_label, self.distractor_label
        if not searching:
            ignored, distractors = ",".join(filter(None, (ignored, distractors))) or None, None
        options = {"--labels": self.labels, "--ignore-label": ignored, "--distractor-label": distractors}
        options |= {"--junk": self.junk, "--not-same": self.not_same} if searching else {}
        words = [word for name, value in options.items() if value is not None for word in (name, value)]
        return [*words, *(["--exclude-duplicates"] if self.exclude_duplicates else [])]


@dataclass(frozen=True, kw_only=True)
class IgnoreOptions(LeaveOutOptions):
    """Options of the items left out, for commands that search nothing."""

    ignore_label: options.IgnoredItems = None
    exclude_duplicates: options.ExcludeCopies = False
    distractor_label: None = None
    junk: None = None
    not_same: None = None


@dataclass(frozen=True, kw_only=True)
class WorkerOptions:
    """Options of the workers that measure snapshots."""

    panel: ClassVar[str] = panels.COMPUTATION
    workers: options.Workers = 0
    scheduler: options.Scheduler = None

    def chosen(self) -> Workers | None:
        """Return the workers; None where this process measures. Wrong options raise `InputError`."""
        from embedlens.execution import Workers

        return Workers.of(self.workers, self.scheduler)


@dataclass(frozen=True, kw_only=True)
class ReferenceOptions:
    """Options of the run and epoch in which triplets are chosen, as typed."""

    reference_run: options.ReferenceRun = None
    reference_epoch: options.ReferenceEpoch = "last"

    def reference(self, runs: Sequence[Run], labels: Sequence[str]) -> Reference:
        """Return that run and epoch; unknown ones raise `InputError`."""
        from embedlens.measurements.triplet_states import Reference

        return Reference.of(runs, labels, name=self.reference_run, epoch=self.reference_epoch)


@dataclass(frozen=True, kw_only=True)
class FigureOptions:
    """Output options of figures."""

    panel: ClassVar[str] = panels.OUTPUT
    out: options.Out = None
    formats: options.Format = "pdf,png"
    venue: options.Venue = "cvpr"
    width: options.Width = None
    names: options.Names = None
    title: options.Title = True
    text: options.Text = True
    latex: options.Latex = False
    as_json: options.Json = False

    def style(self) -> FigureStyle:
        """Return the checked options; wrong ones raise `InputError`."""
        from embedlens_cli.common.figure_style import FigureStyle

        return FigureStyle.of(
            self.formats, self.venue, self.width, names=self.names, title=self.title, text=self.text,
            latex=self.latex,
        )  # fmt: skip


def grouped(command: Command) -> Command:
    """Replace each parameter whose type is a group by one option for each field of the group (a decorator).

    A parameter of the type `FileWords` is no option: it gets the parts of file names for the others.
    """
    hints = get_type_hints(command, include_extras=True)
    parameters = inspect.signature(command).parameters
    groups = {name: hints[name] for name in parameters if dataclasses.is_dataclass(hints[name])}
    words = next((name for name in parameters if hints[name] is FileWords), None)
    spelt: list[inspect.Parameter] = []
    for name, parameter in parameters.items():
        if name in groups:
            spelt += _fields(groups[name])
        elif name != words:
            spelt.append(parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY))
    defaults = {one.name: one.default for one in spelt}
    marks = [(mark.of or (one.name,), mark) for one in spelt for mark in _marks(one.annotation)]

    @wraps(command)
    def spelt_out(**values: Any) -> None:
        named = {words: _file_words(marks, defaults, values)} if words else {}
        made = {
            name: group(**{one.name: values.pop(one.name) for one in _fields(group)})
            for name, group in groups.items()
        }
        command(**values, **made, **named)

    spelt_out.__signature__ = inspect.Signature(spelt)  # type: ignore[attr-defined]
    spelt_out.__annotations__ = {one.name: one.annotation for one in spelt}
    return spelt_out  # type: ignore[return-value]


def _fields(group: type) -> list[inspect.Parameter]:
    """Return the options of a group, in its panel of help texts; a field without an option is left out."""
    hints, panel = get_type_hints(group, include_extras=True), getattr(group, "panel", None)
    return [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default,
            annotation=_in_panel(hints[field.name], panel),
        )
        for field in dataclasses.fields(group)
        if hints[field.name] is not type(None)
    ]  # fmt: skip


def _in_panel(annotation: Any, panel: str | None) -> Any:
    """Return the annotation of an option with the panel of its group; one of its own stays."""
    marks = [copy(mark) for mark in getattr(annotation, "__metadata__", ())]
    for mark in marks:
        if isinstance(mark, OptionInfo) and not mark.rich_help_panel:
            mark.rich_help_panel = panel
    return Annotated[(annotation.__origin__, *marks)] if marks else annotation


def _marks(annotation: object) -> list[InName]:
    return [mark for mark in getattr(annotation, "__metadata__", ()) if isinstance(mark, InName)]


def _file_words(
    marks: Iterable[tuple[tuple[str, ...], InName]],
    defaults: Mapping[str, object],
    values: Mapping[str, object],
) -> FileWords:
    """Return what file names say of the values that are not the defaults."""
    return FileWords(
        tuple(
            mark.word(*(values[name] for name in names))
            for names, mark in marks
            if any(values[name] != defaults[name] for name in names)
        )
    )


def changed(group: Any) -> dict[str, Any]:
    """Return the options of a group that are not the defaults: name -> value."""
    values = {field.name: (getattr(group, field.name), field.default) for field in dataclasses.fields(group)}
    return {name: value for name, (value, default) in values.items() if value != default}


def file_words(group: Any, names: Iterable[str]) -> list[str]:
    """Return the parts of file names for options of a group, in this order, that are not the defaults."""
    spelt = {one.name: one for one in _fields(type(group))}
    defaults = {name: one.default for name, one in spelt.items()}
    marks = [(mark.of or (name,), mark) for name in names for mark in _marks(spelt[name].annotation)]
    return [*_file_words(marks, defaults, vars(group))]
