"""The command that draws what mining strategies select."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.errors import InputError
from embedlens_cli.commands.sampling import measurements as sampled
from embedlens_cli.commands.sampling import tables as sampled_table
from embedlens_cli.common import options
from embedlens_cli.common.option_groups import (
    FigureOptions,
    FileWords,
    IgnoreOptions,
    InName,
    SnapshotOptions,
    grouped,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedlens.store import Run


def _panels(text: str) -> list[str]:
    """Return the panels that an option names, in the order of the figure; all by default."""
    from embedlens.figures.sampling.distances import PANELS, check_panels

    return check_panels(options.words(text) or PANELS)


def _strategies(text: str) -> list[str]:
    """Return the mining strategies that an option names, each once; unknown ones are refused."""
    from embedlens.analysis.sampling.mining import STRATEGIES
    from embedlens.objectives.miners import build_miner

    names = list(dict.fromkeys(options.words(text) or STRATEGIES))
    for name in names:
        build_miner(name)
    return names


def _panels_word(text: str) -> str:
    return "+".join(_panels(text)) if _panels(text) != _panels("") else ""


def _mining_word(text: str) -> str:
    return "+".join(_strategies(text)) if _strategies(text) != _strategies("") else ""


@dataclass(frozen=True, kw_only=True)
class SamplingOptions:
    """What is measured and drawn."""

    show: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help="Panels, comma-separated: losses, sphere, distances, picked, nonzero, noise.",
            show_default="all",
        ),
        InName(_panels_word),
    ] = ""
    mining: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help="Strategies, comma-separated: all, random, hard, semi-hard, semi-hard-range, "
            "distance-weighted, easy-positive, or pml:CLASS. Over the epochs of several runs the first is "
            "drawn.",
            show_default="every one but all",
        ),
        InName(_mining_word),
    ] = ""
    margin: Annotated[
        float,
        typer.Option(help="Of triplet and margin loss, and of semi-hard mining, in distance."),
        InName("margin-{:g}"),
    ] = 0.2
    beta: Annotated[
        float, typer.Option(help="The margin loss's boundary between pairs."), InName("beta-{:g}")
    ] = 1.2
    pairs: Annotated[
        int,
        typer.Option(help="Pairs of each kind, drawn by seed where there are more.", min=1),
        InName("{}-pairs"),
    ] = 500_000
    batches: Annotated[
        int,
        typer.Option(help="Batches that are mined.", min=1),
        InName("{}-batches-{}x{}", of=("batches", "classes_per_batch", "items_per_class")),
    ] = 32
    classes_per_batch: Annotated[int, typer.Option(help="P of a batch.", min=2)] = 16
    items_per_class: Annotated[int, typer.Option(help="K of a batch.", min=2)] = 4
    seed: Annotated[
        int, typer.Option(help="Of pairs, batches and what a strategy draws.", min=0), InName("seed-{}")
    ] = 0

    @property
    def panels(self) -> list[str]:
        """The panels, in order."""
        return _panels(self.show)

    @property
    def strategies(self) -> list[str]:
        """The mining strategies."""
        return _strategies(self.mining)

    def check(self) -> None:
        """Refuse strategies that are unknown and numbers that cannot be, before a run is opened."""
        from embedlens.analysis.sampling.theory import check_margin

        _strategies(self.mining)
        check_margin(self.margin)
        check_margin(self.beta, name="beta")


@grouped
def sampling(
    *,
    what: SamplingOptions,
    where: SnapshotOptions,
    leave_out: IgnoreOptions,
    drawn: FigureOptions,
    words: FileWords,
) -> None:
    """Draw what sampling does: losses, distances, what each mining strategy picks, and gradient noise.

    After Wu et al., "Sampling matters in deep embedding learning", ICCV 2017. All epochs are mined on the
    same batches. Of several runs the ranges of what each strategy picks are compared.
    """
    from embedlens.figures.sampling.distances import grid_of, plot_panels
    from embedlens.figures.style import paper
    from embedlens_cli.common import console
    from embedlens_cli.common.figure_style import epochs_text
    from embedlens_cli.common.report import Report
    from embedlens_cli.common.snapshots import Selection

    look, panels = drawn.look(), what.panels
    size = look.size(len(panels))
    grid_of(panels, **size)
    what.check()
    selection = Selection.of(where, leave_out, look)
    _check_epochs(panels, selection.runs)
    results = sampled.measure(selection, what)
    report = Report.of("sampling", selection, look, options=drawn, words=words, facts=_facts(what))
    report.artifacts.summary.update(sampled_table.summary(results))
    runs = report.artifacts.named([run.name for run in selection.runs])
    with paper(drawn.venue):
        for group in sampled.groups(results, one_per_epoch=selection.several_epochs):
            contents, heading = sampled.contents(group, what), sampled.heading(group)
            figure = plot_panels(contents, panels, heading=heading, **size)
            epochs = epochs_text(epoch for _, epoch in group)
            stem = ["sampling", *runs, group[0][0].split, epochs, *report.words]
            table = sampled_table.table(group, contents, panels)
            look.save(report.artifacts, stem, figure, table, sampled_table.figure_facts(group))
    for line in sampled_table.warnings(results, what):
        console.remark(line)
    report.end(lambda: sampled_table.print_table(results))


def _check_epochs(panels: Sequence[str], runs: Sequence[Run]) -> None:
    """Refuse fractions over training alone where there is no training to see."""
    if list(panels) == ["nonzero"] and all(len(run.epochs()) == 1 for run in runs):
        message = (
            f"run {runs[0].name!r} has one epoch ({runs[0].epochs()[0]}), and shares over epochs need two; "
            "--show picked draws what is mined at one"
        )
        raise InputError(message)


def _facts(what: SamplingOptions) -> dict[str, Any]:
    """Return what every sidecar says."""
    from embedlens.analysis.sampling.theory import CONTRASTIVE_MARGIN, PARTNER, SCALES

    return {
        "panels": what.panels,
        "mining": what.strategies,
        "margin": what.margin,
        "beta": what.beta,
        "contrastive_margin": CONTRASTIVE_MARGIN,
        "triplet_partner": PARTNER,
        "pairs": f"all of a kind, or {what.pairs} drawn with replacement",
        "noise_scales": list(SCALES),
        "noise": "exact: 1 - squared mean resultant length of the projected normal distribution",
        "seed": what.seed,
        "engine": "distances of pairs from float64 dot products; mining in float64 on the processor",
    }
