"""Patterns of paths and of names of arrays, with ``{epoch}``, ``{step}``, ``{split}`` and ``{shard}``."""

from __future__ import annotations

import glob
import re
from pathlib import Path
from typing import TYPE_CHECKING

from embedlens.errors import InputError, listed, shortened
from embedlens.importing.unmatched import no_match

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_FIELDS = {
    "epoch": r"(?P<epoch>\d+)",
    "step": r"(?P<step>\d+)",
    "split": r"(?P<split>[^/]+?)",
    "shard": r"(?P<shard>[^/]+?)",
}
_TOKEN = re.compile(r"\{([^{}]*)\}|(\*)|(\?)")
_DIGITS = re.compile(r"(\d+)")
KNOWN = "{epoch}, {step}, {split} and {shard}"
"""The fields that patterns may have, as messages list them."""


def natural(text: str) -> list[tuple[int, int, str]]:
    """Return a key for sorting texts by the numbers in them: ``shard-2`` before ``shard-10``."""
    parts = _DIGITS.split(text)
    return [(int(part), 0, "") if at % 2 else (-1, 1, part) for at, part in enumerate(parts)]


def matching_files(pattern: str, option: str = "") -> Iterator[tuple[Path, dict[str, str]]]:
    """Yield the files that match a pattern, in the order of their names, each with its fields.

    ``*`` and ``?`` in the pattern stand for any text and any character of one file or folder name.

    Parameters
    ----------
    pattern
        The pattern.
    option
        The option that it is given by, for messages.

    Raises
    ------
    InputError
        No file matches; an unknown field.
    """
    expression, wildcard = compile_pattern(pattern)
    found = False
    for name in sorted(glob.glob(wildcard)):
        match = re.fullmatch(expression, Path(name).as_posix())
        if match is not None:
            found = True
            yield Path(name), match.groupdict()
    if not found:
        raise no_match(pattern, option)


def matching_names(
    key: str, names: Sequence[str], *, place: object, option: str
) -> list[tuple[str, dict[str, str]]]:
    """Return the names of arrays in a file that match a pattern such as ``epoch_{epoch}``, with its fields.

    The pattern may leave out the folders before the name, and a name alone in its folder.

    Parameters
    ----------
    key
        The pattern.
    names
        Names of all arrays in the file; slashes stand between folders.
    place, option
        The file, and the option that the pattern is given by, for messages.
    """
    expression, _ = compile_pattern(key.strip("/"))
    for before, after in (("", ""), ("(?:.*/)?", ""), ("(?:.*/)?", "/[^/]+")):
        form = re.compile(f"{before}{expression}{after}", re.DOTALL)
        found = [(name, match.groupdict()) for name in names if (match := form.fullmatch(name.strip("/")))]
        fields = [tuple(sorted(more.items())) for _, more in found]
        if len(set(fields)) < len(fields):
            same = [name for (name, _), one in zip(found, fields, strict=True) if fields.count(one) > 1]
            message = (
                f"{place}: {option} {shortened(key)!r} stands for several arrays of one epoch: "
                f"{listed(same)}; make it narrower"
            )
            raise InputError(message)
        if found:
            return found
    message = f"{place} has no array {shortened(key)!r}; it holds: {listed(names)} ({option} NAME)"
    raise InputError(message)


def compile_pattern(pattern: str) -> tuple[str, str]:
    """Return a pattern as a regular expression and as a shell wildcard."""
    text = Path(pattern).as_posix()
    if set("{}") & set(_TOKEN.sub("", text)):
        message = f"pattern {pattern!r} has a brace without its partner; write {{epoch}} and {{split}}"
        raise InputError(message)
    expression, wildcard, at, seen = "", "", 0, set()
    for token in _TOKEN.finditer(text):
        literal = text[at : token.start()]
        expression += re.escape(literal)
        wildcard += glob.escape(literal)
        at = token.end()
        field, star, question = token.groups()
        if star or question:
            expression += "[^/]*" if star else "[^/]"
            wildcard += star or question
        elif field not in _FIELDS:
            message = f"pattern {pattern!r} holds {{{field}}}; only {KNOWN} are known"
            raise InputError(message)
        else:
            expression += f"(?P={field})" if field in seen else _FIELDS[field]
            wildcard += "*"
            seen.add(field)
    return expression + re.escape(text[at:]), wildcard + glob.escape(text[at:])


def fields_of(pattern: str | None) -> set[str]:
    """Return the names of the fields that a pattern has."""
    return {field for field, _, _ in _TOKEN.findall(pattern or "") if field}


def has_wildcard(pattern: str) -> bool:
    """Return whether a pattern has ``*`` or ``?``."""
    return any(star or question for _, star, question in _TOKEN.findall(pattern))
