"""Slices of the embeddings of a run: which are scored, and which had no items to learn from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from embedlens.analysis.spectrum.slices import Slice
    from embedlens.store import Run


RECORDED = "recorded"
"""What stands for the slices that a run was recorded with."""


def number_of(run: Run, slices: str | None) -> int | None:
    """Return the number of equal slices of a run's embeddings; None: they are not sliced.

    Raises
    ------
    InputError
        No number, or slices that the run does not have, or has of unequal dims.
    """
    if slices is None or slices.removeprefix("-").isdecimal():
        return None if slices is None else int(slices)
    if slices != RECORDED:
        message = f"--slices {slices!r}; give a number of equal slices, or {RECORDED}: those of the run"
        raise InputError(message)
    recorded = run.info.slices or ()
    widths = [stop - start for start, stop in recorded]
    if not recorded or len(set(widths)) > 1:
        own = f"slices of {', '.join(map(str, widths))} dims" if recorded else "no slices of its own"
        message = f"run {run.name!r} has {own}; give a number of equal slices"
        raise InputError(message)
    return len(recorded)


def slices_alone(run: Run, slices: str | None) -> list[Slice]:
    """Return each slice of a run's embeddings by itself."""
    return [part for part in parts_of(run, slices) if part is not None and part.first == part.last]


def parts_of(run: Run, slices: str | None) -> list[Slice] | list[None]:
    """Return the parts to score: each slice, then the first 2, 3, ..., K; without slices the whole, None."""
    from embedlens.analysis.spectrum.slices import slices_of

    count = number_of(run, slices)
    if count is None:
        return [None]
    try:
        alone, joined = slices_of(run.info.dim or 0, count)
    except InputError as error:
        place = f"run {run.name!r}"
        raise error.within(place) from error
    return [*alone, *joined[1:]]


def idle_learners(places: Iterable[tuple[Run, int]], slices: str | None) -> list[str]:
    """Return a line for each run, epoch and split in which learners of slices had no items."""
    lines = []
    for run, epoch in dict.fromkeys(places):
        count = number_of(run, slices)
        if count is None or count != len(run.info.slices or ()):
            continue
        for split in run.splits:
            if epoch in run.extra_epochs(split).get("cluster", ()):
                busy = set(run.extra(split, "cluster", epoch).tolist())
                idle = [str(number + 1) for number in range(count) if number not in busy]
                if idle:
                    lines.append(
                        f"run {run.name!r}, epoch {epoch}: no items of {split} were left to the learner of "
                        f"slice {', '.join(idle)}"
                    )
    return lines


def whole(part: Slice | None) -> bool:
    """Return whether a part is the whole embedding."""
    return part is None or (part.first, part.last) == (1, part.of)
