"""Dots at the border of a triplet diagram, drawn whole and above its frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from matplotlib.transforms import BboxBase

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from numpy.typing import NDArray

HIGHEST, ROOMY = 1.0, 1.04
"""Upper limit of both axes: the largest similarity, and where a crowd lies at (1, 1)."""

_CORNER, _CROWD = 0.99, 0.1
_SHOWN, _LARGE = 100, 18.0  # dots of a crowd that are drawn large, and their area, points squared
_NARROW = 0.02  # of the diagram's side: a crowd that is wider is seen as it is
_SMOOTH = 0.5  # points that a smoothed edge needs beside the dot
_ROUNDING = 1e-6  # of a similarity of 1


class _Places(Protocol):
    """Anything with S_ap and S_an: triplets, flows or fields."""

    @property
    def s_ap(self) -> NDArray[np.float64]: ...

    @property
    def s_an(self) -> NDArray[np.float64]: ...


def upper_limit(parts: Iterable[_Places]) -> float:
    """Return the upper limit of both axes: 1, or 1.04 where the frame would cover much of a part.

    It would where both similarities of a tenth of the dots or more are above 0.99: a collapsed space.
    """
    return ROOMY if any(crowd_of(part).size for part in parts) else HIGHEST


def crowd_of(part: _Places) -> NDArray[np.int64]:
    """Return which dots of a collapsed space lie at (1, 1); none of a space that is wide.

    Parameters
    ----------
    part
        Triplets, or anything else with S_ap and S_an.
    """
    crowd = (part.s_ap > _CORNER) & (part.s_an > _CORNER)
    if not part.s_ap.size or np.mean(crowd) < _CROWD:
        return np.zeros(0, np.int64)
    return np.flatnonzero(crowd)


def draw_crowd(axes: Axes, part: _Places, *, color: str, beneath: bool = False) -> None:
    """Draw the dots of a collapsed space at (1, 1) again, larger and above the diagonal.

    Small dots, or one bin, are hardly visible where most lie within a fiftieth of the diagram.

    Parameters
    ----------
    axes
        Axes with the limits that they keep.
    part
        Triplets, or anything else with S_ap and S_an.
    color
        Colour of the dots.
    beneath
        Whether dots of another state are drawn above them; they are larger then, and visible around those.
    """
    size = 2 * _LARGE if beneath else _LARGE
    drawn = axes.scatter(
        [], [], s=size, c=color, edgecolors="white", linewidths=0.4, zorder=5.5, gid="crowd"
    )  # over the arrows of a flow, which are as short there
    update_crowd(drawn, part)
    draw_whole(axes, drawn)


def update_crowd(drawn: PathCollection, part: _Places) -> None:
    """Show the dots of another state at (1, 1), if it has collapsed.

    Parameters
    ----------
    drawn
        Dots from `draw_crowd`.
    part
        Triplets, or anything else with S_ap and S_an.
    """
    crowd = crowd_of(part)
    places = np.column_stack([part.s_ap[crowd], part.s_an[crowd]])
    assert drawn.axes is not None
    low, high = drawn.axes.get_xlim()
    most = np.quantile(places, [0.05, 0.95], axis=0) if crowd.size else np.zeros((2, 2))
    if np.ptp(most, axis=0).max() > _NARROW * (high - low):
        places = places[:0]
    drawn.set_offsets(places[:_SHOWN])


def draw_whole(axes: Axes, dots: PathCollection) -> None:
    """Do not clip dots at the border of their axes, at ends where the limits contain all dots.

    Without any clipping, dots outside the limits would be drawn beside the panel.

    Parameters
    ----------
    axes
        Axes with the limits that they keep.
    dots
        A scatter of one size.
    """
    offsets = np.asarray(dots.get_offsets(), dtype=np.float64)
    radius = float(np.sqrt(dots.get_sizes().max())) / 2 + _SMOOTH
    limits = np.array([axes.get_xlim(), axes.get_ylim()]).T
    within = (offsets >= limits[0]).all(axis=0), (offsets <= limits[1] + _ROUNDING).all(axis=0)
    dots.set_clip_box(_Wider(axes, np.where(within, radius, 0.0)))
    dots.set_in_layout(False)  # as dots that their axes cut off are


class _Wider(BboxBase):
    """The box of axes, in pixels, wider by some points on each side; it follows the axes."""

    def __init__(self, axes: Axes, points: NDArray[np.float64]) -> None:
        super().__init__()
        self._axes = axes
        self._points_wider = points * [[-1.0], [1.0]]

    def get_points(self) -> NDArray[np.float64]:
        """Return the lower left and the upper right corner, [2, 2]."""
        figure: Any = self._axes.get_figure(root=True)
        found: NDArray[np.float64] = self._axes.bbox.get_points() + self._points_wider * figure.dpi / 72
        return found
