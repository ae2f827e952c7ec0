"""The command `figures`: all default figures of runs for a paper, and a LaTeX document of them."""

from __future__ import annotations

import csv
import io
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from embedlens.devices import check_device
from embedlens.errors import InputError
from embedlens_cli.common import calling, console, options, panels
from embedlens_cli.common.figure_style import FigureStyle
from embedlens_cli.common.option_groups import LeaveOutOptions, OneEpochOptions, grouped

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from embedlens.store import Run

_TEX = "figures.tex"
_EVERY = (
    "scatter",
    "scatter --flow",
    "trajectory",
    "distances",
    "spectrum",
    "components",
    "pca-prune",
    "tsne",
    "curves",
    "verify",
)
"""Commands of the figures, in the order of the document."""
_ALL_EPOCHS = ("scatter --flow", "trajectory", "curves")
_OF_ONE_RUN = ("components",)
_WITHOUT_SEARCH = ("components", "tsne")


@dataclass(frozen=True, kw_only=True)
class PaperOptions:
    """Where the figures go and how they look."""

    panel: ClassVar[str] = panels.OUTPUT
    out: options.Out = None
    formats: options.Format = "pdf"
    venue: options.Venue = "cvpr"
    width: Annotated[
        str | None,
        typer.Option(help="column or full.", show_default="column for figures of one panel, else full"),
    ] = None
    names: options.Names = None
    title: Annotated[
        bool, typer.Option("--title/--no-title", help="Draw titles, which captions make superfluous.")
    ] = False
    text: options.Text = True
    as_json: options.Json = False

    def style(self) -> FigureStyle:
        """Return them checked; wrong ones raise `InputError`."""
        return FigureStyle.of(self.formats, self.venue, self.width, names=self.names, latex=True)

    def words(self, folder: Path) -> list[str]:
        """Return them as typed, but for the names."""
        width = [] if self.width is None else ["--width", self.width]
        flags = ["--title" if self.title else "--no-title", *([] if self.text else ["--no-text"])]
        return ["--venue", self.venue, *width, "--format", self.formats, "--out", str(folder), *flags]


@dataclass(slots=True)
class _Made:
    """What the commands have made: command -> its answer, or why there is no figure."""

    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def of(self, key: str) -> list[str]:
        """Return a list that the answers hold, joined."""
        return [one for answer in self.answers.values() for one in answer[key]]

    @property
    def environments(self) -> list[str]:
        """The environments of the figures, which name files of the document's own folder."""
        texts = []
        for answer in self.answers.values():
            for path in answer["figures"]:
                name = f"{{{Path(path).name}}}"
                texts += [one.replace(f"{{{path}}}", name) for one in answer["latex"] if f"{{{path}}}" in one]
        return texts


@grouped
def figures(
    context: typer.Context,
    *,
    where: OneEpochOptions,
    sample: Annotated[int, typer.Option(help="Number of items of the t-SNE maps.", min=1)] = 2_000,
    leave_out: LeaveOutOptions,
    drawn: PaperOptions,
    device: options.Device = "cpu",
) -> None:
    """Make all default figures of runs for one venue, and figures.tex, a document that compiles as it stands.

    Triplet scatter and flow, trajectories, distances, spectra, components of each run, pruning, t-SNE maps,
    training curves, and verification. Each figure stands in the document with its caption and label; what
    cannot be made of these runs is left out, with a message.
    """
    from embedlens import selection
    from embedlens.artifacts import figures_folder
    from embedlens.captions.latex import document
    from embedlens.figures.style import VENUES
    from embedlens.files import write_text
    from embedlens.measurements.data_warnings import warned_once

    style, left_out = drawn.style(), leave_out.reader().leave_out
    check_device(device)
    runs = left_out.relabelled(selection.choose_runs(where.runs or []))
    named = style.names.rename(runs)
    splits = selection.evaluated_splits(runs, options.words(where.split))
    for run in runs:
        selection.choose_epoch(run, where.epoch)
        left_out.labels_of(run)
    left_out.check_same_classes(runs)
    folder = figures_folder(runs, drawn.out)
    if folder is None:
        message = "figures need a folder that can be written to; name one with --out"
        raise InputError(message)
    called = named if style.names.names else None
    made = _Made()
    with warned_once():
        for command, own, names in _calls(runs, called):
            words = [
                *shlex.split(command), *(str(run.path) for run in own), "--split", ",".join(splits),
                *_epoch_words(command, where.epoch), *_sample_words(command, own, splits, sample),
                *leave_out.typed(searching=command not in _WITHOUT_SEARCH),
                *names, *drawn.words(folder), *_device_words(command, device),
            ]  # fmt: skip
            _make(context, made, words, key=command + (f" {own[0].name}" if command in _OF_ONE_RUN else ""))
    if not made.answers:
        name, reason = next(iter(made.reasons.items()))
        message = f"no figure can be made of these runs; {name}: {reason}"
        raise InputError(message)
    entry = VENUES[drawn.venue]
    tex = folder / _TEX
    write_text(tex, document(made.environments, full=entry.full, column=entry.column))
    _answer(made, tex, as_json=drawn.as_json)


