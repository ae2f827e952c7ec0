"""Comparisons of losses, alone and under methods: scores of the runs, means over seeds, budgets."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.analysis.differences import retrieval_outcomes
from embedlens.analysis.experiments import comparison as analysis
from embedlens.analysis.scores import check_metrics
from embedlens.errors import InputError
from embedlens.execution import run_tasks
from embedlens.experiments.budgets import Budget, budget_of, mean_budget, parameters_of
from embedlens.experiments.epoch_metrics import leave_out_of
from embedlens.experiments.score_rows import ScoreRow
from embedlens.results import Result
from embedlens.searches import search_of
from embedlens.selection import evaluated_splits
from embedlens.store import open_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from concurrent.futures import Executor
    from pathlib import Path

    from numpy.typing import NDArray

    from embedlens.analysis.differences import Hits
    from embedlens.analysis.experiments.comparison import Comparison
    from embedlens.execution import Workers
    from embedlens.experiments.compared_runs import ComparedRun
    from embedlens.experiments.readings import Readings


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Scores(Result):
    """The scores of a run.

    Attributes
    ----------
    split
        The split that is scored; empty where the run failed.
    values
        Score by name; empty where the run failed.
    hits
        Which anchors count for R@1; None where the run failed.
    budget
        What the training took; None where the run failed.
    """

    split: str = ""
    values: Mapping[str, float] = field(default_factory=dict)
    hits: Hits | None = None
    budget: Budget | None = None


def score_runs(
    runs: Sequence[ComparedRun],
    failed: Mapping[Path, str],
    metrics: Sequence[str],
    *,
    device: str = "cpu",
    reader: Readings | None = None,
    executor: Workers | Executor | None = None,
    follow: Callable[[Sequence[ComparedRun]], Iterable[ComparedRun]] | None = None,
) -> list[Scores]:
    """Return the scores of each run at the last epoch of the comparison.

    Parameters
    ----------
    runs
        The runs of the comparison, trained.
    failed
        Why runs failed, by path, as `train_runs` returns it; they have no scores.
    metrics
        Names of scores, as of `embedlens.analysis.scores`.
    device
        "cpu" or "cuda".
    reader
        Reads the runs, and collects the warnings about their data; None: `search_of`, less what the runs'
        metrics leave out.
    executor
        Where runs are scored, as of `embedlens.execution.run_tasks`; None: in this process.
    follow
        Returns the runs one by one, and shows the progress; None: nothing is shown.

    Raises
    ------
    InputError
        Every run failed.
    """
    wanted = check_metrics(metrics)
    trained = [one for one in runs if one.run.path not in failed]
    score = partial(_scored, metrics=wanted, device=device, reader=reader)
    found, split = [], ""
    with closing(run_tasks(score, trained, executor=executor)) as results:
        for one in follow(runs) if follow else runs:
            if one.run.path in failed:
                found.append(Scores(split, {}))
                continue
            scores, apart = next(results)
            split = scores.split
            found.append(scores)
            if reader is not None:
                reader.add(apart)
    if not any(scores.values for scores in found):
        first = runs[0].run.path
        message = f"every run failed; the first, {first.name}: {failed[first]}"
        raise InputError(message)
    return found


def _scored(
    one: ComparedRun, *, metrics: Sequence[str], device: str, reader: Readings | None
) -> tuple[Scores, Any]:
    """Return the scores of a run, and what its reader collected."""
    apart = None if reader is None else reader.fresh()
    read = partial(search_of, leave_out=leave_out_of(one.run.config)) if apart is None else apart.search
    run = open_run(one.run.path)
    split = evaluated_splits([run], ())[0]
    search = read(run, split, one.run.config.epochs)
    scores = {name: value for name, value in search.score(metrics, device=device).items() if name in metrics}
    outcomes = retrieval_outcomes(search.z, search.y, gallery=search.gallery, device=device)
    hits = replace(outcomes.hits, anchor=search.query.rows[outcomes.hits.anchor])
    return Scores(split, scores, hits, budget_of(run, one.run.config)), apart


def summarise(runs: Sequence[ComparedRun], scores: Sequence[Scores]) -> Comparison:
    """Return means and deviations over the seeds, and what each method gains over its loss alone."""
    return analysis.compare(
        analysis.RunScores(
            one.way.name,
            one.way.group,
            one.run.config.seed,
            found.values,
            one.way.method == "plain",
            found.hits,
        )
        for one, found in zip(runs, scores, strict=True)
    )


def row_facts(runs: Sequence[ComparedRun], scores: Sequence[Scores]) -> dict[str, dict[str, Any]]:
    """Return epochs, trained parameters and means of the budgets by the name of the row, which has scores."""
    counted = parameters_of([one.run.config for one in runs])
    rows: dict[str, dict[str, Any]] = {}
    for one, parameters in zip(runs, counted, strict=True):
        rows.setdefault(one.way.name, {"epochs": one.run.config.epochs, "parameters": parameters})
    for name, facts in rows.items():
        pairs = zip(runs, scores, strict=True)
        facts |= mean_budget(found.budget for one, found in pairs if one.way.name == name and found.budget)
    return rows


def table_of(
    result: Comparison,
    runs: Sequence[ComparedRun],
    scores: Sequence[Scores],
    *,
    rows: Mapping[str, Mapping[str, Any]],
) -> dict[str, NDArray[Any]]:
    """Return the columns of the comparison, one row for each name and seed, with the budget of each run.

    Parameters
    ----------
    result, runs, scores
        The comparison.
    rows
        Facts of the rows, as of `row_facts`.
    """
    budgets = {
        (one.way.name, one.run.config.seed): found.budget for one, found in zip(runs, scores, strict=True)
    }
    places = list(product(result.names.tolist(), result.seeds.tolist()))
    every = [budgets.get(place) or Budget(nan, nan) for place in places]
    return result.columns() | {
        "epochs": np.array([rows[name]["epochs"] for name, _ in places]),
        "parameters": np.array([rows[name]["parameters"] or nan for name, _ in places]),
        "steps": np.array([one.steps for one in every]),
        "seconds": np.array([one.seconds for one in every]),
    }


def mean_rows(result: Comparison, *, split: str, epochs: Mapping[str, int]) -> list[ScoreRow]:
    """Return a row of means and standard deviations for everything that has scores.

    Parameters
    ----------
    result
        The comparison.
    split, epochs
        What was scored: the split, and the epoch of each row by its name.
    """
    metrics, rows = result.metrics.tolist(), []
    for row, name in enumerate(result.names.tolist()):
        n = int(result.n[row])
        if not n:
            continue
        means = dict(zip(metrics, result.mean[row].tolist(), strict=True))
        spread = dict(zip(metrics, result.deviation[row].tolist(), strict=True)) if n > 1 else {}
        counts = zip(metrics, result.missing[row].tolist(), strict=True)
        missing = {metric: (count, n) for metric, count in counts if count}
        rows.append(ScoreRow(name, split, epochs[name], means, spread, missing=missing))
    return rows


def dims_text(planned: Sequence[ComparedRun]) -> str:
    """Return the dims of the embeddings; those that few have are named with the methods that have them."""
    return _mostly(planned, "dim", "{} dims")


def epochs_text(planned: Sequence[ComparedRun]) -> str:
    """Return the epoch that is scored; those of few rows are named with their methods."""
    return _mostly(planned, "epochs", "epoch {}")


def _mostly(planned: Sequence[ComparedRun], name: str, text: str) -> str:
    """Return the value that most runs have of a field of the configuration, and the others by method."""
    values = [getattr(one.run.config, name) for one in planned]
    most = Counter(values).most_common(1)[0][0]
    pairs = zip(planned, values, strict=True)
    others = dict.fromkeys((one.way.method, value) for one, value in pairs if value != most)
    rest = "; ".join(f"{method}: {value}" for method, value in others)
    return f"{text.format(most)} ({rest})" if rest else text.format(most)
