"""Output files of a command: the figure in its formats, its data as CSV, sidecar and JSON answer."""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import re
import warnings
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedlens.captions.latex import environment
from embedlens.csv_files import Table, ending_for, write_csv
from embedlens.errors import InputError, InputWarning, unknown
from embedlens.files import atomic_path, is_remote, write_text
from embedlens.moments import with_steps
from embedlens.text import for_json
from embedlens.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from matplotlib.figure import Figure

    from embedlens.store import Run

FORMATS = ("pdf", "png", "svg")
_LONGEST = 160
_SHORTEST = 6  # letters of a name that still tell a run from others
_PACKAGES = ("numpy", "torch", "matplotlib")


@dataclass(slots=True)
class Artifacts:
    """Collects the files and the JSON answer of one command.

    Attributes
    ----------
    folder
        Where files are written; made with the first of them. None: nothing is written.
    command
        The command as it was typed, word by word.
    facts
        Entries of every sidecar of the command: runs, split, engine path, seed, ...
    figures, data, latex
        The files written, and the LaTeX environments of figures that have a PDF.
    summary
        The numbers of the JSON answer.
    """

    folder: Path | None
    command: Sequence[str]
    facts: Mapping[str, Any]
    figures: list[Path] = field(default_factory=list)
    data: list[Path] = field(default_factory=list)
    latex: list[str] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)

    def save(
        self,
        stem: str,
        writers: Mapping[str, Callable[[Path], None]],
        table: Table,
        *,
        facts: Mapping[str, Any],
        caption: str = "",
        wide: bool = False,
    ) -> list[Path]:
        """Write one figure in every format, its data and its sidecar; each file whole or not at all.

        Parameters
        ----------
        stem
            File name without ending; it carries what distinguishes the figure.
        writers
            Ending -> a function that writes the figure to a path.
        table
            The data that the figure shows.
        facts
            Entries of this figure's sidecar, beside those of the command.
        caption
            The caption of the figure; a table has none.
        wide
            Whether the figure takes both columns of a page.

        Returns
        -------
        list of Path
            The figure's files.
        """
        folder = self.folder
        if folder is None:
            return []
        folder.mkdir(parents=True, exist_ok=True)
        stem = self._free(folder, stem)
        written = []
        for ending, write in writers.items():
            target = folder / f"{stem}.{ending}"
            with atomic_path(target) as temporary:
                write(temporary)
            written.append(target)
        data = folder / f"{stem}.{ending_for(table)}"
        with atomic_path(data) as temporary:
            write_csv(temporary, [with_steps(block) for block in table])
        sidecar = {
            "command": list(self.command),
            "figures": [path.name for path in written],
            **({"caption": caption} if caption else {}),
            "data": data.name,
            **self.facts,
            **facts,
            "versions": _versions(),
        }
        write_text(
            folder / f"{stem}.json", json.dumps(for_json(sidecar), indent=2, ensure_ascii=False) + "\n"
        )
        self.latex += [
            environment(path.as_posix(), caption, wide=wide)
            for path in written
            if caption and path.suffix == ".pdf"
        ]
        self.figures += written
        self.data.append(data)
        return written

    def named(self, names: Sequence[str]) -> list[str]:
        """Return the part of a file name for runs; empty for the one run whose folder holds the files."""
        runs = self.facts.get("runs", ())
        if len(names) == len(runs) == 1 and self.folder is not None:
            own = Path(runs[0]["path"]) / "figures"
            if own.resolve() == self.folder.resolve():
                return []
        return [RunName(name) for name in dict.fromkeys(names)]

    def _free(self, folder: Path, stem: str) -> str:
        """Return the stem, with a digest where the files of that name show other runs of the same names.

        A command that is repeated replaces its own figure, and never that of a run in another folder.
        """
        runs = [run["path"] for run in self.facts.get("runs", ())]
        try:
            before = json.loads((folder / f"{stem}.json").read_text(encoding="utf-8"))["runs"]
            others = [str((Path.cwd() / run["path"]).resolve()) for run in before]
        except (OSError, ValueError, KeyError, TypeError):
            return stem
        own = [str((Path.cwd() / path).resolve()) for path in runs]
        if not runs or own == others:
            return stem
        return f"{stem}-{hashlib.sha256(chr(0).join(own).encode(errors='replace')).hexdigest()[:6]}"

    def answer(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return {
            "figures": [path.as_posix() for path in self.figures],
            "data": [path.as_posix() for path in self.data],
            "summary": self.summary,
        }


def check_formats(requested: Iterable[str]) -> list[str]:
    """Return the figure formats requested; an unknown one raises `InputError`."""
    formats = list(dict.fromkeys(requested))
    for name in formats:
        if name not in FORMATS:
            raise unknown(name, "format", FORMATS)
    if not formats:
        message = f"no format given; choose some of: {', '.join(FORMATS)}"
        raise InputError(message)
    return formats


def figure_writers(figure: Figure, formats: Iterable[str]) -> dict[str, Callable[[Path], None]]:
    """Return a writer for each format; equal figures give equal bytes."""
    undated = {"pdf": {"CreationDate": None}, "png": {}, "svg": {"Date": None}}

    def writer(name: str) -> Callable[[Path], None]:
        def write(path: Path) -> None:
            # Drawn into memory: on a full disk matplotlib leaves the file open, and hides the reason.
            drawn = io.BytesIO()
            figure.savefig(drawn, format=name, metadata=undated[name])
            path.write_bytes(drawn.getbuffer())

        return write

    return {name: writer(name) for name in formats}


def run_facts(runs: Iterable[Run]) -> list[dict[str, Any]]:
    """Return the entries of a sidecar about runs: name, path and seed."""
    return [{"name": run.name, "path": run.path.as_posix(), "seed": run.method.get("seed")} for run in runs]


def figures_folder(runs: Sequence[Run], out: Path | None) -> Path | None:
    """Return where figures go: as requested, inside the run, or in ``figures`` for several runs.

    Those of a run at an address go to ``figures``, too.

    None, with an `InputWarning`, where that place was not named and cannot be written to: what a command
    prints does not need it.
    """
    inside = len(runs) == 1 and not is_remote(runs[0].path)
    folder = out or (runs[0].path / "figures" if inside else Path("figures"))
    if out is None and not _can_hold(folder):
        message = f"{folder} cannot be written to; nothing is saved. Name another folder with --out"
        warnings.warn(message, InputWarning, stacklevel=2)
        return None
    return folder


def _can_hold(folder: Path) -> bool:
    """Return whether files can be put into a folder, or into the first of its parents that exists."""
    place = next((one for one in (folder, *folder.absolute().parents) if one.exists()), Path())
    return not place.is_dir() or os.access(place, os.W_OK | os.X_OK)


class RunName(str):
    """The name of a run as a part of a file name, which is shortened before the other parts are."""

    __slots__ = ()


def stem_of(parts: Iterable[str]) -> str:
    """Join what distinguishes a figure to a file name of at most 160 bytes.

    Of a longer one the names of runs are shortened, and a digest of the whole follows them, so that split,
    epochs and options stay readable; only where these alone are too long is the end cut.
    """
    given = [part for part in parts if part]
    stem = _joined(given)
    if _size(stem) <= _LONGEST:
        return stem
    digest = hashlib.sha256(stem.encode(errors="replace")).hexdigest()[:8]
    runs = [part for part in given if isinstance(part, RunName)]
    if runs:
        place = next(number for number, part in enumerate(given) if isinstance(part, RunName))
        others = [part for part in given if not isinstance(part, RunName)]
        each = (_LONGEST - _size(_joined([*others, digest]))) // len(runs) - 1
        names = [_cut(_joined([name]), each) for name in runs]
        if each < _SHORTEST:
            names = [f"{len(runs)}_runs"]
        stem = _joined([*others[:place], *names, digest, *others[place:]])
        if _size(stem) <= _LONGEST:
            return stem
    return f"{_cut(stem, _LONGEST - 9)}-{digest}"


def _joined(parts: Iterable[str]) -> str:
    """Return parts as one file name."""
    return "-".join(re.sub(r"[^\w.+-]+", "_", part) for part in parts)


def _size(text: str) -> int:
    """Return how many bytes a file name takes."""
    return len(text.encode(errors="replace"))


def _cut(text: str, size: int) -> str:
    """Return the first letters of a text that take at most `size` bytes."""
    return text.encode(errors="replace")[: max(size, 0)].decode(errors="ignore")


def _versions() -> dict[str, str]:
    versions = {"embedlens": __version__, "python": platform.python_version()}
    return versions | {name: metadata.version(name) for name in _PACKAGES}
