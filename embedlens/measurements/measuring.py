"""Measuring of snapshots one by one, in this process or by workers: a pure function of each."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from embedlens.errors import InputError
from embedlens.execution import run_tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from concurrent.futures import Executor
    from pathlib import Path

    from embedlens.execution import Workers
    from embedlens.measurements.open_set import Ensemble
    from embedlens.measurements.reader import Reader
    from embedlens.measurements.selected import Selected
    from embedlens.measurements.triplet_states import State

Place = TypeVar("Place", "Selected", "State", "Ensemble")
Result = TypeVar("Result")


def measure(
    function: Callable[[Place], Result],
    places: Sequence[Place],
    *,
    executor: Workers | Executor | None = None,
    files: Sequence[Path] = (),
) -> Generator[tuple[Place, Result]]:
    """Yield each snapshot with the result of a function of it, in the order given.

    The readers of the snapshots get the warnings about their data, and the counts of items left out, in that
    order, too.

    Parameters
    ----------
    function
        A function of one snapshot; with an executor one of a module, or a `functools.partial` of one. The
        snapshot that it gets has a reader of its own.
    places
        The snapshots: `Selected`, `State`, or `Ensemble`.
    executor
        Where the function runs, as of `embedlens.execution.run_tasks`; None: in this process. A snapshot is
        read where the function runs.
    files
        Files whose errors name them instead of the snapshot.

    Raises
    ------
    InputError
        What the function raises, with the snapshot's place; what `run_tasks` raises.
    """
    unit = partial(_measured, function, tuple(str(file) for file in files))
    with closing(run_tasks(unit, places, executor=executor)) as results:
        for one, (result, reader) in zip(places, results, strict=True):
            one.reader.add(reader)
            yield one, result


def _measured(function: Callable[[Any], Any], files: tuple[str, ...], one: Any) -> tuple[Any, Reader]:
    """Return the result of a function of a snapshot, and what its reader collected."""
    apart = replace(one, reader=one.reader.fresh())
    try:
        return function(apart), apart.reader
    except InputError as error:
        has_place = str(error).startswith((f"run {one.run.name!r}", one.place, *files))
        raise (error if has_place else error.within(one.place)) from error
