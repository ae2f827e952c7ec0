"""Figures and axes without pyplot and global state, which notebooks display."""

from __future__ import annotations

import io
from typing import Any

import matplotlib as mpl
from matplotlib import axes as mpl_axes
from matplotlib import figure as mpl_figure
from matplotlib.layout_engine import ConstrainedLayoutEngine, PlaceHolderLayoutEngine

from embedlens.figures.layout.clearing import clear_data
from embedlens.figures.layout.corners import find_layout, free_corners
from embedlens.figures.layout.fitting import fit_changed, fit_texts, names_of

_NOTEBOOK_DPI = 144


class Axes(mpl_axes.Axes):
    """Axes whose representation in a notebook is the picture of their figure."""

    def _repr_png_(self) -> bytes | None:
        """Return the picture of the whole figure; IPython calls this."""
        figure = self.get_figure(root=True)
        return figure._repr_png_() if isinstance(figure, Figure) else None


class Figure(mpl_figure.Figure):
    """A figure that notebooks display, and whose long names are fitted when it is saved.

    IPython displays figures of pyplot; these are made without it, so it would print their class and size.
    Axes made by `add_subplot` and `subplots` are `Axes` above.
    """

    tallest: float | None = None
    """How high it may become for statistics above its panels, inches; None: it keeps its height."""
    _arranged_for: tuple[float, ...] = ()
    _keeps_layout = False

    def add_subplot(self, *args: Any, **kwargs: Any) -> mpl_axes.Axes:
        """Add axes, of the class above unless another is named (see matplotlib)."""
        if not {"projection", "polar", "axes_class"} & kwargs.keys():
            kwargs["axes_class"] = Axes
        made: mpl_axes.Axes = super().add_subplot(*args, **kwargs)
        return made

    def draw(self, renderer: Any) -> None:
        """Draw the figure; names that are too long are fitted before the layout.

        Called whenever a figure is drawn: for a file, a frame of an animation, or its layout alone.
        """
        self.fit()
        super().draw(renderer)

    def savefig(self, fname: Any, **kwargs: Any) -> None:
        """Save the figure; names that are too long for their place are wrapped or shortened first.

        Statistics and legends inside axes move where they cover no data. All formats show the same layout,
        which is found once, until the figure changes.
        """
        dpi = kwargs.get("dpi")
        if isinstance(dpi, (int, float)):
            self.set_dpi(dpi)  # which the sizes of letters depend on a little, and the layout on these
        else:
            dpi = mpl.rcParams["savefig.dpi"]
        saved_as = (self.dpi if dpi == "figure" else float(dpi), *self.get_size_inches().tolist())
        if self.stale or self._arranged_for != saved_as:
            self._arrange(saved_as)
        engine = self.get_layout_engine()
        self._keeps_layout = isinstance(engine, ConstrainedLayoutEngine)
        try:
            super().savefig(fname, **kwargs)
        finally:
            self._keeps_layout = False
            if engine is not None:
                self.set_layout_engine(engine)  # matplotlib restores what `get_layout_engine` returned
        self.stale = False  # colours and size of letters are restored: it is as it was drawn

    def get_layout_engine(self) -> Any:
        """Return the layout engine; none while a figure is saved, whose layout has been found."""
        return None if self._keeps_layout else super().get_layout_engine()

    def _arrange(self, saved_as: tuple[float, ...]) -> None:
        """Fit names, move what covers data, and find the layout for a resolution; the size follows it."""
        self.fit()  # first, since the place of the statistics is found by a layout
        free_corners(self)
        self.fit()
        clear_data(self)
        self._arranged_for = (saved_as[0], *self.get_size_inches().tolist())  # statistics may heighten it
        engine, dpi = self.get_layout_engine(), self.dpi
        if isinstance(engine, ConstrainedLayoutEngine):
            self.dpi = self._arranged_for[0]
            find_layout(self)
            self.dpi = dpi

    def fit(self) -> None:
        """Wrap or shorten names that are too long for their place, before the figure is drawn.

        Names are fitted once, until they change, so that all formats of a figure show the same. Without a
        layout engine, as in an animation, only names that have changed are fitted.
        """
        names, before = names_of(self), getattr(self, "_fitted", None)
        if names == before:
            return
        engine = self.get_layout_engine()
        stays = engine is None or isinstance(engine, PlaceHolderLayoutEngine)
        self._fitted: tuple[str, ...] | None = names  # a layout that draws must not fit again
        if stays and before is not None and len(before) == len(names):
            fit_changed(self, before)
        else:
            fit_texts(self)
        self._fitted = names_of(self)

    def _repr_png_(self) -> bytes:
        """Return the picture as PNG; IPython calls this."""
        drawn = io.BytesIO()
        self.savefig(drawn, format="png", dpi=_NOTEBOOK_DPI)
        return drawn.getvalue()
