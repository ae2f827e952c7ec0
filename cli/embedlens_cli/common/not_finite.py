"""Warnings for values of a log that are NaN or infinite."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedlens.experiments.run_metrics import RunMetrics

_MOST = 10  # epochs in a message


def in_log(source: RunMetrics, metric: str, *, drawn: bool) -> list[str]:
    """Return the warning for one metric of a run: how many epochs have no finite value, and what is drawn."""
    odd = source.not_finite.get(metric, [])
    if not odd:
        return []
    missing = source.undefined(metric)
    of = len(odd) + len(source.log.get(metric, {}))
    if not missing:
        what = "computed from the snapshots instead"
    elif drawn:
        what = "the line is broken there"
    else:
        what = "nothing is drawn of it"
    shown = missing or odd
    return [
        f"run {source.label}: {metric} is NaN or infinite at {len(shown):,} of {of:,} epochs "
        f"({_listed(shown)}); {what}"
    ]


def _listed(epochs: Sequence[int]) -> str:
    text = ", ".join(map(str, epochs[:_MOST]))
    return text if len(epochs) <= _MOST else f"{text}, ... {epochs[-1]}"
