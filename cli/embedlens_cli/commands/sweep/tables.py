"""Tables of a sweep as they are printed, and the messages about its runs."""

from __future__ import annotations

import math
import shlex
from typing import TYPE_CHECKING

from embedlens.errors import listed
from embedlens_cli.common import console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedlens.analysis.experiments.sweep import Sweep
    from embedlens.experiments.sweep import Outcome, Score


def print_summary(result: Sweep, label: str, epoch: int) -> None:
    """Print one row per loss, the best first; where rates or dims vary, a column for each of them."""
    if result.axis == "loss":
        _print_losses(result, label, epoch)
    else:
        _print_grid(result, label, epoch)


def _print_losses(result: Sweep, label: str, epoch: int) -> None:
    """Print what each loss gained."""
    from embedlens.analysis.experiments.losses import ranked

    best = ranked(result)
    rows = [
        (
            loss,
            f"{best.lr[row]:g}",
            console.cell(best.initial[row], ".4f"),
            _mean_text(best, row),
            console.cell(best.gain[row], "+.4f"),
            console.cell(best.effective_rank[row], ".1f"),
            _collapsed_text(best, row),
        )
        for row, loss in enumerate(best.loss.tolist())
    ]
    columns = ("loss", "lr", "epoch 0", f"epoch {epoch}", "gain", "eff. rank", "collapsed")
    console.print_table(columns, rows, title=f"{label}{_spread_text(result)}, {best.dims[0]} dims")


def _print_grid(result: Sweep, label: str, epoch: int) -> None:
    """Print one column per learning rate, or per dim where only dims vary."""
    by_dim = result.axis == "dim"
    cells: dict[str, dict[str, str]] = {}
    keys = zip(result.loss.tolist(), result.lr.tolist(), result.dim.tolist(), strict=True)
    for row, (loss, lr, dim) in enumerate(keys):
        name = loss if by_dim or len(result.dims) == 1 else f"{loss}, {dim} dims"
        column = f"{dim} dims" if by_dim else f"lr {lr:g}"
        text = _mean_text(result, row)
        if result.n_collapsed[row]:
            seeds = f"{result.n_collapsed[row]} " if result.n[row] > 1 else ""
            text += f" ({seeds}collapsed)"
        cells.setdefault(name, {})[column] = text
    columns = list(dict.fromkeys(column for row in cells.values() for column in row))
    if not by_dim:
        columns = [f"lr {lr:g}" for lr in sorted(set(result.lr.tolist()))]
    rows = [(name, *(row.get(column, "-") for column in columns)) for name, row in cells.items()]
    console.print_table(("loss", *columns), rows, title=f"{label}, epoch {epoch}{_spread_text(result)}")


def _spread_text(result: Sweep) -> str:
    seeds = int((result.n + result.n_failed).max())
    return f", mean ± s.d. of {seeds} seeds" if seeds > 1 else ""


def _mean_text(result: Sweep, row: int) -> str:
    """Return the mean with its deviation, and how many seeds failed."""
    text = f"{result.mean[row]:.4f}" if result.n[row] else "failed"
    text += f" ± {result.deviation[row]:.4f}" if result.n[row] > 1 else ""
    return text + (f" ({result.n_failed[row]} failed)" if result.n[row] and result.n_failed[row] else "")


def _collapsed_text(result: Sweep, row: int) -> str:
    """Return whether the space of a loss has collapsed; of several seeds, how many did."""
    collapsed, n = int(result.n_collapsed[row]), int(result.n[row])
    if not collapsed:
        return "-"
    return "yes" if n == 1 else f"{collapsed} of {n}"


def warn_of_failures(outcomes: Sequence[Outcome]) -> None:
    """Say which runs have no value."""
    names = [outcome.name for outcome in outcomes if outcome.failure]
    of = console.count_text(len(outcomes), "run")
    if names:
        console.print_message(f"{len(names)} of {of} failed: {listed(names)}")
    for text, name in (("score at epoch 0", "initial"), ("effective rank", "effective_rank")):
        odd = [one.name for one in outcomes if not one.failure and not math.isfinite(getattr(one, name))]
        if odd:
            console.print_message(
                f"the {text} is NaN or infinite in {len(odd)} of {of}, and means that hold it are left out: "
                f"{listed(odd)}"
            )


def next_command(outcomes: Sequence[Outcome], score: Score) -> str:
    """Return the command to suggest: pruning where sizes were compared, else a scatter of the best."""
    from embedlens.experiments.sweep_results import worth_a_look

    compared, runs = worth_a_look(outcomes, score.metric)
    command = "pca-prune" if compared == "dims" else "scatter"
    return shlex.join(["embedlens", command, *(one.planned.path.as_posix() for one in runs)])
