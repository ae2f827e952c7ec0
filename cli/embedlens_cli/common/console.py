"""Tables and paths on standard output, progress and messages on standard error."""

from __future__ import annotations

import csv
import json
import math
import shlex
import sys
from typing import TYPE_CHECKING, Any, TypeVar

from embedlens.errors import count_text as count_text  # commands reach it here
from embedlens.text import escaped, for_cell, for_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.text import Text

    from embedlens.artifacts import Artifacts
    from embedlens.measurements.data_warnings import DataWarnings
    from embedlens.store import Run
    from embedlens_cli.common.terminal import PipedConsole

T = TypeVar("T")


def terminal(*, stderr: bool = False, soft_wrap: bool = False) -> PipedConsole:
    """Return rich's console; rich is loaded with the first text that is printed."""
    from embedlens_cli.common.terminal import PipedConsole

    return PipedConsole(stderr=stderr, highlight=False, soft_wrap=soft_wrap)


def command() -> list[str]:
    """Return the command as it was typed."""
    return ["embedlens", *sys.argv[1:]]


def print_message(text: str) -> None:
    """Print a line to standard error."""
    terminal(stderr=True, soft_wrap=True).print(_shown(text))


def print_warnings(warnings: DataWarnings) -> None:
    """Print the warnings about data that have not been given yet."""
    for line in warnings.lines():
        print_message(f"warning: {line}")


def print_line(text: str) -> None:
    """Print a line of the result."""
    terminal(soft_wrap=True).print(_shown(text))


def _shown(text: str) -> Text:
    """Return a text for the terminal: no markup, no emoji, and no control characters but line breaks."""
    from rich.text import Text

    return Text(escaped(text, keep="\n"))


def name_implied(typed: Sequence[str] | None, runs: Sequence[Run]) -> None:
    """Print which run is read where none was named."""
    if not typed:
        print_message(f"run {runs[0].path} (the newest; name another to change that)")


def print_table(columns: Iterable[str], rows: Iterable[Sequence[str]], *, title: str | None = None) -> None:
    """Print a table; the first column is text, the others are numbers. No cell is cut."""
    from rich.table import Table
    from rich.text import Text

    heading = None if title is None else Text(escaped(title), style="italic")
    table = Table(title=heading, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(Text(escaped(column)), justify="right" if number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(escaped(cell)) for cell in row))
    console = terminal()
    console.width = max(
        console.width, console.measure(table, options=console.options.update(width=10_000)).maximum
    )
    console.print(table, soft_wrap=True)


def cell(value: float | None, form: str) -> str:
    """Return a number as a table shows it: a dash for what is not known, NaN or infinite."""
    return "-" if value is None or not math.isfinite(value) else format(value, form)


def terminal_width() -> int | None:
    """Return the width of the terminal that shows the result; None where it goes to a file or a program."""
    console = terminal()
    return console.width if console.is_terminal else None


def print_json(answer: dict[str, Any]) -> None:
    """Print the one JSON object of ``--json``; what is NaN or infinite is null."""
    text = json.dumps(for_json(answer), indent=2, ensure_ascii=False, allow_nan=False)
    if sys.stdout.isatty():  # what a terminal would obey stands as JSON's own escapes
        text = "".join(json.dumps(c)[1:-1] if c != "\n" and escaped(c) != c else c for c in text)
    sys.stdout.write(text + "\n")


def print_summary(summary: dict[str, Any]) -> None:
    """Print the JSON object of a command that draws nothing."""
    print_json({"figures": [], "data": [], "summary": summary})


def print_csv(records: Sequence[dict[str, Any]]) -> None:
    """Print records as CSV; the columns are the union of theirs."""
    columns = list(dict.fromkeys(name for record in records for name in record))
    writer = csv.writer(sys.stdout, lineterminator="\n")
    rows = [columns, *([record.get(name, "") for name in columns] for record in records)]
    shown = sys.stdout.isatty()
    for row in rows:
        cells = [for_cell(value) for value in row]
        writer.writerow([escaped(c) if shown and isinstance(c, str) else c for c in cells])


def print_files(artifacts: Artifacts) -> None:
    """List the figures written."""
    for path in artifacts.figures:
        print_line(f"wrote {shlex.quote(str(path))}")


def bar(length: int) -> str:
    """Return a bar of a number of blocks, or of plain signs where standard output cannot show blocks."""
    try:
        "\u2588".encode(sys.stdout.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return "#" * length
    return "\u2588" * length


def track(steps: Iterable[T], what: str, *, total: int | None = None) -> Iterable[T]:
    """Show a progress bar with the time left on standard error while `steps` are gone through.

    `total` is their number, where they have no length.
    """
    from rich.progress import track as rich_track

    console = terminal(stderr=True)
    if not console.is_terminal:  # rich before 14 writes an empty line even for a bar that is disabled
        return steps
    return rich_track(steps, what, total=total, console=console, transient=True)


def bytes_text(size: int) -> str:
    """Return a size in the unit that suits it."""
    value, units = float(size), ("B", "KiB", "MiB", "GiB", "TiB")
    for unit in units[:-1]:
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} {units[-1]}"
