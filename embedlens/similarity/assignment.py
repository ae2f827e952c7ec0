"""Assignment step of k-means: nearest centroid of every row by float64 scores; bounds skip most of the work.

|x - c|^2 = |x|^2 - 2 s with the score s(x, c) = x.c - |c|^2 / 2: the nearest centroid has the highest score.

- Products that cannot change the answer are not computed. Each row keeps its score and an upper bound on all
  its other scores. A centroid that moves from c to c' raises the score of a unit row by at most its *rise*,
  |c' - c| + (|c|^2 - |c'|^2) / 2; a row needs only the centroids whose rise could close its gap (after
  Hamerly, "Making k-means even faster", SDM 2010, with a drift for each centroid). Sorted by rise, these are
  a prefix.
- Products are screened in bfloat16 where the processor has matrix units for it. With x', c' the rounded
  vectors, |x.c - x'.c'| <= |x - x'| |c| + |x'| |c - c'| (Cauchy-Schwarz). The sum of n products in float32
  adds at most (n + 2) 2^-23 |x'| |c'| (Higham, "Accuracy and stability of numerical algorithms", section 3.1,
  with a factor of two for units that truncate), and its rounding 2^-8 of its value (bfloat16 has 8
  significant bits). -|c|^2 / 2 is added by three more coordinates, whose partners in x are 1.
- Every centroid that these bounds leave is resolved by a float64 dot product; of equals the lowest number
  wins. Ambiguous rows, those with too many candidates, are screened again in float32, then in float64. So
  the answer is that of float64 arithmetic, whatever the path and the number of threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock, local
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from embedlens.similarity.assignment_kernels import GROUP, list_candidates, measure, resolve_candidates
from embedlens.similarity.hardware import screen_type
from embedlens.similarity.threads import full_precision, in_parallel, spans

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Doubles = NDArray[np.float64]
    Numbers = NDArray[np.int64]

_BLOCK_ROWS = 1024
_BUFFER_BYTES = 1 << 27  # of screened scores, all threads together
_MANY_CANDIDATES = 64  # beyond, a row is ambiguous
_STEP = 32  # products whose sizes are no multiple of this take twice as long
_EXTRA = 3  # coordinates that carry |c|^2 / 2: its leading parts
_UNIT_NORM = 1.005  # at most, of a unit row rounded to bfloat16


@dataclass(frozen=True, slots=True)
class _Level:
    """Floating-point type to screen in: its bits as integers, errors of sums and of the last rounding."""

    dtype: torch.dtype
    bits: torch.dtype
    words: tuple[type[np.signedinteger[Any]], type[np.floating[Any]], int]
    sum_error: float
    last_rounding: float


_LEVELS = (
    _Level(torch.bfloat16, torch.int16, (np.int32, np.float32, 16), 2.0**-23, 1.01 * 2.0**-8),
    _Level(torch.float32, torch.int32, (np.int32, np.float32, 0), 2.0**-23, 2.0**-23),
    _Level(torch.float64, torch.int64, (np.int64, np.float64, 0), 2.0**-52, 2.0**-52),
)


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """Centroids, sorted by rise, in one floating-point type, and bounds on the rounding of scores.

    `operand` is [W + padding, D + extra coordinates]; the bounds are [W], their maxima over groups [G]. A
    score of row i is off by error[i] * reach + spread at most.
    """

    operand: torch.Tensor
    reach: Doubles
    spread: Doubles
    group_reach: Doubles
    group_spread: Doubles


class NearestCentroids:
    """The nearest centroid of every row, for one set of centroids after another.

    Parameters
    ----------
    x
        float32 [N, D], rows of unit norm.
    device
        Torch device that screens; the answer does not depend on it.
    dtype
        Floating-point type that screens; by default the fastest on the device.

    Attributes
    ----------
    x
        The rows.
    dtype
        Floating-point type that screens.
    label
        int64 [N]: number of the nearest centroid, of equals the lowest.
    score
        float64 [N]: x.c - |c|^2 / 2 of that centroid.
    products
        Number of products of a row and a centroid screened so far.
    """

    def __init__(self, x: Floats, *, device: str = "cpu", dtype: torch.dtype | None = None) -> None:
        on_cpu = torch.device(device).type == "cpu"
        self.dtype = dtype or (getattr(torch, screen_type(device)) if on_cpu else torch.float32)
        self.label = np.full(len(x), -1)
        self.score = np.full(len(x), -np.inf)
        self.products = 0
        self.x = x
        self._on_device = None if on_cpu else torch.from_numpy(x).to(device)
        self._other = np.full(len(x), np.inf)
        self._centroids, self._half = np.empty((0, x.shape[1]), np.float32), np.empty(0)
        self._lock = Lock()
        self._buffers = local()
        self._level = next(level for level in _LEVELS if level.dtype is self.dtype)
        if on_cpu:
            self._rounded = torch.empty(len(x), _length(x.shape[1], self._level), dtype=self.dtype)
            self._error = np.concatenate(
                [_round_rows(torch.from_numpy(x[part]), self._rounded[part]) for part in spans(len(x), 8192)]
            )

    def assign(self, centroids: Floats) -> Numbers:
        """Return the number of the nearest of the centroids float32 [K, D], int64 [N]; K stays the same."""
        rise = self._take(np.ascontiguousarray(centroids, np.float32))
        with full_precision():
            if self._on_device is not None:
                self._assign_on_device(self._on_device)
                return self.label.copy()
            self._order = np.argsort(-rise, kind="stable")
            self._tables: dict[_Level, _Table] = {}
            blocks = self._plan(rise[self._order])
            self._widest = max((width for _, width in blocks), default=0)
            in_parallel(lambda block: self._screen(*block, self._level), blocks)
        return self.label.copy()

    def _take(self, centroids: Floats) -> Doubles:
        """Take new centroids, recompute the score of each row's own one; return the rise of each centroid."""
        half, moved = np.empty(len(centroids)), np.empty(len(centroids))
        first = len(self._centroids) == 0
        old = centroids if first else self._centroids
        in_parallel(
            lambda part: measure(centroids[part], old[part], half[part], moved[part]),
            spans(len(centroids), 2048),
        )
        # The factor and the last term cover rounding: `moved` and the halves are float64 sums.
        rise = (1 + 1e-6) * moved + ((half if first else self._half) - half) + 1e-12
        self._centroids, self._half = centroids.copy(), half
        if not first:
            stale = np.flatnonzero(moved[self.label] > 0)
            self.score[stale] = -np.inf
            in_parallel(self._rescore, [stale[part] for part in spans(stale.size, 8192)])
        return np.where(moved > 0, np.maximum(rise, 0), 0.0)

    def _rescore(self, rows: Numbers) -> None:
        """Recompute the scores of rows whose own centroid moved."""
        self._resolve(rows, (self.label[rows, None], np.ones(rows.size, np.int64), self._other[rows]))

    def _resolve(self, rows: Numbers, found: tuple[Numbers, Numbers, Doubles]) -> None:
        state = self.label, self.score, self._other
        resolve_candidates(rows, found, (self.x, self._centroids, self._half), state)

    def _plan(self, rise: Doubles) -> list[tuple[Numbers, int]]:
        """Return blocks of rows, and how many of the centroids, sorted by rise, each block needs.

        Centroids left out may have come nearer by at most the rise of the first of them, which is added to
        the row's bound.
        """
        width = rise.size - np.searchsorted(rise[::-1], self.score - self._other, side="left")
        # Four widths between powers of two: torch prepares every new shape, for some milliseconds.
        step = np.maximum(GROUP, 2 ** np.log2(np.maximum(width, 1)).astype(np.int64) // 4)
        width = np.minimum(-(-width // step) * step, rise.size)
        rows = np.argsort(-width, kind="stable")
        blocks = []
        for part in spans(int(np.count_nonzero(width)), self._block_rows(self._level, rise.size)):
            widest = int(width[rows[part.start]])
            width[rows[part]] = widest
            blocks.append((rows[part], widest))
        self.products += int(width.sum())
        left_out = np.append(rise, 0.0)[width]
        self._other = np.where(width == rise.size, -np.inf, self._other + left_out)
        return blocks

    def _block_rows(self, level: _Level, width: int) -> int:
        """Return how many rows a block has, so that the buffers of all threads together stay small."""
        size = torch.get_num_threads() * width * level.bits.itemsize
        return min(_BLOCK_ROWS, max(32, _BUFFER_BYTES // size // 32 * 32))

    def _screen(self, rows: Numbers, width: int, level: _Level) -> None:
        """Find the nearest of the first `width` centroids for some rows; ambiguous rows at the next level."""
        table = self._table(level)
        bits, error = self._products(rows, table.operand[: -(-width // _STEP) * _STEP], level)
        groups = -(-width // GROUP)
        word, value, shift = level.words
        scratch = np.zeros(1, word)
        last = level is _LEVELS[-1]
        most = width if last else min(width, _MANY_CANDIDATES)
        found = np.empty((rows.size, most), np.int64), np.empty(rows.size, np.int64), np.empty(rows.size)
        bounds = table.reach, table.spread, table.group_reach[:groups], table.group_spread[:groups]
        list_candidates(
            bits,
            (scratch, scratch.view(value)),
            (*bounds, self._order[:width]),
            (error, self.label[rows], self.score[rows]),
            (level.last_rounding, shift),
            found,
        )
        self._resolve(rows, found)
        ambiguous = rows[found[1] < 0]
        for part in spans(ambiguous.size, self._block_rows(_LEVELS[-1], 2 * width)):
            self._screen(ambiguous[part], width, _LEVELS[_LEVELS.index(level) + 1])

    def _products(self, rows: Numbers, operand: torch.Tensor, level: _Level) -> tuple[NDArray[Any], Doubles]:
        """Return the bits of the screened scores [n, W], and the rounding error of each row, [n]."""
        n = -(-rows.size // _STEP) * _STEP
        left = self._buffer("left", n * operand.shape[1], level).view(n, -1)
        if level is self._level:
            torch.index_select(self._rounded, 0, torch.from_numpy(rows), out=left[: rows.size])
            error = self._error[rows]
        else:
            error = _round_rows(torch.from_numpy(self.x[rows]), left[: rows.size])
        out = self._buffer("out", n * len(operand), level).view(n, -1)
        torch.mm(left, operand.T, out=out)
        return out[: rows.size].view(level.bits).numpy(), error

    def _buffer(self, name: str, size: int, level: _Level) -> torch.Tensor:
        """Return memory that this thread keeps: allocating it each time would cost more than the product."""
        key = f"{name}, {level.dtype}"
        if getattr(self._buffers, key, _NOTHING).numel() < size:
            setattr(self._buffers, key, torch.zeros(size, dtype=level.dtype))
        flat: torch.Tensor = getattr(self._buffers, key)
        return flat[:size]

    def _table(self, level: _Level) -> _Table:
        """Return the centroids that some row needs, in one type; the first thread makes the table."""
        with self._lock:
            if level not in self._tables:
                order = self._order[: self._widest]
                self._tables[level] = _table(self._centroids[order], self._half[order], level)
            return self._tables[level]

    def _assign_on_device(self, x: torch.Tensor) -> None:
        """Screen all products in float32 on a device; resolve candidates on the processor."""
        centroids = torch.from_numpy(self._centroids).to(x.device)
        half = torch.from_numpy(self._half).float().to(x.device)
        slack = 2.1 * ((x.shape[1] + 2) * 2.0**-23 + 2.0**-22) * (1 + float(half.max()))
        self.label[:], self.score[:], self._other[:] = -1, -np.inf, -np.inf
        for part in spans(len(x), max(1, _BUFFER_BYTES // 4 // len(centroids))):
            score = x[part] @ centroids.T - half
            near = score >= score.amax(dim=1, keepdim=True) - slack
            row, k = (found.cpu().numpy() for found in near.nonzero(as_tuple=True))
            count = np.bincount(row, minlength=len(near))
            candidates = np.zeros((count.size, count.max()), np.int64)
            candidates[row, np.arange(row.size) - np.repeat(np.cumsum(count) - count, count)] = k
            rows = np.arange(part.start, part.stop)
            self._resolve(rows, (candidates, count, np.full(rows.size, -np.inf)))
        self.products += x.shape[0] * len(centroids)


_NOTHING = torch.empty(0)


def _table(centroids: Floats, half: Doubles, level: _Level) -> _Table:
    """Round centroids to a floating-point type, -|c|^2 / 2 in three summands; bound the errors of scores."""
    exact = torch.from_numpy(centroids)
    dim = exact.shape[1]
    padded = torch.zeros(-(-len(exact) // _STEP) * _STEP, _length(dim, level), dtype=level.dtype)
    operand = padded[: len(exact)]
    operand[:, :dim] = exact
    rest = torch.from_numpy(-half)
    for extra in range(dim, dim + _EXTRA):
        operand[:, extra] = rest
        rest = rest - operand[:, extra].double()
    rounded = (exact - operand[:, :dim].to(exact.dtype)).norm(dim=1).double().numpy()
    norm = np.sqrt(2 * half)
    summing = (operand.shape[1] + 2) * level.sum_error * (_UNIT_NORM * (norm + rounded) + 1.02 * half)
    reach = 1.01 * norm
    spread = 1.01 * (_UNIT_NORM * rounded + summing + np.abs(rest.numpy())) + 1e-30
    starts = np.arange(0, len(exact), GROUP)
    largest = np.maximum.reduceat(reach, starts), np.maximum.reduceat(spread, starts)
    return _Table(padded, reach, spread, *largest)


def _length(dim: int, level: _Level) -> int:
    """Return the number of coordinates that rows of `dim` coordinates get, padding included."""
    multiple = _STEP if level.dtype is torch.bfloat16 else 4
    return -(-(dim + _EXTRA) // multiple) * multiple


def _round_rows(x: torch.Tensor, out: torch.Tensor) -> Doubles:
    """Write rows [n, D], and ones for |c|^2 / 2, to [n, D + extra]; return the rounding errors [n]."""
    dim = x.shape[1]
    out[:, :dim] = x
    out[:, dim : dim + _EXTRA] = 1
    out[:, dim + _EXTRA :] = 0
    error: Doubles = (x - out[:, :dim].to(x.dtype)).norm(dim=1).double().numpy()
    return 1.01 * error
