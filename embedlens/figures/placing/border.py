"""Dots at the border of a triplet diagram: not under its frame, and not cut in half."""

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
_SMOOTH = 0.5  # points that a smoothed edge needs beside the dot


class _Places(Protocol):
    """Whatever has places on the diagram."""

    @property
    def s_ap(self) -> NDArray[np.float64]: ...

    @property
    def s_an(self) -> NDArray[np.float64]: ...


def upper_limit(parts: Iterable[_Places]) -> float:
    """Return the upper limit of both axes: 1, or 1.04 where the frame would cover much of a part.

    That is where both similarities of a tenth of its dots, or more, are above 0.99: a collapsed space.
    """
    for part in parts:
        if part.s_ap.size and np.mean((part.s_ap > _CORNER) & (part.s_an > _CORNER)) >= _CROWD:
            return ROOMY
    return HIGHEST


def draw_whole(axes: Axes, dots: PathCollection) -> None:
    """Let dots on the border of their axes be drawn whole.

    At the lower ends, where limits may leave dots out, only if these leave none out.

    Parameters
    ----------
    axes
        Axes with the limits that they keep.
    dots
        A scatter of one size.
    """
    offsets = np.asarray(dots.get_offsets(), dtype=np.float64)
    radius = float(np.sqrt(dots.get_sizes().max())) / 2 + _SMOOTH
    ends = axes.get_xlim()[0], axes.get_ylim()[0]
    low = [radius if (offsets[:, at] >= end).all() else 0.0 for at, end in enumerate(ends)]
    dots.set_clip_box(_Wider(axes, np.array([low, [radius, radius]])))
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
