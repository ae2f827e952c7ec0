"""Options of `verify`: which pairs, and what is measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from embedlens_cli.common import options
from embedlens_cli.common.option_groups import InName, file_words

PAIRS_BY = ("name", "order")
_FAR = "0.01"


def _rates(text: str) -> list[float]:
    """Return false accept rates, ascending."""
    allowed = "positive numbers, separated by commas, e.g. 0.01,0.1"
    return sorted(options.positive_numbers(text, "far", allowed=allowed))


def _drawn_rate(text: str) -> str:
    """Return what a file name says of the rate that the figure marks: the lowest."""
    lowest = _rates(text)[0]
    return "" if lowest == _rates(_FAR)[0] else f"far-{lowest:g}"


@dataclass(frozen=True, kw_only=True)
class VerifyOptions:
    """Which pairs are verified, and what is measured."""

    pairs: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Pairs in LFW's format (pairs.txt), or a list of them without its first line; see above.",
            show_default="drawn by --seed",
        ),
        InName(lambda path: f"pairs-{path.stem}"),
    ] = None
    pairs_by: Annotated[
        str,
        typer.Option(
            help="What i in --pairs is: the number in the file name (name), or the place among the rows of "
            "the class, from 1 (order)."
        ),
        InName("by-{}"),
    ] = "name"
    skip_missing: Annotated[
        bool, typer.Option("--skip-missing", help="Leave out pairs of missing items, and count them.")
    ] = False
    folds: Annotated[
        int | None,
        typer.Option(help="Number of folds.", min=2, show_default="10, or those of --pairs"),
        InName("folds-{}"),
    ] = None
    per_fold: Annotated[
        int,
        typer.Option(help="Number of genuine pairs drawn per fold, and of impostor pairs.", min=1),
        InName("per-fold-{}"),
    ] = 300
    seed: Annotated[int, typer.Option(help="Seed of all draws.", min=0), InName("seed-{}")] = 0
    negatives: Annotated[
        str,
        typer.Option(
            help="Numbers of negative classes for VRF (verification with many negatives), comma-separated."
        ),
    ] = "1,10,100"
    far: Annotated[
        str,
        typer.Option(
            help="False accept rates of the detection and identification rate (DIR), and of the operating "
            "points of classes, comma-separated."
        ),
        InName(_drawn_rate),
    ] = _FAR
    draws: Annotated[
        int,
        typer.Option(help="Draws of negatives (VRF) and of galleries (rank-1, DIR).", min=1),
        InName("draws-{}"),
    ] = 10

    @property
    def numbers_of_negatives(self) -> list[int]:
        """Numbers of negative classes, ascending."""
        allowed = "positive numbers, separated by commas, e.g. 1,10"
        return sorted(options.numbers(self.negatives, "negatives", least=1, allowed=allowed))

    @property
    def fars(self) -> list[float]:
        """False accept rates, ascending."""
        return _rates(self.far)

    def words(self, kind: str) -> list[str]:
        """Return what the name of a figure says of the options that change it."""
        of_roc = ("pairs", "pairs_by", "folds") if self.pairs else ("per_fold", "folds")
        names = {"roc": of_roc, "dir": ("draws", "far"), "thresholds": ("far",)}[kind]
        return file_words(self, [*names, "seed"])
