"""Where the arrays, labels and descriptions of an import are."""

from __future__ import annotations

import glob
import re
import warnings
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from embedlens.errors import InputError, InputWarning, listed, shortened, unknown
from embedlens.importing.epoch_names import field_for, names_an_epoch, says_an_epoch
from embedlens.importing.labels import MISSING_LABEL
from embedlens.importing.patterns import compile_pattern, fields_of
from embedlens.importing.sources import fields_without, find_sources

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedlens.importing.sources import Part, Sources


@dataclass(frozen=True, slots=True)
class ImportSource:
    """Where the arrays and the labels are.

    Attributes
    ----------
    pattern
        Path of the embeddings' files, with ``{epoch}`` or ``{step}``, ``{split}`` and ``{shard}`` where those
        stand in it. Several files of one epoch, which ``*``, ``?`` or
        ``{shard}`` stand for, are joined in natural order.
    labels
        The same for the labels; with ``{epoch}`` the labels of all epochs must be equal. None: they stand in
        the files of the embeddings.
    key, labels_key
        Name of the array in a file that holds several, or of the column of a table; not needed where there is
        only one. It may have fields, too: ``epoch_{epoch}``.
    split
        Name of the split where the pattern has no ``{split}``.
    missing_label
        What becomes of items whose label is empty or a word such as ``nan``: "refuse" the import, "drop"
        them, also from the embeddings, or "keep" them as a class of that name.
    rows_key
        Name of an array or column of row numbers, by which rows of the files are put in order.
    items
        Path of a table whose columns describe the items, with ``{split}``.
    thumbnails
        Path of pictures of the items, with ``{split}``: a folder, a sprite, or an array [N, h, w(, 3)].
    """

    pattern: str
    labels: str | None = None
    key: str | None = None
    labels_key: str | None = None
    split: str = "test"
    missing_label: str = "refuse"
    rows_key: str | None = None
    items: str | None = None
    thumbnails: str | None = None

    @property
    def within(self) -> bool:
        """Whether the labels stand in the files of the embeddings."""
        return self.labels is None or self.labels == self.pattern


def find_embeddings(source: ImportSource) -> Sources:
    """Return the arrays of embeddings; every split has every epoch.

    Raises
    ------
    InputError
        A pattern that matches nothing; a split that lacks an epoch.
    """
    if source.missing_label not in MISSING_LABEL:
        raise unknown(source.missing_label, "way with missing labels", MISSING_LABEL)
    found = find_sources(source.pattern, source.key, split=source.split)
    moments = sorted({moment for by_moment in found.values() for moment in by_moment})
    for split, by_moment in found.items():
        missing = [moment for moment in moments if moment not in by_moment]
        if missing:
            message = f"split {split!r} has no file for {missing[0]}, which another split has"
            raise InputError(message)
    return found


def find_labels(source: ImportSource, found: Sources) -> Sources:
    """Return where the labels of every split are; files of a pattern without ``{split}`` serve all splits."""
    if source.within:
        part = next(iter(next(iter(found.values())).values()))[0]
        if not part.reader.holds_labels:
            message = f"{part.file.suffix} files hold one array; give the file of labels by --labels"
            raise InputError(message)
        for parts in next(iter(zip(*(by.values() for by in found.values()), strict=False)), ()):
            parts[0].reader.check_key(parts[0].wanted())  # before its labels are looked for
        if not fields_of(source.labels_key):
            return {
                split: {
                    moment: [replace(one, key=source.labels_key, beside=one.key or "") for one in parts]
                    for moment, parts in by_moment.items()
                }
                for split, by_moment in found.items()
            }
    pattern = source.labels or source.pattern
    labels = find_sources(
        pattern,
        source.labels_key,
        split=source.split,
        option="--labels-key",
        ignored=fields_without(found, source.pattern, source.key),
    )
    fields = fields_of(pattern) | fields_of(source.labels_key)
    chosen: Sources = {}
    for split in found:
        shared = labels.get(source.split) if "split" not in fields else None
        by_moment = labels.get(split) or shared or {}
        if not by_moment:
            message = f"no labels for split {split!r}: {pattern!r} gives {listed(labels)}"
            raise InputError(message)
        chosen[split] = by_moment
    return chosen


def warn_of_names(source: ImportSource, found: Sources, labels: Sources) -> None:
    """Warn of files that the pattern leaves out, and of names with an epoch that are taken for epoch 0."""
    parts = [part for by_moment in found.values() for parts in by_moment.values() for part in parts]
    counted = fields_of(source.pattern) | fields_of(source.key)
    joined = len(parts) > len(found)
    numbered = [one.file.name for one in parts if (says_an_epoch if joined else names_an_epoch)(one.file)]
    several = len({moment for by_moment in found.values() for moment in by_moment}) > 1
    if numbered and not counted & {"epoch", "step"} and not several:
        message = (
            f"pattern {shortened(source.pattern)!r} has no {{epoch}}, so {listed(numbered)} is imported as "
            f"epoch 0; write {field_for(Path(numbered[0]))} in the pattern where the name holds the number"
        )
        warnings.warn(message, InputWarning, stacklevel=3)
    both = [*parts, *(one for by in labels.values() for several in by.values() for one in several)]
    taken = {part.file for part in both} | {part.file.parent for part in both}
    _, wildcard = compile_pattern(source.pattern)
    left = [name for name in sorted(glob.glob(wildcard)) if Path(name) not in taken]
    left += _arrays_left(source, both)
    if left:
        negative = any(re.search(r"(?<![0-9A-Za-z])-\d", name) for name in left)
        message = f"left out, since no number stands where the pattern has {{epoch}}: {listed(left)}" + (
            "; epochs begin at 0, the state before training" if negative else ""
        )
        warnings.warn(message, InputWarning, stacklevel=3)


def _arrays_left(source: ImportSource, parts: Sequence[Part]) -> list[str]:
    """Return the arrays of the first file that match its key but for a number, as in ``epoch_final``."""
    if not fields_of(source.key) & {"epoch", "step"}:
        return []
    first = parts[0]
    _, wildcard = compile_pattern(str(source.key).strip("/"))
    taken = {part.key for part in parts}
    names = [name for name in first.reader.names(first.file) if name not in taken]
    return [name for name in names if any(fnmatchcase(name, form) for form in (wildcard, f"*/{wildcard}"))]
