"""The options of the anchors to follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from embedlens.errors import InputError
from embedlens_cli.common import options

if TYPE_CHECKING:
    from embedlens.measurements.anchor_paths import Anchors

_DEFAULT = 4  # anchors, the most moved


@dataclass(frozen=True, kw_only=True)
class AnchorOptions:
    """Which anchors are followed, as typed; the ways exclude each other."""

    anchor: Annotated[
        str | None, typer.Option(metavar="ROW[,ROW]", help="Anchors by row number.", show_default=False)
    ] = None
    worst: Annotated[
        int | None, typer.Option(help="Number of anchors farthest from (1, 0) at the reference epoch.", min=1)
    ] = None
    random: Annotated[int | None, typer.Option(help="Number of anchors drawn at random.", min=1)] = None
    moved: Annotated[
        int | None,
        typer.Option(
            help="Number of anchors whose distance to (1, 0) changed most from the initial state of the "
            "reference run to its last epoch.",
            min=1,
            show_default=f"{_DEFAULT}, where no anchors are named otherwise",
        ),
    ] = None
    seed: Annotated[
        int | None, typer.Option(help="With --random: seed of the draw.", min=0, show_default="0")
    ] = None

    def anchors(self) -> Anchors:
        """Return them checked; those that exclude each other raise `InputError`."""
        from embedlens.measurements.anchor_paths import Anchors

        counts = {"worst": self.worst, "random": self.random, "moved": self.moved}
        named = [kind for kind, count in counts.items() if count is not None]
        flags = [f"--{name}" for name in [*(["anchor"] if self.anchor is not None else []), *named]]
        if len(flags) > 1:
            message = f"{' and '.join(flags)} exclude each other; choose the anchors in one way"
            raise InputError(message)
        if self.seed is not None and named != ["random"]:
            message = "--seed is for anchors drawn at random; add --random N"
            raise InputError(message)
        if self.anchor is not None:
            allowed = "row numbers, separated by commas, e.g. 12,40"
            return Anchors("rows", options.numbers(self.anchor, "anchor", allowed=allowed))
        kind = named[0] if named else "moved"
        seed = self.seed or 0 if kind == "random" else None
        return Anchors(kind, count=counts[kind] or _DEFAULT, seed=seed)
