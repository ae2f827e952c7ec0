"""The command `curves`: metrics over training."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.devices import check_device
from embedlens.errors import InputError, unknown
from embedlens_cli.commands.curves import tables as curve_tables
from embedlens_cli.commands.curves.batch_options import BatchOptions
from embedlens_cli.common import console, figure_style, not_finite, options
from embedlens_cli.common.option_groups import (
    FigureOptions,
    FileWords,
    InName,
    LeaveOutOptions,
    grouped,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedlens.analysis.experiments.curves import Curve
    from embedlens.experiments.run_metrics import Meter, RunMetrics
    from embedlens.figures.experiments.curves import CurvePanel
    from embedlens.measurements.reader import Reader

_LONGEST = 60  # letters of a file name that the runs, or the metrics, may take


@grouped
def curves(
    *,
    runs: options.Runs = None,
    metrics: Annotated[
        str,
        typer.Option(
            help="Comma-separated: columns of log.csv, or scores computed from the snapshots where the log "
            "has none: recall_at_10, nmi, ... of every split chosen, or of one: train_nmi.",
            show_default="loss and recalls of the log; without a log R@1",
        ),
    ] = "",
    monitor: Annotated[
        str,
        typer.Option(
            help="Comma-separated losses, with their default options, on the same batches of every snapshot.",
            show_default="none",
        ),
    ] = "",
    x: Annotated[
        str, typer.Option("--x", help="epoch, step or seconds (of training)."), InName("{}")
    ] = "epoch",
    seeds: Annotated[
        str,
        typer.Option(
            help="Runs that differ in their seed alone: band (mean and standard deviation) or lines."
        ),
        InName("{}"),
    ] = "band",
    split: Annotated[
        str, typer.Option(help="Splits, comma-separated.", show_default="test, where all runs have it")
    ] = "",
    batched: BatchOptions,
    leave_out: LeaveOutOptions,
    drawn: FigureOptions,
    device: options.Device = "cpu",
    words: FileWords,
) -> None:
    """Draw loss and scores against epoch, step or seconds, for one run or several.

    Runs trained with different losses compare by their scores, or by one loss on the same batches of their
    snapshots: --monitor triplet.
    """
    from embedlens import selection
    from embedlens.analysis.experiments.monitoring import check_monitors
    from embedlens.artifacts import Artifacts, figures_folder
    from embedlens.experiments.metric_names import choose_metrics
    from embedlens.experiments.run_metrics import Meter, RunMetrics
    from embedlens.figures.experiments.curves import figure as curves_figure
    from embedlens.figures.style import paper

    style = drawn.style()
    check_device(device)
    _check_words(x, seeds)
    reader = leave_out.reader()
    meter = Meter(check_monitors(options.words(monitor)), batched.facts, device)
    chosen = style.names.rename(selection.choose_runs(runs or [], logged=True))
    reader.leave_out.check_same_classes(chosen)
    labels = selection.run_labels(chosen)
    sources = [RunMetrics.of(label, run) for label, run in zip(labels, chosen, strict=True)]
    named, splits = options.words(metrics), options.words(split)
    wanted = choose_metrics(named, sources, splits=splits, monitors=meter.losses)
    _compute(sources, wanted, meter, reader)
    lines = _lines(sources, wanted, x)
    groups = style.names.repeats(chosen) if seeds == "band" else {}
    panels = _panels(lines, groups, sources)
    facts = _facts(sources, groups, meter, x=x) | reader.facts
    artifacts = Artifacts(
        figures_folder(chosen, drawn.out),
        console.command(),
        facts,
        summary=curve_tables.summary(lines, panels),
    )
    stem = [
        "curves", _short(artifacts.named(labels), "runs"), _short([*named, *meter.losses], "metrics"),
        _short(splits, "splits"), *words, *(batched.words if meter.losses else ()), *reader.leave_out.words,
    ]  # fmt: skip
    with paper(drawn.venue):
        heading = labels[0] if len(labels) == 1 else ""
        figure = curves_figure(panels, x=x, title=heading, **style.size(len(panels)))
        style.save(artifacts, stem, figure, curve_tables.table(lines, panels, sources), {})
    figure_style.answer(
        artifacts, chosen, lambda: curve_tables.print_summary(panels), typed=runs, as_json=drawn.as_json
    )


def _check_words(x: str, seeds: str) -> None:
    from embedlens.figures.experiments.curves import X_LABELS

    for got, kind, known in ((x, "x axis", X_LABELS), (seeds, "way to draw seeds", ("band", "lines"))):
        if got not in known:
            raise unknown(got, kind, known)


def _compute(sources: Sequence[RunMetrics], metrics: Sequence[str], meter: Meter, reader: Reader) -> None:
    """Compute what the logs lack, reading each snapshot once."""
    from embedlens.experiments.run_metrics import unscored

    tasks = unscored(sources, metrics, without_log=bool(reader.leave_out))
    for task in console.track(tasks, "computing") if tasks else ():
        source = task.metrics
        task.compute(reader.search(source.run, task.split, task.epoch, label=source.label), meter)
    console.print_warnings(reader.warnings)


def _lines(sources: Sequence[RunMetrics], metrics: Sequence[str], x: str) -> list[Curve]:
    """Return every metric of every run that has it; a metric that none has is refused."""
    positions = {source.label: source.positions(x) for source in sources}
    lines = []
    for metric in metrics:
        having = [source for source in sources if source.values(metric) or source.undefined(metric)]
        if not having:
            message = (
                f"no run has a value of {metric!r}: no log has it, and there is no snapshot to compute it"
            )
            raise InputError(message)
        for source in sources:
            if source not in having:
                console.print_message(f"run {source.label} has no {metric} and is left out there")
                continue
            lines.append(source.curve(metric, positions[source.label]))
            for text in not_finite.in_log(source, metric, drawn=bool(source.values(metric))):
                console.print_message(text)
    return lines


def _panels(
    lines: Sequence[Curve], groups: Mapping[str, Sequence[str]], sources: Sequence[RunMetrics]
) -> list[CurvePanel]:
    """Return one panel per metric; a training loss gets one for each loss, since their scales differ."""
    from embedlens.analysis.experiments.curves import Band
    from embedlens.experiments.run_metrics import training_loss
    from embedlens.figures.experiments.curves import CurvePanel, metric_label

    trained = {source.label: training_loss(source.run.method) for source in sources}
    splits = list(dict.fromkeys(split for source in sources for split in source.run.splits))
    panels = []
    for metric in dict.fromkeys(line.metric for line in lines):
        drawn = [line for line in lines if line.metric == metric]
        is_loss = metric == "loss" or metric.endswith("_loss")
        kinds = {line.name: trained[line.name] if is_loss else "" for line in drawn}
        for kind in dict.fromkeys(kinds.values()):
            shown = [line for line in drawn if kinds[line.name] == kind]
            label = metric_label(metric, splits)
            label += f" ({kind})" if len(set(kinds.values())) > 1 and kind else ""
            try:
                panels.append(CurvePanel(label, tuple(Band.in_place(shown, groups))))
            except InputError as error:
                message = f"{error}; --seeds lines draws them one by one"
                raise InputError(message) from error
    return panels


def _facts(
    sources: Sequence[RunMetrics], groups: Mapping[str, Sequence[str]], meter: Meter, *, x: str
) -> dict[str, Any]:
    """Return what the sidecar says."""
    from embedlens.analysis.scores import ScoreSettings
    from embedlens.artifacts import run_facts
    from embedlens.similarity import engine_facts

    runs = [
        facts
        | {
            "name": source.label,
            "items": {split: entry.items for split, entry in source.run.info.splits.items()},
            "epochs": source.epochs,
            "computed": {metric: sorted(values) for metric, values in source.computed.items()},
            "not_finite": source.not_finite,
        }
        for source, facts in zip(sources, run_facts([source.run for source in sources]), strict=True)
    ]
    return {
        "runs": runs,
        "x": x,
        "groups": {name: list(labels) for name, labels in groups.items()},
        "band": "mean and sample standard deviation (divisor n - 1) over the runs of a group",
        "scores": asdict(ScoreSettings()),
        "monitor": meter.facts(),
        "engine": engine_facts(meter.device),
    }


def _short(words: Sequence[str], kind: str) -> str:
    """Join words for a file name; what is too long becomes a number and a digest that differs with them."""
    text = "-".join(words)
    if len(text) <= _LONGEST:
        return text
    return f"{len(words)}_{kind}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"
