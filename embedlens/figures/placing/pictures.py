"""Pictures of items on a map, bordered in the colour of their class, as many as there is room for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import hsv_to_rgb, to_rgb

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

DRAW_SEED = 0
_GOLDEN = 0.618034
SIDE = 0.2
"""Of a picture, usually, inches."""
_BORDER = 0.0167  # inches


def draw_pictures(
    axes: Axes,
    points: NDArray[np.float64],
    pictures: NDArray[np.uint8],
    *,
    item: NDArray[np.int64],
    labels: NDArray[np.int64] | None,
    colors: Mapping[int, str] | None = None,
    side: float = SIDE,
) -> int:
    """Draw pictures where they do not overlap; return how many.

    Parameters
    ----------
    axes
        Axes of equal scales, whose limits are set.
    points
        float64 [n, 2]: where the items stand.
    pictures
        uint8 [N, h, w] or [N, h, w, 3].
    item
        int64 [n]: which picture each item has.
    labels
        int64 [n]; None: all borders are grey.
    colors
        Label -> colour; borders of other labels have hues that are far apart for neighbouring labels.
    side
        Of a picture, inches.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    x, y = axes.get_xlim(), axes.get_ylim()
    half = side / (axes.get_window_extent().width / figure.dpi) * (x[1] - x[0]) / 2
    kept = _apart(points, 2.1 * half)
    known = np.zeros(0, np.int64) if labels is None else np.unique(labels)
    for place in kept.tolist():
        tint = (0.3, 0.3, 0.3) if labels is None else _tint(int(labels[place]), known, colors or {})
        across, up = points[place]
        axes.imshow(
            _bordered(pictures[item[place]], tint, _BORDER / side), zorder=4, gid="picture", aspect="auto",
            interpolation="nearest", extent=(across - half, across + half, up - half, up + half),
        )  # fmt: skip
    axes.set(xlim=x, ylim=y, aspect="equal")
    return int(kept.size)


def _apart(points: NDArray[np.float64], distance: float) -> NDArray[np.int64]:
    """Return items, in random order, none nearer than `distance` to another in both x and y."""
    kept: list[int] = []
    for place in np.random.default_rng(DRAW_SEED).permutation(len(points)).tolist():
        gaps = np.abs(points[kept] - points[place]).max(axis=1) if kept else np.zeros(0)
        if (gaps >= distance).all():
            kept.append(place)
    return np.array(kept, np.int64)


def _tint(label: int, known: NDArray[np.int64], colors: Mapping[int, str]) -> tuple[float, float, float]:
    """Return a colour for a class: its own, or a hue far from those of the labels beside it."""
    if label in colors:
        return to_rgb(colors[label])
    place = int(np.searchsorted(known, label))
    red, green, blue = hsv_to_rgb((place * _GOLDEN % 1.0, 0.85, 0.85)).tolist()
    return red, green, blue


def _bordered(
    picture: NDArray[np.uint8], tint: tuple[float, float, float], share: float
) -> NDArray[np.uint8]:
    """Return a picture [h, w, 3] with a border in the colour of its class, a share of its side wide."""
    coloured = np.repeat(picture[..., None], 3, axis=2) if picture.ndim == 2 else picture
    edge = max(1, round(share * max(coloured.shape[:2])))
    height, width, _ = coloured.shape
    framed = np.empty((height + 2 * edge, width + 2 * edge, 3), np.uint8)
    framed[:] = np.round(255 * np.asarray(tint)).astype(np.uint8)
    framed[edge:-edge, edge:-edge] = coloured
    return framed
