"""Overlap of boxes with lines, dots, areas, bars and images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.cbook import STEP_LOOKUP_MAP
from matplotlib.collections import PathCollection, QuadMesh
from matplotlib.path import Path
from matplotlib.transforms import Bbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from numpy.typing import NDArray

_DECORATION = ("orthogonal", "zero", "diagonal", "ideal")  # gids of lines that are no data


def covers(axes: Axes, box: Bbox) -> bool:
    """Return whether anything that the axes draw of the data lies in a box.

    Lines across the whole axes (`axhline`, `axvline`, the grid) are no data.

    Parameters
    ----------
    axes
        The axes, after the layout.
    box
        In pixels of the figure.
    """
    inside = Bbox.intersection(box, axes.get_window_extent())  # None where they are apart
    return inside is not None and any(_touched(axes, inside))


def _touched(axes: Axes, box: Bbox) -> Iterator[bool]:
    """Yield, for each artist that draws data, whether some of it lies in a box."""
    for line in axes.lines:
        if _is_data(axes, line):
            yield _line_touches(axes, line, box)
    for part in axes.collections:
        if not _is_data(axes, part):
            continue
        if isinstance(part, PathCollection):
            places = part.get_offset_transform().transform(np.asarray(part.get_offsets(), np.float64))
            sizes = part.get_sizes()
            yield _any_inside(places, box, _radius(axes, float(np.sqrt(sizes.max())) if sizes.size else 0.0))
        elif isinstance(part, QuadMesh):
            yield _mesh_touches(part, box)
        else:
            transform, filled = part.get_transform(), bool(len(part.get_facecolor()))
            yield any(_path_touches(transform.transform_path(path), box, filled) for path in part.get_paths())
    for patch in axes.patches:
        if _is_data(axes, patch):
            drawn = patch.get_transform().transform_path(patch.get_path())
            yield _path_touches(drawn, box, bool(patch.get_fill()))
    for image in axes.images:
        yield image.get_visible() and image.get_window_extent().overlaps(box)


def _is_data(axes: Axes, artist: Artist) -> bool:
    """Return whether an artist is visible and stands in data coordinates of both axes."""
    if not artist.get_visible() or artist.get_gid() in _DECORATION:
        return False
    part: Any = artist
    transform = part.get_transform()
    if isinstance(artist, PathCollection):
        transform = artist.get_offset_transform()
    return all(transform.contains_branch_seperately(axes.transData))


def _radius(axes: Axes, points: float) -> float:
    """Return half a width of dots, in pixels."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    return points / 2 * figure.dpi / 72


def _line_touches(axes: Axes, line: Line2D, box: Bbox) -> bool:
    """Return whether a line, or a marker of it, lies in a box."""
    places = np.column_stack([np.asarray(part, np.float64) for part in line.get_data(orig=False)])
    if not len(places):
        return False
    if line.get_marker() not in ("", "None", "none", None) and _any_inside(
        line.get_transform().transform(places), box, _radius(axes, line.get_markersize())
    ):
        return True
    if line.get_linestyle() in ("None", "none", " ", ""):
        return False
    style = line.get_drawstyle()
    if style != "default":
        places = np.column_stack(STEP_LOOKUP_MAP[style](*places.T))
    return _path_touches(line.get_transform().transform_path(Path(places)), box, False)


def _any_inside(places: NDArray[np.float64], box: Bbox, radius: float) -> bool:
    """Return whether any place, in pixels [n, 2], lies within a distance of a box."""
    places = np.ma.filled(np.ma.masked_invalid(places), np.inf)
    return bool(((places >= box.p0 - radius) & (places <= box.p1 + radius)).all(axis=1).any())


def _mesh_touches(mesh: QuadMesh, box: Bbox) -> bool:
    """Return whether a cell that has a colour lies in a box."""
    corners = mesh.get_transform().transform(np.asarray(mesh.get_coordinates()).reshape(-1, 2))
    corners = corners.reshape(np.asarray(mesh.get_coordinates()).shape)
    first, last = corners[:-1, :-1], corners[1:, 1:]
    low, high = np.minimum(first, last), np.maximum(first, last)
    hit = ((low <= box.p1) & (high >= box.p0)).all(axis=-1)
    values = mesh.get_array()
    assert values is not None
    return bool((hit & ~np.ma.getmaskarray(np.ma.asarray(values)).reshape(hit.shape)).any())


def _path_touches(path: Path, box: Bbox, filled: bool) -> bool:  # noqa: FBT001
    return bool(np.size(path.vertices) and path.intersects_bbox(box, filled=filled))
