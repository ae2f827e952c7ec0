"""Scores of an embedding's chunks: which parts are scored, and their rows of embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from embedlens.analysis.slices import Chunk
    from embedlens.store import Run, Snapshot


def check_slices(runs: Sequence[Run], slices: int | None) -> None:
    """Refuse a number of chunks that a run's embeddings cannot be cut into, before anything is computed."""
    from embedlens.analysis.slices import chunks_of

    for run in runs if slices is not None else ():
        try:
            chunks_of(run.info.dim or 0, slices or 0)
        except InputError as error:
            place = f"run {run.name!r}"
            raise error.within(place) from error


def parts_of(run: Run, slices: int | None) -> list[Chunk] | list[None]:
    """Return what is scored: each chunk, then the first 2, 3, ..., K; without slices the whole, as None."""
    from embedlens.analysis.slices import chunks_of

    if slices is None:
        return [None]
    alone, joined = chunks_of(run.info.dim or 0, slices)
    return [*alone, *joined[1:]]


def whole(part: Chunk | None) -> bool:
    """Say whether a part is the whole embedding."""
    return part is None or (part.first, part.last) == (1, part.of)


def take_part(snapshot: Snapshot, part: Chunk | None) -> NDArray[Any]:
    """Return the rows of a part; where one is zero, the message names snapshot and chunk."""
    from embedlens.analysis.slices import take

    if part is None:
        return snapshot.embeddings
    try:
        return take(snapshot.embeddings, part)
    except InputError as error:
        raise error.within(snapshot.place) from error
