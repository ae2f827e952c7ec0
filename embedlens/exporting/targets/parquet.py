"""Parquet: one table per split, one row per item and epoch, embeddings as lists of fixed length."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embedlens.exporting.base import facts_text, target, write_thumbnails
from embedlens.files import temporary_file
from embedlens.optional import needed

if TYPE_CHECKING:
    from pathlib import Path

    from embedlens.exporting.contents import Contents, SplitContents

_USE = "writing .parquet files"


@target("parquet", several=True, reading='pandas.read_parquet("{out}/{split}.parquet")')
def write(contents: Contents, folder: Path) -> None:
    """Write SPLIT.parquet: epoch, step where the log has it, row, label, class, items, embedding.

    Run, method and class names stand in the metadata of the schema, as JSON under the key `embedlens`.
    """
    arrow = needed("pyarrow", "files", _USE)
    parquet = needed("pyarrow.parquet", "files", _USE)
    for split in contents:
        write_thumbnails(split, folder)
        own = ["epoch", *(["step"] if split.steps else []), "row", "label", "class"]
        items = split.item_columns(*own, "embedding")
        fixed = {
            "row": arrow.array(range(split.shape[0]), arrow.int64()),
            "label": arrow.array(split.labels),
            "class": arrow.array(split.classes, arrow.string()),
            **{name: arrow.array(texts, arrow.string()) for name, texts in items.items()},
        }
        schema = _schema(arrow, split, list(items))
        with (
            temporary_file(folder / f"{split.name}.parquet") as path,
            # Embeddings have few equal numbers: a dictionary of them would only cost time.
            parquet.ParquetWriter(path, schema, use_dictionary=["class", *items]) as file,
        ):
            for epoch in split.epochs:
                for rows, block in split.blocks(epoch):
                    columns = _epoch_columns(arrow, split, epoch, len(block)) | {
                        name: column[rows.start : rows.stop] for name, column in fixed.items()
                    }
                    flat = arrow.array(block.ravel())
                    columns["embedding"] = arrow.FixedSizeListArray.from_arrays(flat, split.shape[1])
                    file.write_table(arrow.table(columns, schema))


def _schema(arrow: Any, split: SplitContents, items: list[str]) -> Any:
    """Return the columns with their types."""
    number = arrow.float16() if split.run.info.dtype == "float16" else arrow.float32()
    kinds = {
        "epoch": arrow.int64(),
        **({"step": arrow.int64()} if split.steps else {}),
        "row": arrow.int64(),
        "label": arrow.int64(),
        **dict.fromkeys(["class", *items], arrow.string()),
        "embedding": arrow.list_(number, split.shape[1]),
    }
    return arrow.schema(list(kinds.items()), metadata={"embedlens": facts_text(split)})


def _epoch_columns(arrow: Any, split: SplitContents, epoch: int, rows: int) -> dict[str, Any]:
    """Return the columns that have one value in all rows of an epoch."""
    columns = {"epoch": arrow.repeat(arrow.scalar(epoch, arrow.int64()), rows)}
    if split.steps:
        columns["step"] = arrow.repeat(arrow.scalar(split.steps.get(epoch), arrow.int64()), rows)
    return columns
