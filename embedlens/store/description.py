"""Short descriptions of a run: one line of text, and an HTML table for notebooks."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.errors import InputError, count_text, shortened
from embedlens.label_sets import LabelSets
from embedlens.results import Result
from embedlens.store import format as layout
from embedlens.store.labels import read_labels_file
from embedlens.store.log import epoch_of, read_log
from embedlens.text import escaped

if TYPE_CHECKING:
    from collections.abc import Sequence

_RECALL = "_recall_at_1"
_SPLITS_OF_LINE = 3
_SPLITS_OF_TABLE = 12
_OPTIONS = 16  # of the method
_FIRST = ("loss", "loss_options", "method", "data", "backbone", "optimizer", "lr", "epochs", "seed")
_LEFT = ' style="text-align: left"'


@dataclass(frozen=True, slots=True)
class SplitFacts:
    """Numbers of a split; `classes` is None where its labels cannot be read."""

    name: str
    items: int
    classes: int | None

    def text(self) -> str:
        """Return them in words."""
        of = "" if self.classes is None else f" of {_count(self.classes, 'class')}"
        return f"{shortened(escaped(self.name))} {count_text(self.items, 'item')}{of}"


@dataclass(frozen=True, slots=True, repr=False)
class RunFacts(Result):
    """What a description says of a run; no embeddings are read for it."""

    path: Path
    info: layout.RunInfo
    epochs: Sequence[int]
    splits: tuple[SplitFacts, ...]

    @classmethod
    def of(cls, path: Path, info: layout.RunInfo, epochs: Sequence[int] | None = None) -> RunFacts:
        """Gather the facts; files that are missing or damaged are left out, not reported.

        Parameters
        ----------
        path
            The run's directory.
        info
            The contents of its run.json.
        epochs
            Its epochs; None: those that are finished now.
        """
        found: Sequence[int] = [] if epochs is None else epochs
        if epochs is None:
            with suppress(OSError):
                found = layout.complete_epochs(path, info)
        splits = tuple(
            SplitFacts(name, split.items, _classes(layout.labels_file(path, info, name), split.items))
            for name, split in info.splits.items()
        )
        return cls(path, info, found, splits)

    def text(self) -> str:
        """Return one line: where the run stands, splits, epochs, dims and type."""
        splits = [split.text() for split in self.splits[:_SPLITS_OF_LINE]]
        more = len(self.splits) - len(splits)
        if more:
            splits.append(f"{count_text(more, 'more split')}")
        named = "" if self.info.name == self.path.name else f", named {shortened(self.info.name)!r}"
        return f"{str(self.path)!r}{named}: {', '.join(splits)}; {self._epochs()}; {self._dims()}"

    def html(self) -> str:
        """Return tables of the method, epochs, dims, path and splits, without colours of their own."""
        rows = {
            "method": _method_text(self.info.method),
            "epochs": self._epochs(),
            "dims": self._dims(),
            "path": self.path.as_posix(),
        }
        facts = "".join(
            f"<tr><th{_LEFT}>{key}</th><td{_LEFT}>{_cell(text)}</td></tr>" for key, text in rows.items()
        )
        return (
            f"<div><table><caption{_LEFT}>Run <strong>{_cell(shortened(self.info.name))}</strong></caption>"
            f"<tbody>{facts}</tbody></table>{self._split_table()}</div>"
        )

    def _split_table(self) -> str:
        recalls = self._recalls()
        columns = ["split", "items", "classes", *([f"R@1, epoch {self.epochs[-1]}"] if recalls else [])]
        body = []
        for split in self.splits[:_SPLITS_OF_TABLE]:
            cells = [shortened(split.name), f"{split.items:,}", _or_dash(split.classes, ",")]
            body.append(_row("td", [*cells, _or_dash(recalls.get(split.name), ".4f")][: len(columns)]))
        more = len(self.splits) - _SPLITS_OF_TABLE
        if more > 0:
            body.append(_row("td", [f"and {count_text(more, 'more split')}"]))
        return f"<table><thead>{_row('th', columns)}</thead><tbody>{''.join(body)}</tbody></table>"

    def _recalls(self) -> dict[str, float]:
        """Return R@1 of the last epoch by split, where the log has it."""
        rows = []
        with suppress(InputError, OSError):
            rows = read_log(layout.log_file(self.path))
        last = next((row for row in rows if self.epochs and epoch_of(row) == self.epochs[-1]), {})
        values = {split.name: last.get(f"{split.name}{_RECALL}") for split in self.splits}
        return {name: value for name, value in values.items() if value is not None}

    def _epochs(self) -> str:
        if not self.path.is_dir():
            # a relative path is read from a working directory that may have changed
            return "folder not found" + ("" if self.path.is_absolute() else f" from {Path.cwd()}")
        if not self.epochs:
            return "no epoch yet"
        return f"{count_text(len(self.epochs), 'epoch')} ({layout.listed_epochs(list(self.epochs))})"

    def _dims(self) -> str:
        dim = "dims not known yet" if self.info.dim is None else count_text(self.info.dim, "dim")
        return f"{dim}, {self.info.dtype}"


def _classes(file: Path, items: int) -> int | None:
    """Return the number of different labels in a file; None where it cannot be read."""
    with suppress(InputError, OSError):
        labels = read_labels_file(file, items=items)
        return int(np.unique(labels.indices if isinstance(labels, LabelSets) else labels).size)
    return None


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "es")


def _or_dash(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _method_text(method: dict[str, Any]) -> str:
    """Return the options that are set, as many as a table shows, the main ones first."""
    names = [name for name in _FIRST if name in method]
    names += [name for name in method if name not in _FIRST]
    unset: list[Any] = [{}, [], ""]
    texts = [
        f"{shortened(name)}={shortened(str(value))}"
        for name in names
        if (value := method[name]) is not None and value is not False and value not in unset
    ]
    more = len(texts) - _OPTIONS
    return ", ".join(texts[:_OPTIONS]) + (f" and {more} more" if more > 0 else "") or "not recorded"


def _row(tag: str, cells: Sequence[str]) -> str:
    """Return a row whose first cell is text and whose others are numbers."""
    made = [f"<{tag}{'' if at else _LEFT}>{_cell(text)}</{tag}>" for at, text in enumerate(cells)]
    return f"<tr>{''.join(made)}</tr>"


def _cell(text: str) -> str:
    """Return a text as HTML shows it, letter by letter."""
    return escape(escaped(text))
