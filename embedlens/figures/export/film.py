"""Frames of animated triplet scatters, drawn on one canvas on request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

import numpy as np
from matplotlib.collections import PathCollection
from matplotlib.text import Text

from embedlens.figures.export.animation import canvas_of
from embedlens.figures.export.letters import QuickRenderer
from embedlens.figures.export.stamp import learn_stamp, stamp_dots, without_alpha
from embedlens.figures.layout.corners import free_corners
from embedlens.figures.triplets.density import DOTS_ZORDER
from embedlens.figures.triplets.nearest import Scale, numbers_text, scale_of
from embedlens.figures.triplets.panels import axes_of, titles_of, update_figure
from embedlens.figures.triplets.panels import figure as scatter_figure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from embedlens.figures.layout.canvas import Figure
    from embedlens.figures.triplets.panels import ScatterPanel


class Film(Sequence["NDArray[np.uint8]"]):
    """Frames of an animation of triplet scatters, each uint8 [h, w, 3], drawn on request.

    The figure is laid out once, and artists that do not move are drawn once; frames differ only in dots,
    contours and text. A frame equals `animation.render` of `panels.figure` pixel for pixel. One is in memory
    at a time.

    Parameters
    ----------
    frames
        Epoch -> its panels, as `embedlens.figures.triplets.panels.frames_of` gives them.
    venue, width
        Size and type, see `embedlens.figures.style`.
    scale
        Limits and colours of all frames; by default those that all frames need.
    note
        Further text of the heading.
    finish
        Function that changes the figure before the layout, for example removes its title.

    Attributes
    ----------
    scale
        Limits and colours of all frames.
    """

    def __init__(
        self,
        frames: Mapping[int, Sequence[ScatterPanel]],
        *,
        venue: str = "cvpr",
        width: str = "full",
        scale: Scale | None = None,
        note: str = "",
        finish: Callable[[Figure], None] | None = None,
    ) -> None:
        self._frames = list(frames.values())
        self.scale = scale or scale_of(panel.triplets for panels in self._frames for panel in panels)
        self._note = note
        # room for the heading is needed where one frame has one
        fullest = min(self._frames, key=_by_length)
        figure = scatter_figure(fullest, venue=venue, width=width, scale=self.scale, note=note)
        self._figure = figure
        self._canvas = canvas_of(figure)
        if finish is not None:
            finish(figure)
        figure.draw_without_rendering()
        free_corners(figure, self._states())
        self._canvas = canvas_of(figure)  # of another height, where the statistics stand above the panels
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        self._dots = [
            part
            for axes in figure.axes
            for part in axes.get_children()
            if part.get_gid() == "dots" and isinstance(part, PathCollection)
        ]
        self._stamps = {id(part): learn_stamp(part, figure.dpi) for part in self._dots}
        self._titles_move = len({tuple(titles_of(panels)) for panels in self._frames}) > 1
        self._background = self._draw_background()
        self._renderer = QuickRenderer(*figure.bbox.size, figure.dpi)

    def _states(self) -> Iterator[list[tuple[Axes, str, NDArray[np.float64]]]]:
        """Yield the statistics of each frame, and the positions of its dots."""
        for panels in self._frames:
            yield [
                (
                    axes,
                    numbers_text(panel.triplets, axes.get_xlim()),
                    np.column_stack([panel.triplets.s_ap, panel.triplets.s_an]),
                )
                for axes, panel in axes_of(self._figure, panels)
            ]

    def __len__(self) -> int:
        return len(self._frames)

    @overload
    def __getitem__(self, number: int) -> NDArray[np.uint8]: ...

    @overload
    def __getitem__(self, number: slice) -> list[NDArray[np.uint8]]: ...

    def __getitem__(self, number: int | slice) -> NDArray[np.uint8] | list[NDArray[np.uint8]]:
        """Draw one frame, or several."""
        if isinstance(number, slice):
            return [self[place] for place in range(*number.indices(len(self)))]
        update_figure(self._figure, self._frames[number], scale=self.scale, note=self._note)
        picture = np.asarray(self._renderer.buffer_rgba())  # type: ignore[no-untyped-call]
        picture[:] = self._background
        for part in self._moving():
            stamp = self._stamps.get(id(part))
            if stamp is not None and isinstance(part, PathCollection):
                stamp_dots(picture, part, stamp)
            else:
                part.draw(self._renderer)
        return without_alpha(picture)

    def _draw_background(self) -> NDArray[np.uint8]:
        """Draw all artists below the moving ones."""
        above = [part for part in self._moving() if part.get_visible()]
        for part in above:
            part.set_visible(False)
        self._canvas.draw()  # type: ignore[no-untyped-call]
        for part in above:
            part.set_visible(True)
        background = np.asarray(self._canvas.buffer_rgba()).copy()  # type: ignore[no-untyped-call]
        if self._titles_move:
            self._figure.draw_without_rendering()  # titles that were hidden find their height
        return background

    def _moving(self) -> list[Artist]:
        """Return the dots, all artists above them in drawing order, and texts that change."""
        parts: list[Artist] = []
        for axes in self._figure.axes:
            children = axes.get_children()
            if any(part.get_gid() in ("dots", "histogram") for part in children):
                numbers = set(axes.texts)
                above = [part for part in children if part.get_zorder() >= DOTS_ZORDER]
                parts += sorted(
                    (
                        part
                        for part in above
                        if self._titles_move or part in numbers or not isinstance(part, Text)
                    ),
                    key=lambda part: part.get_zorder(),
                )
        return [*parts, *self._figure.texts]


def _by_length(panels: Sequence[ScatterPanel]) -> tuple[int, int]:
    """Order frames by what their heading and titles need: the longest first."""
    return len({panel.epoch for panel in panels}), -max(len(title) for title in titles_of(panels))
