"""Errors caused by user input, in one line: what was got, what is allowed, what to do."""

from __future__ import annotations

import difflib
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class InputError(ValueError):
    """Input that embedlens cannot use; the command line prints the message and exits with 2."""

    def within(self, place: str) -> InputError:
        """Return the same error with the place where it was found set before it."""
        return type(self)(f"{place}: {self}")


class ReportedElsewhere(InputError):
    """Bad input that another process of the same run reports; this one is silent, and exits with 2."""


class InputWarning(UserWarning):
    """What the user should know of the input or of the result; the command line prints it as one line."""


def warn(text: str) -> None:
    """Warn the user, by an `InputWarning`; the default where a function that takes messages is given none."""
    warnings.warn(text, InputWarning, stacklevel=3)


def first_sentence(error: BaseException) -> str:
    """Return the first sentence of another library's error, on one line."""
    text = " ".join(str(error).split())
    return text.split(". ")[0].rstrip(".") or type(error).__name__


_MOST_LISTED = 10
_MOST_LETTERS = 60
_MOST_PROPOSED = 3


def listed(names: Iterable[object]) -> str:
    """Return names as a message lists them: at most ten, each of at most 60 letters, and how many more.

    Parameters
    ----------
    names
        The names, in the order that they are listed in; none gives ``"(none)"``.
    """
    texts = [shortened(name) for name in names]
    more = len(texts) - _MOST_LISTED
    return ", ".join(texts[:_MOST_LISTED]) + (f" and {more:,} more" if more > 0 else "") or "(none)"


def shortened(name: object) -> str:
    """Return a text of any length as a message quotes it: at most 60 letters, on one line."""
    text = " ".join(str(name).split()) if isinstance(name, str) else str(name)
    return text if len(text) <= _MOST_LETTERS else f"{text[: _MOST_LETTERS - 3]}..."


def count_text(count: int, what: str) -> str:
    """Return a number of things in words, one of them in the singular."""
    return f"{count:,} {what}" + ("" if count == 1 else "s")


def nearest(got: object, choices: Iterable[object]) -> list[str]:
    """Return up to three choices that are spelt almost as a name is, the nearest first."""
    spelt: dict[str, str] = {}
    for choice in choices:
        spelt.setdefault(str(choice).casefold()[:_MOST_LETTERS], str(choice))
    word = str(got).casefold()[:_MOST_LETTERS]
    return [spelt[close] for close in difflib.get_close_matches(word, spelt, n=_MOST_PROPOSED, cutoff=0.7)]


def did_you_mean(got: object, choices: Iterable[object], *, near: Iterable[object] = ()) -> str:
    """Return "; did you mean 'x'?" for a name that is almost one of the choices; else nothing.

    Up to three names are proposed, those of `near` first.
    """
    names = list(dict.fromkeys([*map(str, near), *nearest(got, choices)]))[:_MOST_PROPOSED]
    close = [repr(shortened(name)) for name in names]
    return f"; did you mean {' or '.join(close)}?" if close else ""


def unknown(got: object, kind: str, choices: Iterable[object], *, near: Iterable[object] = ()) -> InputError:
    """Return the error for a name that is not among the choices.

    Parameters
    ----------
    got
        The name as it was given.
    kind
        What the name stands for, e.g. ``"loss"``.
    choices
        The names that exist; listed in the order given, of many the first ten.
    near
        Those of them that may be meant though they are spelt otherwise; proposed and listed first.
    """
    first = list(near)
    names = list(dict.fromkeys([*first, *choices])) if first else list(choices)
    hint = did_you_mean(got, names, near=first)
    start = "" if hint else ";"
    shown = shortened(str(got))
    return InputError(f"unknown {kind} {shown!r}{hint}{start} choose one of: {listed(names)}")
