"""Which anchors are followed, as the options say."""

from __future__ import annotations

from dataclasses import dataclass

from embedlens.errors import InputError
from embedlens_cli import options

DEFAULT = 4  # anchors, the most moved


@dataclass(frozen=True, slots=True)
class Anchors:
    """Which anchors are followed: "rows", or how many of the "worst", "random" or "moved" ones."""

    kind: str
    rows: tuple[int, ...] = ()
    count: int = 0
    seed: int | None = None

    @property
    def size(self) -> int:
        """How many they are."""
        return len(self.rows) or self.count

    @property
    def stem(self) -> str:
        """What a file name says of them."""
        if self.kind == "rows":
            return "anchor-" + "+".join(str(row) for row in self.rows)
        return f"{self.kind}-{self.count}" + (f"-seed-{self.seed}" if self.seed else "")

    @property
    def text(self) -> str:
        """What the sidecar says of them."""
        told = {
            "rows": "named",
            "worst": "farthest from (1, 0) at the reference epoch",
            "random": "drawn by seed",
            "moved": "largest change of the distance to (1, 0), first to last state of the reference run",
        }
        return told[self.kind]


def choose_anchors(anchor: str | None, counts: dict[str, int | None], seed: int | None) -> Anchors:
    """Return the anchors asked for; the options exclude each other."""
    given = [kind for kind, count in counts.items() if count is not None]
    named = [f"--{name}" for name in [*(["anchor"] if anchor is not None else []), *given]]
    if len(named) > 1:
        message = f"{' and '.join(named)} exclude each other; choose the anchors in one way"
        raise InputError(message)
    if seed is not None and given != ["random"]:
        message = "--seed is for anchors drawn at random; add --random N"
        raise InputError(message)
    if anchor is not None:
        words = options.words(anchor)
        if not words or not all(word.isdecimal() for word in words):
            message = f"--anchor {anchor!r}; row numbers are needed, comma-separated, e.g. 12,40"
            raise InputError(message)
        asked = Anchors("rows", tuple(dict.fromkeys(int(word) for word in words)))
    else:
        kind = given[0] if given else "moved"
        asked = Anchors(kind, count=counts[kind] or DEFAULT, seed=seed or 0 if kind == "random" else None)
    return asked
