"""Texts and numbers as terminal, figures, LaTeX, CSV and JSON can show them."""

from __future__ import annotations

import csv
import math
import re
import unicodedata
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_HIDDEN = re.compile("[\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_LATEX = {char: f"\\{char}" for char in "_&%#${}"} | {
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
}


def escaped(text: str, *, keep: str = "") -> str:
    r"""Return a text in which what cannot be seen stands as an escape.

    Control characters (also of the range C1), marks that turn the direction of writing, and lone surrogates
    are written as in Python: ``\x1b``, ``\u202e``, ``\ud800``.

    Parameters
    ----------
    text
        Any text.
    keep
        Characters that stay, e.g. line breaks.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if char in keep or _is_shown(char) else _escape(char) for char in text)


def _is_shown(char: str) -> bool:
    return unicodedata.category(char) not in ("Cc", "Cs") and not _HIDDEN.match(char)


def _escape(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")


def for_legend(label: str | None) -> str | None:
    """Return a label that matplotlib shows in a legend; it leaves out those that begin with ``_``."""
    return f"\u200b{label}" if label is not None and label.startswith("_") else label


def for_latex(text: str) -> str:
    """Return a text as LaTeX prints it."""
    return "".join(_LATEX.get(char, char) for char in escaped(text))


def for_cell(value: object) -> object:
    """Return a cell of a CSV file that no spreadsheet takes for a formula.

    A text that begins as formulas do gets an apostrophe in front; numbers, also as text, stay as they are.

    Notes
    -----
    OWASP, "CSV Injection".
    """
    if not isinstance(value, str) or not value.startswith(_FORMULA):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def csv_quoting(columns: Mapping[str, Iterable[str]]) -> Literal[0, 2]:
    """Return how `csv.writer` must quote some columns of text so that they are read back.

    By itself it leaves a carriage return without quotes where lines end otherwise, and readers take it for
    the end of a line.

    Parameters
    ----------
    columns
        Name -> texts.
    """
    every = (text for name, texts in columns.items() for text in (name, *texts))
    return csv.QUOTE_NONNUMERIC if any("\r" in text for text in every) else csv.QUOTE_MINIMAL


def for_json(value: Any) -> Any:
    """Return a value as JSON can hold it: None for each number that is NaN or infinite, at any depth.

    Parameters
    ----------
    value
        Dictionaries, lists and tuples of texts, numbers and None.
    """
    if isinstance(value, dict):
        return {name: for_json(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [for_json(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
