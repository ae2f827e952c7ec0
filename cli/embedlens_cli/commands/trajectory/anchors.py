"""The options of the anchors to follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from embedlens.errors import InputError
from embedlens_cli.common import options

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


@dataclass(frozen=True, slots=True)
class Anchors:
    """Which anchors are followed: "rows", or how many of the "worst", "random" or "moved" ones."""

    kind: str
    rows: tuple[int, ...] = ()
    count: int = 0
    seed: int | None = None

    @classmethod
    def of(cls, typed: AnchorOptions) -> Anchors:
        """Check the options; those that exclude each other raise `InputError`."""
        counts = {"worst": typed.worst, "random": typed.random, "moved": typed.moved}
        named = [kind for kind, count in counts.items() if count is not None]
        flags = [f"--{name}" for name in [*(["anchor"] if typed.anchor is not None else []), *named]]
        if len(flags) > 1:
            message = f"{' and '.join(flags)} exclude each other; choose the anchors in one way"
            raise InputError(message)
        if typed.seed is not None and named != ["random"]:
            message = "--seed is for anchors drawn at random; add --random N"
            raise InputError(message)
        if typed.anchor is not None:
            allowed = "row numbers, separated by commas, e.g. 12,40"
            return cls("rows", options.numbers(typed.anchor, "anchor", allowed=allowed))
        kind = named[0] if named else "moved"
        seed = typed.seed or 0 if kind == "random" else None
        return cls(kind, count=counts[kind] or _DEFAULT, seed=seed)

    @property
    def size(self) -> int:
        """The number of anchors."""
        return len(self.rows) or self.count

    @property
    def stem(self) -> str:
        """What a file name says of them."""
        if self.kind == "rows":
            return "anchor-" + "+".join(str(row) for row in self.rows)
        return f"{self.kind}-{self.count}" + (f"-seed-{self.seed}" if self.seed else "")

    @property
    def facts(self) -> dict[str, str | int | None]:
        """What the sidecar says of them."""
        texts = {
            "rows": "named",
            "worst": "farthest from (1, 0) at the reference epoch",
            "random": "drawn by seed",
            "moved": "largest change of the distance to (1, 0), first to last state of the reference run",
        }
        return {"anchors": texts[self.kind], "seed": self.seed}
