"""The command that follows metrics over training."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.errors import InputError, unknown
from embedlens_cli import options, series

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedlens.analysis.curves import Band, Curve
    from embedlens.artifacts import Table
    from embedlens.figures.curves import Panel

_LONGEST = 60  # letters of a file name that the runs, or the metrics, may take


def curves(
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
            help="Comma-separated losses, by default options, on fixed batches of every snapshot.",
            show_default="none",
        ),
    ] = "",
    x: Annotated[str, typer.Option("--x", help="epoch, step or seconds (of training).")] = "epoch",
    seeds: Annotated[
        str,
        typer.Option(
            help="Runs that differ in their seed alone: band (mean and standard deviation) or lines."
        ),
    ] = "band",
    split: Annotated[
        str, typer.Option(help="Splits, comma-separated.", show_default="test, where all runs have it")
    ] = "",
    batches: Annotated[int, typer.Option(help="With --monitor: number of batches.", min=1)] = 32,
    classes_per_batch: Annotated[int, typer.Option(help="With --monitor: P of a batch.", min=2)] = 16,
    items_per_class: Annotated[
        int, typer.Option(help="With --monitor: K of a batch, unless the loss prescribes it.", min=2)
    ] = 4,
    batch_seed: Annotated[int, typer.Option(help="With --monitor: seed of the batches.", min=0)] = 0,
    normalize: Annotated[
        bool,
        typer.Option(
            "--normalize/--no-normalize", help="With --monitor: scale embeddings to length 1 first."
        ),
    ] = False,
    ignore_label: options.IgnoreLabel = None,
    distractor_label: options.DistractorLabel = None,
    exclude_duplicates: options.ExcludeDuplicates = False,
    out: options.Out = None,
    formats: options.Format = "pdf,png",
    venue: options.Venue = "cvpr",
    width: options.Width = None,
    names: options.Names = None,
    title: options.Title = True,
    text: options.Text = True,
    device: options.Device = "cpu",
    as_json: options.Json = False,
) -> None:
    """Draw loss and scores against epoch, step or seconds, for one run or several.

    Runs trained with different losses compare by their scores, or by one loss on the same batches of their
    snapshots: --monitor triplet.
    """
    from embedlens import selection
    from embedlens.analysis.curves import check_monitors
    from embedlens.artifacts import Artifacts, figure_writers, figures_folder, stem_of
    from embedlens.devices import check_device
    from embedlens.figures.curves import plot_panels
    from embedlens.figures.style import VENUES, paper
    from embedlens_cli import drawing, output
    from embedlens_cli.reading import Reader

    look = drawing.Look.of(formats, venue, width, names=names, title=title, text=text)
    check_device(device)
    _check_words(x, seeds)
    reader = Reader.of(ignore_label, distractor_label, exclude_duplicates=exclude_duplicates)
    given = dict(
        zip(series.BATCHES, (batches, classes_per_batch, items_per_class, batch_seed, normalize), strict=True)
    )
    meter = series.Meter(check_monitors(options.words(monitor)), given, device)
    chosen = look.rename(selection.choose_runs(runs or [], logged=True))
    labels = selection.run_labels(chosen)
    sources = [series.Source.of(label, run) for label, run in zip(labels, chosen, strict=True)]
    words, splits = options.words(metrics), options.words(split)
    wanted = _choose(words, meter, sources, splits)
    series.compute(sources, wanted, meter.measure, reader)
    reader.warnings.tell()
    lines = _lines(sources, wanted, x)
    groups = selection.repeats(chosen) if seeds == "band" else {}
    panels = _panels(lines, groups, sources)
    facts = _facts(sources, groups, meter, x=x) | reader.facts
    artifacts = Artifacts(
        figures_folder(chosen, out), output.command(), facts, summary=_summary(lines, panels)
    )
    stem = stem_of(
        [
            "curves", _short(artifacts.named(labels), "runs"),
            _short([*words, *meter.losses], "metrics"), _short(splits, "splits"), x if x != "epoch" else "",
            "" if seeds == "band" else seeds, meter.stem, *reader.leave_out.words,
            "" if venue == "cvpr" else venue, width or "",
        ]
    )  # fmt: skip
    with paper(venue):
        size = width or ("column" if len(panels) == 1 and VENUES[venue].column else "full")
        heading = labels[0] if len(labels) == 1 else ""
        figure = plot_panels(panels, x=x, venue=venue, width=size, heading=heading)
        look.finish(figure)
        artifacts.save(stem, figure_writers(figure, look.formats), _table(lines, panels, sources), facts={})
    if as_json:
        output.print_json(artifacts.answer())
        return
    output.name_implied(runs, chosen)
    _print_summary(panels)
    output.print_files(artifacts)


def _check_words(x: str, seeds: str) -> None:
    from embedlens.figures.curves import X_LABELS

    for got, kind, known in ((x, "x axis", X_LABELS), (seeds, "way to draw seeds", ("band", "lines"))):
        if got not in known:
            raise unknown(got, kind, known)


def _choose(
    words: Sequence[str], meter: series.Meter, sources: Sequence[series.Source], splits: Sequence[str]
) -> list[str]:
    """Return the full names of all metrics; with losses to monitor alone, those alone."""
    chosen = series.choose_metrics(words, sources, splits) if words or not meter.losses else []
    places = series.choose_splits(sources, splits) if meter.losses else []
    return chosen + [f"{split}_{series.MONITOR}{name}" for name in meter.losses for split in places]


def _lines(sources: Sequence[series.Source], metrics: Sequence[str], x: str) -> list[Curve]:
    """Return every metric of every run that has it; a metric that none has is refused."""
    from embedlens.analysis.curves import Curve
    from embedlens_cli import not_finite, output

    positions = {source.label: source.positions(x) for source in sources}
    found = []
    for metric in metrics:
        having = [source for source in sources if source.values(metric) or source.undefined(metric)]
        if not having:
            message = (
                f"no run has a value of {metric!r}: no log has it, and there is no snapshot to compute it"
            )
            raise InputError(message)
        for source in sources:
            values, places = source.values(metric), positions[source.label]
            if source not in having:
                output.remark(f"run {source.label} has no {metric} and is left out there")
                continue
            epochs, x_values = list(places), list(places.values())
            heights = [values.get(epoch, float("nan")) for epoch in epochs]
            odd = source.undefined(metric)
            taken = [epoch in values or epoch in odd for epoch in epochs]
            line = Curve.of(source.label, metric, epoch=epochs, x=x_values, value=heights, taken=taken)
            found.append(line)
            for text in not_finite.in_log(source, metric, drawn=bool(values)):
                output.remark(text)
    return found


def _panels(
    lines: Sequence[Curve], groups: Mapping[str, Sequence[str]], sources: Sequence[series.Source]
) -> list[Panel]:
    """Return one panel a metric; a training loss gets one for each loss, since their scales differ."""
    from embedlens.figures.curves import Panel

    trained = {source.label: series.training_loss(source.run.method) for source in sources}
    panels = []
    for metric in dict.fromkeys(line.metric for line in lines):
        drawn = [line for line in lines if line.metric == metric]
        kinds = {line.name: trained[line.name] if _is_loss(metric) else "" for line in drawn}
        for kind in dict.fromkeys(kinds.values()):
            shown = [line for line in drawn if kinds[line.name] == kind]
            label = _label(metric, sources)
            told = f"{label} ({kind})" if len(set(kinds.values())) > 1 and kind else label
            panels.append(Panel(told, tuple(_banded(shown, groups))))
    return panels


def _is_loss(metric: str) -> bool:
    return metric == "loss" or metric.endswith("_loss")


def _banded(lines: Sequence[Curve], groups: Mapping[str, Sequence[str]]) -> list[Curve | Band]:
    """Put a band in the place of a group's lines; where a run lacks the metric, the lines stay."""
    from embedlens.analysis.curves import Band

    names = {line.name for line in lines}
    of_run = {run: group for group, runs in groups.items() if names.issuperset(runs) for run in runs}
    drawn: dict[str, Curve | Band] = {}
    for line in lines:
        group = of_run.get(line.name)
        if group is None:
            drawn[line.name] = line
        elif group not in drawn:
            try:
                drawn[group] = Band.of(group, [one for one in lines if of_run.get(one.name) == group])
            except InputError as error:
                message = f"{error}; --seeds lines draws them one by one"
                raise InputError(message) from error
    return list(drawn.values())


