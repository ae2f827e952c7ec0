"""Texts and tables of `compare`: differences from the loss alone, and the budget of each row."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from embedlens.errors import listed
from embedlens.text import escaped, for_latex
from embedlens_cli.common import console

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedlens.analysis.experiments.comparison import Comparison
    from embedlens.analysis.statistics.intervals import Interval
    from embedlens.experiments.grid_runs import PlannedRun
    from embedlens_cli.commands.compare.training import Trained

    Rows = Mapping[str, Mapping[str, Any]]

_COLUMNS = ("run", "R@1 less baseline", "verdict", "steps", "parameters", "seconds")
_BUDGET = ("steps", "parameters", "seconds")


def heading(trained: Trained, split: str, result: Comparison) -> str:
    """Return data, split, epochs, dims and seeds in words."""
    from embedlens.experiments.comparison import dims_text, epochs_text

    runs = trained.runs
    seeds = console.count_text(result.seeds.size, "seed")
    if result.seeds.size > 1:
        seeds = f"mean and standard deviation of {seeds}"
    return f"{runs[0].run.config.data}, {split}, {epochs_text(runs)}, {dims_text(runs)}, {seeds}"


def start_facts(start: PlannedRun) -> dict[str, Any]:
    """Return the run that all others start from, and what its training took."""
    from embedlens.experiments.budgets import budget_of
    from embedlens.store import open_run

    budget = budget_of(open_run(start.path), start.config)
    config = start.config
    return {
        "path": start.path.as_posix(), "loss": config.loss, "epochs": config.epochs, "seed": config.seed,
        "steps": budget.steps, "seconds": budget.seconds,
    }  # fmt: skip


def start_text(trained: Trained) -> str:
    """Return the preset, and what the runs start from, in a line."""
    config, epochs = trained.runs[0].run.config, {one.run.config.epochs for one in trained.runs}
    counts = " to ".join(str(one) for one in sorted({min(epochs), max(epochs)}))
    text = f"preset {trained.plan.preset.name}: {counts} epoch{'s' * (counts != '1')}"
    if trained.start is not None:
        facts = start_facts(trained.start)
        return (
            f"{text} from {trained.start.path.name} ({console.count_text(facts['epochs'], 'epoch')} of "
            f"{facts['loss']}, {facts['steps']:,.0f} steps, {facts['seconds']:,.0f} s, shared by all runs)"
        )
    if config.init is not None:
        return f"{text} from the weights of {config.init}"
    if config.backbone.startswith("features:"):
        return f"{text} on {config.backbone}"
    return f"{text} from {'pretrained' if _is_pretrained(config) else 'random'} weights"


def _is_pretrained(config: Any) -> bool:
    return bool(config.backbone.startswith("timm:") and (config.pretrained or config.weights))


def print_differences(result: Comparison, rows: Rows) -> None:
    """Print the difference of each row from its baseline, the verdict and the budget."""
    known = [one for one in result.differences if one is not None]
    title = "budget of each row"
    if known:
        over = "seeds and classes" if max(one.n_seeds for one in known) > 1 else "classes alone (one seed)"
        title = f"difference in R@1 from the loss alone in points, 95 % interval over {over}"
    console.print_table(_COLUMNS, _cells(result, rows, _difference), title=title)


def _cells(result: Comparison, rows: Rows, text: Any) -> list[list[str]]:
    found = result.differences or (None,) * result.names.size
    return [
        [
            name, text(found[row], int(result.n[row])), result.verdicts[row] or "-",
            *(console.cell(rows[name].get(kind), ",.0f") for kind in _BUDGET),
        ]
        for row, name in enumerate(result.names.tolist())
    ]  # fmt: skip


def _difference(one: Interval | None, seeds: int) -> str:
    """Return a difference with its interval, in percentage points, as the terminal shows it."""
    if one is None:
        return "-"
    ends = "" if math.isnan(one.low) else f" [{100 * one.low:+.2f}, {100 * one.high:+.2f}]"
    return f"{100 * one.value:+.2f}{ends}" + (f" ({one.n_seeds} of {seeds})" if one.n_seeds < seeds else "")


def _latex_difference(one: Interval | None, seeds: int) -> str:
    if one is None:
        return "--"
    ends = "" if math.isnan(one.low) else f" [{100 * one.low:+.2f}, {100 * one.high:+.2f}]"
    return f"${100 * one.value:+.2f}{ends}$"


def notes(trained: Trained, result: Comparison, rows: Rows) -> list[str]:
    """Return what stands under the tables: baselines, steps of learners, rows that are left out."""
    lines = []
    own = {one.way.name: one.way for one in trained.runs if one.way.loss is None}
    pairs = dict(zip(result.names.tolist(), result.baselines, strict=True))
    compared = [f"{name} with {pairs[name]}" for name in own if pairs[name]]
    alone = [f"{name} (of {way.group})" for name, way in own.items() if not pairs[name]]
    lines += [f"baselines of methods with a loss of their own: {listed(compared)}"] if compared else []
    lines += [f"without a baseline in this comparison: {listed(alone)}"] if alone else []
    for name, row in rows.items():
        if "steps_of_a_learner" in row:
            low, high = row["steps_of_a_learner"]
            each = f"{low:,}" if low == high else f"{low:,} to {high:,}"
            text = f"{name}: each learner has {each} of these steps"
            together = row["steps_together"]
            lines.append(text + (f", {together:,.0f} are of the whole embedding" if together else ""))
    lines += [f"left out: {name}: {reason}" for name, reason in trained.left_out.items()]
    return lines


def latex(result: Comparison, rows: Rows) -> str:
    """Return differences and budgets as a table for a paper; needs booktabs."""
    heads: Sequence[str] = ("run", r"$\Delta$R@1 [95\,\%]", "verdict", "steps", "parameters", "seconds")
    known = [one for one in result.differences if one is not None]
    over = "seeds and classes" if known and known[0].n_seeds > 1 else "classes"
    notes = [
        "% difference in R@1 from the loss alone: percentage points, bootstrap interval over " + over
    ] * bool(known)
    notes += [
        f"% baseline of {escaped(name)}: {escaped(base)}"
        for name, base in zip(result.names.tolist(), result.baselines, strict=True)
        if base
    ]
    lines = [*notes, r"\begin{tabular}{lrlrrr}", r"\toprule", " & ".join(heads) + r" \\", r"\midrule"]
    for name, difference, verdict, *budget in _cells(result, rows, _latex_difference):
        cells = [
            for_latex(name),
            difference,
            verdict.replace("-", "--"),
            *(one.replace("-", "--") for one in budget),
        ]
        lines.append(" & ".join(cells) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])
