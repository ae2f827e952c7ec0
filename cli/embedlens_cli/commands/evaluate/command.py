"""The command `evaluate`: scores of snapshots."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.errors import InputError
from embedlens.experiments import score_rows
from embedlens.experiments.score_rows import ScoreRow
from embedlens_cli.commands.evaluate.score_options import ScoreOptions, metrics_word
from embedlens_cli.common import completion, console, options, panels, score_tables
from embedlens_cli.common.figure_style import epochs_text
from embedlens_cli.common.option_groups import (
    FileWords,
    InName,
    LeaveOutOptions,
    SnapshotOptions,
    WorkerOptions,
    changed,
    grouped,
)
from embedlens_cli.common.run_names import RunNames
from embedlens_cli.common.snapshots import Selected, Selection

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedlens.analysis.scores import ScoreSettings
    from embedlens.artifacts import Artifacts


@grouped
def evaluate(
    *,
    ks: Annotated[
        str,
        typer.Option(
            help="K of Recall@K: numbers, or cub (1,2,4,8) or sop (1,10,100,1000).",
            autocompletion=completion.one_of("cub", "sop"),
        ),
        InName("ks-{}"),
    ] = "cub",
    metrics: Annotated[
        str,
        typer.Option(
            help=f"Comma-separated: {', '.join(completion.METRICS)}; several at once: "
            f"{', '.join(completion.METRIC_GROUPS)}, default, all.",
            autocompletion=completion.scores(*completion.METRIC_GROUPS, "default", "all"),
        ),
        InName(metrics_word),
    ] = "default",
    where: SnapshotOptions,
    how: ScoreOptions,
    leave_out: LeaveOutOptions,
    log: Annotated[
        bool, typer.Option("--log", help="Write the scores into log.csv, too.", rich_help_panel=panels.OUTPUT)
    ] = False,
    latex: Annotated[bool, typer.Option("--latex", help="Print the table for a paper (booktabs).")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the table as CSV, in full precision.")] = False,
    names: options.Names = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            parser=options.local_path,
            help="Folder of the table.",
            show_default="figures/ in the run; ./figures for several runs and for addresses",
        ),
    ] = None,
    device: options.Device = "cpu",
    run_by: WorkerOptions,
    as_json: options.Json = False,
    words: FileWords,
) -> None:
    """Score snapshots: retrieval, clustering, and geometry of the classes on the sphere.

    One row per run and epoch; of runs that differ in their seed alone also the mean and standard deviation.
    """
    from embedlens.analysis.scores import check_metrics
    from embedlens.artifacts import Artifacts, figures_folder
    from embedlens.leave_out import check_same_class
    from embedlens.measurements.snapshot_scores import log_scores, metrics_for, without_other_losses

    _check_formats(latex=latex, as_csv=as_csv, as_json=as_json)
    _check_log(log, [*changed(how), *changed(leave_out)])
    settings = how.settings(ks)
    check_metrics(options.words(metrics), settings)
    named = RunNames.of(names)
    selection = Selection.of(where, leave_out, named, workers=run_by.chosen())
    runs, places = selection.runs, list(selection)
    wanted = metrics_for(runs, options.words(metrics), settings)
    if how.unknown_class is not None:
        check_same_class(runs, how.unknown_class, "--unknown-class")
    selection.check_slices(how.slices)
    selection.warn_of_idle_learners(how.slices)
    settings_of = {run.path: how.settings_of(run, settings, wanted) for run in runs}
    measured = selection.measure(
        partial(
            _scores,
            wanted=wanted,
            settings=settings_of,
            gallery=how.gallery,
            slices=how.slices,
            device=device,
        ),
        "scoring",
    )
    rows = without_other_losses(runs, [row for several in measured.values() for row in several])
    means = score_rows.mean_rows(rows, named.repeats(runs))
    if log:
        log_scores(dict(zip(selection.labels, runs, strict=True)), rows)
    clustered = _kmeans_facts(wanted)
    facts = _facts(selection, places, settings, how=how, device=device) | clustered
    artifacts = Artifacts(
        figures_folder(runs, out), console.command(), facts, summary=score_rows.summary(rows)
    )
    table = [row.record for row in (*rows, *means)]
    artifacts.save(
        _stem(artifacts, selection, places, [*words, *how.words]), {}, table, facts={"slices": how.slices}
    )
    for line in score_tables.missing(means):
        console.print_message(line)
    if as_json:
        groups = {"groups": score_rows.summary(means)} if means else {}
        console.print_json(artifacts.answer() | groups | clustered)
        return
    console.name_implied(selection.typed, runs)
    _print(rows, means, latex=latex, as_csv=as_csv)
    if artifacts.data and not latex and not as_csv:
        console.print_line(f"wrote {artifacts.data[0]}")
    if log:
        console.print_message(f"logged in {', '.join(str(run.path / 'log.csv') for run in runs)}")


def _scores(
    one: Selected, *, wanted: Sequence[str], settings: Mapping[Path, ScoreSettings], **how: Any
) -> list[ScoreRow]:
    """Return the scores of one snapshot, and of its slices."""
    from embedlens.measurements.snapshot_scores import score_snapshot

    return score_snapshot(one, wanted, settings[one.run.path], **how)


def _stem(
    artifacts: Artifacts, selection: Selection, places: Sequence[Selected], words: Sequence[str]
) -> str:
    """Return the name of the table's file."""
    from embedlens.artifacts import stem_of

    epochs = "epoch-all" if selection.epoch == "all" else epochs_text(one.epoch for one in places)
    runs = artifacts.named([run.name for run in selection.runs])
    return stem_of(
        ["scores", *runs, "+".join(selection.splits), epochs, *words, *selection.reader.leave_out.words]
    )


