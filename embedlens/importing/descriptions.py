"""Columns that describe the items of an import, and their thumbnails."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.errors import InputError, listed, shortened
from embedlens.importing.label_files import read_row_numbers
from embedlens.importing.patterns import fields_of, matching_files
from embedlens.importing.pictures import read_pictures
from embedlens.importing.readers.wanted import Wanted
from embedlens.importing.sources import fields_without, find_sources

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from embedlens.importing.labels import ImportedLabels
    from embedlens.importing.source import ImportSource
    from embedlens.importing.sources import Sources

Items = dict[str, dict[str, list[str]]]


def gather_items(source: ImportSource, found: Sources, labels: ImportedLabels) -> Items:
    """Return the columns that describe the items of every split, of all rows of its files.

    Parameters
    ----------
    source
        Names the table, or none.
    found
        Embeddings, of which some kinds of files describe their items themselves.
    labels
        Which rows there are, and the column of labels, which does not describe the items again.

    Raises
    ------
    InputError
        No table for a split; another number of rows.
    """
    if source.items is None:
        return _of_embeddings(found)
    ignored = fields_without(found, source.pattern, source.key)
    kept = labels.kept
    tables = find_sources(source.items, None, split=source.split, option="--items", ignored=ignored)
    gathered: Items = {}
    for split in found:
        by_moment = tables.get(split)
        if by_moment is None and len(found) == 1:
            by_moment = tables.get(source.split)
        if by_moment is None:
            message = f"no items for split {split!r}: {source.items!r} gives {listed(tables)}"
            raise InputError(message)
        columns: dict[str, list[str]] = {}
        for part in next(iter(by_moment.values())):
            wanted = Wanted(part.file, where=part.where, option="--items")
            more = part.reader.items(wanted)
            origin = labels.origins.get(split, "")
            more = {one: more[one] for one in more if f"{part.file.name}: {shortened(one)}" != origin} or more
            if columns and list(more) != list(columns):
                message = (
                    f"{part.file} has the columns {listed(more)}, other files of items {listed(columns)}"
                )
                raise InputError(message)
            more = _ordered(more, wanted, source.rows_key)
            columns = {name: [*columns.get(name, []), *column] for name, column in more.items()}
        rows = len(next(iter(columns.values()), []))
        if rows != kept[split].size:
            message = (
                f"{source.items}: {rows:,} rows describe the items of split {split!r}, but there are "
                f"{kept[split].size:,} labels; one row per item is needed"
            )
            raise InputError(message)
        gathered[split] = columns
    return gathered


def _of_embeddings(found: Sources) -> Items:
    """Return the columns that files of embeddings have for their own items."""
    gathered: Items = {}
    for split, by_moment in found.items():
        parts = next(iter(by_moment.values()))
        if len(parts) == 1 and parts[0].reader.describes:
            columns = parts[0].reader.items(Wanted(parts[0].file, beside=parts[0].key))
            if columns:
                gathered[split] = columns
    return gathered


def _ordered(columns: dict[str, list[str]], wanted: Wanted, rows_key: str | None) -> dict[str, list[str]]:
    """Return columns in the order of the row numbers, where the table has them."""
    if rows_key is None or rows_key not in columns:
        return columns
    numbers = read_row_numbers(replace(wanted, key=rows_key, labels=True, option="--rows-key"), needed=True)
    assert numbers is not None
    rows, first = np.unique(numbers, return_index=True)
    if rows.size != len(first) or not np.array_equal(rows, np.arange(rows.size)):
        message = f"{wanted.file}: {rows_key!r} does not count the items from 0; every row is needed once"
        raise InputError(message)
    return {name: [column[at] for at in first] for name, column in columns.items()}


def gather_thumbnails(
    source: ImportSource, found: Sources, *, items: Items, kept: Mapping[str, NDArray[np.bool_]]
) -> dict[str, NDArray[Any]]:
    """Return the thumbnails of every split that has some, of the rows that are kept.

    Parameters
    ----------
    source
        Names the pictures, or none.
    found
        Embeddings, of which some kinds of files have pictures of their items.
    items
        Columns that describe the items, which may name files of pictures.
    kept
        Split -> bool [M] of all rows.
    """
    gathered: dict[str, NDArray[Any]] = {}
    paths = None if source.thumbnails is None else _paths(source.thumbnails, source.split)
    for split, by_moment in found.items():
        rows = int(kept[split].size)
        pictures: NDArray[Any] | None = None
        if paths is None:
            parts = next(iter(by_moment.values()))
            if len(parts) == 1:
                pictures = parts[0].reader.thumbnails(Wanted(parts[0].file, rows=rows, beside=parts[0].key))
        else:
            place = paths.get(split) or (paths.get(source.split) if len(found) == 1 else None)
            if place is None:
                message = f"no thumbnails for split {split!r}: {source.thumbnails!r} gives {listed(paths)}"
                raise InputError(message)
            pictures = read_pictures(*place, rows=rows, items=items.get(split, {}))
        if pictures is not None:
            gathered[split] = pictures if kept[split].all() else pictures[kept[split]]
    return gathered


def _paths(pattern: str, split: str) -> dict[str, tuple[Path, str | None]]:
    """Return split -> path of its pictures, and the key after a colon of an array's file."""
    path, colon, key = pattern.rpartition(":")
    keyed = bool(colon) and not Path(pattern).exists() and not set(key) & set("/\\")
    if keyed and not fields_of(key) and Path(path).suffix:
        return {name: (file, key) for name, (file, _) in _paths(path, split).items()}
    found: dict[str, tuple[Path, str | None]] = {}
    for file, fields in matching_files(pattern, "--thumbnails"):
        name = fields.get("split") or split
        if name in found:
            message = (
                f"two pictures for split {name!r}: {found[name][0]} and {file}; give the folder, or a sprite"
            )
            raise InputError(message)
        found[name] = (file, None)
    return found


def kept_items(items: Items, kept: Mapping[str, NDArray[np.bool_]]) -> Items:
    """Return the columns of the items that have a label."""
    return {
        split: {
            name: [value for value, keep in zip(column, kept[split].tolist(), strict=True) if keep]
            for name, column in columns.items()
        }
        for split, columns in items.items()
    }
