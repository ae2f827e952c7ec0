"""Tables of a sweep: printed, CSV, JSON and sidecar; and the messages about its runs."""

from __future__ import annotations

import math
import shlex
from typing import TYPE_CHECKING, Any

from embedlens.errors import listed
from embedlens_cli.common import console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedlens.analysis.experiments.sweep import Sweep
    from embedlens.artifacts import Table
    from embedlens.experiments.sweep import Outcome, Score

_RISING = ("recall_at", "r_precision", "map_at", "knn_accuracy", "nmi", "f1", "ami")
_NAMED = 4  # runs at most in the command that is suggested
_PER_LOSS = ("mining", "mining_options", "sampler", "classes_per_batch", "items_per_class")
"""What of a configuration may differ from loss to loss, beside its options and learning rate."""


def rows_of(result: Sweep) -> dict[tuple[str, float, int], int]:
    """Return the row of each loss, learning rate and dim."""
    keys = zip(result.loss.tolist(), result.lr.tolist(), result.dim.tolist(), strict=True)
    return {key: row for row, key in enumerate(keys)}


def csv_rows(outcomes: Sequence[Outcome], result: Sweep) -> Table:
    """Return a row for each run; the means, deviation and counts of its combination stand beside it."""
    rows, table = rows_of(result), []
    for outcome in outcomes:
        row = rows[outcome.point[:3]]
        group = {name: column[row].item() for name, column in result.columns().items()}
        group |= {f"mean_{name}": group.pop(name) for name in ("initial", "gain", "effective_rank")}
        config = outcome.planned.config
        cells: dict[str, Any] = {"run": outcome.name, "epoch": config.epochs, "seed": config.seed}
        cells |= {name: group.pop(name) for name in ("loss", "lr", "dim")}
        cells |= _numbers(outcome) | {"source": outcome.source}
        cells |= {name: None if _missing(cell) else cell for name, cell in group.items()}
        table.append({name: "" if cell is None else cell for name, cell in cells.items()})
    return table


def summary(outcomes: Sequence[Outcome], result: Sweep) -> dict[str, Any]:
    """Return the numbers: loss -> learning rate -> dim -> means, deviation, counts, and the runs by seed."""
    numbers_by_loss: dict[str, Any] = {}
    for (loss, lr, dim), row in rows_of(result).items():
        numbers = {name: column[row].item() for name, column in result.columns().items()}
        numbers = {name: None if _missing(value) else value for name, value in numbers.items()}
        numbers = {name: value for name, value in numbers.items() if name not in ("loss", "lr", "dim")}
        numbers["runs"] = {
            outcome.name: {
                "seed": outcome.planned.config.seed,
                **_numbers(outcome),
                **({"failure": outcome.failure} if outcome.failure else {}),
            }
            for outcome in outcomes
            if outcome.point[:3] == (loss, lr, dim)
        }
        numbers_by_loss.setdefault(loss, {}).setdefault(f"{lr:g}", {})[str(dim)] = numbers
    return numbers_by_loss


def _numbers(outcome: Outcome) -> dict[str, float | bool | None]:
    """Return the numbers of one run; None of one that failed."""
    numbers: dict[str, float | bool | None] = {
        "value": outcome.value,
        "initial": outcome.initial,
        "gain": outcome.value - outcome.initial,
        "effective_rank": outcome.effective_rank,
        "collapsed": outcome.collapsed,
    }
    if outcome.failure:
        return dict.fromkeys(numbers)
    return {name: None if _missing(value) else value for name, value in numbers.items()}


def _missing(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


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
            _cell(best.initial[row], ".4f"),
            _mean_text(best, row),
            _cell(best.gain[row], "+.4f"),
            _cell(best.effective_rank[row], ".1f"),
            _collapsed_text(best, row),
        )
        for row, loss in enumerate(best.loss.tolist())
    ]
    columns = ("loss", "lr", "epoch 0", f"epoch {epoch}", "gain", "eff. rank", "collapsed")
    console.print_table(columns, rows, title=f"{label}{_spread_text(result)}, {best.dims[0]} dims")


def _cell(value: float, form: str) -> str:
    return format(value, form) if math.isfinite(value) else "-"


def _print_grid(result: Sweep, label: str, epoch: int) -> None:
    """Print one column per learning rate, or per dim where only dims vary."""
    by_dim = result.axis == "dim"
    cells: dict[str, dict[str, str]] = {}
    for (loss, lr, dim), row in rows_of(result).items():
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


def facts(outcomes: Sequence[Outcome], score: Score) -> dict[str, Any]:
    """Return what the sidecar says."""
    from embedlens.similarity import engine_facts

    first = outcomes[0].planned.config
    shared = {
        name: value for name, value in first.as_method().items()
        if name not in ("loss", "loss_options", "lr", "dim", "seed", *_PER_LOSS)
    }  # fmt: skip
    items = next(outcome.items for outcome in outcomes if outcome.items)
    return {
        "runs": [_run_facts(outcome) for outcome in outcomes],
        "training": shared,
        "metric": score.metric,
        "split": score.split,
        "epochs": [first.epochs],
        "shown": items,
        "of": items,
        "value": "mean over the seeds that have one; deviation: sample standard deviation (divisor n - 1)",
        "initial": "the same score at epoch 0; gain: value less initial",
        "collapsed": "at the last epoch and the one before, a split's mean similarity is 0.95 or more, its "
        "distance from 1 at most half of that at epoch 0, and R@1 not above epoch 0's, or the similarity is "
        "0.999 or more; or its effective rank below 2 and half of that at epoch 0, and R@1 below epoch 0's",
        "engine": engine_facts(score.device),
    }


def _run_facts(outcome: Outcome) -> dict[str, Any]:
    """Return what the sidecar says of the run."""
    config = outcome.planned.config
    facts_of_run: dict[str, Any] = {
        "name": outcome.name,
        "path": outcome.planned.path.as_posix(),
        "seed": config.seed,
    }
    facts_of_run |= {
        "loss": config.loss,
        "loss_options": config.loss_options,
        "lr": config.lr,
        "dim": config.dim,
    }
    facts_of_run |= {name: getattr(config, name) for name in _PER_LOSS}
    return facts_of_run | ({"failure": outcome.failure} if outcome.failure else {"source": outcome.source})


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
    good = [outcome for outcome in outcomes if not outcome.failure]
    rising = score.metric.startswith(_RISING)
    ranked = sorted(good, key=lambda outcome: outcome.value, reverse=True) if rising else good
    loss, lr, _, seed = ranked[0].point
    sizes = [one for one in good if one.point[:2] == (loss, lr) and one.point[3] == seed]
    if len(sizes) > 1:
        command, runs = "pca-prune", sorted(sizes, key=lambda one: -one.planned.config.dim)
    else:
        first = {one.planned.config.loss: one for one in reversed(ranked)}
        best = [one for one in ranked if first[one.planned.config.loss] is one]
        command, runs = "scatter", best[:_NAMED]
    return shlex.join(["embedlens", command, *(one.planned.path.as_posix() for one in runs)])
