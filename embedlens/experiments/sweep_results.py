"""Results of a sweep: a row for each run, numbers by name, facts of its runs, and the best of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embedlens.text import for_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedlens.analysis.experiments.sweep import Sweep
    from embedlens.experiments.sweep import Outcome, Score

_RISING = ("recall_at", "r_precision", "map_at", "knn_accuracy", "nmi", "f1", "ami")
_NAMED = 4  # runs at most that are worth a look
_KEYS = ("loss", "lr", "dim")
_PER_LOSS = ("mining", "mining_options", "sampler", "classes_per_batch", "items_per_class")
"""What of a configuration may differ from loss to loss, beside its options and learning rate."""


def rows_of(result: Sweep) -> dict[tuple[str, float, int], dict[str, Any]]:
    """Return the numbers of each loss, learning rate and dim, by name."""
    columns = {name: column.tolist() for name, column in result.columns().items()}
    rows = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    return {(row["loss"], row["lr"], row["dim"]): row for row in rows}


def records(outcomes: Sequence[Outcome], result: Sweep) -> list[dict[str, Any]]:
    """Return a row for each run; the means, deviation and counts of its combination stand beside it.

    What is not known is an empty text.
    """
    rows, table = rows_of(result), []
    for outcome in outcomes:
        group = dict(rows[outcome.point[:3]])
        group |= {f"mean_{name}": group.pop(name) for name in ("initial", "gain", "effective_rank")}
        config = outcome.planned.config
        cells = {"run": outcome.name, "epoch": config.epochs, "seed": config.seed}
        cells |= {name: group.pop(name) for name in _KEYS}
        cells |= numbers_of(outcome) | {"source": outcome.source} | group
        table.append({name: "" if cell is None else cell for name, cell in for_json(cells).items()})
    return table


def summary(outcomes: Sequence[Outcome], result: Sweep) -> dict[str, Any]:
    """Return the numbers: loss -> learning rate -> dim -> means, deviation, counts, and the runs by seed."""
    by_loss: dict[str, Any] = {}
    for (loss, lr, dim), row in rows_of(result).items():
        runs = {
            outcome.name: {
                "seed": outcome.planned.config.seed,
                **numbers_of(outcome),
                **({"failure": outcome.failure} if outcome.failure else {}),
            }
            for outcome in outcomes
            if outcome.point[:3] == (loss, lr, dim)
        }
        numbers = {name: value for name, value in row.items() if name not in _KEYS}
        by_loss.setdefault(loss, {}).setdefault(f"{lr:g}", {})[str(dim)] = numbers | {"runs": runs}
    return by_loss


def numbers_of(outcome: Outcome) -> dict[str, float | bool | None]:
    """Return the numbers of one run; None of one that failed."""
    numbers: dict[str, float | bool | None] = {
        "value": outcome.value,
        "initial": outcome.initial,
        "gain": outcome.value - outcome.initial,
        "effective_rank": outcome.effective_rank,
        "collapsed": outcome.collapsed,
    }
    return dict.fromkeys(numbers) if outcome.failure else numbers


def facts(outcomes: Sequence[Outcome], score: Score) -> dict[str, Any]:
    """Return how the runs were trained, and what was measured of them."""
    from embedlens.similarity import engine_facts

    first = outcomes[0].planned.config
    shared = {
        name: value for name, value in first.as_method().items()
        if name not in ("loss_options", "seed", *_KEYS, *_PER_LOSS)
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
    """Return where a run is, and what of its training differs from that of others."""
    config = outcome.planned.config
    named: dict[str, Any] = {"name": outcome.name, "path": outcome.planned.path.as_posix()}
    named |= {name: getattr(config, name) for name in ("seed", "loss", "loss_options", "lr", "dim")}
    named |= {name: getattr(config, name) for name in _PER_LOSS}
    return named | ({"failure": outcome.failure} if outcome.failure else {"source": outcome.source})


def worth_a_look(outcomes: Sequence[Outcome], metric: str) -> tuple[str, list[Outcome]]:
    """Return what to look at next: ("dims", runs), where dims were compared, or ("losses", runs).

    Of dims those of the best run's loss, learning rate and seed, the largest first; of losses the best run of
    each, at most four, where a score is the better the higher it is, else the first.
    """
    good = [outcome for outcome in outcomes if not outcome.failure]
    rising = metric.startswith(_RISING)
    ranked = sorted(good, key=lambda outcome: outcome.value, reverse=True) if rising else good
    loss, lr, _, seed = ranked[0].point
    sizes = [one for one in good if one.point[:2] == (loss, lr) and one.point[3] == seed]
    if len(sizes) > 1:
        return "dims", sorted(sizes, key=lambda one: -one.planned.config.dim)
    best: dict[str, Outcome] = {}
    for one in ranked:
        best.setdefault(one.planned.config.loss, one)
    return "losses", list(best.values())[:_NAMED]
