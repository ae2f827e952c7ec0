"""Calling a command from another one, as if it had been typed."""

from __future__ import annotations

import io
import json
import sys
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import typer


def call(context: typer.Context, words: Sequence[str], *, beside: Sequence[str] = ()) -> None:
    """Run a command as if its words had been typed.

    Parameters
    ----------
    context
        The context of the command that calls.
    words
        The command and its options, which sidecars name as the command.
    beside
        Options beside them, which sidecars do not name.
    """
    program = cast("Any", context.find_root().command)
    with typed(words):
        program.main(args=[*words, *beside], standalone_mode=False)


def answer_of(context: typer.Context, words: Sequence[str], *, beside: Sequence[str] = ()) -> dict[str, Any]:
    """Run a command with ``--json``; return its answer, of which nothing is printed."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        call(context, words, beside=[*beside, "--json"])
    answer: dict[str, Any] = json.loads(printed.getvalue())
    return answer


@contextmanager
def typed(words: Sequence[str]) -> Iterator[None]:
    """Let sidecars name a command, without the program, as the one that made their figure."""
    before = sys.argv
    sys.argv = [before[0], *words]
    try:
        yield
    finally:
        sys.argv = before
