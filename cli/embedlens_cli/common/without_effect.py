"""Refusal of options that have no effect beside others, though names of files would state them."""

from __future__ import annotations

from collections.abc import Iterable

from embedlens.errors import InputError


def refuse_without_effect(options: Iterable[tuple[str, bool, str]]) -> None:
    """Refuse options that have no effect.

    Parameters
    ----------
    options
        Name of an option, whether it is given without effect, and what it needs, in words.

    Raises
    ------
    InputError
        The first of those without effect.
    """
    for name, idle, needed in options:
        if idle:
            message = f"{name} has no effect without {needed}; leave it out"
            raise InputError(message)
