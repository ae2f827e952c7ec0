"""The header of the page: what each block of data is, as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.moments import Moment
from embedlens.report.encoding import LARGEST_ERROR, MISSING, STEP, Blocks, encode_triplets
from embedlens.report.sprites import add_thumbnails
from embedlens.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from embedlens.report.data import Dataset, Items, MapSeries, ReportData, TripletSeries

VERSION = 1
"""Of the header; a page reads its own only."""
_MAP_CODES = 65_535


@dataclass(frozen=True, slots=True)
class ThumbnailOptions:
    """How many thumbnails of a split the page holds at most, and their largest side in pixels."""

    count: int = 20_000
    size: int = 48


def header_of(data: ReportData, blocks: Blocks, thumbnails: ThumbnailOptions) -> dict[str, Any]:
    """Add the arrays of a report to the blocks; return the header, which can be written as JSON."""
    return {
        "version": VERSION,
        "embedlens": __version__,
        "title": data.title,
        "command": data.command,
        "messages": list(data.messages),
        "similarity": {"step": STEP, "missing": MISSING, "largest_error": LARGEST_ERROR},
        "runs": [
            {
                "name": run.name,
                "color": run.color,
                "method": {name: _text(value) for name, value in run.method.items()},
                "log": _log(run.log),
            }
            for run in data.runs
        ],
        "datasets": [_dataset(one, blocks, thumbnails) for one in data.datasets],
        "figures": [
            {"title": one.title, "name": one.name, "svg": blocks.text(one.svg), "csv": blocks.text(one.csv)}
            for one in data.figures
        ],
    }


def _text(value: object) -> str:
    return value if isinstance(value, str) else repr(value)


def _log(rows: Sequence[Any]) -> dict[str, list[Any]]:
    """Return the log by column; NaN and infinity are None, which JSON can say."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return {name: [_number(row.get(name)) for row in rows] for name in names}


def _number(value: float | None) -> float | None:
    return value if value is not None and np.isfinite(value) else None


def _dataset(data: Dataset, blocks: Blocks, thumbnails: ThumbnailOptions) -> dict[str, Any]:
    partners = data.gallery or data.items
    labels = np.unique(np.concatenate([data.items.labels, partners.labels]))
    names = {**partners.class_names, **data.items.class_names}
    texts = {**partners.label_texts, **data.items.label_texts}
    return {
        "split": data.items.split,
        "gallery": None if data.gallery is None else data.gallery.split,
        "items": int(data.items.labels.size),
        "rows": blocks.array(data.rows.astype(np.int32), delta=True),
        "classes": blocks.text(
            [[texts.get(label, str(label)), names.get(label, f"class {label}")] for label in labels.tolist()]
        ),
        "class_of": blocks.array(np.searchsorted(labels, data.items.labels).astype(np.int32)),
        "gallery_class_of": None
        if data.gallery is None
        else blocks.array(np.searchsorted(labels, data.gallery.labels).astype(np.int32)),
        "columns": {
            name: blocks.text([texts[row] for row in data.rows.tolist()])
            for name, texts in data.items.columns.items()
        },
        "thumbnails": _thumbnails(data.items, data.rows, blocks, thumbnails),
        "gallery_thumbnails": None
        if data.gallery is None
        else _thumbnails(data.gallery, np.empty(0, np.int64), blocks, thumbnails),
        "series": [_series(one, blocks) for one in data.series],
    }


def _thumbnails(
    items: Items, first: NDArray[np.int64], blocks: Blocks, options: ThumbnailOptions
) -> dict[str, Any] | None:
    """Add thumbnails of the rows shown, then of the others, as many as there is room for."""
    if items.thumbnails is None or not options.count:
        return None
    others = np.setdiff1d(np.arange(items.labels.size), first)
    rows = np.concatenate([first, others])[: options.count]
    return add_thumbnails(blocks, items.thumbnails, np.sort(rows), size=options.size)


def _series(series: TripletSeries, blocks: Blocks) -> dict[str, Any]:
    s_ap, s_an = encode_triplets(series.s_ap, series.s_an)
    return {
        "run": series.run,
        "epochs": [int(epoch) for epoch in series.epochs],
        **_steps(series.epochs),
        "s_ap": blocks.array(s_ap),
        "s_an": blocks.array(s_an),
        "positive": blocks.array(series.positive, delta=True),
        "negative": blocks.array(series.negative, delta=True),
        "summaries": [dict(summary) for summary in series.summaries],
        "map": None if series.maps is None else _map(series.maps, blocks),
    }


def _steps(epochs: Sequence[int]) -> dict[str, list[Any] | None]:
    """Return steps and trained epochs of a run that counts steps; None for another."""
    moments = [epoch for epoch in epochs if isinstance(epoch, Moment)]
    if len(moments) < len(epochs):
        return {"steps": None, "trained": None}
    return {"steps": [one.step for one in moments], "trained": [one.trained for one in moments]}


def _map(maps: MapSeries, blocks: Blocks) -> dict[str, Any]:
    """Add maps, all epochs in one square, each coordinate as uint16."""
    low, high = maps.xy.min(axis=(0, 1)), maps.xy.max(axis=(0, 1))
    side = max(float((high - low).max()), np.finfo(np.float64).tiny)
    scaled = (maps.xy - (low + high - side) / 2) / side
    return {
        "rows": blocks.array(maps.rows.astype(np.int32)),
        "epochs": [int(epoch) for epoch in maps.epochs],
        "xy": blocks.array(np.rint(np.clip(scaled, 0, 1) * _MAP_CODES).astype(np.uint16)),
    }
