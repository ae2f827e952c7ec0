"""Options of `sampling`: panels, mining strategies, batches and pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from embedlens_cli.common import completion, options
from embedlens_cli.common.option_groups import InName


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
    """Options of what is measured and drawn."""

    show: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help="Panels, comma-separated: losses, sphere, distances, picked, nonzero, noise.",
            autocompletion=completion.some_of("losses", "sphere", "distances", "picked", "nonzero", "noise"),
            show_default="all",
        ),
        InName(_panels_word),
    ] = ""
    mining: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help=f"Strategies, comma-separated: {', '.join(completion.MINING)}, or pml:CLASS. Over the "
            "epochs of several runs the first is drawn.",
            autocompletion=completion.some_of(*completion.MINING),
            show_default="every strategy except `all`",
        ),
        InName(_mining_word),
    ] = ""
    margin: Annotated[
        float,
        typer.Option(help="Margin of triplet and margin loss, and of semi-hard mining, in distance."),
        InName("margin-{:g}"),
    ] = 0.2
    beta: Annotated[
        float,
        typer.Option(help="Boundary of the margin loss between positive and negative pairs."),
        InName("beta-{:g}"),
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
    classes_per_batch: Annotated[int, typer.Option(help="Classes in a batch (P).", min=2)] = 16
    items_per_class: Annotated[int, typer.Option(help="Items of each class in a batch (K).", min=2)] = 4
    seed: Annotated[
        int, typer.Option(help="Seed of pairs, batches and random strategies.", min=0), InName("seed-{}")
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