def _label(metric: str, sources: Sequence[series.Source]) -> str:
    """Return what stands at the y axis of a metric."""
    from embedlens.figures.curves import metric_label

    splits = list(dict.fromkeys(split for source in sources for split in source.run.splits))
    split, score = series.part(metric, splits)
    if score.startswith(series.MONITOR):
        return f"{split} {score.removeprefix(series.MONITOR)} loss"
    return metric_label(metric, splits)


def _facts(
    sources: Sequence[series.Source], groups: Mapping[str, Sequence[str]], meter: series.Meter, *, x: str
) -> dict[str, Any]:
    """Return what the sidecar says."""
    from embedlens.analysis.scores import Settings
    from embedlens.similarity import engine_facts

    return {
        "runs": [
            {
                "name": source.label,
                "path": source.run.path.as_posix(),
                "seed": source.run.method.get("seed"),
                "items": {split: entry.items for split, entry in source.run.info.splits.items()},
                "epochs": source.epochs,
                "computed": {metric: sorted(values) for metric, values in source.computed.items()},
                "not_finite": source.not_finite,
            }
            for source in sources
        ],
        "x": x,
        "groups": {name: list(labels) for name, labels in groups.items()},
        "band": "mean and sample standard deviation (divisor n - 1) over the runs of a group",
        "scores": asdict(Settings()),
        "monitor": meter.facts(),
        "engine": engine_facts(meter.device),
    }


