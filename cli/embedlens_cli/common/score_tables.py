"""Tables of scores: for a terminal, for a paper (LaTeX, booktabs), for a spreadsheet (CSV)."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from embedlens.errors import listed
from embedlens.text import escaped, for_latex
from embedlens_cli.common.report import finite

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_TITLES = {
    "r_precision": "RP", "map_at_r": "MAP@R", "map_at_5": "MAP@5", "knn_accuracy": "kNN", "nmi": "NMI",
    "f1": "F1", "ami": "AMI", "effective_rank": "eff. rank",
}  # fmt: skip
_LATEX_TITLES = {
    "f1": "F$_1$", "pi_intra": r"$\pi_\mathrm{intra}$", "pi_inter": r"$\pi_\mathrm{inter}$",
    "pi_ratio": r"$\pi_\mathrm{ratio}$", "rho": r"$\rho$",
}  # fmt: skip
_FRACTIONS = re.compile(r"recall_at_\d+|r_precision|map_at_r|map_at_5|knn_accuracy|nmi|f1|ami")
_TURNED = 6
COUNTS = ("n", "n_singletons", "n_new", "n_ignored", "n_distractors", "n_duplicates")


@dataclass(frozen=True, slots=True)
class Row:
    """The scores of one snapshot; or of several runs, the `members`: mean and standard deviation.

    `part` names the slices of the embedding that are scored; it is empty of the whole. `missing` has, of a
    mean, how many of its runs have no finite value, and of how many.
    """

    run: str
    split: str
    epoch: int
    values: Mapping[str, float]
    spread: Mapping[str, float] = field(default_factory=dict)
    members: tuple[str, ...] = ()
    part: str = ""
    missing: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def seeds(self) -> int:
        """How many runs a row of means stands for; 0 of a row of one snapshot."""
        return len(self.members)

    def without(self, metric: str) -> Row:
        """Return the row less one of its scores."""
        return replace(self, values={name: value for name, value in self.values.items() if name != metric})


def grouped(rows: Sequence[Row], groups: Mapping[str, Sequence[str]]) -> list[Row]:
    """Return a row for each group, split, epoch and part of which every run of the group has scores.

    What is NaN or infinite is in no mean; the row says of how many runs.
    """
    means = []
    for name, members in groups.items():
        places: dict[tuple[str, int, str], list[Row]] = {}
        for row in rows:
            if row.run in members:
                places.setdefault((row.split, row.epoch, row.part), []).append(row)
        means += [_mean(name, alike) for alike in places.values() if len(alike) == len(members)]
    return means


def _mean(name: str, rows: Sequence[Row]) -> Row:
    """Return the row of means of the runs of a group at one place; counts are those of the first run."""
    from embedlens.analysis.experiments.repeats import over_runs

    first = rows[0]
    means = over_runs(
        [{m: x for m, x in row.values.items() if not m.endswith("_std") and m not in COUNTS} for row in rows]
    )
    return Row(
        name, first.split, first.epoch,
        {metric: one.mean for metric, one in means.items()}
        | {count: first.values[count] for count in COUNTS if count in first.values},
        {metric: one.deviation for metric, one in means.items()},
        tuple(row.run for row in rows), first.part,
        {metric: (one.n_missing, one.n) for metric, one in means.items() if one.n_missing},
    )  # fmt: skip


def missing(means: Iterable[Row]) -> list[str]:
    """Say which means leave out runs without a finite value, a line for each row."""
    lines = []
    for row in means:
        parts = [f"{title(metric)} in {n} of {of}" for metric, (n, of) in row.missing.items()]
        if parts:
            lines.append(
                f"{row.run}, {row.split}, epoch {row.epoch}: NaN or infinite, and in no mean: {listed(parts)}"
            )
    return lines


def plain(rows: Sequence[Row], *, width: int | None) -> tuple[list[str], list[list[str]]]:
    """Return the heading and the cells of the table; turned where it is too wide for the terminal."""
    kept = _places(rows)
    metrics = _metrics(rows)
    cells = [
        [*(_place(row, name) for name in kept), *(_number(row, metric) for metric in metrics)] for row in rows
    ]
    heading = [*kept, *(title(metric) for metric in metrics)]
    columns = list(zip(heading, *cells, strict=True))
    widest = sum(max(map(len, column)) + 1 for column in columns)
    if width is None or widest <= width or len(rows) > _TURNED:
        return heading, cells
    return list(columns[0]), [list(column) for column in columns[1:]]


def notes(rows: Sequence[Row]) -> list[str]:
    """Return what is said below the table: constant split and epoch, and of what MAP@5 is a mean."""
    kept = _places(rows)
    shared = [f"{name} {getattr(rows[0], name)}" for name in ("split", "epoch") if name not in kept]
    lines = [", ".join(shared)] if shared else []
    if any("n_new" in row.values and "map_at_5" in row.values for row in rows):
        lines.append("MAP@5 is the mean over n + n new queries, the other scores are of the n queries alone")
    return lines


def latex(rows: Sequence[Row]) -> str:
    """Return the table for a paper: fractions in per cent, the best of several runs bold; needs booktabs."""
    repeated = any(row.seeds or row.spread for row in rows)
    kept = [name for name in _places(rows) if name != "n"]
    metrics = [metric for metric in _metrics(rows) if metric not in COUNTS]
    best = {metric: _best(rows, metric) for metric in metrics if _FRACTIONS.fullmatch(metric)}
    lines = [rf"\begin{{tabular}}{{{'l' * len(kept)}{'r' * len(metrics)}}}", r"\toprule"]
    lines.append(
        " & ".join([*kept, *(_LATEX_TITLES.get(metric, title(metric)) for metric in metrics)]) + r" \\"
    )
    lines.append(r"\midrule")
    for row in rows:
        cells = [for_latex(_place(row, name)) for name in kept]
        cells += [_latex_number(row, metric, bold=row in best.get(metric, ())) for metric in metrics]
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


def records(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Return the rows as a flat table, in full precision: one record a row."""
    return [
        {
            "run": row.run,
            "split": row.split,
            "epoch": row.epoch,
            **({"chunks": row.part} if row.part else {}),
            **({"seeds": row.seeds} if row.seeds else {}),
            **row.values,
            **{f"{metric}_std": value for metric, value in row.spread.items()},
            **{f"{metric}_missing": count for metric, (count, _) in row.missing.items()},
        }
        for row in rows
    ]


