"""Following of a run while it is written: where it begins, and the triplets of each epoch, searched once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.errors import InputError
from embedlens.measurements.triplet_states import State
from embedlens.selection import runs_folder
from embedlens.store.format import info_file
from embedlens.store.locations import is_address, run_path

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from embedlens.analysis.triplets.nearest import Triplets
    from embedlens.measurements.selected import Selected


def begun_run(name: str) -> Path | None:
    """Return where the run of a name stands, a path, an address or a run below the folder of runs.

    None: it has not been begun yet.

    Raises
    ------
    InputError
        A file stands there.
    """
    paths = [run_path(name), *([] if is_address(name) else [runs_folder() / name])]
    for path in paths:
        if info_file(path).is_file():
            return path
    if paths[0].is_file():
        message = f"{name} is a file; name the directory of a run"
        raise InputError(message)
    return None


class KeptTriplets:
    """The nearest triplets of the epochs of one run, searched once for each, however often they are drawn.

    Parameters
    ----------
    device
        Of the engine: "cpu" or "cuda".
    """

    def __init__(self, device: str = "cpu") -> None:
        self._device = device
        self._marks: dict[int, object] = {}
        self._found: dict[tuple[str, int], Triplets] = {}

    def update(self, marks: Mapping[int, object]) -> list[int]:
        """Forget the epochs that are gone or recorded again; return those that are new, ascending.

        Parameters
        ----------
        marks
            Epoch -> what changes when it is recorded again.
        """
        new = sorted(epoch for epoch, mark in marks.items() if self._marks.get(epoch) != mark)
        self._marks = dict(marks)
        stale = [key for key in self._found if key[1] in new or key[1] not in marks]
        for key in stale:
            del self._found[key]
        return new

    def __call__(self, one: Selected) -> Triplets:
        """Return the nearest triplets of a snapshot."""
        key = one.split, int(one.epoch)
        if key not in self._found:
            self._found[key] = State.of(one).nearest(device=self._device)
        return self._found[key]
