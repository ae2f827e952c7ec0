"""Metrics over training as the data of a figure, as numbers by name, and as a table of last values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embedlens_cli.common import console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedlens.analysis.experiments.curves import Band, Curve
    from embedlens.artifacts import Table
    from embedlens.experiments.run_metrics import RunMetrics
    from embedlens.figures.experiments.curves import CurvePanel


def table(lines: Sequence[Curve], panels: Sequence[CurvePanel], sources: Sequence[RunMetrics]) -> Table:
    """Return one row per run, metric and epoch; mean and deviation of the run's group stand beside it."""
    import numpy as np

    bands = _bands(panels)
    computed = {
        (source.label, metric): set(of) for source in sources for metric, of in source.computed.items()
    }
    blocks: Table = []
    for line in lines:
        columns = line.columns()
        own = computed.get((line.name, line.metric), set())
        origin = np.array(["computed" if epoch in own else "log" for epoch in columns["epoch"].tolist()])
        block = {"run": line.name, "metric": line.metric, **columns, "source": origin}
        for band in bands:
            if band.metric == line.metric and line.name in band.runs:
                group = band.columns()
                at = {epoch: row for row, epoch in enumerate(group["epoch"].tolist())}
                rows = [at.get(epoch) for epoch in columns["epoch"].tolist()]
                block["group"] = band.name
                for name in ("x", "mean", "deviation"):
                    cells = ["" if row is None else group[name][row].item() for row in rows]
                    block[f"group_{name}"] = np.array(cells, dtype=object)
        blocks.append(block)
    return blocks


def _bands(panels: Sequence[CurvePanel]) -> list[Band]:
    from embedlens.analysis.experiments.curves import Band

    return [curve for panel in panels for curve in panel.curves if isinstance(curve, Band)]


def summary(lines: Sequence[Curve], panels: Sequence[CurvePanel]) -> dict[str, Any]:
    """Return the values: run -> metric -> epoch, x and values; a group also has its runs and deviations."""
    from embedlens.analysis.experiments.curves import Band

    drawn: list[Curve | Band] = [*lines, *_bands(panels)]
    numbers: dict[str, Any] = {}
    for curve in drawn:
        values = {name: column.tolist() for name, column in curve.columns().items()}
        values["values"] = values.pop("mean" if isinstance(curve, Band) else "value")
        if isinstance(curve, Band):
            values["runs"] = list(curve.runs)
        if curve.not_finite.size:
            values["not_finite"] = curve.not_finite.tolist()
        numbers.setdefault(curve.name, {})[curve.metric] = values
    return numbers


def print_summary(panels: Sequence[CurvePanel]) -> None:
    """Print the last value of every curve: one row per run or group, one column per metric."""
    from embedlens.analysis.experiments.curves import Band

    cells: dict[str, dict[str, str]] = {}
    for panel in panels:
        for curve in panel.curves:
            if isinstance(curve, Band):
                text = "{:.4f} ± {:.4f}".format(*curve.final)
                row = cells.setdefault(f"{curve.name} ({len(curve.runs)} seeds)", {})
            else:
                text, row = f"{curve.final:.4f}", cells.setdefault(curve.name, {})
            row[curve.metric] = text
            row["epoch"] = str(max(int(row.get("epoch", 0)), int(curve.epoch[-1])))
    columns = dict.fromkeys(curve.metric for panel in panels for curve in panel.curves)
    names = ["epoch", *columns]
    console.print_table(
        ("run, last values", *names),
        [(name, *(row.get(column, "-") for column in names)) for name, row in cells.items()],
    )
