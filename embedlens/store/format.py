"""The run format "embedlens-run", versions 1 and 2: contents of run.json, and paths of all files."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError, listed
from embedlens.files import write_text
from embedlens.results import Result
from embedlens.store import schema
from embedlens.text import escaped

if TYPE_CHECKING:
    from pathlib import Path

_EPOCH_FILE = re.compile(r"epoch-(\d{4,9})\.npy", re.ASCII)


@dataclass(frozen=True, slots=True)
class SplitInfo:
    """A split in run.json: its number of items, and the fingerprint of their labels and columns."""

    items: int
    fingerprint: str


@dataclass(frozen=True, slots=True, repr=False)
class RunInfo(Result):
    """The contents of run.json; `dim` is None until the first snapshot is recorded.

    `version` is 2 where items have sets of labels, which programs that know version 1 alone cannot read.
    """

    name: str
    created: str
    dtype: str
    splits: dict[str, SplitInfo]
    method: dict[str, Any] = field(default_factory=dict)
    dim: int | None = None
    class_names: dict[str, str] = field(default_factory=dict)
    slices: list[list[int]] = field(default_factory=list)
    query_gallery: list[list[str]] = field(default_factory=list)
    version: int = schema.VERSION

    @property
    def is_multi_label(self) -> bool:
        """Whether items have sets of labels."""
        return self.version == schema.WITH_SETS


def info_file(run: Path) -> Path:
    """Return the path of a run's run.json."""
    return run / "run.json"


def log_file(run: Path) -> Path:
    """Return the path of a run's log."""
    return run / "log.csv"


def split_folder(run: Path, split: str) -> Path:
    """Return the folder of a split."""
    return run / "splits" / split


def labels_file(run: Path, info: RunInfo, split: str) -> Path:
    """Return the file of a split's labels: labels.npz where items have sets of them."""
    return split_folder(run, split) / ("labels.npz" if info.is_multi_label else "labels.npy")


def label_files(run: Path, info: RunInfo, split: str) -> tuple[Path, Path]:
    """Return the files of the labels and of the columns of items; the second may be missing."""
    return labels_file(run, info, split), split_folder(run, split) / "items.csv"


def snapshot_file(run: Path, split: str, epoch: int) -> Path:
    """Return the path of one snapshot."""
    return split_folder(run, split) / f"epoch-{epoch:04d}.npy"


def snapshot_epochs(run: Path, split: str) -> set[int]:
    """Return the epochs of which `split` has a snapshot."""
    folder = split_folder(run, split)
    names = (path.name for path in folder.iterdir()) if folder.is_dir() else iter(())
    return {epoch for name in names if (epoch := numbered_epoch(_EPOCH_FILE, name)) is not None}


def numbered_epoch(pattern: re.Pattern[str], name: str) -> int | None:
    """Return the epoch in a file name, the last group of the pattern; None if no writer makes such a name.

    Writers pad to four digits and no more, and no epoch has more than nine.
    """
    match = pattern.fullmatch(name)
    if match is None or (digits := match[match.re.groups]) != f"{int(digits):04d}":
        return None
    return int(digits)


def complete_epochs(run: Path, info: RunInfo) -> list[int]:
    """Return the epochs of which every split has its snapshot, ascending."""
    return sorted(set.intersection(*(snapshot_epochs(run, split) for split in info.splits)))


def partial_epochs(run: Path, info: RunInfo) -> dict[int, list[str]]:
    """Return the epochs of which some splits have no snapshot, and these splits."""
    found = {split: snapshot_epochs(run, split) for split in info.splits}
    missing = {
        epoch: [split for split, epochs in found.items() if epoch not in epochs]
        for epoch in sorted(set.union(*found.values()))
    }
    return {epoch: splits for epoch, splits in missing.items() if splits}


def epoch_ranges(epochs: list[int]) -> list[str]:
    """Return epochs in ascending order as ranges: 0, 1, 2, 5 are "0-2", "5"."""
    runs: list[list[int]] = []
    for epoch in epochs:
        if runs and epoch == runs[-1][1] + 1:
            runs[-1][1] = epoch
        else:
            runs.append([epoch, epoch])
    return [str(low) if low == high else f"{low}-{high}" for low, high in runs]


def listed_epochs(epochs: list[int]) -> str:
    """Return epochs in ascending order as text, at most ten entries: 0-2, 5."""
    spans = epoch_ranges(epochs)
    return ", ".join(spans[:10]) + (f", ... ({len(epochs)} in all)" if len(spans) > 10 else "")


def write_info(run: Path, info: RunInfo) -> None:
    """Write run.json; what could not be read back is refused."""
    write_text(info_file(run), info_text(info))


def info_text(info: RunInfo) -> str:
    """Return what run.json says; what is no plain data, or could not be read back, raises `InputError`."""
    document = {"format": schema.FORMAT, "version": info.version, **asdict(info)}
    try:
        text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False, default=_plain) + "\n"
    except (TypeError, ValueError, RecursionError) as error:
        message = f"method cannot be written to run.json: {error}; use text, numbers, lists and dicts"
        raise InputError(message) from error
    schema.check_text(text, items=sum(split.items for split in info.splits.values()))
    return text


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
        inside = sorted(file.parent.name for file in run.glob("*/run.json"))
        if inside:
            message = f"{run} is not a run: it is a folder of runs, {listed(inside)}; name one of them"
        else:
            message = f"{run} is not a run: it has no run.json; `embedlens import` makes a run of other files"
        raise InputError(message)
    return _parse(schema.read_document(file, items=_items_on_disk(run)))


def _items_on_disk(run: Path) -> int:
    """Return how many items the files of labels can hold; run.json is not read yet."""
    return sum(file.stat().st_size // 8 for file in run.glob("splits/*/labels.np[yz]") if file.is_file())


def _parse(document: dict[str, Any]) -> RunInfo:
    """Turn a checked document into a `RunInfo`."""
    splits = {
        name: SplitInfo(entry["items"], entry["fingerprint"]) for name, entry in document["splits"].items()
    }
    return RunInfo(
        name=escaped(document["name"]),
        created=document["created"],
        dtype=document["dtype"],
        splits=splits,
        method=document.get("method", {}),
        dim=document.get("dim"),
        class_names={key: escaped(name) for key, name in document.get("class_names", {}).items()},
        slices=document.get("slices", []),
        # A split is never its own gallery: each item would find itself.
        query_gallery=[pair for pair in document.get("query_gallery", []) if pair[0] != pair[1]],
        version=document["version"],
    )