def _short(words: Sequence[str], kind: str) -> str:
    """Join words for a file name; what is too long becomes a number and a digest that differs with them."""
    text = "-".join(words)
    if len(text) <= _LONGEST:
        return text
    return f"{len(words)}_{kind}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _table(lines: Sequence[Curve], panels: Sequence[Panel], sources: Sequence[series.Source]) -> Table:
    """Return a row for each run, metric and epoch; mean and deviation of the run's group stand beside it."""
    import numpy as np

    from embedlens.analysis.curves import Band

    bands = [curve for panel in panels for curve in panel.curves if isinstance(curve, Band)]
    computed = {
        (source.label, metric): set(of) for source in sources for metric, of in source.computed.items()
    }
    table: Table = []
    for line in lines:
        columns = line.columns()
        own = computed.get((line.name, line.metric), set())
        origin = np.array(["computed" if epoch in own else "log" for epoch in columns["epoch"].tolist()])
        block = {"run": line.name, "metric": line.metric, **columns, "source": origin}
        for band in bands:
            if band.metric == line.metric and line.name in band.runs:
                told = band.columns()
                at = {epoch: row for row, epoch in enumerate(told["epoch"].tolist())}
                rows = [at.get(epoch) for epoch in columns["epoch"].tolist()]
                block["group"] = band.name
                for name in ("x", "mean", "deviation"):
                    cells = ["" if row is None else told[name][row].item() for row in rows]
                    block[f"group_{name}"] = np.array(cells, dtype=object)
        table.append(block)
    return table


def _summary(lines: Sequence[Curve], panels: Sequence[Panel]) -> dict[str, Any]:
    """Return the values: run -> metric -> epoch, x and values; a group also has its runs and deviations."""
    from embedlens.analysis.curves import Band

    bands = [curve for panel in panels for curve in panel.curves if isinstance(curve, Band)]
    drawn: list[Curve | Band] = [*lines, *bands]
    summary: dict[str, Any] = {}
    for curve in drawn:
        told = {name: column.tolist() for name, column in curve.columns().items()}
        told = {name: [None if value != value else value for value in told[name]] for name in told}
        told["values"] = told.pop("mean" if isinstance(curve, Band) else "value")
        if isinstance(curve, Band):
            told["runs"] = list(curve.runs)
        if curve.not_finite.size:
            told["not_finite"] = curve.not_finite.tolist()
        summary.setdefault(curve.name, {})[curve.metric] = told
    return summary


def _print_summary(panels: Sequence[Panel]) -> None:
    """Print the last value of every curve: a row a run or group, a column a metric."""
    from embedlens.analysis.curves import Band
    from embedlens_cli import output

    cells: dict[str, dict[str, str]] = {}
    for panel in panels:
        for curve in panel.curves:
            if isinstance(curve, Band):
                text = "{:.4f} ± {:.4f}".format(*curve.final)
                row = cells.setdefault(f"{curve.name} ({len(curve.runs)} seeds)", {})
            else:
                text, row = f"{curve.final:.4f}", cells.setdefault(curve.name, {})
            row[curve.metric] = text
            row["epoch"] = str(max(int(row.get("epoch", 0)), int(curve.epoch[-1])))
    columns = dict.fromkeys(curve.metric for panel in panels for curve in panel.curves)
    names = ["epoch", *columns]
    output.print_table(
        ("run, last values", *names),
        [(name, *(row.get(column, "-") for column in names)) for name, row in cells.items()],
    )