def _check_formats(**given: bool) -> None:
    """Refuse two ways of printing at once."""
    names = [f"--{name.removeprefix('as_')}" for name, value in given.items() if value]
    if len(names) > 1:
        message = f"{' and '.join(names)} exclude each other; choose one"
        raise InputError(message)


def _check_log(log: bool, names: Sequence[str]) -> None:
    """Refuse to log, under the plain name of a score, what options make of it."""
    if log and names:
        message = (
            "--log writes scores under their plain names, which "
            f"--{names[0].replace('_', '-')} would change; leave out one of the two"
        )
        raise InputError(message)


def _kmeans_facts(wanted: Sequence[str]) -> dict[str, str]:
    """Return the releases of faiss whose k-means gives the same clusters; nothing where none is run."""
    from embedlens.analysis.scores import CLUSTERING
    from embedlens.similarity.lloyd import FAISS_VERSIONS

    return {"kmeans_equals_faiss": FAISS_VERSIONS} if set(wanted) & set(CLUSTERING) else {}


def _facts(
    selection: Selection,
    places: Sequence[Selected],
    settings: ScoreSettings,
    *,
    how: ScoreOptions,
    device: str,
) -> dict[str, Any]:
    """Return the entries of the sidecar."""
    from dataclasses import asdict

    from embedlens.artifacts import run_facts
    from embedlens.selection import searched_split
    from embedlens.similarity import engine_facts

    return {
        "runs": run_facts(selection.runs),
        "scored": [
            {**one.facts, "gallery": searched_split(one.run, one.split, how.gallery)} for one in places
        ],
        "settings": {name: value for name, value in asdict(settings).items() if name != "new_label"},
        "engine": engine_facts(device),
        "new_label": how.unknown_class,
        **selection.reader.facts,
        **(selection.workers.facts if selection.workers else {}),
    }


def _print(rows: Sequence[ScoreRow], means: Sequence[ScoreRow], *, latex: bool, as_csv: bool) -> None:
    """Print the table; for a paper, runs that repeat one method give way to their mean."""
    if latex:
        replaced = {(name, row.split, row.epoch) for row in means for name in row.members}
        single = [row for row in rows if (row.run, row.split, row.epoch) not in replaced]
        console.print_line(score_tables.latex([*single, *means]))
    elif as_csv:
        console.print_csv([row.record for row in (*rows, *means)])
    else:
        console.print_table(*score_tables.plain([*rows, *means], width=console.terminal_width()))
        for line in score_tables.notes([*rows, *means]):
            console.print_line(line)
