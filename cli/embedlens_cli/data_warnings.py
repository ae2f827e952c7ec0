"""Warnings about the data of the snapshots that a command scores or draws triplets of, each given once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from embedlens.searches import Search


@dataclass(slots=True)
class DataWarnings:
    """Looks at every snapshot that a command reads; `tell` gives each warning once per run and split.

    Attributes
    ----------
    duplicates_excluded
        Whether copies of one label are left out; None: the command has no option for that.
    """

    duplicates_excluded: bool | None = None
    _found: dict[tuple[str, str, str], list[tuple[str, str]]] = field(default_factory=dict)

    def look(self, name: str, search: Search) -> None:
        """Note what is to be said of a snapshot of the run with that label."""
        for kind, check in CHECKS.items():
            text = check(search)
            if text is not None:
                self._found.setdefault((kind, name, search.query.split), []).append((search.place, text))

    def tell(self) -> None:
        """Write the warnings to standard error; of several epochs the first is described."""
        from embedlens_cli import output

        for (kind, _, _), found in self._found.items():
            place, text = found[0]
            others = len({place for place, _ in found}) - 1
            more = f" (and at {output.count_text(others, 'other epoch')})" if others else ""
            advice = ADVICE.get(kind, "") if self.duplicates_excluded is False else ""
            output.remark(f"warning: {place}: {text}{more}{advice}")
        self._found.clear()


def duplicates(search: Search) -> str | None:
    """Return how many rows equal another one, where any does."""
    from embedlens.analysis.duplicates import count_duplicates

    other = search.other
    apart = other is not None and search.gallery_split is not None
    own = search.query if other is None or apart else other  # distractors stand in the queries' own split
    found = count_duplicates(own.z, own.y, (other.z, other.y) if other is not None and apart else None)
    told = []
    if found.across:
        odd = f" ({found.across_other_label:,} of other labels alone)" if found.across_other_label else ""
        told.append(
            f"{found.across:,} of {search.y.size:,} queries equal a row of gallery "
            f"{search.gallery_split!r}{odd}"
        )
    sides = ((own, found.queries), *([(other, found.gallery)] if other is not None and apart else []))
    told += [
        f"{count:,} of {side.y.size:,} rows of {side.split!r} equal an earlier row of it"
        for side, count in sides if count
    ]  # fmt: skip
    return f"exact duplicates: {'; '.join(told)}" if told else None


def own_items(search: Search) -> str | None:
    """Return how many queries stand in their gallery."""
    count = search.counts.get("n_own_in_gallery", 0)
    if not count:
        return None
    return (
        f"{count:,} of {search.y.size:,} queries are items of gallery {search.gallery_split!r}, too (one "
        "id and label, or excluded duplicates), and do not find themselves there"
    )


CHECKS: dict[str, Callable[[Search], str | None]] = {"duplicates": duplicates, "own items": own_items}
"""What is looked for in every snapshot: a kind -> what is to be said of a search, or None."""

ADVICE = {"duplicates": "; --exclude-duplicates leaves out copies of one label"}
"""What a command's user may do about it."""
