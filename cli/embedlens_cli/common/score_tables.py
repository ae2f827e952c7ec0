"""Tables of scores: for a terminal, for a paper (LaTeX, booktabs), for a spreadsheet (CSV)."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from embedlens.errors import listed
from embedlens.experiments.score_rows import COUNTS, ScoreRow, best
from embedlens.moments import name_of, short_name_of
from embedlens.text import escaped, for_latex

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_TITLES = {
    "r_precision": "RP", "map_at_r": "MAP@R", "map_at_5": "MAP@5", "knn_accuracy": "kNN", "nmi": "NMI",
    "f1": "F1", "ami": "AMI", "effective_rank": "eff. rank", "nc1": "NC1",
    "nc2_norms": "NC2 norms", "nc2_angles": "NC2 angles", "nc2_max_angles": "NC2 max angles",
    "lidar": "LiDAR", "intrinsic_dim_twonn": "TwoNN", "intrinsic_dim_mle": "MLE dim", "opis": "OPIS",
}  # fmt: skip
_LATEX_TITLES = {
    "f1": "F$_1$", "pi_intra": r"$\pi_\mathrm{intra}$", "pi_inter": r"$\pi_\mathrm{inter}$",
    "pi_ratio": r"$\pi_\mathrm{ratio}$", "rho": r"$\rho$", "alpha": r"$\alpha$",
}  # fmt: skip
_UNDEFINED = {
    "all class means are one point": ("nc1", "nc2_norms", "nc2_angles", "nc2_max_angles", "lidar"),
    "fewer than two directions of the range of --alpha-range are in use": ("alpha",),
    "fewer than 3 items are distinct, or all are equally far apart": (
        "intrinsic_dim_twonn", "intrinsic_dim_mle",
    ),
    "fewer than two classes have a positive, or impostor pairs are too few or all near": (
        "opis", "threshold_spread", "far_spread", "tar_spread",
    ),
}  # fmt: skip
"""Why a score is NaN -> the scores."""
_FRACTIONS = re.compile(r"recall_at_\d+|r_precision|map_at_r|map_at_5|knn_accuracy|nmi|f1|ami")
_TURNED = 6


def missing(means: Iterable[ScoreRow]) -> list[str]:
    """Say which means leave out runs without a finite value, a line for each row."""
    lines = []
    for row in means:
        parts = [f"{title(metric)} in {n} of {of}" for metric, (n, of) in row.missing.items()]
        if parts:
            lines.append(
                f"{row.run}, {row.split}, epoch {row.epoch}: NaN or infinite, and in no mean: {listed(parts)}"
            )
    return lines


def plain(
    rows: Sequence[ScoreRow], *, width: int | None, per_cent: bool = False
) -> tuple[list[str], list[list[str]]]:
    """Return the heading and the cells of the table; turned where it is too wide for the terminal.

    With `per_cent` scores from 0 to 1 are in per cent, to one decimal place.
    """
    kept = _places(rows)
    metrics = _metrics(rows)
    number = _per_cent if per_cent else _number
    cells = [
        [*(_place(row, name) for name in kept), *(number(row, metric) for metric in metrics)] for row in rows
    ]
    heading = [*kept, *(title(metric) for metric in metrics)]
    columns = list(zip(heading, *cells, strict=True))
    widest = sum(max(map(len, column)) + 1 for column in columns)
    if width is None or widest <= width or len(rows) > _TURNED:
        return heading, cells
    return list(columns[0]), [list(column) for column in columns[1:]]


def notes(rows: Sequence[ScoreRow]) -> list[str]:
    """Return the notes below the table: constant split and epoch, items of the mean MAP@5, reasons of NaN."""
    kept = _places(rows)
    shared = [] if "split" in kept else [f"split {rows[0].split}"]
    shared += [] if "epoch" in kept else [name_of(rows[0].epoch)]
    lines = [", ".join(shared)] if shared else []
    if any("n_new" in row.values and "map_at_5" in row.values for row in rows):
        lines.append("MAP@5 is the mean over n + n new queries, the other scores are of the n queries alone")
    for reason, metrics in _UNDEFINED.items():
        odd = [title(name) for name in metrics if any(math.isnan(row.values.get(name, 0.0)) for row in rows)]
        lines += [f"{listed(odd)}: NaN where {reason}"] if odd else []
    return lines


def latex(rows: Sequence[ScoreRow]) -> str:
    """Return the table for a paper: fractions in per cent, the best of several runs bold; needs booktabs."""
    repeated = any(row.seeds or row.spread for row in rows)
    kept = [name for name in _places(rows) if name != "n"]
    metrics = [metric for metric in _metrics(rows) if metric not in COUNTS]
    bold = {metric: best(rows, metric, digits=3) for metric in metrics if _FRACTIONS.fullmatch(metric)}
    lines = [rf"\begin{{tabular}}{{{'l' * len(kept)}{'r' * len(metrics)}}}", r"\toprule"]
    lines.append(
        " & ".join([*kept, *(_LATEX_TITLES.get(metric, title(metric)) for metric in metrics)]) + r" \\"
    )
    lines.append(r"\midrule")
    for row in rows:
        cells = [for_latex(_place(row, name)) for name in kept]
        cells += [_latex_number(row, metric, bold=row in bold.get(metric, ())) for metric in metrics]
        lines.append(" & ".join(cells) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}"]
    comments = ["% needs \\usepackage{booktabs}", *(escaped(f"% {line}") for line in notes(rows))]
    if any(_FRACTIONS.fullmatch(metric) for metric in metrics):
        comments.append(f"% {', '.join(title(m) for m in metrics if _FRACTIONS.fullmatch(m))}: per cent")
    if repeated:
        comments.append("% +-: standard deviation over the runs of a mean, or over seeds of k-means")
    comments += dict.fromkeys(
        escaped(f"% {row.run}: mean of {listed(row.members)}") for row in rows if row.seeds
    )
    return "\n".join([*comments, *lines])


def title(metric: str) -> str:
    """Return the heading of a metric."""
    if metric.startswith("recall_at_"):
        return f"R@{metric.removeprefix('recall_at_')}"
    return _TITLES.get(metric, metric.replace("_", " "))


def _places(rows: Sequence[ScoreRow]) -> list[str]:
    """Return what distinguishes the rows: run, split, epoch."""
    several = [name for name in ("run", "split", "epoch") if len({getattr(row, name) for row in rows}) > 1]
    sliced = any(row.part for row in rows) and "run" not in several
    return ["run", *several] if sliced or not several else several


def _place(row: ScoreRow, name: str) -> str:
    text = short_name_of(row.epoch) if name == "epoch" else str(getattr(row, name))
    if name != "run":
        return text
    text += f" [{row.part}]" if row.part else ""
    return f"{text} (mean of {row.seeds} seeds)" if row.seeds else text


def _metrics(rows: Sequence[ScoreRow]) -> list[str]:
    """Return the metrics of all rows, the loss first, counts last, without what stands beside its mean."""
    names = dict.fromkeys(metric for row in rows for metric in row.values)
    names = dict.fromkeys(sorted(names, key=lambda name: (name != "loss", name in COUNTS)))
    return [name for name in names if not (name.endswith("_std") and name.removesuffix("_std") in names)]


def _spread(row: ScoreRow, metric: str) -> float | None:
    """Return the standard deviation over seeds of runs or, of a single run, over seeds of k-means."""
    return row.spread.get(metric, row.values.get(f"{metric}_std"))


def _number(row: ScoreRow, metric: str) -> str:
    value = row.values.get(metric)
    if value is None:
        return ""
    if metric in COUNTS:
        return f"{value:,.0f}"
    spread = _spread(row, metric)
    deviation = "" if spread is None or math.isnan(spread) else f" ± {spread:.4f}"
    return f"{value:.4f}{deviation}{_of(row, metric)}"


def _per_cent(row: ScoreRow, metric: str) -> str:
    """Return a score from 0 to 1 in per cent; any other number as `_number` does."""
    value, spread = row.values.get(metric, math.nan), _spread(row, metric)
    if not _FRACTIONS.fullmatch(metric) or math.isnan(value):
        return _number(row, metric)
    deviation = "" if spread is None or math.isnan(spread) else f" ± {100 * spread:.1f}"
    return f"{100 * value:.1f}{deviation}{_of(row, metric)}"


def _of(row: ScoreRow, metric: str) -> str:
    """Say of how many runs a mean is, where some have no finite value."""
    count, of = row.missing.get(metric, (0, 0))
    return f" ({of - count} of {of})" if count else ""


def _latex_number(row: ScoreRow, metric: str, *, bold: bool) -> str:
    value = row.values.get(metric)
    if value is None or math.isnan(value):
        return "--" + _of(row, metric)
    factor, digits = (100, 1) if _FRACTIONS.fullmatch(metric) else (1, 3)
    text = f"{value * factor:.{digits}f}"
    text = rf"\textbf{{{text}}}" if bold else text
    spread = _spread(row, metric)
    if spread is not None and not math.isnan(spread):
        text = rf"{text} $\pm$ {spread * factor:.{digits}f}"
    return text + _of(row, metric)
