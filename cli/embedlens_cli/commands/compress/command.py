"""The command `compress`: scores by the bytes in which an item is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens_cli.commands.compress.figures import save
from embedlens_cli.commands.compress.sizes import options_of, print_own_fits
from embedlens_cli.commands.compress.tables import print_missing, print_table
from embedlens_cli.commands.evaluate.score_options import metrics_word
from embedlens_cli.common import completion, options
from embedlens_cli.common.option_groups import (
    FigureOptions,
    FileWords,
    InName,
    LeaveOutOptions,
    SnapshotOptions,
    WorkerOptions,
    grouped,
)
from embedlens_cli.common.report import Report, by_split
from embedlens_cli.common.snapshots import Selected, Selection
from embedlens_cli.common.without_effect import refuse_without_effect

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from embedlens.analysis.compression import CodeOptions
    from embedlens.measurements.compression import SnapshotCompression


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
    _check_used(chosen, fit)
    selection = Selection.of(where, leave_out, style.names, workers=run_by.chosen())
    of_run = {run.path: options_of(run, chosen) for run in selection.runs}
    how: dict[str, Any] = {"metrics": wanted, "settings": settings, "fit": fit, "device": device}
    measured = selection.measure(partial(_measure, of_run=of_run, **how), "compressing")
    print_own_fits(selection.runs, chosen, fit)
    facts = {"engine": engine_facts(device)}
    report = Report.of("compress", selection, style, options=drawn, words=words, facts=facts)
    for one, result in measured.items():
        report.enter(one, result.answer())
    print_missing(measured.values())
    with style.paper():
        for group in by_split(measured, apart=selection.several_epochs):
            save(report, group)
    report.end(lambda: print_table(measured))


def _check_used(chosen: CodeOptions, fit: str | None) -> None:
    """Refuse options of codes that are not measured."""
    if chosen.names is None:
        return
    default, codes = type(chosen)(), set(chosen.names)
    of_codes = (
        ("--dims", chosen.dims is not None, ("dims", "pca")),
        ("--pq-m", chosen.subquantizers is not None, ("pq",)),
        ("--pq-bits", chosen.bits != default.bits, ("pq",)),
        ("--rescore", chosen.candidates != default.candidates, ("rescored",)),
        ("--fit", fit is not None, ("pca", "int8", "pq")),
    )
    refuse_without_effect(
        (name, given and not codes & set(needed), f"{' or '.join(needed)} in --codes")
        for name, given, needed in of_codes
    )


def _measure(one: Selected, *, of_run: Mapping[Path, CodeOptions], **how: Any) -> SnapshotCompression:
    """Score one snapshot by its codes."""
    from embedlens.measurements.compression import compress_snapshot

    return compress_snapshot(one, options=of_run[one.run.path], **how)
