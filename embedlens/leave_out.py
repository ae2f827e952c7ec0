"""Options of labels and of items left out: another label column, ignored labels, distractors, junk."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.errors import InputError, shortened
from embedlens.results import Result
from embedlens.selection import label_among, label_of_class

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from embedlens.store import Run


@dataclass(frozen=True, slots=True)
class LeaveOut:
    """Options that choose labels and leave items out.

    Attributes
    ----------
    ignored
        Classes, by number or name, whose items are left out altogether.
    distractors
        Classes whose items are in the gallery alone: never a query, never a positive.
    duplicates
        Whether of equal rows of one label, and of rows with one id, the first of a split is kept, and a
        query's own copies leave its gallery.
    labels
        Column of items.csv whose values are the labels; items without one are left out. "": recorded labels.
    junk
        Column of items.csv: items that share their label and its value with a query leave its gallery.
    not_same
        Column of items.csv: items that share its value with a query leave its gallery, whatever their label.
    """

    ignored: tuple[str, ...] = ()
    distractors: tuple[str, ...] = ()
    duplicates: bool = False
    labels: str = ""
    junk: str = ""
    not_same: str = ""

    @classmethod
    def of(
        cls,
        ignore_label: str | None = None,
        distractor_label: str | None = None,
        *,
        exclude_duplicates: bool = False,
        labels: str | None = None,
        junk: str | None = None,
        not_same: str | None = None,
    ) -> LeaveOut:
        """Read the options; classes are separated by commas, each counts once.

        A column that is named twice raises `InputError`.
        """
        ignored, distractors = (
            tuple(dict.fromkeys(word for part in (text or "").split(",") if (word := part.strip())))
            for text in (ignore_label, distractor_label)
        )
        columns = {"--labels": labels or "", "--junk": junk or "", "--not-same": not_same or ""}
        _check_columns(columns)
        return cls(ignored, distractors, exclude_duplicates, *columns.values())

    def __bool__(self) -> bool:
        """Say whether anything is left out, or other labels are read than those recorded."""
        return any(self.options.values())

    @property
    def options(self) -> dict[str, str | bool]:
        """The options of the command line by name, for messages."""
        return {
            "labels": self.labels,
            "ignore_label": "+".join(self.ignored),
            "distractor_label": "+".join(self.distractors),
            "exclude_duplicates": self.duplicates,
            "junk": self.junk,
            "not_same": self.not_same,
        }

    @property
    def words(self) -> list[str]:
        """Parts of file names."""
        return [
            name.replace("_", "-") + ("" if value is True else f"-{value}")
            for name, value in self.options.items()
            if value
        ]

    @property
    def facts(self) -> dict[str, Any]:
        """Entries of the sidecar; columns of items.csv only where there are any."""
        columns = {"label_column": self.labels, "junk_column": self.junk, "not_same_column": self.not_same}
        return {
            "ignored_labels": list(self.ignored),
            "distractor_labels": list(self.distractors),
            "duplicates_excluded": self.duplicates,
            **{name: column for name, column in columns.items() if column},
        }

    def relabelled(self, runs: Sequence[Run]) -> list[Run]:
        """Return the runs with the labels of the column; a run that does not have it is refused."""
        from embedlens.store.relabelled import relabelled

        return [relabelled(run, self.labels) for run in runs] if self.labels else list(runs)

    def check_same_classes(self, runs: Sequence[Run]) -> None:
        """Refuse a class to leave out whose number means different classes in the runs."""
        for option, words in (("--ignore-label", self.ignored), ("--distractor-label", self.distractors)):
            for word in words:
                check_same_class(runs, word, option)

    def labels_of(self, run: Run) -> LeftOutLabels:
        """Return the labels of these classes in a run; a class that it does not have is refused."""
        return self._labels(lambda word: label_of_class(run, word, run.splits), run.class_names)

    def labels_among(self, names: Mapping[int, str], place: str) -> LeftOutLabels:
        """Return the labels, of label -> name of a data set, of these classes; an unknown one is refused."""
        return self._labels(lambda word: label_among(word, names, place), names)

    def _labels(self, label_of: Callable[[str], int], names: Mapping[int, str]) -> LeftOutLabels:
        ignored, distractors = (
            np.array(sorted({label_of(word) for word in words}), np.int64)
            for words in (self.ignored, self.distractors)
        )
        both = np.intersect1d(ignored, distractors)
        if both.size:
            name = names.get(int(both[0]))
            called = f"label {both[0]}" if name is None else f"class {shortened(name)!r} (label {both[0]})"
            message = f"{called} is given to --ignore-label and to --distractor-label; choose one"
            raise InputError(message)
        return LeftOutLabels(ignored, distractors)


def _check_columns(columns: Mapping[str, str]) -> None:
    """Refuse a column that two options name: option -> column."""
    named: dict[str, str] = {}
    for option, column in columns.items():
        if column and (other := named.setdefault(column, option)) != option:
            why = (
                "no positive would be left"
                if other == "--labels"
                else "--not-same leaves out what --junk does"
            )
            message = f"column {column!r} is given to {other} and to {option}: {why}; name one of the two"
            raise InputError(message)


def check_same_class(runs: Sequence[Run], word: str, option: str) -> None:
    """Refuse a class, by number or name, to which two runs give different names.

    A run that does not have the class, or has no name for it, is refused or accepted where it is read.
    """
    named: dict[str, str] = {}
    for run in runs if len(runs) > 1 else ():
        try:
            name = run.class_names.get(label_of_class(run, word, run.splits))
        except InputError:
            continue
        if name is not None:
            named.setdefault(name, run.name)
    if len(named) > 1:
        shown = " and ".join(f"{shortened(name)!r} in run {run!r}" for name, run in [*named.items()][:2])
        message = f"{option} {word} is class {shown}; name the class, or read the runs one by one"
        raise InputError(message)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LeftOutLabels(Result):
    """Labels of items that are ignored, and of distractors, int64 each."""

    ignored: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    distractors: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
