"""Early stopping: training ends when a metric has not improved for a number of epochs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from embedlens.errors import unknown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


_LOWER = ("loss", "mean_similarity", "alignment", "uniformity", "opis", "_spread")


def stop_reason(log: Sequence[Mapping[str, float | None]], metric: str | None, patience: int) -> str | None:
    """Return why training ends here; None: it continues.

    Higher is better, except for columns whose name ends in loss, mean_similarity, alignment, uniformity, opis
    or spread. NaN and infinite values are never an improvement.

    Parameters
    ----------
    log
        The rows of the log, one per epoch, in order.
    metric
        The column to stop by; None: training never ends early.
    patience
        Number of epochs without improvement after which training ends.

    Raises
    ------
    InputError
        The log has no such column; losses have one from the first epoch of training on.
    """
    if metric is None or not log:
        return None
    known = {name for row in log for name, value in row.items() if value is not None} - {"epoch", "step"}
    trained = any((row.get("epoch") or 0) > 0 for row in log)
    if metric not in known and (trained or not metric.endswith("loss")):
        raise unknown(metric, "column of the log to stop by", sorted({"loss", *known}))
    sign = -1.0 if metric.endswith(_LOWER) else 1.0
    values = [
        (int(row.get("epoch") or 0), sign * value) for row in log if (value := row.get(metric)) is not None
    ]
    if not values:
        return None
    last = values[-1][0]
    finite = [pair for pair in values if math.isfinite(pair[1])]
    if not finite:
        waited = last - values[0][0] + 1
        shown = f"is NaN or infinite at all {len(values)} epochs"
    else:
        best, value = max(finite, key=lambda pair: (pair[1], -pair[0]))
        waited = last - best
        odd = sum(not math.isfinite(number) for epoch, number in values if epoch > best)
        shown = f"has been no better since epoch {best}, {sign * value:.4f}"
        shown += f" (NaN or infinite at {odd} of these epochs)" if odd else ""
    return None if waited < patience else f"epoch {last}: {metric} {shown}; training ends"
