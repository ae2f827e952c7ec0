"""Arrays of an import by split and epoch: which file, which array in it, in which order they are joined."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from embedlens.errors import InputError, listed
from embedlens.importing.epoch_names import field_for
from embedlens.importing.patterns import fields_of, has_wildcard, matching_files, matching_names, natural
from embedlens.importing.readers.base import READERS, Variant, reader_of
from embedlens.importing.readers.wanted import Wanted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from embedlens.importing.readers.base import ArrayReader

PROJECTOR_CONFIG = "projector_config.pbtxt"
_OF_PATHS = {"--key": "", "--labels-key": "--labels"}
_NUMBER = re.compile(r"\d")


class Moment(NamedTuple):
    """Epoch and optimiser step of a snapshot; None where the pattern does not say it."""

    epoch: int | None
    step: int | None

    def __str__(self) -> str:
        """Return it as messages name it."""
        return f"step {self.step}" if self.epoch is None else f"epoch {self.epoch}"


@dataclass(frozen=True, slots=True)
class Part:
    """One array of a split at a moment: all of its rows, or one shard of them.

    Attributes
    ----------
    file, key, where, beside
        As of `embedlens.importing.readers.Wanted`.
    shard
        Text that orders the shards.
    """

    file: Path
    key: str | None = None
    where: tuple[tuple[str, object], ...] = ()
    beside: str | None = None
    shard: str = field(default="", compare=False)

    @property
    def reader(self) -> ArrayReader:
        """The reader of the file."""
        return reader_of(self.file)

    def wanted(self, *, rows: int | None = None, most: int | None = None, labels_of: str = "") -> Wanted:
        """Return the request for the array, with the number of rows that it must or may have."""
        return Wanted(self.file, self.key, rows, most, labels_of, where=self.where)


Sources = dict[str, dict[Moment, list[Part]]]
"""Split -> moment -> the arrays to join."""


def find_sources(
    pattern: str,
    key: str | None,
    *,
    split: str,
    option: str = "--key",
    ignored: Collection[str] = (),
) -> Sources:
    """Return the arrays that match a pattern of paths, and one of names in a file.

    Parameters
    ----------
    pattern
        Pattern of the paths.
    key
        Name of the array in a file, which may have fields, too; None: the only one.
    split
        Name of the split where neither says it.
    option
        The option that the key is given by, for messages.
    ignored
        Columns ``epoch``, ``step`` and ``split`` of tables that say nothing here.

    Raises
    ------
    InputError
        Nothing matches; several arrays of one epoch that are no shards; a number of shards that differs
        between epochs.
    """
    found: Sources = {}
    for path, given in matching_files(pattern, _OF_PATHS.get(option, option)):
        file = _inside(path)
        for variant in _variants(file, key, {*given, *ignored}, option):
            fields = given | variant.fields
            moment = Moment(*(int(fields[name]) if fields.get(name) else None for name in Moment._fields))
            if moment == (None, None):
                moment = Moment(0, None)
            part = Part(file, variant.key, variant.where, None, fields.get("shard") or str(path))
            found.setdefault(fields.get("split") or split, {}).setdefault(moment, []).append(part)
    joins = "shard" in fields_of(pattern) | fields_of(key) or has_wildcard(pattern)
    for name, moments in found.items():
        for moment, parts in moments.items():
            parts.sort(key=lambda part: natural(part.shard))
            _check_shards(parts, f"{moment} of split {name!r}", pattern, joins=joins)
        _check_counts(moments)
        found[name] = dict(sorted(moments.items()))
    return found


def fields_without(found: Sources, *patterns: str | None) -> set[str]:
    """Return those of epoch, step and split that neither patterns of embeddings nor their tables say.

    A column of such a name in a table of labels or items describes the items, and divides no rows.
    """
    said = set().union(*map(fields_of, patterns))
    parts = (part for by_moment in found.values() for parts in by_moment.values() for part in parts)
    said |= {name for part in parts for name, _ in part.where}
    return {"epoch", "step", "split"} - said


def _inside(path: Path) -> Path:
    """Return what is read of a folder: the configuration of TensorBoard's projector in it, or the folder."""
    inner = path / PROJECTOR_CONFIG
    return inner if path.suffix.lower() not in READERS.names() and inner.is_file() else path


def _variants(file: Path, key: str | None, given: set[str], option: str) -> Iterator[Variant]:
    """Yield the arrays of one file."""
    ending = file.suffix.lower()
    if fields_of(key):
        names = reader_of(file).names(file)
        for name, fields in matching_names(str(key), names, place=file, option=option):
            yield Variant(fields, name)
    elif ending in READERS.names():
        yield from READERS.get(ending).variants(file, key, given)
    else:
        yield Variant({}, key)


def _check_shards(parts: list[Part], place: str, pattern: str, *, joins: bool) -> None:
    """Refuse several arrays where nothing says that they are shards, and two that have one place."""
    keys = [natural(part.shard) for part in parts]
    twice = next((at for at in range(1, len(keys)) if keys[at] == keys[at - 1]), None)
    if len(parts) == 1 or (joins and twice is None):
        return
    at = twice or 1
    advice = "make the pattern narrower"
    if not {"epoch", "step"} & fields_of(pattern) and _NUMBER.search(parts[at].file.stem):
        advice = f"write {field_for(parts[at].file)} where the number of the epoch or step stands"
    message = (
        f"two files for {place}: {parts[at - 1].file} and {parts[at].file}; {advice}, or write {{shard}} "
        "where files that are joined have their numbers"
    )
    raise InputError(message)


def _lacking(moments: dict[Moment, list[Part]], more: Moment, fewer: Moment) -> str:
    """Return which shards of one moment another has not, as far as their names differ by its number alone."""
    there = {_without_number(part, fewer) for part in moments[fewer]}
    missing = [part.file for part in moments[more] if _without_number(part, more) not in there]
    wanted = len(moments[more]) - len(moments[fewer])
    return f", {fewer} has none like {listed(missing)}" if len(missing) == wanted else ""


def _without_number(part: Part, moment: Moment) -> str:
    """Return the path of a shard without the first number in it that is its epoch or step."""
    number = moment.step if moment.epoch is None else moment.epoch
    return re.sub(rf"(?<!\d)0*{number}(?!\d)", "{}", str(part.file), count=1)


def _check_counts(moments: dict[Moment, list[Part]]) -> None:
    """Refuse epochs of a split that have different numbers of shards."""
    first = next(iter(moments))
    for moment, parts in moments.items():
        if len(parts) != len(moments[first]):
            fewer, more = sorted((first, moment), key=lambda one: len(moments[one]))
            message = (
                f"{len(moments[more])} files for {more} ({listed(part.file for part in moments[more])}), but "
                f"{len(moments[fewer])} for {fewer}; every epoch needs the same files (shards)"
                f"{_lacking(moments, more, fewer)}"
            )
            raise InputError(message)
