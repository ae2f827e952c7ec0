"""Pictures of anchor, positive and negative beside or above a panel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.colors import Normalize
from matplotlib.image import BboxImage
from matplotlib.patches import Rectangle
from matplotlib.transforms import Bbox, TransformedBbox

from embedlens.figures.layout.text import printable, shorten, small_size
from embedlens.results import Result

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

BESIDE, ABOVE = 0.2, 0.27
"""Size of a picture beside and above a panel, of the side of the panel."""


_CAPTION = 0.28  # inches below a thumbnail, for two lines


_CLASS_LETTERS = 9


BORDERS = {"anchor": "#000000", "positive": "#009E73", "negative": "#D55E00"}
"""Colour of the border of a picture, by what the item is."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Thumbnail(Result):
    """The picture of one item: uint8 [h, w] or [h, w, 3], and the name of its class (empty: not known)."""

    image: NDArray[np.uint8]
    class_name: str = ""


def draw_thumbnails(axes: Axes, thumbnails: Sequence[Thumbnail], *, side: float, beside: bool) -> float:
    """Draw the pictures outside the axes, beside or above them, bordered and named; return where they end."""
    size, caption = (BESIDE if beside else ABOVE), _CAPTION / side
    for number, (kind, thumbnail) in enumerate(zip(BORDERS, thumbnails, strict=False)):
        left, bottom = number * (1 - size) / 2, 1 + caption
        if beside:
            left, bottom = 1.05, 1 - size - number * (1 - size - caption) / 2
        height, width = thumbnail.image.shape[:2]
        wide, high = size * min(1, width / height), size * min(1, height / width)
        box = Bbox.from_bounds(left + (size - wide) / 2, bottom, wide, high)
        picture = BboxImage(
            TransformedBbox(box, axes.transAxes), data=thumbnail.image, cmap="gray", norm=Normalize(0, 255),
            interpolation="nearest", clip_on=False, gid=f"thumbnail {kind}",
        )  # fmt: skip
        border = Rectangle(
            box.p0, wide, high, transform=axes.transAxes, fill=False, edgecolor=BORDERS[kind], linewidth=1.2,
            clip_on=False, gid=f"border {kind}",
        )  # fmt: skip
        axes.add_artist(picture)
        axes.add_artist(border)
        name = shorten(printable(thumbnail.class_name), _CLASS_LETTERS)
        axes.text(
            left + size / 2, bottom - 0.03 / side, f"{kind}\n{name}" if name else kind,
            transform=axes.transAxes, ha="center", va="top", fontsize=small_size(), linespacing=1.1,
            parse_math=False, gid=f"caption {kind}",
        )  # fmt: skip
    return 1.0 if beside or not thumbnails else 1 + caption + size