def _calls(
    runs: Sequence[Run], named: Sequence[Run] | None
) -> Iterator[tuple[str, Sequence[Run], list[str]]]:
    """Give each command with its runs and the option that names them."""
    for command in _EVERY:
        for own, called in _groups(runs, named or runs, apart=command in _OF_ONE_RUN):
            yield command, own, ["--names", _csv([run.name for run in called])] if named else []


def _groups(
    runs: Sequence[Run], named: Sequence[Run], *, apart: bool
) -> list[tuple[Sequence[Run], Sequence[Run]]]:
    """Return all runs, or each by itself, with their names."""
    if not apart:
        return [(runs, named)]
    return [([run], [called]) for run, called in zip(runs, named, strict=True)]


def _csv(names: Sequence[str]) -> str:
    """Return names as --names reads them."""
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="").writerow(names)
    return text.getvalue()


def _epoch_words(command: str, epoch: str) -> list[str]:
    """Return the option for the epoch; the flow ends there, and what shows all epochs has none."""
    if command == "scatter --flow":
        return ["--flow-to", epoch]
    return [] if command in _ALL_EPOCHS else ["--epoch", epoch]


def _sample_words(command: str, runs: Sequence[Run], splits: Sequence[str], sample: int) -> list[str]:
    """Return the option for the number of items, where a split has more."""
    items = [run.info.splits[split].items for run in runs for split in splits]
    return ["--sample", str(sample)] if command == "tsne" and max(items) > sample else []


def _device_words(command: str, device: str) -> list[str]:
    return [] if command == "components" or device == "cpu" else ["--device", device]


def _make(context: typer.Context, made: _Made, words: Sequence[str], *, key: str) -> None:
    """Run a command, and keep its answer; where it refuses the runs, the reason."""
    console.print_message(shlex.join(["embedlens", *words]))
    try:
        made.answers[key] = calling.answer_of(context, words, beside=["--latex"])
    except InputError as error:
        made.reasons[key] = " ".join(str(error).split())
        console.print_message(f"left out: {key}: {made.reasons[key]}")


def _answer(made: _Made, tex: Path, *, as_json: bool) -> None:
    """Print the files written, or the JSON object."""
    if as_json:
        by_command = {name: answer["figures"] for name, answer in made.answers.items()}
        summary: dict[str, Any] = {"tex": tex.as_posix(), "made": by_command}
        summary |= {"left_out": made.reasons} if made.reasons else {}
        console.print_json({"figures": made.of("figures"), "data": made.of("data"), "summary": summary})
        return
    for path in [*made.of("figures"), str(tex)]:
        console.print_line(f"wrote {shlex.quote(path)}")
    console.print_line(f"compile it: cd {shlex.quote(str(tex.parent))} && pdflatex {tex.name}")
