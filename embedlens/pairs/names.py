"""Names of items in pairs files: class and number in the class, file name, or path."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from embedlens.arrays import check_labels
from embedlens.errors import InputError, listed, shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

_SEPARATORS = re.compile(r"[\\/]+")
_NOT_PLAIN = re.compile(r"(?<![A-Za-z0-9])\d+(?![A-Za-z0-9])")


class MissingItem(InputError):
    """A line names an item that is not there."""


class ItemNames:
    """Finds items by class and number, by file name or by path, as pairs files name them.

    The number of an item is the one in its file name: the name of the class, ``_`` and digits, or digits
    alone, either with a suffix that has no number of its own (LFW: ``Ann_Lee/Ann_Lee_0003.jpg`` and
    ``Ann_Lee_0003_crop160.png`` are item 3 of ``Ann_Lee``; ``Ann_Lee_0003 (1).jpg`` has no plain number).
    Folders are separated by ``/`` or a backslash.

    Parameters
    ----------
    labels
        Integers [N].
    classes
        Name of the class of each item.
    paths
        Path of each item, where there are paths.
    by_order
        Whether items are numbered by their place among the rows of their class instead, from 1.

    Raises
    ------
    InputError
        Labels that are no integers, or other numbers of classes or paths than of labels.
    """

    def __init__(
        self,
        labels: ArrayLike,
        classes: Sequence[str],
        paths: Sequence[str] | None = None,
        *,
        by_order: bool = False,
    ) -> None:
        self.labels = check_labels(labels)
        for name, values in (("classes", classes), ("paths", paths)):
            if values is not None and len(values) != self.labels.size:
                message = (
                    f"{len(values)} {name} for {self.labels.size} labels; one of each per item is needed"
                )
                raise InputError(message)
        members: dict[str, list[int]] = {}
        for row, name in enumerate(classes):
            members.setdefault(name, []).append(row)
        self._classes = list(classes)
        self._paths = None if paths is None else [_SEPARATORS.sub("/", path) for path in paths]
        self._rows = {
            name: {number: [row] for number, row in enumerate(rows, start=1)}
            if by_order
            else self._numbered(name, rows)
            for name, rows in members.items()
        }
        self._files: dict[str, list[int]] = {}
        for row, path in enumerate(self._paths or []):
            file = path.rsplit("/", 1)[-1]
            for key in {file, file.rsplit(".", 1)[0]}:
                self._files.setdefault(key, []).append(row)

    def _numbered(self, name: str, rows: list[int]) -> dict[int, list[int]]:
        """Return number -> rows of the items of a class whose file names have a plain number."""
        numbered: dict[int, list[int]] = {}
        pattern = re.compile(rf"(?:{re.escape(name)}[_-])?(\d+)(?!\d)(.*)", flags=re.DOTALL)
        for row in rows if self._paths is not None else []:
            found = pattern.fullmatch(self._paths[row].rsplit("/", 1)[-1]) if self._paths else None
            # The last ending is that of the format, which may hold a digit (jp2).
            if found and not _NOT_PLAIN.search(found[2].rsplit(".", 1)[0]):
                numbered.setdefault(int(found[1]), []).append(row)
        return numbered

    def row(self, name: str, number: str) -> int:
        """Return the row of an item; `InputError` where there is none, or none whose number is known."""
        if name not in self._rows:
            message = f"no item is of class {name!r}; the classes are {listed(self._rows)}"
            raise MissingItem(message)
        rows = self._rows[name]
        if not rows:
            message = (
                f"the items of class {name!r} have no numbers: paths that end in {name}_NUMBER are needed "
                "(column path of items.csv); --pairs-by order numbers them by the order of rows, from 1"
            )
            raise InputError(message)
        found = rows.get(int(number)) if number.isdecimal() else None
        if not found:
            message = f"class {name!r} has no item {number}; its numbers go from {min(rows)} to {max(rows)}"
            raise MissingItem(message)
        return self._only(found, f"item {number} of class {name!r}")

    def file(self, name: str) -> int:
        """Return the row of the item with that path, end of a path, or file name; else `InputError`."""
        if self._paths is None:
            message = (
                f"{name!r} is to be found by its file name, but the items have no paths; "
                "record them in column path of items.csv"
            )
            raise InputError(message)
        wanted = re.sub(r"^(\./)+", "", _SEPARATORS.sub("/", name.strip()))
        found = [
            row
            for row in self._files.get(wanted.rsplit("/", 1)[-1], [])
            if _ends_alike(self._paths[row], wanted)
        ]
        if not found:
            message = f"no item has the path or file name {name!r}"
            raise MissingItem(message)
        whole = [row for row in found if self._paths[row] == wanted]
        return self._only(whole or found, repr(name))

    def class_name(self, row: int) -> str:
        """Return the class of an item for messages: its name, and the label where that is another."""
        name, label = self._classes[row], str(self.labels[row])
        return label if name == label else f"{shortened(name)} (label {label})"

    def is_class(self, name: str) -> bool:
        """Return whether there are items of a class of that name."""
        return name in self._rows

    def _only(self, rows: list[int], named: str) -> int:
        """Return the only row; several are refused."""
        if len(rows) > 1:
            files = "" if self._paths is None else f": {self._paths[rows[0]]} and {self._paths[rows[1]]}"
            message = f"{named} may be {len(rows)} items{files}; name them by their paths"
            raise InputError(message)
        return rows[0]


def _ends_alike(path: str, wanted: str) -> bool:
    """Return whether one of two paths is the end of the other, folder by folder; without an ending, too."""
    stem = path[: path.rindex(".")] if "." in path.rsplit("/", 1)[-1] else path
    return any(
        one == wanted or one.endswith(f"/{wanted}") or wanted.endswith(f"/{one}") for one in (path, stem)
    )
