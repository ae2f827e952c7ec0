"""t-SNE maps of the epochs of a run, of the items that stay."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from embedlens.analysis.projection.maps import Step, tsne, tsne_series

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from embedlens.measurements.reader import Kept
    from embedlens.measurements.selected import Selected


def map_epochs(places: Sequence[Selected], kept: Kept, *, series: bool, **options: Any) -> Iterator[Step]:
    """Yield the map of each epoch of a split, whose items are numbered as recorded.

    Parameters
    ----------
    places
        The snapshots, by epoch.
    kept
        The items that stay; `rows` among the options number these.
    series
        Whether each map starts from the one before; otherwise all start anew.
    **options
        Those of `analysis.projection.maps.tsne`.
    """
    labels = kept.of(places[0].run.labels(places[0].split))
    snapshots = (kept.of(one.snapshot.embeddings) for one in places)
    if series:
        steps: Iterator[Step] = iter(tsne_series(snapshots, labels, **options))
    else:
        steps = (Step(tsne(one, labels, **options), "cold", 0.0, 0.0) for one in snapshots)
    for step in steps:
        placed = replace(step.projection, item=kept.row(step.projection.item))
        yield replace(step, projection=placed)
