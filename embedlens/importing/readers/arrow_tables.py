"""Open tables of Arrow: Parquet files, and files and streams of its IPC format (Feather)."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError, first_sentence, shortened
from embedlens.files import check_regular
from embedlens.optional import needed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    Where = Sequence[tuple[str, object]]

_ROWS = 1 << 14  # rows of a batch


@dataclass(frozen=True, slots=True)
class ArrowTable:
    """An open table: its file, its schema, and what yields batches of some of its columns."""

    file: Path
    schema: Any
    batches: Callable[[Sequence[str], Where], Iterator[Any]]

    def chosen(self, columns: Sequence[str], where: Where) -> Iterator[Any]:
        """Yield checked batches of columns, with the rows alone that have the values of `where`."""
        import pyarrow.compute as pc

        for batch in self.batches(list(dict.fromkeys([*columns, *(name for name, _ in where)])), where):
            batch.validate(full=True)  # a damaged file has offsets beyond its data
            for name, value in where:
                batch = batch.filter(pc.equal(plain(batch.column(name)), value))
            yield batch

    def count(self, where: Where) -> int:
        """Return the number of rows that have the values of `where`."""
        columns = [name for name, _ in where] or [
            min(self.schema, key=lambda field: is_list(field.type)).name
        ]
        return sum(batch.num_rows for batch in self.chosen(columns, where))


def kind_of(kind: Any) -> str:
    """Return "i", "f", "U" or "?" for types of single values that are read; nothing for others."""
    import pyarrow.types as types

    if types.is_dictionary(kind):
        return kind_of(kind.value_type)
    tests = {"i": types.is_integer, "f": types.is_floating, "?": types.is_boolean}
    texts = (types.is_string, types.is_large_string, getattr(types, "is_string_view", types.is_string))
    if any(test(kind) for test in texts) or types.is_temporal(kind) or types.is_decimal(kind):
        return "U"
    return next((name for name, test in tests.items() if test(kind)), "")


def is_list(kind: Any) -> bool:
    """Return whether a column holds lists of numbers."""
    import pyarrow.types as types

    lists = (types.is_list, types.is_large_list, types.is_fixed_size_list)
    return any(test(kind) for test in lists) and kind_of(kind.value_type) in ("i", "f", "?")


def plain(column: Any) -> Any:
    """Return a column without its dictionary."""
    import pyarrow.types as types

    return column.dictionary_decode() if types.is_dictionary(column.type) else column


@contextmanager
def opened_table(file: Path) -> Iterator[ArrowTable]:
    """Open a table; whatever pyarrow raises of a damaged file is one line."""
    check_regular(file)
    pyarrow = needed("pyarrow", "files", f"reading {file.suffix} files")
    try:
        with _parquet(file) if file.suffix.lower() in (".parquet", ".pq") else _ipc(file) as table:
            if len(set(table.schema.names)) < len(table.schema.names):
                message = f"{file} has two columns of one name"
                raise InputError(message)
            yield table
    except InputError:
        raise
    except (
        pyarrow.ArrowException,
        OSError,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        OverflowError,
    ) as error:
        if getattr(error, "errno", None) in (23, 24):
            raise
        message = f"{file} is not a readable {file.suffix} table ({shortened(first_sentence(error))})"
        raise InputError(message) from error


@contextmanager
def _parquet(file: Path) -> Iterator[ArrowTable]:
    """Open a Parquet file."""
    pq = needed("pyarrow.parquet", "files", "reading Parquet files")
    with pq.ParquetFile(file) as opened:

        def batches(columns: Sequence[str], where: Where) -> Iterator[Any]:
            groups = _row_groups(opened.metadata, where)
            yield from opened.iter_batches(_ROWS, row_groups=groups, columns=list(columns))

        yield ArrowTable(file, opened.schema_arrow, batches)


def _row_groups(metadata: Any, where: Where) -> list[int]:
    """Return the row groups that may have rows of these values, by their statistics."""
    names = {metadata.schema.column(at).path: at for at in range(metadata.num_columns)}
    groups = []
    for group in range(metadata.num_row_groups):
        columns = [
            (metadata.row_group(group).column(names[name]), value) for name, value in where if name in names
        ]
        limits = [(one.statistics, value) for one, value in columns if one.is_stats_set]
        if all(not found.has_min_max or found.min <= value <= found.max for found, value in limits):
            groups.append(group)
    return groups


@contextmanager
def _ipc(file: Path) -> Iterator[ArrowTable]:
    """Open an Arrow or Feather file, or a stream of Arrow's."""
    ipc = needed("pyarrow.ipc", "files", "reading Arrow files")
    import pyarrow

    with pyarrow.memory_map(str(file)) as source:
        stream = source.read(6) != b"ARROW1"
        source.seek(0)
        schema = (ipc.open_stream if stream else ipc.open_file)(source).schema

        def batches(columns: Sequence[str], where: Where) -> Iterator[Any]:
            wanted = [schema.get_field_index(name) for name in columns]
            options = ipc.IpcReadOptions(included_fields=wanted)
            source.seek(0)
            if stream:
                yield from ipc.open_stream(source, options=options)
                return
            opened = ipc.open_file(source, options=options)
            for at in range(opened.num_record_batches):
                yield opened.get_batch(at)

        yield ArrowTable(file, schema, batches)
