"""Reports of runs in one call: as HTML, and inline in a notebook."""

from __future__ import annotations

import html
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embedlens.measurements.reader import Reader
from embedlens.measurements.selected import Selected
from embedlens.report.page_text import build_page
from embedlens.report.sources import Extent, gather
from embedlens.selection import choose_splits, run_labels
from embedlens.store import Run, open_run

if TYPE_CHECKING:
    from embedlens.report.header import ThumbnailOptions

RunLike = Run | str | os.PathLike[str]


def build(
    runs: RunLike | Sequence[RunLike],
    *,
    splits: Sequence[str] = (),
    epochs: Sequence[int] | None = None,
    extent: Extent | None = None,
    thumbnails: ThumbnailOptions | None = None,
    device: str = "cpu",
) -> str:
    """Return the report of some runs as one HTML page, which needs no server and no network.

    Parameters
    ----------
    runs
        A run or several: opened, or the path of the directory.
    splits
        Names of splits; none: all that the runs share.
    epochs
        Epochs of every run, negative ones from the end; None: all.
    extent
        What is shown of all there is: a sample of the items, t-SNE maps, paper figures.
    thumbnails
        How many thumbnails the page holds, and how large.
    device
        Of the engine: "cpu" or "cuda".

    Raises
    ------
    InputError
        A run, split or epoch that is not there, or a snapshot without any triplet.
    """
    given = runs if isinstance(runs, Sequence) and not isinstance(runs, str) else [runs]
    opened = [(run if isinstance(run, Run) else open_run(run)).pinned() for run in given]
    reader = Reader()
    places = [
        Selected(label, run, split, epoch, reader)
        for label, run in zip(run_labels(opened), opened, strict=True)
        for split in choose_splits(opened, list(splits))
        for epoch in (run.epochs() if epochs is None else [run.resolve_epoch(epoch) for epoch in epochs])
    ]
    return build_page(gather(places, extent, device=device), thumbnails)


def show(
    runs: RunLike | Sequence[RunLike],
    *,
    height: int = 900,
    splits: Sequence[str] = (),
    extent: Extent | None = None,
    device: str = "cpu",
) -> InlineReport:
    """Return the report of some runs as an object that a notebook shows inline.

    Parameters
    ----------
    runs, splits, extent, device
        As for `build`.
    height
        Height of the frame in pixels; its width is that of the cell.
    """
    return InlineReport(build(runs, splits=splits, extent=extent, device=device), height)


@dataclass(frozen=True, slots=True)
class InlineReport:
    """A page in a frame of its own, which cannot reach the notebook around it.

    Attributes
    ----------
    page
        HTML.
    height
        In pixels.
    """

    page: str
    height: int = 900

    def __repr__(self) -> str:
        """Return the kind and the size of the page."""
        return f"InlineReport({len(self.page) / 1e6:.1f} MB)"

    def _repr_html_(self) -> str:
        """Return the frame; IPython calls this."""
        return (
            f'<iframe srcdoc="{html.escape(self.page)}" title="embedlens report" '
            f'sandbox="allow-scripts allow-downloads" '
            f'style="width: 100%; height: {self.height}px; border: 0"></iframe>'
        )
