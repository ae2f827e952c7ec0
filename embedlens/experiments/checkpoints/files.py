"""Checkpoint files that match a pattern, with the epoch or the step that stands in their names."""

from __future__ import annotations

import glob
import re
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from embedlens.errors import InputError, count_text, listed, shortened

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_FIELDS = ("epoch", "step")
_TOKEN = re.compile(r"\{([^{}]*)\}|(\*)|(\?)")
_NUMBER = re.compile(r"(\d+)")
_MARKS = {
    "epoch": re.compile(r"(?<![a-z])(?:epochs?|ep|e)[ _.=-]*(\d+)", re.IGNORECASE),
    "step": re.compile(
        r"(?<![a-z])(?:(?:global[ _-]?)?steps?|iter|iteration|it)[ _.=-]*(\d+)", re.IGNORECASE
    ),
}
_OF_TRAINER = re.compile(r"checkpoint-(\d+)$")  # folders of the Trainer of transformers, named by their step
_OF_LIGHTNING = re.compile(r"epoch=0+(?!\d)")  # the state after the first epoch
_WORD = re.compile(r"[^/\d]+$")
_MOST_DIGITS = 15


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint of a training: a file, or a folder of files.

    Attributes
    ----------
    path
        Its path.
    epoch
        Number of its epoch; None: its steps alone are known.
    step
        Optimiser steps so far; None: not known.
    """

    path: Path
    epoch: int | None
    step: int | None = None

    @property
    def number(self) -> int:
        """Its epoch, or its step where the epoch is not known."""
        return (self.step or 0) if self.epoch is None else self.epoch

    @property
    def label(self) -> str:
        """Its epoch or step in words."""
        return f"step {self.step}" if self.epoch is None else f"epoch {self.epoch}"


@dataclass(frozen=True, slots=True)
class Found:
    """Checkpoints of a pattern in their order, and messages for the user about how they were numbered."""

    checkpoints: tuple[Checkpoint, ...]
    messages: tuple[str, ...]


def find_checkpoints(pattern: str, *, epoch_offset: int | None = None) -> Found:
    """Return the checkpoints that match a pattern, in the order of their epochs or steps.

    Parameters
    ----------
    pattern
        Path with ``{epoch}`` or ``{step}`` or both where the number stands; ``*`` and ``?`` stand for any
        text and any character of one file or folder name. Without a field, the only number in which the names
        differ is the epoch, or the step after a word such as ``step``; names without numbers are numbered
        0, 1, 2, ... in natural order.
    epoch_offset
        What is added to the epochs of the names, 0 or more; None: nothing, and a message where the names are
        those of Lightning, which count from 0 after the first epoch.

    Raises
    ------
    InputError
        No match, names whose epoch is not clear, or two checkpoints of one epoch; a negative offset, or one
        for names of steps.
    """
    expression, wildcard = _compiled(pattern)
    found = [(name, re.fullmatch(expression, Path(name).as_posix())) for name in glob.glob(wildcard)]
    matches = {Path(name): match for name, match in found if match is not None}
    if not matches:
        message = (
            f"pattern {shortened(pattern)!r} matches no checkpoint; {{epoch}} and {{step}} stand for digits, "
            "* for any text. Quote the pattern"
        )
        raise InputError(message)
    if any(f"{{{field}}}" in pattern for field in _FIELDS):
        numbers = {path: match.groupdict() for path, match in matches.items()}
        messages = _left_out(set(map(Path, glob.glob(wildcard))) - set(matches))
    else:
        texts = {path: "\0".join(match.groups()) for path, match in matches.items()}
        numbers, messages = _of_names(texts)
    checkpoints = [
        Checkpoint(path, _whole(path, fields.get("epoch")), _whole(path, fields.get("step")))
        for path, fields in numbers.items()
    ]
    ordered = _ordered(checkpoints)
    if epoch_offset is None:
        return Found(tuple(ordered), (*messages, *_from_zero(ordered[0])))
    return Found(tuple(_moved(ordered, epoch_offset)), messages)


def _from_zero(first: Checkpoint) -> tuple[str, ...]:
    """Return the message about names that count from 0 after the first epoch, as those of Lightning do."""
    if first.epoch != 0 or not _OF_LIGHTNING.search(first.path.name):
        return ()
    return (
        f"{first.path.name} is epoch 0, the state before training; --epoch-offset 1 counts it as the state "
        "after the first epoch",
    )


def _moved(checkpoints: Sequence[Checkpoint], offset: int) -> list[Checkpoint]:
    """Return checkpoints with a number added to their epochs."""
    if offset < 0:
        message = f"epoch_offset is {offset}; 0 is the least"
        raise InputError(message)
    if offset and any(one.epoch is None for one in checkpoints):
        message = "--epoch-offset is for epochs; the names of these checkpoints have steps, leave it out"
        raise InputError(message)
    return [one if one.epoch is None else replace(one, epoch=one.epoch + offset) for one in checkpoints]


def _of_names(texts: Mapping[Path, str]) -> tuple[dict[Path, dict[str, str]], tuple[str, ...]]:
    """Return the epoch and step of each file by the texts that wildcards of the pattern stand for."""
    for fields in (("epoch", "step"), ("epoch",), ("step",)):
        marked = {path: _marked(path, text, fields) for path, text in texts.items()}
        clear = {path: numbers for path, numbers in marked.items() if numbers}
        if clear:
            return clear, _left_out(texts.keys() - clear.keys())
    split = {path: _NUMBER.split(text) for path, text in texts.items()}
    counted = {path: parts for path, parts in split.items() if len(parts) > 1}
    if not counted:
        return _in_order(list(texts))
    if len({len(parts) for parts in counted.values()}) > 1:
        raise _unclear(list(counted))
    columns = list(zip(*(parts[1::2] for parts in counted.values()), strict=True))
    varying = [at for at, column in enumerate(columns) if len(set(map(int, column))) > 1]
    if not varying and len(counted) == 1:
        varying = list(range(len(columns)))
    if not varying and len(counted) == len(texts):
        return _in_order(list(texts))
    if len(varying) != 1:
        raise _unclear(list(counted))
    epochs = {path: {"epoch": parts[1::2][varying[0]]} for path, parts in counted.items()}
    return epochs, _left_out(texts.keys() - counted.keys())


def _marked(path: Path, text: str, fields: Sequence[str]) -> dict[str, str]:
    """Return the numbers after the words of all fields; nothing where one is missing or stands twice."""
    found = {field: _MARKS[field].findall(text) for field in fields}
    if "step" in found and path.is_dir():
        found["step"] += _OF_TRAINER.findall(text)
    return (
        {field: one[0] for field, one in found.items()}
        if all(len(one) == 1 for one in found.values())
        else {}
    )


def _in_order(paths: Sequence[Path]) -> tuple[dict[Path, dict[str, str]], tuple[str, ...]]:
    """Return epochs 0, 1, 2, ... in the natural order of the names, with a message about it."""
    ordered = sorted(paths, key=_natural)
    numbers = {path: {"epoch": str(at)} for at, path in enumerate(ordered)}
    message = (
        f"no number in the names of {count_text(len(ordered), 'checkpoint')}; epochs are 0, 1, 2, ... in "
        f"their order: {listed(path.name for path in ordered)}"
    )
    return numbers, (message,)


def _left_out(paths: set[Path]) -> tuple[str, ...]:
    """Return the message about files without a number beside others that have one."""
    if not paths:
        return ()
    names = listed(path.name for path in sorted(paths, key=_natural))
    return (f"left out, since their names have no number of an epoch or step: {names}",)


def _unclear(paths: Sequence[Path]) -> InputError:
    """Return the error for names in which several numbers may be the epoch."""
    names = listed(str(path) for path in sorted(paths, key=_natural)[:2])
    return InputError(
        f"several numbers in {names} may be the epoch; write {{epoch}} or {{step}} in the pattern where it "
        "stands"
    )


def _whole(path: Path, digits: str | None) -> int | None:
    """Return digits of a name as a number."""
    if digits is not None and len(digits) > _MOST_DIGITS:
        message = f"{path} has a number of {len(digits)} digits as epoch or step; {_MOST_DIGITS} are the most"
        raise InputError(message)
    return None if digits is None else int(digits)


def _ordered(checkpoints: Sequence[Checkpoint]) -> list[Checkpoint]:
    """Return checkpoints by their number; two of one number are refused."""
    ordered = sorted(checkpoints, key=lambda one: (one.number, _natural(one.path)))
    for one, other in pairwise(ordered):
        if one.number == other.number:
            message = (
                f"two checkpoints of {one.label}: {one.path} and {other.path}; make the pattern narrower, or "
                "write {epoch} or {step} where the number stands"
            )
            raise InputError(message)
    return ordered


def _natural(path: Path) -> list[tuple[bool, int, str]]:
    """Return the key by which a-2 comes before a-10."""
    return [
        (part.isdecimal(), int(part) if part.isdecimal() else 0, part)
        for part in _NUMBER.split(path.as_posix())
    ]


def _compiled(pattern: str) -> tuple[str, str]:
    """Return a pattern as a regular expression and as a shell wildcard."""
    text = Path(pattern).as_posix()
    expression, wildcard, at = "", "", 0
    seen: set[str] = set()
    for token in _TOKEN.finditer(text):
        literal = text[at : token.start()]
        at = token.end()
        field, star, _ = token.groups()
        if field is not None and field not in _FIELDS:
            message = (
                f"pattern {shortened(pattern)!r} holds {{{field}}}; only {{epoch}} and {{step}} are known"
            )
            raise InputError(message)
        if field is None:  # with the word before it, which may say what a number is
            before = _WORD.search(literal)
            start = before.start() if before else len(literal)
            part = f"({re.escape(literal[start:])}[^/]{'*' if star else ''})"
        else:
            start = len(literal)
            part = f"(?P={field})" if field in seen else rf"(?P<{field}>\d+)"
        expression += re.escape(literal[:start]) + part
        wildcard += glob.escape(literal) + ("?" if field is None and not star else "*")
        seen |= {field} if field else set()
    return expression + re.escape(text[at:]), wildcard + glob.escape(text[at:])
