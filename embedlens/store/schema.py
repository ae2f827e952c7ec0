"""Schema of run.json: types of all keys, with limits on size, depth and every number.

All keys but class_names are limited to 1 MiB together. Class names have a limit of their own, `PER_ITEM`
bytes for each item of the run, since their number is that of the classes: those of 100,000 classes take 2.8
MiB where a name has 12 letters, 5.4 MiB where it has 40.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embedlens.arrays import DTYPES
from embedlens.errors import InputError
from embedlens.files import read_text
from embedlens.store.checks import check_slices, check_split_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

FORMAT = "embedlens-run"
VERSION, WITH_SETS = 1, 2
"""Versions of the format: 2 where the items of a run have sets of labels, 1 in all other runs."""
MOST_BYTES = 1 << 20
"""Bytes of run.json without its class names; these may take `PER_ITEM` more for each item."""
PER_ITEM = 256
MOST_WITH_NAMES = 1 << 26
"""Bytes of the largest run.json, class names and all."""
_DEPTH = 32  # levels of lists and objects
_MOST_ITEMS = 10**12
_MOST_DIMS = 1 << 24
_MOST_SPLITS = 1000
_DIGITS = 19  # of int64
_LETTERS = {"name": 1000, "created": 64, "fingerprint": 128, "class name": 10_000}
_INT64 = 1 << 63
_LABEL = re.compile(r"-?\d{1,19}", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Odd:
    """A number of a JSON text that is out of bounds: too many digits, NaN or infinity."""

    what: str


def read_document(file: Path, *, items: int) -> dict[str, Any]:
    """Return the checked contents of run.json.

    Parameters
    ----------
    file
        Its path.
    items
        Number of items of all splits, which limits the size of class names.

    Raises
    ------
    InputError
        No JSON, another format or version, or a key that does not follow the format, which is named.
    """
    text = read_text(file, limit=size_limit(items))
    try:
        document = _loaded(text)
    except json.JSONDecodeError as error:
        message = f"{file} is not valid JSON ({error})"
        raise InputError(message) from error
    except InputError as error:
        raise error.within(str(file)) from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        found = document.get("format") if isinstance(document, dict) else None
        message = f"{file.parent} is not a run: {file} has format {_shown(found)}, not {FORMAT!r}"
        raise InputError(message)
    if type(document.get("version")) is not int or document["version"] not in (VERSION, WITH_SETS):
        found = _shown(document.get("version"))
        message = (
            f"{file} has version {found} of the run format; this program reads {VERSION} and {WITH_SETS}"
        )
        raise InputError(message)
    try:
        check_document(document)
    except InputError as error:
        message = f"{file} does not follow the format: {error}"
        raise InputError(message) from error
    return document


def check_text(text: str, *, items: int) -> None:
    """Refuse the text of a run.json that `read_document` would refuse, before it is written."""
    size, most = len(text.encode("utf-8", "surrogatepass")), size_limit(items)
    if size > most:
        message = (
            f"run.json would have {size:,} bytes; {most:,} is the most. Shorten method or class_names, "
            "and record arrays as extras"
        )
        raise InputError(message)
    try:
        check_document(_loaded(text))
    except InputError as error:
        place = "run.json cannot be written"
        raise error.within(place) from error


def _loaded(text: str) -> Any:
    """Parse JSON; numbers out of bounds become `_Odd`, so that their key can be named."""
    try:
        return json.loads(text, parse_int=_integer, parse_float=_float, parse_constant=_Odd)
    except RecursionError as error:
        message = f"nested more than {_DEPTH} levels deep"
        raise InputError(message) from error


def size_limit(items: int) -> int:
    """Return the most bytes that run.json may have, for the number of items of all splits."""
    return min(MOST_WITH_NAMES, MOST_BYTES + PER_ITEM * items)


def check_document(document: Mapping[str, Any]) -> None:
    """Check every key of run.json but format and version; keys that are not known are left alone.

    Raises
    ------
    InputError
        A key is missing, of another type, or out of bounds; it is named.
    """
    _check_plain(document)
    _check_size(document)
    for key in ("name", "created", "dtype", "splits"):
        if key not in document:
            message = f"{key} is missing"
            raise InputError(message)
    for key, check in _CHECKS.items():
        if key in document:
            check(key, document[key])
    splits, dim = document["splits"], document.get("dim")
    for at, pair in enumerate(document.get("query_gallery", [])):
        for split in pair:
            if split not in splits:
                raise _wrong(split, f"a split ({', '.join(list(splits)[:10])})", at=f"query_gallery[{at}]")
    slices = document.get("slices") or [[0, dim]]
    if dim is not None and slices[-1][1] != dim:
        raise _wrong(slices[-1], f"an end at the run's {dim} dims", at="slices")


def _check_plain(document: Mapping[str, Any]) -> None:
    """Refuse numbers out of bounds and too many levels, wherever they stand."""
    for place, value, depth in _walk(document):
        if depth > _DEPTH:
            message = f"{place[:60]} is nested more than {_DEPTH} levels deep"
            raise InputError(message)
        if isinstance(value, _Odd):
            message = f"{place[-200:]} is {value.what}; a finite number of at most {_DIGITS} digits is needed"
            raise InputError(message)


def _check_size(document: Mapping[str, Any]) -> None:
    """Refuse more than 1 MiB in all keys but class_names; the largest key is named."""
    sizes = {
        key: len(json.dumps({key: value}, ensure_ascii=False).encode("utf-8", "surrogatepass"))
        for key, value in document.items()
        if key != "class_names"
    }
    if sum(sizes.values()) > MOST_BYTES:
        largest = max(sizes, key=lambda key: sizes[key])
        message = (
            f"{largest[:60]} takes {sizes[largest]:,} of {sum(sizes.values()):,} bytes beside the class "
            f"names; {MOST_BYTES:,} is the most. Record arrays as extras"
        )
        raise InputError(message)


def _walk(document: Mapping[str, Any]) -> Iterator[tuple[str, Any, int]]:
    """Give every value with the keys that lead to it, and how deep it lies; no deeper than is allowed."""
    waiting: list[tuple[str, Any, int]] = [("", document, 0)]
    while waiting:
        place, value, depth = waiting.pop()
        yield place, value, depth
        if depth > _DEPTH:
            continue
        if isinstance(value, dict):
            waiting += [
                (f"{place}.{str(key)[:60]}" if place else str(key)[:60], one, depth + 1)
                for key, one in value.items()
            ]
        elif isinstance(value, list):
            waiting += [(f"{place}[{at}]", one, depth + 1) for at, one in enumerate(value)]


def _integer(text: str) -> int | _Odd:
    """Parse an integer of 64 bits; the time for longer ones grows with the square of their length."""
    number = int(text) if len(text) <= _DIGITS + 1 else _INT64
    return number if -_INT64 <= number < _INT64 else _Odd(f"a number of {len(text.lstrip('-')):,} digits")


def _float(text: str) -> float | _Odd:
    number = float(text) if len(text) <= 400 else math.inf
    return number if math.isfinite(number) else _Odd(f"{text[:20]}, which is infinite or too long")


def _shown(value: object) -> str:
    """Return a value as a message shows it: short."""
    if isinstance(value, _Odd):
        return value.what
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else f"a list of {len(value)}"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _wrong(value: object, needed: str, *, at: str) -> InputError:
    return InputError(f"{at} is {_shown(value)}; {needed} is needed")


def _check_text(key: str, value: object, kind: str | None = None) -> None:
    most = _LETTERS[kind or key]
    if not isinstance(value, str) or len(value) > most:
        raise _wrong(value, f"text of at most {most:,} letters", at=key)


def _check_dtype(key: str, value: object) -> None:
    if not isinstance(value, str) or value not in DTYPES:
        raise _wrong(value, " or ".join(DTYPES), at=key)


def _check_whole(key: str, value: object, most: int) -> None:
    if type(value) is not int or not 1 <= value <= most:
        raise _wrong(value, f"a whole number from 1 to {most:,}", at=key)


def _check_splits(key: str, value: object) -> None:
    if not isinstance(value, dict) or not 1 <= len(value) <= _MOST_SPLITS:
        raise _wrong(value, f"an object of 1 to {_MOST_SPLITS:,} splits", at=key)
    for name, entry in value.items():
        check_split_name(name)
        if not isinstance(entry, dict):
            raise _wrong(entry, "an object with items and fingerprint", at=f"{key}.{name}")
        _check_whole(f"{key}.{name}.items", entry.get("items"), _MOST_ITEMS)
        _check_text(f"{key}.{name}.fingerprint", entry.get("fingerprint"), "fingerprint")


def _check_method(key: str, value: object) -> None:
    if not isinstance(value, dict):
        raise _wrong(value, "an object", at=key)


def _check_dim(key: str, value: object) -> None:
    if value is not None:
        _check_whole(key, value, _MOST_DIMS)


def _check_class_names(key: str, value: object) -> None:
    if not isinstance(value, dict):
        raise _wrong(value, "an object of label: name", at=key)
    for label, name in value.items():
        if not _LABEL.fullmatch(label) or not -_INT64 <= int(label) < _INT64:
            message = f"{key} has the label {_shown(label)}; an integer is needed"
            raise InputError(message)
        if not isinstance(name, str) or len(name) > _LETTERS["class name"]:
            _check_text(f"{key}.{label}", name, "class name")


def _check_slice_pairs(key: str, value: object) -> None:
    whole = isinstance(value, list) and all(
        isinstance(pair, list) and len(pair) == 2 and all(type(edge) is int for edge in pair)
        for pair in value
    )
    if not whole:
        raise _wrong(value, "a list of pairs [start, stop]", at=key)
    check_slices(value)  # type: ignore[arg-type]


def _check_query_gallery(key: str, value: object) -> None:
    if not isinstance(value, list):
        raise _wrong(value, "a list of pairs of splits", at=key)
    for at, pair in enumerate(value):
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(name, str) for name in pair):
            raise _wrong(pair, "a pair of splits, [query, gallery],", at=f"{key}[{at}]")


_CHECKS: dict[str, Callable[[str, object], None]] = {
    "name": _check_text,
    "created": _check_text,
    "dtype": _check_dtype,
    "splits": _check_splits,
    "method": _check_method,
    "dim": _check_dim,
    "class_names": _check_class_names,
    "slices": _check_slice_pairs,
    "query_gallery": _check_query_gallery,
}
