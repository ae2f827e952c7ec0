"""The format "embedlens-run", version 1: what run.json says, and where each file of a run stands."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from embedlens.arrays import DTYPES
from embedlens.errors import InputError
from embedlens.files import write_text
from embedlens.store.checks import check_split_name

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = "embedlens-run"
VERSION = 1
_EPOCH_FILE = re.compile(r"epoch-(\d{4,})\.npy")
_UNBEGUN = re.compile(
    r"(splits/[^/]+/((labels|thumbnails|pretrained)\.npy|items\.csv|\.[^/]+\.partial)"
    r"|extra/([a-z][a-z0-9_]*\.npy|\.[^/]+\.partial)|\.run\.json\.\d+\.partial)"
)


@dataclass(frozen=True, slots=True)
class SplitInfo:
    """What run.json says of a split: its number of items and the fingerprint of their labels and columns."""

    items: int
    fingerprint: str


@dataclass(frozen=True, slots=True)
class RunInfo:
    """The contents of run.json; `dim` is None until the first snapshot is recorded."""

    name: str
    created: str
    dtype: str
    splits: dict[str, SplitInfo]
    method: dict[str, Any] = field(default_factory=dict)
    dim: int | None = None
    class_names: dict[str, str] = field(default_factory=dict)
    slices: list[list[int]] = field(default_factory=list)
    query_gallery: list[list[str]] = field(default_factory=list)


def info_file(run: Path) -> Path:
    """Return the path of a run's run.json."""
    return run / "run.json"


def log_file(run: Path) -> Path:
    """Return the path of a run's log."""
    return run / "log.csv"


def split_folder(run: Path, split: str) -> Path:
    """Return the folder of a split."""
    return run / "splits" / split


def snapshot_file(run: Path, split: str, epoch: int) -> Path:
    """Return the path of one snapshot."""
    return split_folder(run, split) / f"epoch-{epoch:04d}.npy"


def snapshot_epochs(run: Path, split: str) -> set[int]:
    """Return the epochs of which `split` has a snapshot."""
    folder = split_folder(run, split)
    names = (path.name for path in folder.iterdir()) if folder.is_dir() else iter(())
    return {int(match[1]) for name in names if (match := _EPOCH_FILE.fullmatch(name))}


def is_unbegun(run: Path) -> bool:
    """Tell whether a folder without run.json holds what a recorder left that was killed before it wrote it.

    That is nothing but what stands before the first epoch, and halves of such files.
    """
    files = [path.relative_to(run).as_posix() for path in run.rglob("*") if not path.is_dir()]
    folders = [path.name for path in run.iterdir() if path.is_dir()]
    return set(folders) <= {"splits", "extra"} and all(_UNBEGUN.fullmatch(file) for file in files)


def complete_epochs(run: Path, info: RunInfo) -> list[int]:
    """Return the epochs of which every split has its snapshot, ascending."""
    return sorted(set.intersection(*(snapshot_epochs(run, split) for split in info.splits)))


def write_info(run: Path, info: RunInfo) -> None:
    """Write run.json."""
    document = {"format": FORMAT, "version": VERSION, **asdict(info)}
    try:
        text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False, default=_plain)
    except (TypeError, ValueError) as error:
        message = f"method cannot be written to run.json: {error}; use text, numbers, lists and dicts"
        raise InputError(message) from error
    write_text(info_file(run), text + "\n")


def _plain(value: object) -> object:
    """Turn a numpy or torch scalar, or a path, into what JSON knows."""
    item = getattr(value, "item", None)
    if callable(item):
        return item()
    if hasattr(value, "__fspath__"):
        return str(value)
    message = f"{type(value).__name__} is not plain data"
    raise TypeError(message)


def read_info(run: Path) -> RunInfo:
    """Read and check run.json; the format and its version come first."""
    file = info_file(run)
    if not run.exists():
        message = f"no such run: {run}"
        raise InputError(message)
    if not file.is_file():
        message = f"{run} is not a run: it has no run.json; `embedlens import` makes a run of other files"
        raise InputError(message)
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        message = f"{file} is not valid JSON ({error})"
        raise InputError(message) from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        found = document.get("format") if isinstance(document, dict) else None
        message = f"{run} is not a run: {file} has format {found!r}, not {FORMAT!r}"
        raise InputError(message)
    if document.get("version") != VERSION:
        message = (
            f"{file} has version {document.get('version')!r} of the run format; this program reads {VERSION}"
        )
        raise InputError(message)
    try:
        return _parse(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        message = f"{file} does not follow the format: {type(error).__name__}: {error}"
        raise InputError(message) from error


def _parse(document: dict[str, Any]) -> RunInfo:
    """Turn a checked document into a `RunInfo`; what is missing or of another type raises."""
    splits = {
        str(name): SplitInfo(int(entry["items"]), str(entry["fingerprint"]))
        for name, entry in document["splits"].items()
    }
    if not splits:
        message = "no split"
        raise ValueError(message)
    for name in splits:
        check_split_name(name)
    if document["dtype"] not in DTYPES:
        message = f"dtype {document['dtype']!r}"
        raise ValueError(message)
    return RunInfo(
        name=str(document["name"]),
        created=str(document["created"]),
        dtype=document["dtype"],
        splits=splits,
        method=dict(document.get("method", {})),
        dim=None if document.get("dim") is None else int(document["dim"]),
        class_names={str(key): str(value) for key, value in document.get("class_names", {}).items()},
        slices=[[int(edge) for edge in pair] for pair in document.get("slices", [])],
        query_gallery=[[str(name) for name in pair] for pair in document.get("query_gallery", [])],
    )
