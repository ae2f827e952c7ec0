"""Rows of one process of several: the file that takes them, and the epoch that is made of all of them.

A shard stands in the run's directory under a hidden name until its epoch is written; no reader sees it. It
has records (split, row, embedding) in the order of `add`, then JSON, then the length of the JSON in 8 bytes.
"""

from __future__ import annotations

import json
import re
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.errors import InputError
from embedlens.files import temporary_file, temporary_path, temporary_target

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from embedlens.store.format import RunInfo
    from embedlens.store.ranks import Ranks

Block = tuple[str, "NDArray[np.int64]", "NDArray[np.floating[Any]]"]
_NAME = re.compile(r"\.epoch-(\d{4,9})\.rank-(\d{1,9})-of-(\d{1,9})\.([0-9a-f]{8})\.shard", re.ASCII)
_BLOCK_BYTES = 1 << 23
_LENGTH = 8  # bytes of the number that ends a shard


def shard_file(run: Path, epoch: int, rank: int, *, ranks: Ranks) -> Path:
    """Return the path of the shard of a process."""
    return run / f".epoch-{epoch:04d}.rank-{rank}-of-{ranks.size}.{ranks.digest}.shard"


def remove_shards(run: Path, ranks: Ranks | None = None) -> None:
    """Remove the shards that earlier jobs left in a run, by name.

    Parameters
    ----------
    run
        The run's directory.
    ranks
        The process and its job: shards of other jobs are removed, and those of an earlier process of its
        rank. None: all shards are removed, since this process alone writes the run.
    """
    for path in list(run.iterdir()) if run.is_dir() else []:
        target = temporary_target(path.name)
        match = _NAME.fullmatch(target or path.name)
        if match is None or not (path.is_symlink() or path.is_file()):
            continue
        if ranks is None or match[4] != ranks.digest or int(match[2]) == ranks.rank:
            with suppress(OSError):
                path.unlink(missing_ok=True)


class ShardTarget:
    """The rows of an epoch that one process adds, in a file; memory does not grow with their number.

    Parameters
    ----------
    run, info, epoch
        The run's directory, what its run.json says, and the epoch.
    ranks
        The process; if it `gathers`, its file is a temporary one of the system.
    """

    def __init__(self, run: Path, info: RunInfo, epoch: int, *, ranks: Ranks) -> None:
        self.info, self.epoch, self.dim = info, epoch, info.dim or 0
        self.n_repeated = 0
        self._splits = list(info.splits)
        self._path: Path | None = None if ranks.gathers else shard_file(run, epoch, ranks.rank, ranks=ranks)
        self._file: Any = None

    def write(self, split: str, numbers: NDArray[np.int64], embeddings: NDArray[np.floating[Any]]) -> None:
        """Write the rows of a checked batch."""
        self.dim = embeddings.shape[1]
        records = np.empty(numbers.size, _record(self.info.dtype, self.dim))
        records["split"], records["row"], records["z"] = self._splits.index(split), numbers, embeddings
        self._open().write(records.tobytes())

    def deliver(self, row: Mapping[str, float]) -> None:
        """End the shard with the metrics, and give it its name, by which other processes see it."""
        assert self._path is not None
        about = {"dim": self.dim, "dtype": self.info.dtype, "splits": self._splits, "row": dict(row)}
        text = json.dumps(about).encode()
        file = self._open()
        file.write(text + len(text).to_bytes(_LENGTH, "little"))
        with temporary_file(self._path):
            file.close()

    def blocks(self) -> Iterator[Block]:
        """Yield the rows that were written, some megabytes at a time."""
        file = self._open()
        end = file.seek(0, 2)
        yield from _blocks(file, end, self.info.dtype, dim=self.dim, splits=self._splits)

    def discard(self) -> None:
        """Close and remove the file."""
        if self._file is not None:
            with suppress(OSError):  # a full disk takes no rest of what was buffered
                self._file.close()
            if self._path is not None:
                temporary_path(self._path).unlink(missing_ok=True)

    def _open(self) -> Any:
        if self._file is None:
            self._file = (
                tempfile.TemporaryFile()  # noqa: SIM115 - closed by `discard`
                if self._path is None
                else temporary_path(self._path).open("w+b")
            )
        return self._file


@dataclass(frozen=True, slots=True)
class Shard:
    """A complete shard: where it is, and what it says of itself."""

    path: Path
    about: dict[str, Any]
    end: int

    @classmethod
    def read(cls, path: Path) -> Shard:
        """Return the shard in a file; `InputError` if it is cut or damaged."""
        try:
            with path.open("rb") as file:
                size = file.seek(0, 2)
                file.seek(size - _LENGTH)
                length = int.from_bytes(file.read(_LENGTH), "little")
                file.seek(size - _LENGTH - length)
                about = json.loads(file.read(length))
            return cls(path, about, size - _LENGTH - length)
        except (OSError, ValueError) as error:
            message = f"{path}: the rows of this process cannot be read ({error}); record the epoch again"
            raise InputError(message) from error

    @property
    def row(self) -> dict[str, float]:
        """Metrics that the process gave."""
        return dict(self.about["row"])

    def blocks(self) -> Iterator[Block]:
        """Yield the rows, some megabytes at a time."""
        about = self.about
        with self.path.open("rb") as file:
            yield from _blocks(file, self.end, about["dtype"], dim=about["dim"], splits=about["splits"])


def standing_shards(run: Path, epoch: int, ranks: Ranks) -> list[Path]:
    """Return the complete shards of an epoch that this job has written so far, by rank."""
    files = [shard_file(run, epoch, rank, ranks=ranks) for rank in range(ranks.size)]
    return [file for file in files if file.is_file()]


def _record(dtype: str, dim: int) -> np.dtype[Any]:
    return np.dtype([("split", "<i4"), ("row", "<i8"), ("z", np.dtype(dtype).newbyteorder("<"), (dim,))])


def _blocks(file: Any, end: int, dtype: str, *, dim: int, splits: list[str]) -> Iterator[Block]:
    """Yield the records of an open file from its start to `end`, split by split."""
    kind = _record(dtype, dim)
    step = max(1, _BLOCK_BYTES // kind.itemsize) * kind.itemsize
    for start in range(0, end, step):
        file.seek(start)
        records = np.frombuffer(file.read(min(step, end - start)), kind)
        for at, split in enumerate(splits):
            chosen = records[records["split"] == at]
            if chosen.size:
                yield split, chosen["row"].astype(np.int64), np.ascontiguousarray(chosen["z"]).astype(dtype)
