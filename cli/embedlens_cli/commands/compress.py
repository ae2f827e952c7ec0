"""The command `compress`: scores by the bytes in which an item is stored."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.errors import InputError
from embedlens.moments import short_name_of
from embedlens_cli.commands.evaluate.score_options import metrics_word
from embedlens_cli.common import completion, console, options
from embedlens_cli.common.option_groups import (
    FigureOptions,
    FileWords,
    InName,
    LeaveOutOptions,
    SnapshotOptions,
    WorkerOptions,
    grouped,
)
from embedlens_cli.common.report import Report, by_split, headings
from embedlens_cli.common.score_tables import title as heading_of
from embedlens_cli.common.snapshots import Selected, Selection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from embedlens.analysis.compression import CodeOptions
    from embedlens.csv_files import Table
    from embedlens.measurements.compression import SnapshotCompression
    from embedlens.store import Run

_FITTED = {"pca", "int8", "pq"}


@grouped
def compress(
    *,
    codes: Annotated[
        str | None,
        typer.Option(
            help=f"Comma-separated: {', '.join(completion.CODES)}.",
            show_default="all; pq where faiss is installed",
            autocompletion=completion.some_of(*completion.CODES),
        ),
        InName(lambda text: "codes-" + "+".join(options.words(text))),
    ] = None,
    metrics: Annotated[
        str,
        typer.Option(
            help="Scores, comma-separated, as of evaluate --metrics.",
            autocompletion=completion.scores("default", "all"),
        ),
        InName(metrics_word),
    ] = "R@1",
    dims: Annotated[
        str | None,
        typer.Option(
            help="Numbers of first dimensions and of leading components to keep, e.g. 64,32,16.",
            show_default="powers of two from 4, and all",
        ),
        InName(lambda text: f"dims-{text.replace(',', '+')}"),
    ] = None,
    groups: Annotated[
        str | None,
        typer.Option(
            "--pq-m",
            help="Numbers M of groups of dimensions for product quantisation, e.g. 8,16; each divides the "
            "dims.",
            show_default="powers of two from 4 to 64",
        ),
        InName(lambda text: f"pq-m-{text.replace(',', '+')}"),
    ] = None,
    bits: Annotated[
        int, typer.Option("--pq-bits", help="Bits of the code of a group.", min=1, max=16), InName("bits-{}")
    ] = 8,
    candidates: Annotated[
        int,
        typer.Option(
            "--rescore",
            help="Number of nearest binary codes that the float query rescores; those that tie with the "
            "last, too.",
            min=1,
        ),
        InName("rescore-{}"),
    ] = 100,
    fit: Annotated[
        str | None,
        typer.Option(
            help="Split that components, ranges and centroids are fitted on.",
            show_default="train, else the split",
            autocompletion=completion.splits(),
        ),
        InName("fit-{}"),
    ] = None,
    where: SnapshotOptions,
    leave_out: LeaveOutOptions,
    drawn: FigureOptions,
    device: options.Device = "cpu",
    run_by: WorkerOptions,
    words: FileWords,
) -> None:
    """Draw scores against the bytes in which an item is stored, for codes of several kinds.

    dims: the first dimensions; pca: the leading principal components; int8: a byte per dimension; binary: the
    signs, by Hamming distance; rescored: the nearest binary codes again, by the float query; pq: product
    quantisation, for which faiss is needed. The baseline is the float32 embedding.
    """
    from functools import partial

    from embedlens.analysis.compression import CodeOptions
    from embedlens.analysis.scores import ScoreSettings, check_metrics
    from embedlens.similarity import engine_facts

    style, settings = drawn.style(), ScoreSettings()
    wanted = check_metrics(options.words(metrics), settings)
    chosen = CodeOptions(
        None if codes is None else tuple(options.words(codes)),
        None if dims is None else options.numbers(dims, "dims", least=1),
        None if groups is None else options.numbers(groups, "pq-m", least=1),
        bits,
        candidates,
    )
    chosen.check()
    selection = Selection.of(where, leave_out, style.names, workers=run_by.chosen())
    of_run = {run.path: _options_of(run, chosen) for run in selection.runs}
    how: dict[str, Any] = {"metrics": wanted, "settings": settings, "fit": fit, "device": device}
    measured = selection.measure(partial(_measure, options_of=of_run, **how), "compressing")
    _say_fits(selection.runs, chosen, fit)
    facts = {"metrics": wanted, "engine": engine_facts(device)}
    report = Report.of("compress", selection, style, options=drawn, words=words, facts=facts)
    for one, result in measured.items():
        report.enter(one, result.answer())
    for line in dict.fromkeys(
        f"{code} is left out: {why}"
        for result in measured.values()
        for code, why in result.scores.missing.items()
    ):
        console.print_message(line)
    with style.paper():
        for group in by_split(measured, apart=selection.several_epochs):
            _save(report, group)
    report.end(lambda: _print_table(measured))


def _options_of(run: Run, chosen: CodeOptions) -> CodeOptions:
    """Return the options with the numbers that a run's dims allow; the others are named.

    Where none is allowed, the run is refused.
    """
    dim, given = run.info.dim, chosen
    if dim is None:
        return chosen
    for name, typed, allowed in (
        ("dims", chosen.dims, lambda number: number <= dim),
        ("subquantizers", chosen.subquantizers, lambda number: dim % number == 0),
    ):
        kept = _kept(run, "--dims" if name == "dims" else "--pq-m", typed, allowed)
        given = replace(given, **{name: kept})  # type: ignore[arg-type]
    return given


def _kept(
    run: Run, option: str, typed: Sequence[int] | None, allowed: Callable[[int], bool]
) -> tuple[int, ...] | None:
    """Return the numbers of an option that are allowed."""
    kept = tuple(number for number in typed or () if allowed(number))
    skipped = ", ".join(str(number) for number in typed or () if not allowed(number))
    if typed and not kept:
        rule = "divides" if option == "--pq-m" else "is within"
        message = f"no number of {option} {skipped} {rule} the {run.info.dim} dims of run {run.name!r}"
        raise InputError(message)
    if skipped:
        console.print_message(f"run {run.name!r} has {run.info.dim} dims; {option} skipped: {skipped}")
    return kept or None


def _say_fits(runs: Sequence[Run], chosen: CodeOptions, fit: str | None) -> None:
    """Print which runs have no training split to fit codes on."""
    if fit is None and (chosen.names is None or _FITTED & set(chosen.names)):
        for run in runs:
            if "train" not in run.splits:
                console.print_message(
                    f"run {run.name!r} has no train split; codes are fitted on the split itself, which is "
                    "optimistically biased"
                )


def _measure(one: Selected, *, options_of: Mapping[Path, CodeOptions], **how: Any) -> SnapshotCompression:
    """Score one snapshot by its codes."""
    from embedlens.measurements.compression import compress_snapshot

    return compress_snapshot(one, options=options_of[one.run.path], **how)


def _save(report: Report, group: Mapping[Selected, SnapshotCompression]) -> None:
    """Write the curves of one split."""
    from embedlens.analysis.compression import CODES
    from embedlens.captions import compression as captions
    from embedlens.figures.compression import figure
    from embedlens.figures.experiments.curves import metric_label

    title, names = headings(group)
    results = {name: one.scores for name, one in zip(names, group.values(), strict=True)}
    number = len(results) * len(next(iter(results.values())).scores)
    drawn = figure(results, **report.style.size(number), title=title)
    table: Table = [
        {**one.facts, "fit": result.fit, **result.scores.columns()} for one, result in group.items()
    ]
    scores = next(iter(results.values()))
    caption = captions.compression(
        [code for code in CODES if any(one.points(code).size for one in results.values())],
        [metric_label(metric) for metric in scores.scores],
        list(dict.fromkeys(result.fit for result in group.values())),
        bits=scores.bits,
        candidates=scores.candidates,
    )
    panels = [{**one.facts, **result.facts} for one, result in group.items()]
    counts = [(panel["shown"], panel["of"]) for panel in panels]
    report.add(drawn, table, list(group), facts={"panels": panels}, caption=caption, counts=counts)


def _print_table(measured: Mapping[Selected, SnapshotCompression]) -> None:
    """Print the scores of every code, the bytes of an item, and how many times smaller it is."""
    rows, metrics = [], list(next(iter(measured.values())).scores.scores)
    for one, result in measured.items():
        scores = result.scores
        for at, code in enumerate(scores.codes):
            number, size = int(scores.bytes[at]), int(scores.sizes[at])
            name = f"{code} {size}" if code in ("dims", "pca") else str(code)
            name = f"pq {size}x{scores.bits}" if code == "pq" else name
            cells = [console.cell(float(scores.scores[metric][at]), ".4f") for metric in metrics]
            times = f"{scores.bytes[0] / number:.3g}x"
            rows.append(
                (f"{one.label}, {one.split}", short_name_of(one.epoch), name, f"{number:,}", times, *cells)
            )
    columns = ("run, split", "epoch", "code", "bytes", "smaller", *map(heading_of, metrics))
    console.print_table(columns, rows)
    counts = [result.scores.n_candidates for result in measured.values()]
    rescored = [count for count in counts if count == count]  # NaN where nothing was rescored
    if rescored:
        mean = sum(rescored) / len(rescored)
        least = next(iter(measured.values())).scores.candidates
        console.print_line(
            f"rescored: the {least:,} nearest binary codes of each query and those that tie with the last, "
            f"mean {mean:,.1f}"
        )
