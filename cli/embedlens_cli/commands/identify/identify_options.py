"""Options of `identify`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from embedlens_cli.common import options
from embedlens_cli.common.option_groups import InName, file_words

if TYPE_CHECKING:
    from embedlens.measurements.open_set import OpenSetSettings


@dataclass(frozen=True, kw_only=True)
class IdentifyOptions:
    """How items are identified, and where the threshold is chosen."""

    unknown_class: Annotated[options.UnknownClass, InName("new-{}")] = None
    classifier: Annotated[
        bool,
        typer.Option(
            "--classifier",
            help="Rank the classes by a softmax classifier, fitted on the gallery's embeddings, not by "
            "neighbours.",
        ),
        InName("classifier"),
    ] = False
    gallery: Annotated[
        str | None,
        typer.Option(
            help="Split to search; none: the split itself. With --classifier the split to fit on.",
            show_default="what the run names, else none; with --classifier else train",
        ),
        InName("gallery-{}"),
    ] = None
    choose_on: Annotated[
        str | None,
        typer.Option(
            help="Split that the threshold is selected on; halves: each half of the items selects it for "
            "the other.",
            show_default="the same items: optimistically biased",
        ),
        InName("chosen-on-{}"),
    ] = None
    c: Annotated[
        float,
        typer.Option(
            "--c",
            help="With --classifier: inverse regularisation strength C of the logistic regression.",
            min=1e-9,
        ),
        InName("c-{:g}"),
    ] = 10.0
    seed: Annotated[int, typer.Option(help="Seed of the halves.", min=0), InName("seed-{}")] = 0

    @property
    def words(self) -> list[str]:
        """What file names say of them."""
        c = ["c"] if self.classifier else []
        seed = ["seed"] if self.choose_on == "halves" else []
        return file_words(self, ["unknown_class", "gallery", "classifier", *c, "choose_on", *seed])

    def settings(self) -> OpenSetSettings:
        """Return them as the library takes them."""
        from embedlens.measurements.open_set import OpenSetSettings

        return OpenSetSettings(**vars(self))
