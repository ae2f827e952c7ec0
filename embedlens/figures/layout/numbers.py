"""Markers and epoch numbers along paths."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedlens.figures.layout.text import small_size
from embedlens.moments import count_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.transforms import Bbox
    from numpy.typing import NDArray

    from embedlens.analysis.triplets.trajectory import Path

_STRIDES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_MARKED_UP_TO = 25  # states; of longer paths every 2nd, 5th, 10th, ... is marked
_SQUARE = np.array([(-1, -1), (-1, 1), (1, 1), (1, -1), (-1, -1)])
_CIRCLE = np.stack([np.cos(np.arange(16) * np.pi / 8), np.sin(np.arange(16) * np.pi / 8)], axis=1)


def marked_states(path: Path) -> NDArray[np.int64]:
    """Return which states after the initial one are marked: up to 25 at round epochs, and the last."""
    states = np.arange(1, path.epoch.size)
    wide = [stride for stride in _STRIDES if states.size <= stride * _MARKED_UP_TO]
    round_ = path.epoch[states] % (wide or _STRIDES[-1:])[0] == 0
    return np.asarray(states[round_ | (states == states[-1])])


def number_epochs(axes: Axes, paths: Sequence[Path], colors: Mapping[str, str]) -> None:
    """Write epochs beside their markers where they overlap neither a path nor each other, the last first.

    Parameters
    ----------
    axes
        A triplet diagram with the paths on it, laid out at its final size.
    paths
        The paths, one per run.
    colors
        Colour of the numbers, by run.
    """
    to_pixels = axes.transData.transform
    point = axes.get_figure(root=True).dpi / 72  # type: ignore[union-attr]
    lines = [np.stack([path.s_ap, path.s_an], axis=1) for path in paths]
    low, high = axes.get_xlim()
    guides = [np.array([[low, low], [high, high]]), np.array([[0.96, 0.0], [1.0, 0.0]])]
    ends = [to_pixels(line[at]) + 3 * point * _CIRCLE for line in lines for at in (0, -1)]
    taken = np.concatenate([*(_filled(to_pixels(line), point) for line in [*lines, *guides]), *ends])
    inside = axes.get_window_extent().padded(-point)
    for path, line in zip(paths, lines, strict=True):
        marked = marked_states(path)
        for state in marked[_bisected(marked.size)].tolist():
            text = axes.text(
                0, 0, count_of(path.counted[state]), fontsize=small_size(),
                color=colors[path.run], ha="center", va="center", zorder=7, gid=f"epoch {path.run}",
            )  # fmt: skip
            text.set_in_layout(False)
            box = text.get_window_extent()
            half = np.array([box.width, box.height]) / 2
            away = (4.5 if state == path.epoch.size - 1 else 2.5) * point
            middle = _free_place(to_pixels(line[state]), half, away, taken=taken, inside=inside)
            if middle is None:
                text.remove()
                continue
            x, y = axes.transData.inverted().transform(middle)
            text.set_position((x, y))
            # The box, and one of twice its size around it, so that numbers stand apart.
            rings = [_filled(middle + grown * half * _SQUARE, point) for grown in (1, 2)]
            taken = np.concatenate([taken, *rings])


def _free_place(
    mark: NDArray[np.float64],
    half: NDArray[np.float64],
    away: float,
    *,
    taken: NDArray[np.float64],
    inside: Bbox,
) -> NDArray[np.float64] | None:
    """Return the middle of a free box of that half size beside a mark, in pixels, or None."""
    for angle in np.radians([0, 180, 90, 270, 45, 135, 225, 315]):
        direction = np.array([np.cos(angle), np.sin(angle)])
        middle = mark + direction * (half + away)
        fits = inside.x0 <= middle[0] - half[0] and middle[0] + half[0] <= inside.x1
        fits = fits and inside.y0 <= middle[1] - half[1] and middle[1] + half[1] <= inside.y1
        if fits and not (np.abs(taken - middle) < half + 1).all(axis=1).any():
            return np.asarray(middle)
    return None


def _filled(line: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    """Return points along a line of pixels, at most `step` apart."""
    parts = [line[-1:]]
    for start, end in zip(line[:-1], line[1:], strict=True):
        count = 1 + int(np.hypot(*(end - start)) / step)
        parts.append(start + (end - start) * np.arange(count)[:, None] / count)
    return np.concatenate(parts)


def _bisected(n: int) -> list[int]:
    """Return 0 to n - 1, the last first, then by repeated bisection of the gaps."""
    order, gaps = [n - 1], [(-1, n - 1)]
    while gaps:
        low, high = gaps.pop(0)
        if high - low > 1:
            middle = (low + high) // 2
            order.append(middle)
            gaps += [(low, middle), (middle, high)]
    return order
