"""Files that match a pattern of paths with ``{epoch}`` and ``{split}``."""

from __future__ import annotations

import glob
import re
from pathlib import Path

from embedlens.errors import InputError

_FIELDS = {"epoch": r"(?P<epoch>\d+)", "split": r"(?P<split>[^/]+?)"}
_TOKEN = re.compile(r"\{([^{}]*)\}|(\*)|(\?)")
_NUMBER = re.compile(r"\d")

SplitFiles = dict[str, dict[int, Path]]


def find_files(pattern: str, split: str) -> SplitFiles:
    """Return the files that match a pattern: split -> epoch -> path; epoch 0 if it has no ``{epoch}``.

    ``*`` and ``?`` in the pattern stand for any text and any character of one file or folder name.
    """
    expression, wildcard = compile_pattern(pattern)
    found: SplitFiles = {}
    for name in sorted(glob.glob(wildcard)):
        match = re.fullmatch(expression, Path(name).as_posix())
        if match is None:
            continue
        groups = match.groupdict()
        epoch, files = int(groups.get("epoch") or 0), found.setdefault(groups.get("split") or split, {})
        if epoch in files:
            raise _two_files(pattern, epoch, files[epoch], Path(name))
        files[epoch] = Path(name)
    if not found:
        message = f"pattern {pattern!r} matches no file; {{epoch}} stands for digits, {{split}} for a name"
        raise InputError(message)
    return found


def _two_files(pattern: str, epoch: int, first: Path, second: Path) -> InputError:
    """Return the error for two files of one epoch, with what to do about it."""
    advice = "make the pattern narrower"
    if "{epoch}" not in pattern and _NUMBER.search(second.stem):
        advice = "write {epoch} where the number of the epoch stands in the pattern"
    message = (
        f"two files for epoch {epoch}: {first} and {second}; {advice}. Several files (shards) of one epoch "
        "are not supported yet: join them first, with numpy.concatenate"
    )
    return InputError(message)


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
            message = f"pattern {pattern!r} holds {{{field}}}; only {{epoch}} and {{split}} are known"
            raise InputError(message)
        else:
            expression += f"(?P={field})" if field in seen else _FIELDS[field]
            wildcard += "*"
            seen.add(field)
    return expression + re.escape(text[at:]), wildcard + glob.escape(text[at:])
