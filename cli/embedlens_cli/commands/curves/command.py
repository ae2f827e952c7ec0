"""The command `curves`: metrics over training."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.devices import check_device
from embedlens.errors import listed, unknown
from embedlens.moments import short_name_of
from embedlens_cli.commands.curves.figure import CurveDrawing
from embedlens_cli.common import completion, console, figure_style, options
from embedlens_cli.common.option_groups import (
    FigureOptions,
    FileWords,
    InName,
    LeaveOutOptions,
    WorkerOptions,
    changed,
    grouped,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedlens.experiments.run_metrics import RunMetrics
    from embedlens.figures.experiments.curves import CurvePanel
    from embedlens.objectives import Loss

_LONGEST = 60  # letters of a file name that the runs, or the metrics, may take
_X = completion.one_of("epoch", "step", "seconds")


@dataclass(frozen=True, kw_only=True)
class BatchOptions:
    """The fixed batches of --monitor."""

    batches: Annotated[int, typer.Option(help="With --monitor: number of batches.", min=1)] = 32
    classes_per_batch: Annotated[int, typer.Option(help="With --monitor: classes of a batch.", min=2)] = 16
    items_per_class: Annotated[
        int, typer.Option(help="With --monitor: items of each class, unless the loss sets them.", min=2)
    ] = 4
    batch_seed: Annotated[int, typer.Option(help="With --monitor: seed of the batches.", min=0)] = 0
    normalize: Annotated[
        bool, typer.Option("--normalize/--no-normalize", help="With --monitor: scale rows to length 1 first.")
    ] = False

    @property
    def facts(self) -> dict[str, Any]:
        """Entries of the sidecar."""
        return {name.removeprefix("batch_"): value for name, value in asdict(self).items()}

    @property
    def words(self) -> list[str]:
        """Parts of file names: options that are not the default."""
        values = {name.removeprefix("batch_"): value for name, value in changed(self).items()}
        return [name if value is True else f"{name}_{value}" for name, value in values.items()]


@grouped
def curves(
    *,
    runs: options.Runs = None,
    metrics: Annotated[
        str,
        typer.Option(
            help="Comma-separated: columns of log.csv, or scores computed from the snapshots where the log "
            "has none: recall_at_10, nmi, ... of every split chosen, or of one: train_nmi.",
            show_default="losses and recalls of the log; without a log R@1",
            autocompletion=completion.log_columns,
        ),
    ] = "",
    monitor: Annotated[
        str,
        typer.Option(
            help="Comma-separated losses, with their default options, on the same batches of every snapshot.",
            show_default="none",
            autocompletion=completion.some_of(*completion.LOSSES),
        ),
    ] = "",
    x: Annotated[
        str | None,
        typer.Option(
            "--x",
            help="x axis: epoch, step or seconds.",
            show_default="epoch; step, if the runs count steps",
            autocompletion=_X,
        ),
    ] = None,
    seeds: Annotated[
        str,
        typer.Option(
            help="Runs that differ in their seed alone: band (mean and standard deviation) or lines.",
            autocompletion=completion.one_of("band", "lines"),
        ),
        InName("{}"),
    ] = "band",
    split: options.TestSplits = "",
    batched: BatchOptions,
    leave_out: LeaveOutOptions,
    drawn: FigureOptions,
    device: options.Device = "cpu",
    run_by: WorkerOptions,
    words: FileWords,
) -> None:
    """Draw loss and scores against epoch, step or seconds, for one run or several.

    Runs trained with different losses compare by their scores, or by one loss on the same batches of their
    snapshots: --monitor triplet.
    """
    from embedlens import selection
    from embedlens.artifacts import Artifacts, figures_folder, run_facts
    from embedlens.experiments.metric_names import choose_metrics, other_columns
    from embedlens.experiments.run_metrics import Meter, RunMetrics, default_x
    from embedlens.measurements.missing_metrics import compute_missing

    style = drawn.style()
    check_device(device)
    _check_words(x or "epoch", seeds)
    reader = leave_out.reader()
    meter = Meter(_losses(options.words(monitor)), batched.facts, device)
    found = reader.leave_out.relabelled(selection.choose_runs(runs or [], logged=True))
    chosen = style.names.rename(found)
    reader.leave_out.check_same_classes(chosen)
    labels = selection.run_labels(chosen)
    sources = [RunMetrics.of(label, run) for label, run in zip(labels, chosen, strict=True)]
    named, splits = options.words(metrics), options.words(split)
    wanted = choose_metrics(named, sources, splits=splits, monitors=meter.losses)
    workers = run_by.chosen()
    if not named and not meter.losses and (others := other_columns(wanted, sources)):
        console.print_message(f"the log also has: {listed(others)}; draw them by --metrics")
    compute_missing(
        sources, wanted, meter, reader=reader, executor=workers,
        follow=lambda results, total: console.track(results, "computing", total=total),
    )  # fmt: skip
    console.print_warnings(reader.warnings)
    x = x or default_x(sources)
    groups = style.names.repeats(chosen) if seeds == "band" else {}
    facts = {"runs": run_facts(chosen), **(workers.facts if workers else {})}
    artifacts = Artifacts(figures_folder(chosen, drawn.out), console.command(), facts)
    drawing = CurveDrawing(artifacts, style, x, groups, meter, reader)
    stem = ["curves", _short(artifacts.named(labels), "runs"), _short([*named, *meter.losses], "metrics")]
    stem += [
        _short(splits, "splits"),
        "" if x == "epoch" else x,
        *words,
        *(batched.words if meter.losses else ()),
    ]
    stem += reader.leave_out.words
    panels = drawing.save(sources, wanted, stem)
    figure_style.answer(
        artifacts,
        chosen,
        lambda: _print_table(panels, sources),
        style=style,
        typed=runs,
        as_json=drawn.as_json,
    )


def _losses(names: Sequence[str]) -> dict[str, Loss]:
    """Return the losses to monitor; without any, torch is not loaded."""
    if not names:
        return {}
    from embedlens.analysis.experiments import check_monitors

    return check_monitors(names)


def _check_words(x: str, seeds: str) -> None:
    from embedlens.figures.experiments.curves import X_LABELS

    for got, kind, known in ((x, "x axis", X_LABELS), (seeds, "way to draw seeds", ("band", "lines"))):
        if got not in known:
            raise unknown(got, kind, known)


def _short(words: Sequence[str], kind: str) -> str:
    """Join words for a file name; what is too long becomes a number and a digest that differs with them."""
    text = "-".join(words)
    if len(text) <= _LONGEST:
        return text
    return f"{len(words)}_{kind}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _print_table(panels: Sequence[CurvePanel], sources: Sequence[RunMetrics]) -> None:
    """Print the last value of every curve: one row per run or group, one column per metric."""
    from embedlens.analysis.experiments import Band

    cells: dict[str, dict[str, str]] = {}
    last: dict[str, int] = {}
    names = {
        source.label: {int(epoch): short_name_of(epoch) for epoch in source.epochs} for source in sources
    }
    for panel in panels:
        for curve in panel.curves:
            if isinstance(curve, Band):
                text = "{:.4f} ± {:.4f}".format(*curve.final)
                row = cells.setdefault(f"{curve.name} ({len(curve.runs)} seeds)", {})
            else:
                text, row = f"{curve.final:.4f}", cells.setdefault(curve.name, {})
            row[curve.metric] = text
            last[curve.name] = max(last.get(curve.name, 0), int(curve.epoch[-1]))
            own = names[curve.runs[0] if isinstance(curve, Band) else curve.name]
            row["epoch"] = own.get(last[curve.name], str(last[curve.name]))
    columns = dict.fromkeys(curve.metric for panel in panels for curve in panel.curves)
    shown = ["epoch", *columns]
    console.print_table(
        ("run, last values", *shown),
        [(name, *(row.get(column, "-") for column in shown)) for name, row in cells.items()],
    )
