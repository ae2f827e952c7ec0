"""Comparisons of losses, alone and under methods: the runs, their scores, and the means over seeds."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

from embedlens.analysis.experiments import comparison as analysis
from embedlens.analysis.scores import check_metrics
from embedlens.errors import InputError
from embedlens.execution import run_tasks
from embedlens.experiments import grid_runs
from embedlens.experiments.epoch_metrics import leave_out_of
from embedlens.experiments.score_rows import ScoreRow
from embedlens.searches import search_of
from embedlens.selection import evaluated_splits
from embedlens.store import open_run
from embedlens.training.methods import METHODS, method_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from concurrent.futures import Executor
    from pathlib import Path

    from embedlens.analysis.experiments.comparison import Comparison
    from embedlens.execution import Workers
    from embedlens.experiments.grid_runs import PlannedRun
    from embedlens.experiments.readings import Readings
    from embedlens.experiments.recipe import Recipe

_OWN = "own loss"


@dataclass(frozen=True, slots=True)
class Way:
    """A loss alone, or under a method.

    Attributes
    ----------
    loss
        None: the method's own.
    """

    method: str
    loss: str | None

    @property
    def name(self) -> str:
        """Its name in tables and figures."""
        if self.loss is None:
            return self.method
        return self.loss if self.method == "plain" else f"{self.loss} + {self.method}"

    @property
    def group(self) -> str:
        """What it is compared within."""
        return self.loss or _OWN


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """A run of the comparison."""

    way: Way
    run: PlannedRun

    @property
    def facts(self) -> dict[str, Any]:
        """What it is compared as, path, seed, and how it is trained."""
        config = self.run.config
        path = self.run.path.as_posix()
        return {"name": self.way.name, "path": path, "seed": config.seed, "method": config.as_method()}


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of a run.

    Attributes
    ----------
    split
        The split that is scored; empty where the run failed.
    values
        Score by name; empty where the run failed.
    """

    split: str = ""
    values: Mapping[str, float] = field(default_factory=dict)


def ways_of(methods: Sequence[str], losses: Sequence[str]) -> list[Way]:
    """Return what is compared: loss by loss under each method that takes any; then methods with their own."""
    if not methods:
        message = f"--method names none; choose some of: {', '.join(METHODS.names())}"
        raise InputError(message)
    names = list(dict.fromkeys(methods))
    own = [name for name in names if METHODS.get(name).losses is not None]
    free = [name for name in names if name not in own]
    return [
        *(Way(name, loss) for loss, name in product(losses, free)),
        *(Way(name, None) for name in own),
    ]


def plan(
    ways: Sequence[Way],
    seeds: Sequence[int],
    recipe: Recipe,
    *,
    folder: Path,
    dim: int | None = None,
    lr: float | None = None,
) -> list[ComparedRun]:
    """Return the runs, seed by seed, so that a comparison that is stopped has whole seeds.

    Parameters
    ----------
    ways
        What is compared.
    seeds
        Seeds.
    recipe
        What the runs have in common, with the options of all methods.
    folder
        Folder of the runs.
    dim
        Dimensions of the embedding; None: the default of each method.
    lr
        Learning rate; None: the default of each loss.

    Raises
    ------
    InputError
        An option that no method of the comparison has, or a run that stands in the way.
    """
    named = {way.method for way in ways}
    for option in recipe.shared.get("method_options", {}):
        if not any(option in method_options(name) for name in named):
            message = f"no method of the comparison has an option {option!r}; leave it out"
            raise InputError(message)
    configs = []
    for seed, way in product(seeds, ways):
        own = recipe.under(way.method)
        dims = own.default_dim if dim is None else dim
        configs.append(own.config(way.loss or own.default_loss, dim=dims, lr=lr, seed=seed))
    planned = grid_runs.plan(configs, folder, any_threads=recipe.threads is None)
    return [ComparedRun(way, run) for (_, way), run in zip(product(seeds, ways), planned, strict=True)]


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
    scores = read(run, split, one.run.config.epochs).score(metrics, device=device)
    return Scores(split, {name: value for name, value in scores.items() if name in metrics}), apart


def summarise(runs: Sequence[ComparedRun], scores: Sequence[Scores]) -> Comparison:
    """Return means and deviations over the seeds, and what each method gains over its loss alone."""
    return analysis.compare(
        analysis.RunScores(
            one.way.name, one.way.group, one.run.config.seed, found.values, one.way.method == "plain"
        )
        for one, found in zip(runs, scores, strict=True)
    )


def mean_rows(result: Comparison, *, split: str, epoch: int) -> list[ScoreRow]:
    """Return a row of means and standard deviations for everything that has scores.

    Parameters
    ----------
    result
        The comparison.
    split, epoch
        What was scored.
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
        rows.append(ScoreRow(name, split, epoch, means, spread, missing=missing))
    return rows


def dims_text(planned: Sequence[ComparedRun]) -> str:
    """Return the dims of the embeddings; those that few have are named with the methods that have them."""
    dims = Counter(one.run.config.dim for one in planned)
    most = dims.most_common(1)[0][0]
    others = dict.fromkeys(
        (one.way.method, one.run.config.dim) for one in planned if one.run.config.dim != most
    )
    rest = "; ".join(f"{name}: {dim}" for name, dim in others)
    return f"{most} dims ({rest})" if rest else f"{most} dims"
