"""checksums.sha256: a checksum for each array of a run, in the form that ``sha256sum -c`` reads.

A file is listed before it is moved to its place, so every file of a run that this program wrote is listed:
the list says what may be removed, and no kill leaves a file that looks damaged. Runs of earlier versions have
no list.
"""

from __future__ import annotations

import re
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from embedlens.errors import InputError
from embedlens.files import dump_npy, file_digest, temporary_file, write_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

_MOST_BYTES = 1 << 27  # a million files
_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")


def checksums_file(run: Path) -> Path:
    """Return the path of a run's list of checksums."""
    return run / "checksums.sha256"


def read_checksums(run: Path) -> dict[str, str]:
    """Return path below the run -> SHA-256; malformed lines are left out."""
    file = checksums_file(run)
    if not file.is_file():  # reading a pipe would block for ever
        return {}
    with file.open("rb") as handle:
        text = handle.read(_MOST_BYTES).decode("utf-8", errors="replace")
    matches = (_LINE.fullmatch(line) for line in text.splitlines())
    return {match[2]: match[1] for match in matches if match}


def write_checksums(run: Path, checksums: Mapping[str, str]) -> None:
    """Write the whole list, sorted by path."""
    lines = [f"{checksums[path]}  {path}\n" for path in sorted(checksums)]
    write_text(checksums_file(run), "".join(lines))


class Placement:
    """Files of a run that are written to temporary names, listed, and then renamed together."""

    def __init__(self, run: Path, stack: ExitStack) -> None:
        self._run = run
        self._stack = stack
        self._added: dict[str, str] = {}
        self._removed: list[Path] = []

    def npy(self, target: Path, array: NDArray[np.generic]) -> None:
        """Write an array."""
        self._added[self._name(target)] = dump_npy(self._temporary(target), array)

    def text(self, target: Path, text: str) -> None:
        """Write text as UTF-8."""
        self.bytes(target, text.encode())

    def bytes(self, target: Path, content: bytes) -> None:
        """Write bytes."""
        temporary = self._temporary(target)
        temporary.write_bytes(content)
        self._added[self._name(target)] = file_digest(temporary)

    def link(self, target: Path, source: Path) -> None:
        """Hard-link a file; `InputError` where the file systems do not allow it."""
        temporary = self._temporary(target)
        temporary.unlink(missing_ok=True)  # left by an earlier process with the same process id
        try:
            temporary.hardlink_to(source.resolve())
        except OSError as error:
            message = (
                f"{source} cannot be hard-linked to {target} ({error.strerror}); leave out --link to copy"
            )
            raise InputError(message) from error
        self._added[self._name(target)] = file_digest(temporary)

    def written(self, target: Path) -> None:
        """Take what stands at the temporary path of a file already; its writer has closed it."""
        self._added[self._name(target)] = file_digest(self._temporary(target))

    def remove(self, files: Iterable[Path]) -> None:
        """Remove files before the new ones are renamed."""
        self._removed += files

    def commit(self) -> None:
        """Remove the files to be removed, and list the new ones."""
        checksums = read_checksums(self._run)
        before = dict(checksums)
        for file in self._removed:
            file.unlink(missing_ok=True)
            checksums.pop(self._name(file), None)
        checksums |= self._added
        if checksums != before or not checksums_file(self._run).is_file():
            write_checksums(self._run, checksums)

    def _temporary(self, target: Path) -> Path:
        target.parent.mkdir(parents=True, exist_ok=True)
        return self._stack.enter_context(temporary_file(target))

    def _name(self, file: Path) -> str:
        return file.relative_to(self._run).as_posix()


@contextmanager
def placement(run: Path) -> Iterator[Placement]:
    """Collect files of a run; at the end they are listed and renamed to their places, the last one first.

    If anything fails before that, nothing is changed.
    """
    with ExitStack() as stack:
        files = Placement(run, stack)
        yield files
        files.commit()
