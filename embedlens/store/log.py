"""log.csv: one row per epoch, one column per metric."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from embedlens.errors import InputError, first_sentence
from embedlens.files import read_table, write_text
from embedlens.store.checks import MOST_EPOCH, MOST_STEP, check_row, check_step
from embedlens.store.lock import log_lock

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

LogRow = dict[str, float | None]
_MOST_BYTES = 1 << 26  # 64 MiB: a million epochs of four columns
_WHOLE = {
    "epoch": MOST_EPOCH,
    "step": MOST_STEP,
}  # columns of counts, with their largest values


def read_log(file: Path) -> list[LogRow]:
    """Return the rows of a log by ascending epoch; an empty cell is None, a run without a log has no rows.

    Raises
    ------
    InputError
        A log that `embedlens.files.read_table` refuses, a cell that is not a number, an epoch or step that is
        not a whole number from 0, or an epoch of more than nine digits.
    """
    if not file.is_file():
        return []
    lines = read_table(file, limit=_MOST_BYTES)
    header = lines[0][1] if lines else []
    rows: list[LogRow] = []
    for number, cells in lines[1:]:
        try:
            row = {name: float(cell) if cell else None for name, cell in zip(header, cells, strict=True)}
        except ValueError as error:
            message = f"{file}, line {number}: {first_sentence(error)[:100]}; every cell is a number or empty"
            raise InputError(message) from error
        for name, most in _WHOLE.items():
            value = row.get(name)
            if not _is_whole(value, most) and (name == "epoch" or value is not None):
                found = "missing" if value is None else f"{value:g}"
                message = (
                    f"{file}, line {number}: {name} is {found}; a whole number from 0 to {most} is needed"
                )
                raise InputError(message)
        rows.append(row)
    return sorted(rows, key=epoch_of)


def _is_whole(value: float | None, most: int) -> bool:
    return value is not None and 0 <= value <= most and value == int(value)


def epoch_of(row: Mapping[str, float | None]) -> int:
    """Return the epoch of a row."""
    return int(row["epoch"] or 0)


def merge_log(
    file: Path,
    epoch: int,
    metrics: Mapping[str, float],
    *,
    another_step: bool = False,
    columns: Iterable[str] = (),
) -> None:
    """Write metrics into the row of an epoch; metrics of the same name are replaced, others are kept.

    The log is locked meanwhile, so that rows that other processes write are kept. The epoch's own columns,
    `epoch` and `step`, are refused where they would change (`check_row`); `another_step`: the epoch is
    recorded again and may have another number of steps; `columns`: the log has these, be they empty.
    """
    checked = check_row(epoch, metrics)
    with log_lock(file.parent):
        rows = {epoch_of(row): row for row in read_log(file)}
        before = rows.get(epoch, {})
        if not another_step:
            check_step(before.get("step"), checked.get("step"))
        row: LogRow = {**before, "epoch": epoch, **checked}
        rows[epoch] = row | {name: None for name in columns if name not in row}
        write_log(file, rows.values())


def drop_after(file: Path, epoch: int) -> None:
    """Remove the rows of all epochs after `epoch`."""
    if not file.is_file():
        return
    with log_lock(file.parent):
        rows = read_log(file)
        kept = [row for row in rows if epoch_of(row) <= epoch]
        if len(kept) < len(rows):
            write_log(file, kept)


def write_log(file: Path, rows: Iterable[Mapping[str, float | None]]) -> None:
    """Write the whole log, sorted by epoch; columns are the union of those of the rows, in their order."""
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
