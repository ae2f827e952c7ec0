"""Commands that score snapshots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.errors import InputError
from embedlens_cli import options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from embedlens.analysis.scores import Settings
    from embedlens.analysis.slices import Chunk
    from embedlens.store import Run
    from embedlens_cli.reading import Reader
    from embedlens_cli.score_table import Row


def evaluate(
    runs: options.Runs = None,
    metrics: Annotated[
        str,
        typer.Option(
            help="Comma-separated: recall, recall_at_K, r_precision, map_at_r, map_at_5, knn_accuracy, "
            "nmi, f1, ami, alignment, uniformity, pi_intra, pi_inter, pi_ratio, effective_rank, rho, "
            "mean_similarity, hubness; default; all."
        ),
    ] = "default",
    ks: Annotated[
        str, typer.Option(help="K of recall: numbers, or cub (1,2,4,8) or sop (1,10,100,1000).")
    ] = "cub",
    split: Annotated[
        str, typer.Option(help="Splits, comma-separated.", show_default="query splits, or test, or all")
    ] = "",
    gallery: Annotated[
        str | None,
        typer.Option(help="Split to search; none: the split itself.", show_default="what the run names"),
    ] = None,
    epoch: options.Epoch = "last",
    knn: Annotated[int, typer.Option(help="k of knn_accuracy.", min=1)] = 10,
    weighted: Annotated[
        bool, typer.Option("--weighted", help="Neighbours vote with their similarity in knn_accuracy.")
    ] = False,
    macro: Annotated[
        bool, typer.Option("--macro", help="Average r_precision and map_at_r over classes, not items.")
    ] = False,
    new_threshold: Annotated[
        float | None,
        typer.Option(help="Similarity below which map_at_5 inserts the label `new`.", min=-1, max=1),
    ] = None,
    new_label: options.NewLabel = None,
    kmeans_seeds: Annotated[
        str, typer.Option(help="Seeds of k-means, comma-separated; several: mean and standard deviation.")
    ] = "1234",
    rho_k: Annotated[int, typer.Option(help="k of rho: leaves out the k - 1 largest values.", min=1)] = 1,
    slices: options.Slices = None,
    ignore_label: options.IgnoreLabel = None,
    distractor_label: options.DistractorLabel = None,
    exclude_duplicates: options.ExcludeDuplicates = False,
    log: Annotated[bool, typer.Option("--log", help="Write the scores into log.csv, too.")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="Print the table for a paper (booktabs).")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the table as CSV, in full precision.")] = False,
    out: options.Out = None,
    device: options.Device = "cpu",
    as_json: options.Json = False,
) -> None:
    """Score snapshots: retrieval, clustering, and how the classes lie on the sphere.

    One row a run or an epoch; of runs that differ in their seed alone also the mean and standard deviation.
    """
    from embedlens import selection
    from embedlens.analysis.scores import check_metrics
    from embedlens.artifacts import Artifacts, figures_folder, stem_of
    from embedlens_cli import output, score_table
    from embedlens_cli.reading import Reader
    from embedlens_cli.sliced import check_slices, parts_of, tell_idle

    _check_formats(latex=latex, as_csv=as_csv, as_json=as_json)
    reader = Reader.of(ignore_label, distractor_label, exclude_duplicates=exclude_duplicates)
    unusual = _unusual(
        gallery=gallery, knn=knn, weighted=weighted, macro=macro, new_threshold=new_threshold,
        new_label=new_label, kmeans_seeds=kmeans_seeds, rho_k=rho_k, slices=slices,
        **reader.leave_out.options,
    )  # fmt: skip
    _check_log(log, unusual)
    settings = _settings(
        ks=ks, knn=knn, weighted=weighted, macro=macro, new=new_threshold, seeds=kmeans_seeds, rho_k=rho_k
    )
    wanted = check_metrics(options.words(metrics), settings)
    chosen = selection.choose_runs(runs or [])
    splits = selection.evaluated_splits(chosen, options.words(split))
    labels = selection.run_labels(chosen)
    work = [
        (label, run, name, number, gallery)
        for label, run in zip(labels, chosen, strict=True)
        for name in splits
        for number in selection.choose_epochs(run, epoch)
    ]
    check_slices(chosen, slices)
    tell_idle(((run, number) for _, run, _, number, _ in work), slices)
    settled = {run.path: _with_new(settings, run, new_label, wanted) for run in chosen}
    jobs = [(*place, part) for place in work for part in parts_of(place[1], slices)]
    rows = _score_all(jobs, wanted, settled, reader, device)
    means = score_table.grouped(rows, selection.repeats(chosen))
    if log:
        _write_log(dict(zip(labels, chosen, strict=True)), rows)
    facts = _facts(chosen, work, settings, device) | {"new_label": new_label} | reader.facts
    artifacts = Artifacts(
        figures_folder(chosen, out), output.command(), facts, summary=score_table.summary(rows)
    )
    epochs = "+".join(sorted({f"{number:04d}" for _, _, _, number, _ in work})) if epoch != "all" else "all"
    places = [*artifacts.named([run.name for run in chosen]), "+".join(splits), f"epoch-{epochs}"]
    stem = stem_of(["scores", *places, *_said(metrics, ks, unusual)])
    artifacts.save(stem, {}, score_table.records([*rows, *means]), facts={"slices": slices})
    _tell(means)
    if as_json:
        groups = {"groups": score_table.groups(means)} if means else {}
        output.print_json(artifacts.answer() | groups)
        return
    output.name_implied(runs, chosen)
    _print(rows, means, latex=latex, as_csv=as_csv)
    if artifacts.data and not latex and not as_csv:
        output.say(f"wrote {artifacts.data[0]}")
    if log:
        output.remark(f"logged in {', '.join(str(run.path / 'log.csv') for run in chosen)}")


LEFT_OUT = ("n_ignored", "n_distractors", "n_duplicates")


def _said(metrics: str, ks: str, unusual: Mapping[str, object]) -> list[str]:
    """Return what a file name says of the options."""
    asked = "" if metrics == "default" else "+".join(options.words(metrics))[:60]
    told = [name if value is True else f"{name}-{value}" for name, value in unusual.items()]
    return [f"ks-{ks}" if ks != "cub" else "", asked, *told]


_USUAL = {"knn": 10, "kmeans_seeds": "1234", "rho_k": 1}


def _unusual(**given: object) -> dict[str, object]:
    """Return the options that change what a score means, where they are not the default."""
    return {
        name.replace("_", "-"): value
        for name, value in given.items()
        if value is not None and value is not False and value != "" and value != _USUAL.get(name)
    }


def _check_log(log: bool, unusual: Mapping[str, object]) -> None:
    """Refuse to log, under the plain name of a score, what is not its plain definition."""
    if log and unusual:
        message = (
            f"--log writes scores under their plain names, which --{next(iter(unusual))} would change; "
            "leave out one of the two"
        )
        raise InputError(message)


def _check_formats(**given: bool) -> None:
    """Refuse two ways of printing at once."""
    names = [f"--{name.removeprefix('as_')}" for name, value in given.items() if value]
    if len(names) > 1:
        message = f"{' and '.join(names)} exclude each other; choose one"
        raise InputError(message)


def _settings(
    *, ks: str, knn: int, weighted: bool, macro: bool, new: float | None, seeds: str, rho_k: int
) -> Settings:
    """Return the settings that the options ask for."""
    from embedlens.analysis.scores import RECALL_PRESETS, Settings

    return Settings(
        ks=RECALL_PRESETS.get(ks) or _numbers(ks, "ks", f"numbers, or one of: {', '.join(RECALL_PRESETS)}"),
        knn=knn,
        weighted=weighted,
        macro=macro,
        new_threshold=new,
        seeds=_numbers(seeds, "kmeans-seeds", "numbers"),
        rho_k=rho_k,
    )


def _with_new(settings: Settings, run: Run, new_label: str | None, wanted: Sequence[str]) -> Settings:
    """Return the settings with the label that a run gives the class that counts as new."""
    from dataclasses import replace

    from embedlens.selection import class_of

    if new_label is None:
        return settings
    if "map_at_5" not in wanted:
        message = (
            "--new-label is for map_at_5, which is not requested; add --metrics map_at_5, or leave the class "
            "out by --ignore-label"
        )
        raise InputError(message)
    return replace(settings, new_label=class_of(run, new_label, run.splits))


def _numbers(text: str, option: str, allowed: str) -> tuple[int, ...]:
    words = options.words(text)
    if not words or not all(word.isdecimal() for word in words):
        message = f"--{option} {text!r}; give {allowed}, separated by commas"
        raise InputError(message)
    return tuple(dict.fromkeys(int(word) for word in words))


def _score_all(
    jobs: Sequence[tuple[str, Run, str, int, str | None, Chunk | None]],
    wanted: Sequence[str],
    settled: Mapping[Path, Settings],
    reader: Reader,
    device: str,
) -> list[Row]:
    """Score all snapshots; runs trained with different losses have none beside their scores."""
    from embedlens_cli import output
    from embedlens_cli.series import training_loss

    rows = [
        _score(*job, wanted, settled[job[1].path], reader, device) for job in output.track(jobs, "scoring")
    ]
    reader.warnings.tell()
    same = len({training_loss(run.method) for _, run, *_ in jobs}) == 1
    return rows if same else [row.without("loss") for row in rows]


def _score(
    label: str,
    run: Run,
    split: str,
    epoch: int,
    gallery: str | None,
    part: Chunk | None,
    wanted: Sequence[str],
    settings: Settings,
    reader: Reader,
    device: str,
) -> Row:
    """Score one snapshot, or some chunks of it; what cannot be scored is told with its place."""
    from embedlens_cli.score_table import Row
    from embedlens_cli.sliced import whole

    search = reader.search(run, split, epoch, gallery=gallery, label=label)
    values = search.part(part).score(wanted, settings=settings, device=device)
    values |= {name: search.counts[name] for name in LEFT_OUT if name in search.counts}
    loss = next((row.get("loss") for row in run.log if row["epoch"] == epoch), None)
    logged = {} if loss is None or not whole(part) else {"loss": loss}
    return Row(label, split, epoch, logged | values, part=part.name if part else "")


def _write_log(runs: Mapping[str, Run], rows: Sequence[Row]) -> None:
    """Write the scores into the logs of the runs, as SPLIT_METRIC."""
    from embedlens.store import log_metrics
    from embedlens_cli.score_table import COUNTS

    for row in rows:
        scores = {name: value for name, value in row.values.items() if name not in (*COUNTS, "loss")}
        log_metrics(
            runs[row.run], row.epoch, {f"{row.split}_{name}": value for name, value in scores.items()}
        )


def _facts(
    runs: Sequence[Run], work: Sequence[tuple[Any, ...]], settings: Settings, device: str
) -> dict[str, Any]:
    """Return what the sidecar says."""
    from dataclasses import asdict

    from embedlens.artifacts import run_facts
    from embedlens.selection import searched_split
    from embedlens.similarity import engine_facts

    return {
        "runs": run_facts(runs),
        "scored": [
            {"run": label, "split": split, "epoch": epoch, "gallery": searched_split(run, split, gallery)}
            for label, run, split, epoch, gallery in work
        ],
        "settings": {name: value for name, value in asdict(settings).items() if name != "new_label"},
        "engine": engine_facts(device),
    }


def _tell(means: Sequence[Row]) -> None:
    """Say which means leave out runs."""
    from embedlens_cli import output, score_table

    for line in score_table.missing(means):
        output.remark(line)


def _print(rows: Sequence[Row], means: Sequence[Row], *, latex: bool, as_csv: bool) -> None:
    """Print the table; for a paper, runs that repeat one method give way to their mean."""
    from embedlens_cli import output, score_table

    if latex:
        replaced = {(name, row.split, row.epoch) for row in means for name in row.members}
        single = [row for row in rows if (row.run, row.split, row.epoch) not in replaced]
        output.say(score_table.latex([*single, *means]))
    elif as_csv:
        output.print_csv(score_table.records([*rows, *means]))
    else:
        output.print_table(*score_table.plain([*rows, *means], width=output.terminal_width()))
