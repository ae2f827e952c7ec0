"""A sheet of the worst losses: the pictures of the anchor, and of its nearest items on both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.patches import Rectangle

from embedlens.arguments import check_pictures
from embedlens.errors import InputError
from embedlens.figures.layout.canvas import Figure
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
COLORS = {"anchor": "#000000", "positive": "#009E73", "negative": "#D55E00"}
_PICTURE, _GAP, _BETWEEN = 0.52, 0.05, 0.13  # inches: a side, between two of one side, between the sides
_ABOVE, _BELOW, _HEAD, _APART = 0.15, 0.25, 0.38, 0.06  # inches: of a row; of the sheet; between rows
_BLOCK = 5 * _PICTURE + 2 * _GAP + 2 * _BETWEEN
_CLASS_LETTERS, _NAME_LETTERS, _TITLE_LETTERS = 10, 20, 60


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
    columns = min(_columns(inches), count)
    rows = -(-count // columns)
    head = _HEAD
    height = head + rows * (_ABOVE + _PICTURE + _BELOW + _APART)
    figure = Figure(figsize=(inches, height))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, inches), ylim=(height, 0), gid="sheet")
    axes.set_axis_off()
    apart = (inches - columns * _BLOCK) / columns
    axes.set_title(
        shorten(printable(title), _TITLE_LETTERS), loc="left", x=apart / 2 / inches, y=1 - 0.15 / height
    )
    _draw_key(axes, inches - apart / 2)
    for number in range(count):
        row, column = divmod(number, columns)
        left = apart / 2 + column * (_BLOCK + apart)
        if row == 0:
            _draw_head(axes, (left, head - 0.06), result.names)
        top = head + row * (_ABOVE + _PICTURE + _BELOW + _APART)
        _draw_block(axes, (left, top), result, number, (own, others), class_names or {})
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
    rows = int((max_height_of(venue) - _HEAD) / (_ABOVE + _PICTURE + _BELOW + _APART))
    return _columns(width_of(venue, width)) * rows


def _columns(inches: float) -> int:
    """Return how many blocks stand side by side."""
    return max(1, int(inches / (_BLOCK + _BETWEEN)))


def _starts() -> list[float]:
    """Return the left edges of the five pictures of a block."""
    step, pair = _PICTURE + _GAP, 2 * _PICTURE + _GAP + _BETWEEN
    second = _PICTURE + _BETWEEN
    return [0.0, second, second + step, second + pair, second + pair + step]


def _draw_head(axes: Axes, at: tuple[float, float], names: tuple[str, str]) -> None:
    """Write above a column of blocks which pictures are of which side."""
    starts, style = _starts(), {"fontsize": small_size(), "va": "bottom", "ha": "center"}
    axes.text(at[0] + _PICTURE / 2, at[1], "anchor", **style)  # type: ignore[arg-type]
    for first, name in zip((1, 3), names, strict=True):
        x = at[0] + starts[first]
        width = 2 * _PICTURE + _GAP
        text = shorten(printable(name), _NAME_LETTERS)
        axes.text(x + width / 2, at[1], text, parse_math=False, **style)  # type: ignore[arg-type]
        axes.plot([x, x + width], [at[1] + 0.02] * 2, color="0.4", linewidth=0.6)


def _draw_key(axes: Axes, right: float) -> None:
    """Write at the right of the first line what the colours of borders mean."""
    for kind, width in (("negative", 0.46), ("positive", 0.46)):
        axes.text(right, 0.1, kind, ha="right", va="center", fontsize=small_size(), gid=f"key {kind}")
        right -= width
        box = (right - 0.1, 0.06), 0.08, 0.08
        axes.add_patch(Rectangle(*box, fill=False, edgecolor=COLORS[kind], linewidth=1.2))
        right -= 0.22


def _draw_block(
    axes: Axes,
    at: tuple[float, float],
    result: Losses,
    number: int,
    pictures: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    class_names: Mapping[int, str],
) -> None:
    """Draw the pictures of one anchor."""
    own, others = pictures
    names = {label: shorten(printable(name), _CLASS_LETTERS) for label, name in class_names.items()}
    label, anchor = int(result.label[number]), int(result.anchor[number])
    ranks = " → ".join(f"{rank:,.4g}" for rank in result.rank[number].tolist())
    above = f"item {anchor:,}, rank of the nearest positive {ranks}"
    axes.text(at[0], at[1] + _ABOVE - 0.04, above, fontsize=small_size(), va="bottom", color="0.25")
    shown: list[tuple[str, NDArray[np.uint8], str, bool]] = [
        ("anchor", own[anchor], names.get(label, str(label)), False)
    ]
    for side in (0, 1):
        near = [
            ("positive", result.positive, result.s_ap, label),
            ("negative", result.negative, result.s_an, int(result.negative_label[number, side])),
        ]
        near.sort(key=lambda one: (-float(one[2][number, side]), one[0]))  # a tie: the negative is first
        for place, (kind, items, similarity, of) in enumerate(near):
            text = f"{names.get(of, str(of))}\n{similarity[number, side]:.3f}"
            shown.append((kind, others[items[number, side]], text, place == 0))
    for start, one in zip(_starts(), shown, strict=True):
        _draw_picture(axes, (at[0] + start, at[1] + _ABOVE), *one)


def _draw_picture(
    axes: Axes, at: tuple[float, float], kind: str, image: NDArray[np.uint8], text: str, nearest: bool
) -> None:
    """Draw one picture in its border, with its class and similarity below."""
    height, width = image.shape[:2]
    wide, high = _PICTURE * min(1, width / height), _PICTURE * min(1, height / width)
    left, top = at[0] + (_PICTURE - wide) / 2, at[1] + (_PICTURE - high) / 2
    axes.imshow(
        image, extent=(left, left + wide, top + high, top), cmap="gray", vmin=0, vmax=255, aspect="auto",
        interpolation="nearest", gid=f"picture {kind}",
    )  # fmt: skip
    border: dict[str, Any] = {"fill": False, "edgecolor": COLORS[kind], "clip_on": False}
    line = 1.8 if nearest else 0.8
    axes.add_patch(Rectangle((left, top), wide, high, linewidth=line, gid=f"border {kind}", **border))
    axes.text(
        at[0] + _PICTURE / 2, at[1] + _PICTURE + 0.03, text, ha="center", va="top", fontsize=small_size(),
        linespacing=1.05, parse_math=False, gid=f"caption {kind}",
    )  # fmt: skip
