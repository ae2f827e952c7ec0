"""Nearest neighbours of the same items in several snapshots, kept on disk, and how many of them agree."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

import numpy as np

from embedlens.analysis.drift import kernels
from embedlens.similarity.threads import in_parallel, spans, thread_count

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from numpy.typing import NDArray

_BLOCK_VALUES = 1 << 24  # int32 row numbers of all snapshots that are read at once: 64 MiB
_ROW = np.dtype(np.int32)


class NeighbourFile:
    """Row numbers of the nearest neighbours in each snapshot, in a temporary file that ends with the object.

    40 snapshots of 60,502 items with 100 neighbours take 1 GB of disk, and a block of them of memory.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `__exit__`
        self._shape: tuple[int, int] | None = None
        self._count = 0

    def __enter__(self) -> NeighbourFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def append(self, ids: NDArray[np.int32]) -> None:
        """Add the neighbours of the items in the next snapshot, int32 [N, K], best first."""
        assert self._shape in (None, ids.shape)
        self._shape = (ids.shape[0], ids.shape[1])
        self._file.write(np.ascontiguousarray(ids, _ROW).tobytes())
        self._count += 1

    def overlap(self, pairs: Sequence[tuple[int, int]], ks: Sequence[int]) -> NDArray[np.float64]:
        """Return the mean overlap of the k nearest neighbours of pairs of snapshots, float64 [P, len(ks)].

        The overlap of an item is the number of rows that are among its k nearest neighbours in both
        snapshots, divided by k.
        """
        assert self._shape is not None
        n, depth = self._shape
        order = np.lexsort(np.asarray(pairs, np.int64).reshape(-1, 2).T[::-1])
        first, second = np.asarray(pairs, np.int64).reshape(-1, 2)[order].T.copy()
        numbers = np.asarray(ks, np.int64)
        counts = np.zeros((len(pairs), numbers.size), np.int64)
        for part in spans(n, max(1, _BLOCK_VALUES // (self._count * depth))):
            ids = self._block(part)
            size = -(-ids.shape[1] // thread_count())
            blocks = [np.ascontiguousarray(ids[:, some]) for some in spans(ids.shape[1], size)]
            found = [np.zeros_like(counts) for _ in blocks]

            def add(number: int, blocks: list[NDArray[np.int32]] = blocks, found: list = found) -> None:  # type: ignore[type-arg]
                kernels.count_shared(blocks[number], first, second, numbers, found[number], n)

            in_parallel(add, range(len(blocks)))
            counts += sum(found)
        overlap = np.empty((len(pairs), numbers.size))
        overlap[order] = counts / (n * numbers)
        return overlap

    def _block(self, part: slice) -> NDArray[np.int32]:
        """Return the neighbours of some items in all snapshots, int32 [S, n, K]."""
        assert self._shape is not None
        n, depth = self._shape
        ids = np.empty((self._count, part.stop - part.start, depth), _ROW)
        for number in range(self._count):
            self._file.seek((number * n + part.start) * depth * _ROW.itemsize)
            ids[number] = np.frombuffer(self._file.read(ids[number].nbytes), _ROW).reshape(-1, depth)
        return ids
