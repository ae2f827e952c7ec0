"""Thumbnails of items on a map, with borders in the colour of their class."""

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
"""Default longer side of a picture, inches."""
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
    """Draw pictures where they do not overlap, neither stretched nor clipped; return their number.

    A picture is centred on its item, or moved inwards at the frame.

    Parameters
    ----------
    axes
        Axes of equal scales, whose limits are set.
    points
        float64 [n, 2]: positions of the items.
    pictures
        uint8 [N, h, w] or [N, h, w, 3].
    item
        int64 [n]: row of the picture of each item.
    labels
        int64 [n]; None: all borders are grey.
    colors
        Label -> colour; borders of other labels have hues that differ much between neighbouring labels.
    side
        The longer one of a picture with its border, inches.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    limits = np.array([axes.get_xlim(), axes.get_ylim()])
    scale = float(np.ptp(limits[0])) / (axes.get_window_extent().width / figure.dpi)  # of data, an inch
    half = side * scale / 2 * _fractions(pictures.shape[1:3], _BORDER / side)
    at, kept = _placed(points, half, limits)
    known = np.zeros(0, np.int64) if labels is None else np.unique(labels)
    for place in kept.tolist():
        tint = (0.3, 0.3, 0.3) if labels is None else _tint(int(labels[place]), known, colors or {})
        (left, low), (right, high) = at[place] - half, at[place] + half
        axes.imshow(
            _bordered(pictures[item[place]], tint, _BORDER / side), zorder=4, gid="picture", aspect="auto",
            interpolation="nearest", extent=(left, right, low, high),
        )  # fmt: skip
    axes.set(xlim=limits[0], ylim=limits[1], aspect="equal")
    return int(kept.size)


def _edge(height: int, width: int, fraction: float) -> int:
    """Return the width of a border in pixels, given as a fraction of the longer side of the picture."""
    return max(1, round(fraction * max(height, width)))


def _fractions(shape: tuple[int, ...], fraction: float) -> NDArray[np.float64]:
    """Return width and height of pictures with borders as fractions of the longer one, float64 [2]."""
    height, width = shape
    size = np.array([width, height], np.float64) + 2 * _edge(height, width, fraction)
    return np.asarray(size / size.max(), np.float64)


def _placed(
    points: NDArray[np.float64], half: NDArray[np.float64], limits: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the centres of pictures that lie within the frame, and the items that are drawn.

    A picture whose item lies near the frame is moved inwards; an item outside the frame has none.
    """
    low, high = limits.min(axis=1), limits.max(axis=1)
    inside = np.flatnonzero(((points >= low) & (points <= high)).all(axis=1))
    if (high - low < 2 * half).any():
        return points, inside[:0]
    at = np.clip(points, low + half, high - half)
    return at, inside[_apart(at[inside], 2.1 * half)]


def _apart(points: NDArray[np.float64], distance: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return items, in random order, none nearer than `distance` [2] to another in both x and y."""
    kept: list[int] = []
    for place in np.random.default_rng(DRAW_SEED).permutation(len(points)).tolist():
        gaps = np.abs(points[kept] - points[place])
        if (gaps >= distance).any(axis=1).all():
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
    picture: NDArray[np.uint8], tint: tuple[float, float, float], fraction: float
) -> NDArray[np.uint8]:
    """Return a picture [h, w, 3] with a border in the colour of its class, a fraction of its side wide."""
    coloured = np.repeat(picture[..., None], 3, axis=2) if picture.ndim == 2 else picture
    height, width, _ = coloured.shape
    edge = _edge(height, width, fraction)
    framed = np.empty((height + 2 * edge, width + 2 * edge, 3), np.uint8)
    framed[:] = np.round(255 * np.asarray(tint)).astype(np.uint8)
    framed[edge:-edge, edge:-edge] = coloured
    return framed
