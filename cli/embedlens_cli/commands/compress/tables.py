"""The table of scores by code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.moments import short_name_of
from embedlens_cli.common import console
from embedlens_cli.common.score_tables import title

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from embedlens.measurements.compression import SnapshotCompression
    from embedlens_cli.common.snapshots import Selected


def print_missing(results: Iterable[SnapshotCompression]) -> None:
    """Print which codes could not be computed, and why."""
    found = [(code, why) for result in results for code, why in result.scores.missing.items()]
    for code, why in dict.fromkeys(found):
        console.print_message(f"{code} is left out: {why}")


def print_table(measured: Mapping[Selected, SnapshotCompression]) -> None:
    """Print the scores of every code, the bytes of an item, and how many times smaller it is."""
    rows, metrics = [], list(next(iter(measured.values())).scores.scores)
    for one, result in measured.items():
        scores = result.scores
        for at, code in enumerate(scores.codes):
            number, size = int(scores.bytes[at]), int(scores.sizes[at])
            name = f"{code} {size}" if code in ("dims", "pca") else str(code)
            name = f"pq {size}x{scores.bits}" if code == "pq" else name
            cells = [console.cell(float(scores.scores[metric][at]), ".4f") for metric in metrics]
            times = f"{scores.bytes[0] / number:.3g}x"
            place = (f"{one.label}, {one.split}", short_name_of(one.epoch), result.fit, f"{scores.n:,}")
            rows.append((*place, name, f"{number:,}", times, *cells))
    columns = ("run, split", "epoch", "fit", "n", "code", "bytes", "smaller", *map(title, metrics))
    console.print_table(columns, rows)
    counts = [result.scores.n_candidates for result in measured.values()]
    rescored = [count for count in counts if count == count]  # NaN where nothing was rescored
    if rescored:
        mean = sum(rescored) / len(rescored)
        least = next(iter(measured.values())).scores.candidates
        console.print_line(
            f"rescored: the {least:,} nearest binary codes of each query and those that tie with the last, "
            f"mean {mean:,.1f}"
        )