def summary(rows: Iterable[Row]) -> dict[str, Any]:
    """Return the numbers: run -> split -> epoch -> name -> number; of slices under "slices" -> slices."""
    places: dict[str, Any] = {}
    for row in rows:
        _enter(places, row, finite(row.values))
    return places


def groups(means: Iterable[Row]) -> dict[str, Any]:
    """Return means and standard deviations over seeds: group -> split -> epoch -> name -> numbers."""
    places: dict[str, Any] = {}
    for row in means:
        numbers = {
            name: finite({"mean": value, "std": row.spread.get(name, 0.0), "seeds": row.seeds})
            | ({"missing": row.missing[name][0]} if name in row.missing else {})
            for name, value in row.values.items()
        }
        _enter(places, row, numbers)
    return places


def _enter(places: dict[str, Any], row: Row, numbers: dict[str, Any]) -> None:
    """Put numbers in their place; those of all slices side by side are those of the embedding, too."""
    place = places.setdefault(row.run, {}).setdefault(row.split, {}).setdefault(str(row.epoch), {})
    slices = place.pop("slices", {})
    which, _, count = row.part.partition("/")
    if which in ("", "1" if count == "1" else f"1-{count}"):
        place |= numbers
    if row.part:
        place["slices"] = slices | {row.part: numbers}


def title(metric: str) -> str:
    """Return how a heading names a metric."""
    if metric.startswith("recall_at_"):
        return f"R@{metric.removeprefix('recall_at_')}"
    return _TITLES.get(metric, metric.replace("_", " "))


def _places(rows: Sequence[Row]) -> list[str]:
    """Return what tells the rows from each other: run, split, epoch."""
    several = [name for name in ("run", "split", "epoch") if len({getattr(row, name) for row in rows}) > 1]
    sliced = any(row.part for row in rows) and "run" not in several
    return ["run", *several] if sliced or not several else several


def _place(row: Row, name: str) -> str:
    text = str(getattr(row, name))
    if name != "run":
        return text
    text += f" [{row.part}]" if row.part else ""
    return f"{text} (mean of {row.seeds} seeds)" if row.seeds else text


def _metrics(rows: Sequence[Row]) -> list[str]:
    """Return the metrics of all rows, the loss first, counts last, without what stands beside its mean."""
    names = dict.fromkeys(metric for row in rows for metric in row.values)
    names = dict.fromkeys(sorted(names, key=lambda name: (name != "loss", name in COUNTS)))
    return [name for name in names if not (name.endswith("_std") and name.removesuffix("_std") in names)]


def _spread(row: Row, metric: str) -> float | None:
    """Return the standard deviation over seeds of runs or, of a single run, over seeds of k-means."""
    return row.spread.get(metric, row.values.get(f"{metric}_std"))


def _number(row: Row, metric: str) -> str:
    value = row.values.get(metric)
    if value is None:
        return ""
    if metric in COUNTS:
        return f"{value:,.0f}"
    spread = _spread(row, metric)
    deviation = "" if spread is None or math.isnan(spread) else f" ± {spread:.4f}"
    return f"{value:.4f}{deviation}{_of(row, metric)}"


def _of(row: Row, metric: str) -> str:
    """Say of how many runs a mean is, where some have no finite value."""
    count, of = row.missing.get(metric, (0, 0))
    return f" ({of - count} of {of})" if count else ""


def _latex_number(row: Row, metric: str, *, bold: bool) -> str:
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


def _best(rows: Sequence[Row], metric: str) -> list[Row]:
    """Return the rows with the highest value as printed, where runs are compared at one place."""
    places = {(row.split, row.epoch) for row in rows}
    compared = [row for row in rows if math.isfinite(row.values.get(metric, math.nan))]
    if len(places) > 1 or len(compared) < 2:
        return []
    printed = {id(row): round(100 * row.values[metric], 1) for row in compared}
    return [row for row in compared if printed[id(row)] == max(printed.values())]
