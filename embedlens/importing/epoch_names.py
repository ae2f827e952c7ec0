"""Epoch numbers in file names, as opposed to other numbers, as in ``resnet50``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_WORD = r"e|ep|epochs?|ckpt|checkpoint|it|iter|iteration|steps?"
_MARKED = re.compile(rf"(?<![a-z])(?:{_WORD})[ _.=-]*\d", re.IGNORECASE)
_STEP = re.compile(r"(?<![a-z])(?:it|iter|iteration|steps?)[ _.=-]*\d", re.IGNORECASE)
_NUMBER = re.compile(r"\d{1,18}")


def names_an_epoch(file: Path) -> bool:
    """Return whether a file name contains an epoch number.

    It does if a word such as ``epoch``, ``ckpt`` or ``step`` precedes a number in the name of the file or of
    its folder, or if another file in the folder has the same name but for one number. A number directly after
    a letter counts only if the other one differs by 1: ``emb7`` and ``emb8``, but not ``resnet18`` and
    ``resnet34``.
    """
    if says_an_epoch(file):
        return True
    numbers = list(_NUMBER.finditer(file.stem))
    if not numbers:
        return False
    names = [other.stem for other in file.parent.iterdir() if other.suffix == file.suffix]
    return any(_counts(file.stem, number, names) for number in numbers)


def says_an_epoch(file: Path) -> bool:
    """Return whether a word such as ``epoch`` precedes a number in the name of a file or of its folder."""
    return bool(_MARKED.search(file.stem) or _MARKED.search(file.parent.name))


def field_for(file: Path) -> str:
    """Return the field of patterns that a number in a file name stands for: ``{epoch}`` or ``{step}``."""
    return "{step}" if _STEP.search(file.stem) else "{epoch}"


def _counts(stem: str, number: re.Match[str], names: list[str]) -> bool:
    """Return whether other names have another number in this position, so that it counts something."""
    before, after = stem[: number.start()], stem[number.end() :]
    glued = before[-1:].isalpha()
    for name in names:
        if len(name) <= len(before) + len(after) or not (name.startswith(before) and name.endswith(after)):
            continue
        other = _NUMBER.fullmatch(name, len(before), len(name) - len(after))
        if other is None or int(other[0]) == int(number[0]):
            continue
        if not glued or abs(int(other[0]) - int(number[0])) == 1:
            return True
    return False
