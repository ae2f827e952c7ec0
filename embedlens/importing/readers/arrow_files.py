"""Columns of Parquet, Arrow and Feather files as embeddings, labels and descriptions of items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.errors import InputError, listed, shortened
from embedlens.importing.readers.arrow_tables import is_list, kind_of, opened_table, plain
from embedlens.importing.readers.base import ArrayReader, Variant, reads
from embedlens.importing.readers.checks import check_size, joined_texts
from embedlens.importing.readers.columns import embedding_columns, moment_columns

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from embedlens.importing.readers.arrow_tables import ArrowTable, Where
    from embedlens.importing.readers.wanted import Wanted


@reads(".parquet", ".pq", ".arrow", ".feather", ".ipc")
class ArrowReader(ArrayReader):
    """Reader of Parquet, Arrow and Feather files, a batch of rows at a time."""

    def names(self, file: Path) -> list[str]:
        """Return the names of columns, and of groups of numbered columns."""
        with opened_table(file) as table:
            return list(dict.fromkeys([*_embeddings(table), *table.schema.names]))

    def variants(self, file: Path, key: str | None, fields: Collection[str]) -> Iterator[Variant]:
        """Yield one variant for each epoch, step and split in columns of these names."""
        with opened_table(file) as table:
            kinds = {field.name: kind_of(field.type) for field in table.schema}
            columns = moment_columns(file, kinds, fields)
            if not columns:
                yield Variant({}, key)
                return
            found: dict[tuple[object, ...], None] = {}
            for batch in table.chosen(columns, ()):
                cells = [plain(batch.column(name)).to_pylist() for name in columns]
                found |= dict.fromkeys(zip(*cells, strict=True))
        for values in found:
            if None in values:
                message = f"{file}: column {columns[values.index(None)]!r} has rows without a value"
                raise InputError(message)
            where = tuple(zip(columns, values, strict=True))
            yield Variant({name: str(value) for name, value in where}, key, where)

    def check_key(self, wanted: Wanted) -> None:
        """Refuse a key that no column of embeddings has, and the lack of one where there are several."""
        with opened_table(wanted.file) as table:
            _chosen(table, _embeddings(table), wanted)

    def read(self, wanted: Wanted) -> NDArray[Any]:
        """Return embeddings [N, D] of a column of lists or of numbered columns, or one column of labels."""
        with opened_table(wanted.file) as table:
            arrays = _embeddings(table)
            name = _chosen(table, arrays, wanted)
            rows = table.count(wanted.where)
            wanted.check_rows((rows,))
            check_size(wanted.file, 8 * rows, wanted.file.stat().st_size)
            if name in arrays:
                return _matrix(table, arrays[name], wanted, rows)
            return _column(table, name, wanted.where)

    def items(self, wanted: Wanted) -> dict[str, list[str]]:
        """Return the columns of single values as text, less those of embeddings."""
        where = wanted.where
        with opened_table(wanted.file) as table:
            left = {name for columns in _embeddings(table).values() for name in columns}
            left |= {name for name, _ in where}
            names = [field.name for field in table.schema if kind_of(field.type) and field.name not in left]
            return {name: _column(table, name, where, text=True).tolist() for name in names}


def _chosen(table: ArrowTable, arrays: Mapping[str, Sequence[str]], wanted: Wanted) -> str:
    """Return the name of the column or group of columns to read."""
    names = list(arrays)
    if wanted.labels:
        parts = {name for columns in arrays.values() for name in columns}
        others = {*parts, *(name for name, _ in wanted.where)}
        names = [name for name in table.schema.names if name not in others or name == wanted.key]
        names += [name for name in arrays if name == wanted.key and name not in names]
    if not wanted.labels and wanted.key in table.schema.names and wanted.key not in names:
        message = (
            f"{wanted.file}: column {shortened(str(wanted.key))!r} holds no embeddings; lists of numbers, or "
            f"numbered columns, are needed: {listed(names)}"
        )
        raise InputError(message)
    if not names:
        what = "labels" if wanted.labels else "lists of numbers, nor numbered columns z_0, z_1, ..."
        message = f"{wanted.file} has no column of {what}"
        raise InputError(message)
    return wanted.only(names, of_table=True)


def _embeddings(table: ArrowTable) -> dict[str, list[str]]:
    """Return the arrays of a table by name."""
    lists = [field.name for field in table.schema if is_list(field.type)]
    return embedding_columns(lists, [field.name for field in table.schema if kind_of(field.type) == "f"])


def _matrix(table: ArrowTable, columns: Sequence[str], wanted: Wanted, rows: int) -> NDArray[Any]:
    """Return embeddings [N, D], filled batch by batch."""
    array: NDArray[Any] | None = None
    start = 0
    for batch in table.chosen(columns, wanted.where):
        if not batch.num_rows:
            continue
        block = _block(batch, columns, wanted.file, start)
        if array is None:
            size = wanted.file.stat().st_size
            check_size(wanted.file, rows * block.shape[1] * block.dtype.itemsize, size)
            array = np.empty((rows, block.shape[1]), block.dtype)
        if block.shape[1] != array.shape[1]:
            message = (
                f"{wanted.file}: column {shortened(columns[0])!r} has lists of {array.shape[1]} and, in row "
                f"{start}, of {block.shape[1]} numbers; each row needs as many"
            )
            raise InputError(message)
        array[start : start + len(block)] = block
        start += len(block)
    if array is None:
        message = f"{wanted.file} has no rows"
        raise InputError(message)
    return array


def _block(batch: Any, columns: Sequence[str], file: Path, start: int) -> NDArray[Any]:
    """Return the embeddings of one batch, [n, D]."""
    if len(columns) > 1:
        parts = [_numbers(batch.column(name), name, file, start) for name in columns]
        return np.stack(parts, axis=1)
    column, name = batch.column(columns[0]), columns[0]
    _check_no_nulls(column, name, file, start)
    if hasattr(column.type, "list_size"):
        lengths = np.full(len(column), column.type.list_size)
    else:
        lengths = np.asarray(column.value_lengths().to_numpy(zero_copy_only=False))
    other = np.flatnonzero(lengths != lengths[0])
    if other.size:
        message = (
            f"{file}: column {shortened(name)!r} has lists of {lengths[0]} and, in row "
            f"{start + int(other[0])}, of {lengths[other[0]]} numbers; each row needs as many"
        )
        raise InputError(message)
    width = int(lengths[0])
    values = column.flatten()
    if values.null_count:
        row = start + int(np.flatnonzero(values.is_null().to_numpy(zero_copy_only=False))[0]) // width
        message = f"{file}: column {shortened(name)!r} has no number in row {row}; every number is needed"
        raise InputError(message)
    return np.asarray(values.to_numpy(zero_copy_only=False)).reshape(len(column), width)


def _numbers(column: Any, name: str, file: Path, start: int) -> NDArray[Any]:
    """Return a column of numbers without empty cells."""
    column = plain(column)
    _check_no_nulls(column, name, file, start)
    return np.asarray(column.to_numpy(zero_copy_only=False))


def _check_no_nulls(column: Any, name: str, file: Path, start: int) -> None:
    """Refuse a column of embeddings with an empty cell, which is named."""
    if column.null_count:
        row = start + int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
        message = f"{file}: column {shortened(name)!r} has no number in row {row}; every number is needed"
        raise InputError(message)


def _column(table: ArrowTable, name: str, where: Where, *, text: bool = False) -> NDArray[Any]:
    """Return a column of single values: whole numbers, or text where others or empty cells are among them."""
    kind = table.schema.field(name).type
    if not kind_of(kind):
        message = (
            f"{table.file}: column {shortened(name)!r} is {shortened(str(kind))}; text or numbers are read"
        )
        raise InputError(message)
    blocks = [plain(batch.column(name)) for batch in table.chosen([name], where)]
    if not text and kind_of(kind) in ("i", "?") and not any(block.null_count for block in blocks):
        return np.concatenate(
            [np.asarray(block.to_numpy(zero_copy_only=False)) for block in blocks] or [np.empty(0, np.int64)]
        )
    return joined_texts([_text(value) for value in block.to_pylist()] for block in blocks)


def _text(value: object) -> str:
    """Return a cell as text; an empty one is empty text."""
    return "" if value is None else str(value)
