"""The figures of scores by code."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from embedlens_cli.commands.evaluate.score_options import metrics_word
from embedlens_cli.common.report import Report, headings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from embedlens.analysis.compression import Compression
    from embedlens.measurements.compression import SnapshotCompression
    from embedlens_cli.common.snapshots import Selected

_MOST = 12  # panels of a figure of full width
_NARROW = 4  # and of one as wide as a column


def save(report: Report, group: Mapping[Selected, SnapshotCompression]) -> None:
    """Write the curves of one split; many scores are drawn in several figures."""
    title, names = headings(group)
    metrics = list(next(iter(group.values())).scores.scores)
    every = report.style.size(len(group) * len(metrics))
    step = max(1, (_MOST if every["width"] == "full" else _NARROW) // len(group))
    for start in range(0, len(metrics), step):
        shown = metrics[start : start + step]
        results = {one: replace(result, scores=_part(result.scores, shown)) for one, result in group.items()}
        words = [metrics_word(",".join(shown))] if len(metrics) > step else []
        _save(report, results, names=names, title=title, words=words)


def _part(scores: Compression, metrics: list[str]) -> Compression:
    return replace(scores, scores={name: scores.scores[name] for name in metrics})


def _save(
    report: Report,
    group: Mapping[Selected, SnapshotCompression],
    *,
    names: list[str],
    title: str,
    words: list[str],
) -> None:
    """Write one figure."""
    from embedlens.analysis.compression.kinds import CODES, FITTED
    from embedlens.captions import compression as captions
    from embedlens.figures.compression import figure
    from embedlens.figures.experiments.curves import metric_label

    results = {name: one.scores for name, one in zip(names, group.values(), strict=True)}
    scores = next(iter(results.values()))
    drawn = figure(results, **report.style.size(len(results) * len(scores.scores)), title=title)
    table = [{**one.facts, "fit": result.fit, **result.scores.columns()} for one, result in group.items()]
    codes = [code for code in CODES if any(one.points(code).size for one in results.values())]
    caption = captions.compression(
        codes,
        [metric_label(metric) for metric in scores.scores],
        list(dict.fromkeys(result.fit for result in group.values())) if FITTED & set(codes) else [],
        bits=scores.bits,
        candidates=scores.candidates,
    )
    panels = [{**one.facts, **result.facts} for one, result in group.items()]
    counts = [(panel["shown"], panel["of"]) for panel in panels]
    report.add(
        drawn, table, list(group), facts={"panels": panels, "metrics": list(scores.scores)},
        caption=caption, counts=counts, words=words,
    )  # fmt: skip
