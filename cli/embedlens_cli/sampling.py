"""The command that shows what mining picks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.errors import InputError
from embedlens_cli import options, sampled, sampled_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedlens.store import Run

_BATCHES, _CLASSES, _ITEMS = 32, 16, 4
_MARGIN, _BETA, _PAIRS = 0.2, 1.2, 500_000


def sampling(
    runs: options.Runs = None,
    show: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help="Panels, comma-separated: losses, sphere, distances, picked, nonzero, noise.",
            show_default="all",
        ),
    ] = "",
    mining: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help="Strategies, comma-separated: all, random, hard, semi-hard, semi-hard-range, "
            "distance-weighted, easy-positive, or pml:CLASS. Over the epochs of several runs the first is "
            "drawn.",
            show_default="every one but all",
        ),
    ] = "",
    margin: Annotated[
        float, typer.Option(help="Of triplet and margin loss, and of semi-hard mining, in distance.")
    ] = _MARGIN,
    beta: Annotated[float, typer.Option(help="The margin loss's boundary between pairs.")] = _BETA,
    pairs: Annotated[
        int, typer.Option(help="Pairs of each kind, drawn by seed where there are more.", min=1)
    ] = _PAIRS,
    batches: Annotated[int, typer.Option(help="Batches that are mined.", min=1)] = _BATCHES,
    classes_per_batch: Annotated[int, typer.Option(help="P of a batch.", min=2)] = _CLASSES,
    items_per_class: Annotated[int, typer.Option(help="K of a batch.", min=2)] = _ITEMS,
    seed: Annotated[int, typer.Option(help="Of pairs, batches and what a strategy draws.", min=0)] = 0,
    split: Annotated[
        str, typer.Option(help="Splits, comma-separated.", show_default="query splits, or test, or all")
    ] = "",
    epoch: options.Epoch = "last",
    ignore_label: options.IgnoredItems = None,
    exclude_duplicates: options.ExcludeCopies = False,
    out: options.Out = None,
    formats: options.Format = "pdf,png",
    venue: options.Venue = "cvpr",
    width: options.Width = None,
    names: options.Names = None,
    title: options.Title = True,
    text: options.Text = True,
    as_json: options.Json = False,
) -> None:
    """Draw what sampling does: losses, distances, what each mining strategy picks, and gradient noise.

    After Wu et al., "Sampling matters in deep embedding learning", ICCV 2017. All epochs are mined on the
    same batches. Of several runs the ranges of what each strategy picks are compared.
    """
    from embedlens import selection
    from embedlens.artifacts import Artifacts, figures_folder
    from embedlens.figures.sampling import PANELS, check_panels, grid_of, plot_panels
    from embedlens.figures.style import paper
    from embedlens_cli import drawing, output
    from embedlens_cli.reading import Reader

    look = drawing.Look.of(formats, venue, width, names=names, title=title, text=text)
    panels = check_panels(options.words(show) or PANELS)
    grid_of(panels, **look.size(len(panels)))
    asked = sampled.Asked(
        panels=panels, mining=sampled.check_mining(options.words(mining)), margin=margin, beta=beta,
        pairs=pairs, batches=(batches, classes_per_batch, items_per_class), seed=seed,
        reader=Reader.of(ignore_label, exclude_duplicates=exclude_duplicates),
    )  # fmt: skip
    asked.check()
    chosen = look.rename(selection.choose_runs(runs or []))
    splits = selection.evaluated_splits(chosen, options.words(split))
    _check_epochs(panels, chosen)
    jobs = [
        (label, run, name, selection.choose_epochs(run, epoch))
        for label, run in zip(selection.run_labels(chosen), chosen, strict=True)
        for name in splits
    ]
    found = [sampled.measure(*job, asked) for job in jobs]
    asked.reader.warnings.tell()
    artifacts = Artifacts(
        figures_folder(chosen, out),
        output.command(),
        _facts(chosen, asked),
        summary=sampled_table.summary(found),
    )
    stem = ["sampling", *artifacts.named([run.name for run in chosen])]
    with paper(venue):
        for group, epochs in sampled.groups(found, one_an_epoch=selection.many_epochs(epoch)):
            contents = sampled.contents(group, epochs, asked)
            figure = plot_panels(
                contents, panels, heading=sampled.heading(group, epochs), **look.size(len(panels))
            )
            parts = [*stem, group[0].split, drawing.epochs_text(epochs), *_options(asked)]
            table = sampled_table.table(group, epochs, contents, asked)
            look.save(artifacts, parts, figure, table, sampled_table.figure_facts(group, epochs))
    for line in sampled_table.remarks(found, asked):
        output.remark(line)
    drawing.answer(artifacts, chosen, lambda: sampled_table.print_table(found), given=runs, as_json=as_json)


def _check_epochs(panels: Sequence[str], runs: Sequence[Run]) -> None:
    """Refuse the shares over training alone where there is no training to see."""
    if list(panels) == ["nonzero"] and all(len(run.epochs()) == 1 for run in runs):
        message = (
            f"run {runs[0].name!r} has one epoch ({runs[0].epochs()[0]}), and shares over epochs need two; "
            "--show picked draws what is mined at one"
        )
        raise InputError(message)


def _options(asked: sampled.Asked) -> list[str]:
    """Return what a file name says of options; none of what is the default."""
    from embedlens.analysis.sampling_picks import STRATEGIES
    from embedlens.figures.sampling import PANELS

    size = (_BATCHES, _CLASSES, _ITEMS)
    return [
        "" if list(asked.panels) == list(PANELS) else "+".join(asked.panels),
        "" if asked.mining == list(STRATEGIES) else "+".join(asked.mining),
        "" if asked.margin == _MARGIN else f"margin-{asked.margin:g}",
        "" if asked.beta == _BETA else f"beta-{asked.beta:g}",
        "" if asked.pairs == _PAIRS else f"{asked.pairs}-pairs",
        "" if asked.batches == size else "{}-batches-{}x{}".format(*asked.batches),
        f"seed-{asked.seed}" if asked.seed else "",
        *asked.reader.leave_out.words,
    ]


def _facts(runs: Sequence[Run], asked: sampled.Asked) -> dict[str, Any]:
    """Return what every sidecar says."""
    from embedlens.analysis.sampling_theory import CONTRASTIVE_MARGIN, PARTNER, SCALES
    from embedlens.artifacts import run_facts

    return {
        "runs": run_facts(runs),
        "panels": list(asked.panels),
        "mining": list(asked.mining),
        "margin": asked.margin,
        "beta": asked.beta,
        "contrastive_margin": CONTRASTIVE_MARGIN,
        "triplet_partner": PARTNER,
        "pairs": f"all of a kind, or {asked.pairs} drawn with replacement",
        "noise_scales": list(SCALES),
        "noise": "exact: 1 - squared mean resultant length of the projected normal distribution",
        "seed": asked.seed,
        "engine": "distances of pairs from float64 dot products; mining in float64 on the processor",
        **asked.reader.facts,
    }
