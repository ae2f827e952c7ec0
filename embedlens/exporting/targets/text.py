"""CSV: one table per split, one row per item and epoch, one column per dimension."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from embedlens.exporting.base import csv_text, target, write_thumbnails
from embedlens.files import temporary_file
from embedlens.text import csv_quoting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from embedlens.exporting.contents import Contents, SplitContents

_DIGITS = {"float16": 5, "float32": 9}  # significant digits from which every value is read back exactly


@target("csv", several=False, reading='pandas.read_csv("{out}/{split}.csv")')
def write(contents: Contents, folder: Path) -> None:
    """Write SPLIT.csv: epoch, step where the log has it, row, label, class, items, dim_0, dim_1, ...

    A text that a spreadsheet would take for a formula has an apostrophe in front; NUL stands as an escape.
    """
    for split in contents:
        write_thumbnails(split, folder)
        dims = [f"dim_{number}" for number in range(split.shape[1])]
        own = ["epoch", *(["step"] if split.steps else []), "row", "label", "class"]
        items = split.item_columns(*own, *dims)
        quoting = csv_quoting({"class": split.classes, **items})
        with (
            temporary_file(folder / f"{split.name}.csv") as path,
            path.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.writer(file, lineterminator="\n", quoting=quoting)
            writer.writerow([*own, *map(csv_text, items), *dims])
            start = io.StringIO()
            cells = csv.writer(start, lineterminator=",", quoting=quoting)
            for epoch in split.epochs:
                for texts, numbers in _rows(split, epoch, [*items.values()]):
                    start.seek(0)
                    start.truncate()
                    cells.writerow(texts)
                    file.write(start.getvalue() + numbers)


def _rows(split: SplitContents, epoch: int, items: list[list[str]]) -> Iterator[tuple[list[object], str]]:
    """Yield the rows of an epoch: the cells before the embedding, and the embedding as text.

    Numbers are formatted by row, which is faster than by cell.
    """
    first = [epoch, *([split.steps.get(epoch, "")] if split.steps else [])]
    labels = split.label_cells
    numbers = ",".join([f"%.{_DIGITS[split.run.info.dtype]}g"] * split.shape[1]) + "\n"
    for rows, block in split.blocks(epoch):
        texts = zip(split.classes[rows], *(column[rows] for column in items), strict=True)
        labelled = zip(labels[rows], texts, block.tolist(), strict=True)
        for row, (label, cells, values) in enumerate(labelled, rows.start):
            yield [*first, row, label, *map(csv_text, cells)], numbers % tuple(values)
