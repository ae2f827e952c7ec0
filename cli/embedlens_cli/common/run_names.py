"""Names of runs in figures, tables and answers, as --names gives them."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embedlens.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedlens.store import Run


@dataclass(frozen=True, slots=True)
class RunNames:
    """Names of runs.

    Attributes
    ----------
    names
        One name for each run, in their order; none: runs keep their own names.
    """

    names: Sequence[str] = ()

    @classmethod
    def of(cls, text: str | None) -> RunNames:
        """Return the names in a text, separated by commas; quotes are read as in CSV."""
        if text is None:
            return cls()
        try:
            names = [name.strip() for name in next(csv.reader([text], skipinitialspace=True, strict=True))]
        except csv.Error as error:
            message = (
                f"--names {text!r} cannot be read: {error}; quote a name that holds a comma: '\"A, B\",C'"
            )
            raise InputError(message) from error
        if not names or not all(names) or len(set(names)) < len(names):
            message = f"--names {text!r} has an empty or a repeated name; give each run a name of its own"
            raise InputError(message)
        return cls(names)

    def rename(self, runs: Sequence[Run]) -> list[Run]:
        """Return the runs under their names; `InputError` where there are others."""
        if not self.names:
            return list(runs)
        if len(self.names) != len(runs):
            message = (
                f"--names gives {len(self.names)} for {len(runs)} runs; give one name for each run, "
                "in quotes where it holds a comma"
            )
            raise InputError(message)
        return [run.renamed(name) for run, name in zip(runs, self.names, strict=True)]

    def repeats(self, runs: Sequence[Run]) -> dict[str, list[str]]:
        """Return the runs that repeat one method: name of the group -> labels.

        There is none among renamed runs: each of them was given a name that distinguishes it from the others.
        """
        from embedlens.experiments.seed_groups import repeats

        return {} if self.names else repeats(runs)
