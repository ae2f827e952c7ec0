"""Axis limits of triplet diagrams, and insets that enlarge dense regions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedlens.errors import InputError
from embedlens.figures.layout.text import small_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

EMPTY = 0.8
"""Fraction of a panel outside the square around its dots from which on that square is enlarged."""
_MARGIN, _ROUND = 0.05, 0.01
_ONE_PLACE, _LARGE = 0.05, 12.0  # of an inset's side; the area of a dot, points squared
_SMALL, _LABELS = 1.6, 0.24  # inches: a small panel; what the numbers beside an inset take of its side
_SIDE = 0.4  # of the panel's side
_CORNERS = ((0.12, 0.12), (0.35, 0.12), (0.12, 0.3), (0.35, 0.3))  # below the text, beside the ideal point


def choose_limits(word: str, places: Sequence[NDArray[np.float64]]) -> tuple[float, float] | None:
    """Return the limits of both axes from an option; None for the full range.

    Parameters
    ----------
    word
        "full"; "data": the square around all dots; or "LO,HI".
    places
        Coordinates of dots, float64 [n] each.

    Raises
    ------
    InputError
        Another word, or limits that are not ascending within -1 and 1.
    """
    if word == "full":
        return None
    if word == "data":
        low, high = min(float(one.min()) for one in places), max(float(one.max()) for one in places)
        margin = _MARGIN * (high - low) or _ROUND
        low, high = np.floor((low - margin) / _ROUND) * _ROUND, np.ceil((high + margin) / _ROUND) * _ROUND
        # dots of a collapsed space would lie under the corner of the frame
        top = 1.0 + _ROUND if low >= 1.0 - 2 * _ROUND else 1.0
        return round(max(-1.0, float(low)), 2), round(min(top, float(high)), 2)
    try:
        low, high = (float(part) for part in word.split(","))
    except ValueError:
        low, high = 1.0, -1.0
    if not -1 <= low < high <= 1:
        message = f"--limits {word!r}; choose data, full, or LO,HI with -1 <= LO < HI <= 1, e.g. 0.5,1"
        raise InputError(message)
    return low, high


def open_inset(
    axes: Axes, dots: NDArray[np.float64], *, along: NDArray[np.float64] | None = None
) -> Axes | None:
    """Add an inset for the square around the dots if that square fills less than 20 % of the panel.

    Parameters
    ----------
    axes
        A triplet diagram with its limits.
    dots
        float64 [n, 2].
    along
        Positions that the inset must not hide either, float64 [m, 2], within the square.

    Returns
    -------
    Axes or None
        The inset with its diagonal; None if the dots fill the panel or leave no room for it.
    """
    corner = inset_corner(axes, dots, along=along)
    if corner is None:
        return None
    low, high = axes.get_xlim()
    least, most, side = _square(axes, dots)
    small = _is_small(axes)
    inset = axes.inset_axes((*corner, _SIDE, _SIDE), gid="inset")
    middle = np.clip((least + most) / 2, low + side / 2, high - side / 2)
    inset.set(
        xlim=(middle[0] - side / 2, middle[0] + side / 2), ylim=(middle[1] - side / 2, middle[1] + side / 2)
    )
    inset.plot([low, high], [low, high], color="0.35", linewidth=0.6, scalex=False, scaley=False)
    inset.locator_params(nbins=1 if small else 3, min_n_ticks=1 if small else 2)
    inset.tick_params(labelsize=small_size(), pad=1)
    axes.indicate_inset_zoom(inset, edgecolor="0.4", linewidth=0.5)
    return inset


def inset_corner(
    axes: Axes, dots: NDArray[np.float64], *, along: NDArray[np.float64] | None = None
) -> tuple[float, float] | None:
    """Return the corner of an inset in axes coordinates; None if there is no use or no room for one.

    Parameters
    ----------
    axes, dots, along
        As for `open_inset`.
    """
    low, high = axes.get_xlim()
    if not len(dots) or (_square(axes, dots)[2] / (high - low)) ** 2 > 1 - EMPTY:
        return None
    places = ((dots if along is None else np.concatenate([dots, along])) - low) / (high - low)
    small = _is_small(axes)
    for left, bottom in _CORNERS:
        corner = (max(left, _LABELS) if small else left, bottom)  # the numbers beside an inset have one size
        inside = (places > np.array(corner) - 0.1) & (places < np.array(corner) + _SIDE + 0.02)
        if not inside.all(axis=1).any():
            return corner
    return None


def _is_small(axes: Axes) -> bool:
    return bool(axes.get_window_extent().width / axes.figure.dpi < _SMALL)


def _square(axes: Axes, dots: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return the lower left and the upper right of the dots, and the side of the square around them."""
    low, high = axes.get_xlim()
    least, most = dots.min(axis=0), dots.max(axis=0)
    return least, most, max(1.1 * float((most - least).max()), 0.02 * (high - low))


def draw_inset(axes: Axes, dots: NDArray[np.float64], *, color: str) -> Axes | None:
    """Enlarge the square around the dots in an inset if it fills less than 20 % of the panel.

    Parameters
    ----------
    axes
        A triplet diagram with its limits.
    dots
        float64 [n, 2].
    color
        Colour of the dots.

    Returns
    -------
    Axes or None
        The inset; None if the dots fill the panel or leave no room for it.
    """
    inset = open_inset(axes, dots)
    if inset is not None:
        inset.scatter(
            dots[:, 0], dots[:, 1], s=_size(inset, dots), c=color, alpha=0.6,
            linewidths=0, rasterized=len(dots) > 5_000, zorder=3, gid="inset dots",
        )  # fmt: skip
    return inset


def _size(inset: Axes, dots: NDArray[np.float64]) -> float:
    """Return the area of dots in an inset, points squared: large where nearly all lie at one place."""
    low, high = inset.get_xlim()
    most = np.quantile(dots, [0.05, 0.95], axis=0)
    if np.ptp(most, axis=0).max() < _ONE_PLACE * (high - low):
        return _LARGE
    return float(np.clip(2000 / len(dots), 0.8, 6))


def limits_of_one_shape(
    boxes: Sequence[tuple[tuple[float, float], tuple[float, float]]],
) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Return limits of one shape, each around those given, so that panels side by side are of one size."""
    spans = np.array([[x[1] - x[0], y[1] - y[0]] for x, y in boxes])
    shape = float(np.exp(np.log(spans[:, 1] / spans[:, 0]).mean()))
    wide = np.maximum(spans[:, 0], spans[:, 1] / shape)
    found = []
    for (x, y), (across, up), width in zip(boxes, spans.tolist(), wide.tolist(), strict=True):
        more_x, more_y = (width - across) / 2, (width * shape - up) / 2
        found.append(((x[0] - more_x, x[1] + more_x), (y[0] - more_y, y[1] + more_y)))
    return found
