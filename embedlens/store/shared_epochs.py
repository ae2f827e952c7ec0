"""Epochs whose rows several processes add: how they come together, and the recorder's part in it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError
from embedlens.store import format as layout
from embedlens.store.epoch_writer import RowTarget
from embedlens.store.holding import check_same
from embedlens.store.shards import Shard, ShardTarget, remove_shards, standing_shards

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from embedlens.store.holding import Hold
    from embedlens.store.ranks import Ranks
    from embedlens.store.shards import Block

    Commit = Callable[[RowTarget, Mapping[str, float]], None]

_POLL_S = 0.05
LOCK_WAIT_S = 600.0
RUN_WAIT_S = 120.0
SHARD_WAIT_S = 60.0
_MERGING = threading.Lock()  # threads of one process share the lock of the run


def join_run(
    run: Path,
    splits: Mapping[str, layout.SplitInfo],
    start: Callable[[], layout.RunInfo],
    *,
    ranks: Ranks | None,
) -> layout.RunInfo:
    """Return what run.json says of a run that one process records, or several; process 0 starts it.

    Parameters
    ----------
    run, splits
        The run's directory, and the items of its splits as this process has them.
    start
        Begins or reopens the run.
    ranks
        The process; None: it is alone.

    Raises
    ------
    InputError
        What `start` refuses; other items or labels than those of process 0; no run after some time.
    """
    if ranks is None:
        alone = start()
        remove_shards(run)
        return alone
    if ranks.uses_torch:
        info: layout.RunInfo = ranks.led(start)
        check_same(run, info, splits)
    else:
        info = start() if ranks.leads else _begun_run(run, splits, RUN_WAIT_S)
    if not ranks.gathers:
        remove_shards(run, ranks)
    return info


def _begun_run(run: Path, splits: Mapping[str, layout.SplitInfo], seconds: float) -> layout.RunInfo:
    """Return what run.json says as soon as process 0 has begun the run."""
    if not _appears(lambda: layout.info_file(run).is_file(), seconds):
        message = f"{run} has not been begun after {seconds:g} seconds; process 0 begins it, start it first"
        raise InputError(message)
    info = layout.read_info(run)
    check_same(run, info, splits)
    return info


def _appears(is_there: Callable[[], bool], seconds: float) -> bool:
    """Wait until something is there; return whether it is."""
    until = time.monotonic() + seconds
    while not is_there():
        if time.monotonic() >= until:
            return False
        time.sleep(_POLL_S)
    return True


def shared_epoch(
    run: Path, info: layout.RunInfo, epoch: int, *, ranks: Ranks, hold: Hold, commit: Commit
) -> tuple[RowTarget | ShardTarget, Callable[[Any, Mapping[str, float]], None]]:
    """Return what takes the rows of this process, and the function that ends its part of the epoch.

    Parameters
    ----------
    run, info, epoch
        The run's directory, what its run.json says, and the epoch.
    ranks, hold
        The process, and the lock of the run.
    commit
        Writes the epoch from the rows of all processes and its metrics.
    """
    if ranks.gathers:
        target = RowTarget(run, info, epoch) if ranks.leads else ShardTarget(run, info, epoch, ranks=ranks)
        return target, lambda target, row: _gather(target, row, ranks=ranks, commit=commit)
    shard = ShardTarget(run, info, epoch, ranks=ranks)

    def end(target: ShardTarget, row: Mapping[str, float]) -> None:
        target.deliver(row)
        if ranks.uses_torch:
            ranks.gather(None)  # process 0 goes on when all shards have been written
            target.n_repeated = ranks.led(lambda: _merge_seen(run, epoch, ranks, commit=commit))
        elif len(standing_shards(run, epoch, ranks)) == ranks.size:
            with _MERGING, hold:
                target.n_repeated = _merge(run, epoch, ranks, commit=commit)

    return shard, end


def _merge_seen(run: Path, epoch: int, ranks: Ranks, *, commit: Commit) -> int:
    """Do what `_merge` does, as soon as this process sees all shards; a network disk shows them later."""
    if not _appears(lambda: len(standing_shards(run, epoch, ranks)) == ranks.size, SHARD_WAIT_S):
        message = (
            f"process 0 does not see the rows of all processes in {run}; without a shared disk use "
            "Ranks.of_torch(gather=True)"
        )
        raise InputError(message)
    return _merge(run, epoch, ranks, commit=commit)


def _merge(run: Path, epoch: int, ranks: Ranks, *, commit: Commit) -> int:
    """Write an epoch from the shards of all processes, and remove them; return the number of repeated rows.

    The lock of the run is held. Nothing is done if another process has merged them meanwhile.
    """
    files = standing_shards(run, epoch, ranks)
    if len(files) < ranks.size:
        return 0
    rows = RowTarget(run, layout.read_info(run), epoch)
    try:
        shards = [Shard.read(file) for file in files]
        _take(rows, (block for shard in shards for block in shard.blocks()))
        commit(rows, _joined([shard.row for shard in shards]))
    finally:
        rows.discard()
        for file in files:
            file.unlink(missing_ok=True)
    return rows.n_repeated


def _gather(
    target: RowTarget | ShardTarget, row: Mapping[str, float], *, ranks: Ranks, commit: Commit
) -> None:
    """Send the rows of this process to process 0, which writes the epoch."""
    metrics = ranks.gather(dict(row))
    blocks: Iterator[Block] = iter(()) if isinstance(target, RowTarget) else target.blocks()
    refusal = None
    while True:
        block = next(blocks, None)
        parts = [part for part in ranks.gather(block) if part is not None]
        try:
            if refusal is None and isinstance(target, RowTarget):
                _take(target, parts)
        except InputError as error:
            refusal = error
        if not ranks.broadcast(bool(parts)):
            break

    def write() -> int:
        assert isinstance(target, RowTarget)
        if refusal is not None:
            raise refusal
        commit(target, _joined(metrics))
        return target.n_repeated

    repeated = ranks.led(write)
    if isinstance(target, ShardTarget):
        target.n_repeated = repeated


def _take(rows: RowTarget, blocks: Iterable[Block]) -> None:
    """Write rows of several processes; a row of two must have the same values."""
    for split, numbers, embeddings in blocks:
        try:
            if rows.dim and embeddings.shape[1] != rows.dim:
                message = (
                    f"processes have embeddings of {rows.dim} and of {embeddings.shape[1]} dims; they must "
                    "agree"
                )
                raise InputError(message)
            rows.write(split, numbers, embeddings)
        except InputError as error:
            place = f"split {split!r}, epoch {rows.epoch}"
            raise error.within(place) from error


def _joined(rows: list[dict[str, float]]) -> dict[str, float]:
    """Return the metrics of all processes; of one name, that of the lowest rank counts."""
    return {name: value for row in reversed(rows) for name, value in row.items()}
