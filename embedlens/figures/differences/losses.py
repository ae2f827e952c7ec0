"""A sheet of the worst losses: the pictures of the anchor, and of its nearest items on both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.patches import Rectangle

from embedlens.arguments import check_pictures
from embedlens.errors import InputError
from embedlens.figures.layout.canvas import Figure
from embedlens.figures.layout.item_pictures import BORDERS
from embedlens.figures.layout.text import printable, shorten, small_size
from embedlens.figures.style import max_height_of, width_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray

    from embedlens.analysis.differences.losses import Losses

MOST = 8
"""Losses that are drawn by default, where as many fit."""
_PICTURE, _GAP, _BETWEEN = 0.52, 0.05, 0.13  # inches: at most, between two of one side, between the sides
_NARROW, _MARGIN = 4.5, 0.1  # inches: below the one, blocks stand in one column; beside a block
_ABOVE, _BELOW, _HEAD, _APART = 0.15, 0.25, 0.38, 0.06  # inches: of a row; of the sheet; between rows
_CLASS_LETTERS, _NAME_LETTERS, _LETTERS_PER_INCH = 8, 18, 15
_KEY = 0.43  # inches of a word of the key


def figure(
    result: Losses,
    pictures: ArrayLike,
    *,
    gallery: ArrayLike | None = None,
    class_names: Mapping[int, str] | None = None,
    venue: str = "cvpr",
    width: str = "full",
    title: str = "",
) -> Figure:
    """Draw one block per anchor: its picture, and its nearest positive and negative on both sides.

    The nearer of the two comes first, with a thicker border. Below stand the class and the similarity to the
    anchor, above the class of the anchor, its row and the rank of its nearest positive on both sides.

    Parameters
    ----------
    result
        The losses.
    pictures
        uint8 [N, h, w] or [N, h, w, 3]: pictures of the items.
    gallery
        Pictures of the items that are searched; by default `pictures`.
    class_names
        Label -> name.
    venue, width
        Where the figure is to be printed, see `embedlens.figures.style`.
    title
        Heading of the figure.

    Raises
    ------
    InputError
        No loss, more than fit a page, or fewer pictures than items.
    """
    own = check_pictures(pictures, "pictures")
    others = own if gallery is None else check_pictures(gallery, "pictures of the gallery")
    count, inches = result.anchor.size, width_of(venue, width)
    check_count(count, venue, width)
    _check_rows(result, own, others)
    size = _size_of_picture(inches)
    columns, row_height = min(_columns(inches), count), _ABOVE + size + _BELOW + _APART
    block = 5 * size + 2 * _GAP + 2 * _BETWEEN
    height = _HEAD + -(-count // columns) * row_height
    figure = Figure(figsize=(inches, height))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, inches), ylim=(height, 0), gid="sheet")
    axes.set_axis_off()
    apart = (inches - columns * block) / columns
    heading = shorten(printable(title), int(_LETTERS_PER_INCH * (inches - apart - 3 * _KEY)))
    axes.set_title(heading, loc="left", x=apart / 2 / inches, y=1 - 0.17 / height)
    _draw_key(axes, inches - apart / 2)
    for number in range(count):
        row, column = divmod(number, columns)
        left = apart / 2 + column * (block + apart)
        if row == 0:
            _draw_head(axes, (left, _HEAD - 0.06), result.names, size=size)
        place = left, _HEAD + row * row_height
        _draw_block(axes, place, _shown(result, number, (own, others), class_names or {}), size=size)
        ranks = " → ".join(f"{rank:,.4g}" for rank in result.rank[number].tolist())
        above = f"item {result.anchor[number]:,}, rank of the nearest positive {ranks}"
        axes.text(left, place[1] + _ABOVE - 0.04, above, fontsize=small_size(), va="bottom", color="0.25")
    axes.set(xlim=(0, inches), ylim=(height, 0), aspect="auto")
    return figure


def check_count(count: int, venue: str, width: str) -> None:
    """Refuse more losses than fit a page.

    Parameters
    ----------
    count
        How many.
    venue, width
        Where the figure is to be printed.

    Raises
    ------
    InputError
        None, or too many.
    """
    most = most_of_page(venue, width)
    if not 1 <= count <= most:
        message = f"{count} losses requested; 1 to {most} fit a figure of width {width!r} for {venue!r}"
        raise InputError(message)


def _check_rows(result: Losses, own: NDArray[np.uint8], others: NDArray[np.uint8]) -> None:
    """Refuse fewer pictures than there are items."""
    for rows, pictures in ((result.anchor, own), (result.positive, others), (result.negative, others)):
        if (last := int(rows.max())) >= len(pictures):
            message = (
                f"the losses name item {last}, but there are {len(pictures)} pictures; give one per item"
            )
            raise InputError(message)


def most_of_page(venue: str, width: str) -> int:
    """Return how many losses fit a figure of that width on the page of a venue."""
    inches = width_of(venue, width)
    height = _ABOVE + _size_of_picture(inches) + _BELOW + _APART
    return _columns(inches) * int((max_height_of(venue) - _HEAD) / height)


def _columns(inches: float) -> int:
    """Return how many blocks stand side by side."""
    return 1 if inches < _NARROW else 2


def _size_of_picture(inches: float) -> float:
    """Return the side of a picture, so that the blocks fit the width."""
    return min(_PICTURE, (inches / _columns(inches) - _MARGIN - 2 * _GAP - 2 * _BETWEEN) / 5)


def _starts(size: float) -> list[float]:
    """Return the left edges of the five pictures of a block."""
    second, step, pair = size + _BETWEEN, size + _GAP, 2 * size + _GAP + _BETWEEN
    return [0.0, second, second + step, second + pair, second + pair + step]


def _draw_head(axes: Axes, at: tuple[float, float], names: tuple[str, str], *, size: float) -> None:
    """Write above a column of blocks which pictures are of which side."""
    starts, width = _starts(size), 2 * size + _GAP
    style: dict[str, Any] = {"fontsize": small_size(), "va": "bottom", "ha": "center", "parse_math": False}
    axes.text(at[0] + size / 2, at[1], "anchor", **style)
    for first, name in zip((1, 3), names, strict=True):
        x = at[0] + starts[first]
        axes.text(x + width / 2, at[1], shorten(printable(name), _NAME_LETTERS), gid="side", **style)
        axes.plot([x, x + width], [at[1] + 0.02] * 2, color="0.4", linewidth=0.6)


def _draw_key(axes: Axes, right: float) -> None:
    """Write at the right of the first line what the colours of borders mean."""
    for kind in ("negative", "positive"):
        axes.text(right, 0.1, kind, ha="right", va="center", fontsize=small_size(), gid=f"key {kind}")
        right -= _KEY
        axes.add_patch(Rectangle((right - 0.1, 0.06), 0.08, 0.08, fill=False, edgecolor=BORDERS[kind]))
        right -= 0.2


def _shown(
    result: Losses,
    number: int,
    pictures: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    class_names: Mapping[int, str],
) -> list[tuple[str, NDArray[np.uint8], str, bool]]:
    """Return the pictures of one anchor: kind, picture, what stands below, whether it is the nearest."""
    own, others = pictures

    def named(label: int) -> str:
        return shorten(printable(class_names.get(label, str(label))), _CLASS_LETTERS)

    label, found = int(result.label[number]), []
    for side in (0, 1):
        s_ap, s_an = float(result.s_ap[number, side]), float(result.s_an[number, side])
        positive, negative = result.positive[number, side], result.negative[number, side]
        other = int(result.negative_label[number, side])
        near = [
            ("positive", others[positive], f"{named(label)}\n{s_ap:.3f}", s_ap > s_an),
            ("negative", others[negative], f"{named(other)}\n{s_an:.3f}", s_ap <= s_an),
        ]
        found += sorted(near, key=lambda one: not one[3])
    return [("anchor", own[result.anchor[number]], named(label), False), *found]


def _draw_block(
    axes: Axes,
    at: tuple[float, float],
    shown: list[tuple[str, NDArray[np.uint8], str, bool]],
    *,
    size: float,
) -> None:
    """Draw the pictures of one anchor in their borders, with class and similarity below."""
    for start, (kind, image, text, nearest) in zip(_starts(size), shown, strict=True):
        height, width = image.shape[:2]
        wide, high = size * min(1, width / height), size * min(1, height / width)
        left, top = at[0] + start + (size - wide) / 2, at[1] + _ABOVE + (size - high) / 2
        axes.imshow(
            image, extent=(left, left + wide, top + high, top), cmap="gray", vmin=0, vmax=255, aspect="auto",
            interpolation="nearest", gid=f"picture {kind}",
        )  # fmt: skip
        border: dict[str, Any] = {"fill": False, "edgecolor": BORDERS[kind], "clip_on": False}
        line = 1.8 if nearest else 0.8
        axes.add_patch(Rectangle((left, top), wide, high, linewidth=line, gid=f"border {kind}", **border))
        axes.text(
            at[0] + start + size / 2, at[1] + _ABOVE + size + 0.03, text, ha="center", va="top",
            fontsize=small_size(), linespacing=1.05, parse_math=False, gid=f"caption {kind}",
        )  # fmt: skip
