"""Reports: one offline page in which a user finds the triplets that explain a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.lazy import attached

if TYPE_CHECKING:
    from embedlens.report.data import (
        Dataset,
        Items,
        MapSeries,
        PaperFigure,
        ReportData,
        RunFacts,
        TripletSeries,
    )
    from embedlens.report.header import ThumbnailOptions
    from embedlens.report.inline import InlineReport, build, show
    from embedlens.report.page_text import build_page
    from embedlens.report.sources import Extent, gather

__all__ = [
    "Dataset", "Extent", "InlineReport", "Items", "MapSeries", "PaperFigure", "ReportData", "RunFacts",
    "ThumbnailOptions", "TripletSeries", "build", "build_page", "gather", "show",
]  # fmt: skip

__getattr__, __dir__ = attached(
    __name__, __all__,
    {
        "page_text": ["build_page"], "inline": ["InlineReport", "build", "show"],
        "sources": ["Extent", "gather"], "header": ["ThumbnailOptions"],
        "data": ["Dataset", "Items", "MapSeries", "PaperFigure", "ReportData", "RunFacts", "TripletSeries"],
    },
)  # fmt: skip
