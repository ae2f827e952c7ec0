"""Options that several commands share, and parsers of comma-separated options."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from embedlens.errors import InputError
from embedlens_cli.common import completion

Number = TypeVar("Number", int, float)

_SPLITS = completion.splits(several=True)


def run_location(text: str) -> Path:
    """Return the path of a run that an option names: of a local folder, or of an address that outlives us."""
    from embedlens.store.locations import run_path

    if "memory://" in text:
        message = f"{text} is in the memory of this process, and gone when it ends; name a folder or a store"
        raise typer.BadParameter(message)
    try:
        return run_path(text)
    except InputError as error:  # else the option's parser shows the value alone
        raise typer.BadParameter(str(error)) from error


def local_path(text: str) -> Path:
    """Return the path of what is written to this disk alone; an address is refused."""
    from embedlens.store.locations import is_address

    if is_address(text):
        message = f"{text} is an address; name a local path, and copy what is written there afterwards"
        raise typer.BadParameter(message)
    return Path(text)


Runs = Annotated[
    list[str] | None,
    typer.Argument(
        autocompletion=completion.runs,
        metavar="RUN",
        help="Run directories, addresses (s3://...), or names of runs below ./runs ($EMBEDLENS_RUNS). "
        "Default: the newest run.",
        show_default=False,
    ),
]
Split = Annotated[
    str,
    typer.Option(help="Splits, comma-separated.", show_default="every split", autocompletion=_SPLITS),
]
EvaluatedSplits = Annotated[
    str,
    typer.Option(
        "--split",
        help="Splits, comma-separated.",
        show_default="query splits, or test, or all",
        autocompletion=_SPLITS,
    ),
]
TestSplits = Annotated[
    str,
    typer.Option(
        "--split",
        help="Splits, comma-separated.",
        show_default="test, where all runs have it",
        autocompletion=_SPLITS,
    ),
]
Epoch = Annotated[
    str,
    typer.Option(
        metavar="EPOCH",
        autocompletion=completion.epochs("first", "last", "all", several=True),
        help="Epochs: first, last, all, a number (negative ones count from the end), several separated by "
        "commas, or a range START:STOP:STEP, STOP included.",
    ),
]
OneEpoch = Annotated[
    str, typer.Option(help="Epoch: last, or a number.", autocompletion=completion.epochs("last"))
]
Out = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        parser=local_path,
        help="Where figures go.",
        show_default="figures/ in the run; ./figures for several runs and for addresses",
    ),
]
Format = Annotated[
    str,
    typer.Option(
        "--format",
        help="Figure formats, comma-separated: pdf, png, svg.",
        autocompletion=completion.some_of("pdf", "png", "svg"),
    ),
]
Venue = Annotated[
    str,
    typer.Option(
        help=f"Venue whose sizes and fonts the figure has: {completion.text_of(completion.VENUES)}.",
        autocompletion=completion.one_of(*completion.VENUES),
    ),
]
Width = Annotated[
    str | None,
    typer.Option(
        help="Width of the figure: column or full.",
        autocompletion=completion.one_of("column", "full"),
        show_default="column for one panel, else full",
    ),
]
Names = Annotated[
    str | None,
    typer.Option(
        metavar="NAME[,NAME]",
        help="Names of the runs in figures, data and JSON, in the order of the runs; a name "
        "with a comma in quotes: '\"A, B\",C'.",
        show_default="names of the runs",
    ),
]
Limits = Annotated[
    str,
    typer.Option(
        metavar="data|full|LO,HI",
        help="Limits of both axes: the square around all dots, the full range, or two numbers.",
    ),
]


ReferenceRun = Annotated[
    str | None,
    typer.Option(
        help="Name of the run in which the triplets are selected.",
        autocompletion=completion.named_runs,
        show_default="the first",
    ),
]
ReferenceEpoch = Annotated[
    str,
    typer.Option(
        help="Epoch at which the nearest positive and negative are selected: last, or a number.",
        autocompletion=completion.epochs("last"),
    ),
]


def limits_word(limits: str) -> str:
    """Return the part of file names for --limits; empty for the full range."""
    return "" if limits == "full" else f"limits-{limits.replace(',', '-to-')}"


Title = Annotated[bool, typer.Option("--title/--no-title", help="Draw the title of the figure.")]
Text = Annotated[bool, typer.Option("--text/--no-text", help="Draw the statistics in the corners of panels.")]
Device = Annotated[
    str,
    typer.Option(help="Device that computes: cpu or cuda.", autocompletion=completion.one_of("cpu", "cuda")),
]
Workers = Annotated[
    int,
    typer.Option(
        help="Number of workers that measure snapshots at the same time; 0: this process alone. Results do "
        "not depend on it.",
        min=0,
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|ADDRESS",
        help="What runs the workers: processes, dask (a cluster on this machine), tcp://HOST:PORT (a Dask "
        "scheduler), slurm or slurm:partition=gpu,timeout_min=60 (jobs), slurm-local (processes as jobs).",
        show_default="processes",
        autocompletion=completion.one_of(*completion.SCHEDULERS),
    ),
]
UnknownClass = Annotated[
    str | None,
    typer.Option(
        metavar="ID",
        help="Class, by number or name, that stands for the unknown ones in MAP@5: its items leave the "
        "gallery, and its queries are correct where the unknown class is ranked. MAP@5 is the mean over all "
        "queries; other scores leave these out.",
        show_default="none",
    ),
]
IgnoreLabel = Annotated[
    str | None,
    typer.Option(
        metavar="ID[,ID]",
        help="Classes, by number or name, whose items are left out altogether (Market-1501: -1).",
        show_default="none",
    ),
]
DistractorLabel = Annotated[
    str | None,
    typer.Option(
        metavar="ID[,ID]",
        help="Classes whose items are only in the gallery: never a query, never a positive (Market-1501: 0).",
        show_default="none",
    ),
]
ExcludeDuplicates = Annotated[
    bool,
    typer.Option(
        "--exclude-duplicates",
        help="Keep the first of equal rows of one label in a split (and of rows with one id in items.csv), "
        "and leave a query's copies out of its gallery.",
    ),
]
IgnoredItems = Annotated[
    str | None,
    typer.Option(
        "--ignore-label",
        metavar="ID[,ID]",
        help="Classes, by number or name, whose items are left out; distractors, which are of no class, too "
        "(Market-1501: -1,0).",
        show_default="none",
    ),
]
ExcludeCopies = Annotated[
    bool,
    typer.Option(
        "--exclude-duplicates",
        help="Keep the first of rows of one label that are equal at the first of the epochs, and of rows "
        "with one id in items.csv.",
    ),
]
Latex = Annotated[
    bool,
    typer.Option(
        "--latex", help="Print the figure environment for a paper, with its caption; with --json a key."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def words(text: str) -> list[str]:
    """Return the parts of a comma-separated option."""
    return [part for part in (word.strip() for word in text.split(",")) if part]


Slices = Annotated[
    str | None,
    typer.Option(
        metavar="K",
        help="Split the embedding into K equal slices, or into those that the run was recorded with "
        "(recorded); take each alone, and the first 2, 3, ..., K concatenated.",
    ),
]


def numbers(text: str, option: str, *, least: int = 0, allowed: str = "") -> tuple[int, ...]:
    """Return the whole numbers of a comma-separated option, in order, each once.

    Raises
    ------
    InputError
        Something else, less than `least`, or nothing; `allowed` says what may be given.
    """
    allowed = allowed or f"whole numbers from {least}, separated by commas"
    values = _parsed(text, option, int, lambda word: word.isdecimal() and int(word) >= least, allowed=allowed)
    return tuple(dict.fromkeys(values))


def positive_numbers(text: str, option: str, *, allowed: str = "") -> tuple[float, ...]:
    """Return the numbers above 0 of a comma-separated option, in order, each once; others raise as above."""
    values = _parsed(text, option, float, lambda word: 0 < float(word) < math.inf, allowed=allowed)
    return tuple(dict.fromkeys(values))


def real_numbers(text: str, option: str, *, allowed: str = "") -> tuple[float, ...]:
    """Return the numbers of a comma-separated option, in order, repeated ones too; others raise as above."""
    return _parsed(text, option, float, lambda word: True, allowed=allowed)


def _parsed(
    text: str, option: str, kind: Callable[[str], Number], fits: Callable[[str], bool], *, allowed: str
) -> tuple[Number, ...]:
    """Return the words of an option as numbers, repeated ones too, where each of them fits."""
    several = words(text)
    try:
        if several and all(fits(word) for word in several):
            return tuple(kind(word) for word in several)
    except ValueError:
        pass
    message = f"--{option} {text!r}; give {allowed or 'numbers, separated by commas'}"
    raise InputError(message)
