"""log.csv: one row an epoch, one column a metric."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from embedlens.errors import InputError
from embedlens.files import write_text
from embedlens.store.checks import check_metric

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

LogRow = dict[str, float | None]


def read_log(file: Path) -> list[LogRow]:
    """Return the rows of a log by ascending epoch; an empty cell is None, a run without a log has no rows."""
    if not file.is_file():
        return []
    rows: list[LogRow] = []
    with file.open(encoding="utf-8", newline="") as handle:
        for number, cells in enumerate(csv.DictReader(handle), start=2):
            try:
                row = {name: float(cell) if cell else None for name, cell in cells.items()}
                if row.get("epoch") is None:
                    message = "no epoch"
                    raise ValueError(message)
            except (TypeError, ValueError) as error:
                message = f"{file}, line {number}: {error}; every cell is a number or empty"
                raise InputError(message) from error
            rows.append(row)
    return sorted(rows, key=epoch_of)


def epoch_of(row: Mapping[str, float | None]) -> int:
    """Return the epoch of a row."""
    return int(row["epoch"] or 0)


def merge_log(file: Path, epoch: int, metrics: Mapping[str, float]) -> None:
    """Write metrics into an epoch's row of a log; those that stand there already are replaced by name."""
    rows = {epoch_of(row): row for row in read_log(file)}
    checked = {name: check_metric(name, value) for name, value in metrics.items()}
    rows[epoch] = {**rows.get(epoch, {}), "epoch": epoch, **checked}
    write_log(file, rows.values())


def write_log(file: Path, rows: Iterable[Mapping[str, float | None]]) -> None:
    """Write the rows whole, by epoch; the columns are the union of theirs, in the order of appearance."""
    ordered = sorted(rows, key=epoch_of)
    columns = list(dict.fromkeys(name for row in ordered for name in row))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in ordered:
        writer.writerow([_cell(name, row.get(name)) for name in columns])
    write_text(file, text.getvalue())


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return ""
    return str(int(value)) if name in ("epoch", "step") else repr(float(value))
