"""What a person did wrong, said in one line: what was got, what is allowed, what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class InputError(ValueError):
    """Input that embedlens cannot use; the command line prints the message and exits with 2."""

    def within(self, place: str) -> InputError:
        """Return the same error with the place where it was found set before it."""
        return type(self)(f"{place}: {self}")


class ToldElsewhere(InputError):
    """Bad input that another process of the same run tells of; this one is silent, and exits with 2."""


class InputWarning(UserWarning):
    """What the user should know of the input or of the result; the command line prints it as one line."""


def first_sentence(error: BaseException) -> str:
    """Return the first sentence of another library's error, on one line."""
    text = " ".join(str(error).split())
    return text.split(". ")[0].rstrip(".") or type(error).__name__


def unknown(got: object, kind: str, choices: Iterable[object]) -> InputError:
    """Return the error for a name that is not among the choices.

    Parameters
    ----------
    got
        The name as it was given.
    kind
        What the name stands for, e.g. ``"loss"``.
    choices
        The names that exist; listed in the order given.
    """
    listed = ", ".join(str(choice) for choice in choices)
    return InputError(f"unknown {kind} {str(got)!r}; choose one of: {listed or '(none)'}")
