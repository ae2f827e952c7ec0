"""Options of `spectrum`: which snapshots are decomposed, and what is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from embedlens_cli.common import completion, options
from embedlens_cli.common.option_groups import InName, SnapshotOptions


@dataclass(frozen=True, kw_only=True)
class SpectrumSnapshots(SnapshotOptions):
    """Which snapshots are decomposed; several epochs are drawn in one figure."""

    epoch: Annotated[
        str,
        typer.Option(
            help="last, a number, or all: one curve per epoch, coloured by epoch, one panel per run.",
            autocompletion=completion.epochs("last", "all"),
        ),
    ] = "last"


def _is_log(log: bool | None, heatmap: bool, cumulative: bool) -> bool:
    """Return whether values are logarithmic: a heat map's are, whose first components outshine the others."""
    return heatmap and not cumulative if log is None else log


def _log_word(log: bool | None, heatmap: bool, cumulative: bool) -> str:
    return "log" if _is_log(log, heatmap, cumulative) else ""


@dataclass(frozen=True, kw_only=True)
class SpectrumOptions:
    """What is decomposed and how it is drawn."""

    slices: Annotated[options.Slices, InName("slices-{}")] = None
    svd: Annotated[
        bool,
        typer.Option("--svd", help="Decompose the uncentred embeddings (SVD), not the centred ones (PCA)."),
        InName("svd"),
    ] = False
    log: Annotated[
        bool | None,
        typer.Option(
            "--log/--linear",
            help="Scale of the values: logarithmic or linear.",
            show_default="log for --heatmap only",
        ),
        InName(_log_word, of=("log", "heatmap", "cumulative")),
    ] = None
    cumulative: Annotated[
        bool,
        typer.Option("--cumulative", help="Draw the cumulative fraction of the variance."),
        InName("cumulative"),
    ] = False
    heatmap: Annotated[
        bool,
        typer.Option("--heatmap", help="With --epoch all: epochs x components as a heat map."),
        InName("heatmap"),
    ] = False
    intra_class: Annotated[
        bool,
        typer.Option(
            "--intra-class",
            help="Draw the variance within each class, and compare it between classes.",
        ),
        InName("intra-class"),
    ] = False
    normalize: Annotated[
        bool,
        typer.Option("--normalize/--no-normalize", help="Normalise embeddings, or take them as stored."),
        InName("as-given"),
    ] = True

    @property
    def kind(self) -> str:
        """Decomposition: "svd" of the uncentred embeddings or "pca" of the centred ones."""
        return "svd" if self.svd else "pca"

    @property
    def logarithmic(self) -> bool:
        """Whether values are drawn on a logarithmic scale."""
        return _is_log(self.log, self.heatmap, self.cumulative)
