"""The command that trains losses alone and under methods, over seeds, and compares them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.errors import InputError
from embedlens_cli import options, sweeping, training_options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedlens.analysis.comparison import Comparison
    from embedlens.training.grid import Planned
    from embedlens_cli.drawing import Look
    from embedlens_cli.score_table import Row

_METRICS = "nmi,f1,recall_at_1,recall_at_2,recall_at_4,recall_at_8"
_DRAWN = ("recall_at_1", "nmi", "f1")
_OWN = "own loss"


@training_options.takes_recipe(after="epochs")
def compare(
    context: typer.Context,
    loss: Annotated[
        str, typer.Option(help="Comma-separated: losses for the methods that take any.")
    ] = "triplet,margin,n-pair-mc",
    method: Annotated[
        str,
        typer.Option(
            help="Comma-separated; plain is each loss alone, dreml and hdc have losses of their own."
        ),
    ] = "plain,divide-conquer,dvml,dreml,hdc",
    dim: Annotated[
        int | None,
        typer.Option(
            help="Dimensions of the embedding.", show_default="64; hdc: 66, dreml: learners x meta-classes"
        ),
    ] = None,
    lr: Annotated[
        float | None, typer.Option(help="Learning rate.", show_default="the usual one of each loss")
    ] = None,
    seed: Annotated[str, typer.Option(help="Seeds, comma-separated.")] = "0,1,2",
    epochs: Annotated[int, typer.Option(help="Epochs of each run; the last is compared.", min=1)] = 5,
    metrics: Annotated[str, typer.Option(help="Scores, comma-separated, as in `evaluate`.")] = _METRICS,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the runs.", show_default="./runs")
    ] = None,
    figures: Annotated[Path, typer.Option(metavar="DIR", help="Where figure and tables go.")] = Path(
        "figures"
    ),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the runs and stop.")] = False,
    formats: options.Format = "pdf,png",
    venue: options.Venue = "cvpr",
    width: options.Width = None,
    device: options.Device = "cpu",
    latex: Annotated[bool, typer.Option("--latex", help="Print the table for a paper (booktabs).")] = False,
    as_json: options.Json = False,
) -> None:
    """Train each loss alone and under each method, over seeds, and compare their scores.

    The table has means and standard deviations over the seeds, as text and as LaTeX. Stopped at any moment,
    the same command goes on; finished runs are not trained again. A run that fails is told, and the others go
    on.
    """
    from embedlens import selection
    from embedlens.analysis.scores import check_metrics
    from embedlens.devices import check_device
    from embedlens_cli.drawing import Look

    if latex and as_json:
        message = "--latex and --json exclude each other; choose one"
        raise InputError(message)
    look = Look.of(formats, venue, width)
    wanted = check_metrics(options.words(metrics))
    grid = sweeping.Grid.of({"loss": loss, "lr": "usual", "dim": None, "seed": seed})
    ways = ways_of(options.words(method), grid.losses)
    planned = _plan(ways, grid.seeds, context.params, dim=dim, lr=lr, out=out or selection.runs_folder())
    if dry_run:
        sweeping.check([one.run for one in planned])
        _list(planned, as_json=as_json)
        return
    failed = sweeping.train(
        [one.run for one in planned], check_device(device), workers=context.params["workers"]
    )
    rows = _score(planned, failed, wanted, device)
    _answer(planned, rows, look, folder=figures, latex=latex, as_json=as_json)


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
        """How tables and figures call it."""
        if self.loss is None:
            return self.method
        return self.loss if self.method == "plain" else f"{self.loss} + {self.method}"

    @property
    def group(self) -> str:
        """What it is compared within."""
        return self.loss or _OWN


@dataclass(frozen=True, slots=True)
class Entry:
    """A run of the comparison."""

    way: Way
    run: Planned


def ways_of(methods: Sequence[str], losses: Sequence[str]) -> list[Way]:
    """Return what is compared: loss by loss under each method that takes any; then methods with their own."""
    from embedlens.training.methods import METHODS

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


def _plan(
    ways: Sequence[Way],
    seeds: Sequence[int],
    given: Mapping[str, Any],
    *,
    dim: int | None,
    lr: float | None,
    out: Path,
) -> list[Entry]:
    """Return the runs, seed by seed, so that a comparison that is stopped has whole seeds."""
    from embedlens.objectives.losses import loss_options
    from embedlens.training.grid import plan
    from embedlens.training.methods import method_options

    named = {way.method for way in ways}
    for option in training_options.METHOD_OPTIONS:
        if given[option] is not None and not any(option in method_options(name) for name in named):
            message = f"no method of the comparison has an option {option!r}; leave it out"
            raise InputError(message)
    configs = []
    for seed, way in product(seeds, ways):
        known = method_options(way.method)
        unfit = {name: None for name in training_options.METHOD_OPTIONS if name not in known}
        recipe = training_options.Recipe.of({**given, **unfit, "method": way.method}, epochs=given["epochs"])
        loss = way.loss or recipe.usual_loss
        own = {name: value for name, value in recipe.loss_options.items() if name in loss_options(loss)}
        dims = recipe.usual_dim if dim is None else dim
        configs.append(recipe.config(loss, own, dim=dims, lr=lr, seed=seed))
    planned = plan(configs, out, any_threads=given["threads"] is None)
    return [Entry(way, run) for (_, way), run in zip(product(seeds, ways), planned, strict=True)]


def _list(planned: Sequence[Entry], *, as_json: bool) -> None:
    """Tell the runs and where each of them stands."""
    from embedlens_cli import output

    rows: list[dict[str, Any]] = [
        {
            "run": one.run.path.as_posix(), "compared as": one.way.name, "seed": one.run.config.seed,
            "recorded": one.run.recorded if one.run.recorded >= 0 else None,
            "state": "finished" if one.run.finished else "new" if one.run.recorded < 0 else "unfinished",
        }
        for one in planned
    ]  # fmt: skip
    if as_json:
        output.print_json({"figures": [], "data": [], "summary": {"runs": rows}})
        return
    columns = ("run", "compared as", "seed", "state")
    output.print_table(columns, [[str(row[name]) for name in columns] for row in rows])
    output.say(sweeping.cost([one.run for one in planned]))


def _score(
    planned: Sequence[Entry], failed: Mapping[Path, str], metrics: Sequence[str], device: str
) -> list[Row]:
    """Return the scores of each run at the last epoch that is compared; failed ones have none."""
    from embedlens.analysis.scores import score
    from embedlens.selection import evaluated_splits, gallery_of
    from embedlens.store import open_run
    from embedlens_cli import output, score_table

    rows, split = [], ""
    for one in output.track(planned, "scoring"):
        values: dict[str, float] = {}
        if one.run.path not in failed:
            run, epoch = open_run(one.run.path), one.run.config.epochs
            split = evaluated_splits([run], ())[0]
            snapshot, other = run.snapshot(split, epoch), gallery_of(run, split)
            gallery = None if other is None else run.snapshot(other, epoch)
            searched = None if gallery is None else (gallery.embeddings, gallery.labels)
            z, y = snapshot.embeddings, snapshot.labels
            try:
                found = score(z, y, list(metrics), gallery=searched, device=device)
            except InputError as error:
                raise error.within(snapshot.place) from error
            values = {name: value for name, value in found.items() if name not in score_table.COUNTS}
        rows.append(score_table.Row(one.run.path.name, split, one.run.config.epochs, values))
    if not any(row.values for row in rows):
        message = f"every run failed; the first, {rows[0].run}: {next(iter(failed.values()))}"
        raise InputError(message)
    return rows


def _answer(
    planned: Sequence[Entry], rows: Sequence[Row], look: Look, *, folder: Path, latex: bool, as_json: bool
) -> None:
    """Print the table, and write it with the figure, its data and the sidecar."""
    from embedlens.analysis.comparison import Entry as Scores
    from embedlens.analysis.comparison import compare as compared
    from embedlens.artifacts import Artifacts
    from embedlens.figures.comparison import plot_panels
    from embedlens.figures.style import paper
    from embedlens.files import write_text
    from embedlens_cli import output, score_table
    from embedlens_cli.drawing import epochs_text

    config = planned[0].run.config
    result = compared(
        Scores(one.way.name, one.way.group, one.run.config.seed, row.values, one.way.method == "plain")
        for one, row in zip(planned, rows, strict=True)
    )
    split = next(row.split for row in rows if row.values)
    means = means_of(result, split, config.epochs)
    facts = _facts(planned, result) | {"split": split}
    artifacts = Artifacts(folder, output.command(), facts, summary=_summary(result))
    names = [
        *dict.fromkeys(one.way.loss or "" for one in planned),
        *dict.fromkeys(w.way.method for w in planned),
    ]
    stem = ["compare", config.data, "+".join(filter(None, names)), epochs_text([config.epochs])]
    seeds = f"mean and standard deviation of {output.count_text(result.seeds.size, 'seed')}"
    heading = f"{config.data}, {split}, epoch {config.epochs}, {seeds}"
    drawn = [name for name in _DRAWN if name in result.metrics] or result.metrics.tolist()[:3]
    with paper(look.venue):
        figure = plot_panels(result, drawn, **look.size(len(drawn)), heading=heading)
        look.save(artifacts, stem, figure, [result.columns()], facts={"drawn": drawn})
    table = folder / f"{look.stem(stem)}.tex"
    write_text(table, score_table.latex(means) + "\n")
    artifacts.data.append(table)
    if as_json:
        output.print_json(artifacts.answer())
        return
    if latex:
        output.say(score_table.latex(means))
        return
    columns, cells = score_table.plain(means, width=None)
    output.print_table(columns, cells, title=heading)
    output.print_files(artifacts)
    output.say(f"wrote {table}")
    _tell_gains(result)


def means_of(result: Comparison, split: str, epoch: int) -> list[Row]:
    """Return a row of means and standard deviations for everything that has scores."""
    from embedlens_cli.score_table import Row

    found = []
    for row, name in enumerate(result.names.tolist()):
        if result.n[row]:
            means = dict(zip(result.metrics.tolist(), result.mean[row].tolist(), strict=True))
            spread = dict(zip(result.metrics.tolist(), result.deviation[row].tolist(), strict=True))
            found.append(Row(name, split, epoch, means, {} if result.n[row] < 2 else spread))
    return found


def _tell_gains(result: Comparison) -> None:
    """Say, for what is compared with a plain loss, what it gained in the first measure of retrieval."""
    from embedlens_cli import output, score_table

    names = result.metrics.tolist()
    k = names.index("recall_at_1") if "recall_at_1" in names else 0
    gain, spread = result.gain[:, k], result.gain_deviation[:, k]
    for row, name in enumerate(result.names.tolist()):
        if gain[row] == gain[row]:  # a number
            told = "" if spread[row] != spread[row] else f" ± {spread[row]:.4f}"
            against = result.names[result.plain[row]]
            output.say(f"{name}: {score_table.title(names[k])} {gain[row]:+.4f}{told} against {against}")


def _summary(result: Comparison) -> dict[str, Any]:
    """Return what ``--json`` tells: name -> metric -> numbers."""

    def number(value: float) -> float | None:
        return None if value != value else float(value)

    kinds = ("mean", "deviation", "gain", "gain_deviation")
    tables = {kind: getattr(result, kind) for kind in kinds}
    return {
        name: {
            "seeds": int(result.n[row]),
            **{
                metric: {kind: number(tables[kind][row, k]) for kind in kinds}
                for k, metric in enumerate(result.metrics.tolist())
            },
        }
        for row, name in enumerate(result.names.tolist())
    }


def _facts(planned: Sequence[Entry], result: Comparison) -> dict[str, Any]:
    """Return what the sidecar says."""
    runs = [
        {
            "name": one.way.name, "path": one.run.path.as_posix(), "seed": one.run.config.seed,
            "method": one.run.config.as_method(),
        }
        for one in planned
    ]  # fmt: skip
    return {
        "runs": runs,
        "epoch": planned[0].run.config.epochs,
        "seeds": result.seeds.tolist(),
        "mean": "over the seeds that have scores; deviation: sample standard deviation (divisor n - 1)",
        "gain": "mean over seeds of the score less that of the loss alone with the same seed",
    }
