"""Warnings about the data of snapshots that are scored or whose triplets are drawn, each given once."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from embedlens.errors import InputError, count_text, listed
from embedlens.experiments.collapse import COLLAPSED

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from embedlens.searches import Search


@dataclass(slots=True)
class DataWarnings:
    """Checks every snapshot that is read; `lines` gives each warning once per split, with its runs.

    Attributes
    ----------
    duplicates_excluded
        Whether duplicates of one label are left out; None: there is no option for it, so none is advised.
    """

    duplicates_excluded: bool | None = None
    _found: dict[tuple[str, str], dict[str, list[tuple[str, str]]]] = field(default_factory=dict)

    def check(self, name: str, search: Search, kinds: Collection[str] | None = None) -> None:
        """Note the warnings of a snapshot of the run with that label, of all kinds or of some."""
        for kind, check in CHECKS.items():
            text = check(search) if kinds is None or kind in kinds else None
            if text is not None:
                runs = self._found.setdefault((kind, search.query.split), {})
                runs.setdefault(name, []).append((search.place, text))

    def fresh(self) -> DataWarnings:
        """Return one that has noted nothing yet."""
        return DataWarnings(self.duplicates_excluded)

    def add(self, other: DataWarnings) -> None:
        """Note what another one has noted."""
        for key, runs in other._found.items():
            known = self._found.setdefault(key, {})
            for name, findings in runs.items():
                known.setdefault(name, []).extend(findings)

    def lines(self) -> list[str]:
        """Return the warnings since the last call: of several runs and epochs the first is described."""
        remembered = _GIVEN.get()
        known = set() if remembered is None else remembered
        lines = []
        for (kind, split), runs in self._found.items():
            new = {
                name: findings
                for name, findings in runs.items()
                if (kind, split, name, findings[0][1]) not in known
            }
            known.update((kind, split, name, findings[0][1]) for name, findings in new.items())
            if new:
                place, text = next(iter(new.values()))[0]
                advice = ADVICE.get(kind, "") if self.duplicates_excluded is False else ""
                lines.append(f"{place}: {text}{_elsewhere(new)}{advice}")
        self._found.clear()
        return lines


_GIVEN: ContextVar[set[tuple[str, str, str, str]] | None] = ContextVar("given", default=None)


@contextmanager
def warned_once() -> Iterator[None]:
    """Within this context, give each warning once although the same runs are read repeatedly."""
    before = _GIVEN.set(set())
    try:
        yield
    finally:
        _GIVEN.reset(before)


def _elsewhere(runs: Mapping[str, Sequence[tuple[str, str]]]) -> str:
    """Say in which other runs, or at how many other epochs, the same was found."""
    (_, findings), *others = runs.items()
    if not others:
        epochs = len({place for place, _ in findings}) - 1
        return f" (and at {count_text(epochs, 'other epoch')})" if epochs else ""
    same = [name for name, own in others if own[0][1] == findings[0][1]]
    parts = {"the same in": same, "with other numbers in": [name for name, _ in others if name not in same]}
    texts = [
        f"{how} {count_text(len(names), 'other run')}: {listed(names)}"
        for how, names in parts.items() if names
    ]  # fmt: skip
    return f" ({'; '.join(texts)})"


def duplicates(search: Search) -> str | None:
    """Return the warning about rows that equal another row; None without any."""
    from embedlens.analysis.retrieval.duplicates import count_duplicates

    other = search.other
    apart = other is not None and search.gallery_split is not None
    own = search.query if other is None or apart else other  # distractors stand in the queries' own split
    findings = count_duplicates(
        own.z, own.targets, (other.z, other.targets) if other is not None and apart else None
    )
    texts = []
    if findings.across:
        odd = (
            f" ({findings.across_other_label:,} of other labels alone)" if findings.across_other_label else ""
        )
        texts.append(
            f"{findings.across:,} of {search.query.n:,} queries equal a row of gallery "
            f"{search.gallery_split!r}{odd}"
        )
    sides = ((own, findings.queries), *([(other, findings.gallery)] if other is not None and apart else []))
    within = [(count, side) for side, count in sides if count]
    if len(within) == 1:
        texts += [
            f"{n:,} of {side.n:,} rows of {side.split!r} equal an earlier row of it" for n, side in within
        ]
    elif within:
        both = " and ".join(f"{n:,} of {side.n:,} of {side.split!r}" for n, side in within)
        texts.append(f"{both} equal an earlier one")
    return f"exact duplicates: {'; '.join(texts)}" if texts else None


def own_items(search: Search) -> str | None:
    """Return the warning about queries that are in their gallery, too; None without any."""
    count = search.counts.get("n_own_in_gallery", 0)
    if not count:
        return None
    return (
        f"{count:,} of {search.query.n:,} queries are in gallery {search.gallery_split!r}, too; each is "
        "searched without its own copy"
    )


def unlabelled(search: Search) -> str | None:
    """Return the warning about items that the column of labels has no value for; None without any."""
    count = search.counts.get("n_unlabelled", 0)
    if not count:
        return None
    there = search.counts.get("n_unlabelled_in_gallery", 0)
    items = f"{count:,} items" + (f" ({there:,} in gallery {search.gallery_split!r})" if there else "")
    return f"{items} have no value in the column of labels; they are left out"


def idle_columns(search: Search) -> str | None:
    """Return the warning about columns that leave nothing out of any gallery; None without such a column."""
    texts = {
        "n_junk": "no gallery item has the label of a query and its value in the column of --junk",
        "n_not_same": "no gallery item has the value of a query in the column of --not-same",
    }
    idle = [text for name, text in texts.items() if search.counts.get(name) == 0]
    return f"{' and '.join(idle)}, so nothing is left out" if idle else None


def collapse(search: Search) -> str | None:
    """Return the warning about a mean similarity of 0.999 or more, of queries or gallery; None below."""
    from embedlens.analysis.retrieval.geometry import mean_similarity

    apart = search.other if search.gallery_split is not None else None
    texts = []
    for side, name in ((search.query, ""), (apart, " of the gallery")):
        with suppress(InputError):  # one item alone; what cannot be normalised is reported where it is scored
            if side is not None and (mean_s := mean_similarity(side.z)) >= COLLAPSED:
                texts.append(f"mean similarity{name} {mean_s:.6f}")
    if not texts:
        return None
    return (
        f"the space has collapsed ({', '.join(texts)}), all items are nearly alike; try an earlier epoch, or "
        "record embeddings minus their mean"
    )


CHECKS: dict[str, Callable[[Search], str | None]] = {
    "unlabelled": unlabelled, "idle columns": idle_columns, "duplicates": duplicates,
    "own items": own_items, "collapse": collapse,
}  # fmt: skip
"""What is looked for in every snapshot: a kind -> the warning about a search, or None."""

ADVICE = {"duplicates": "; see --exclude-duplicates"}
"""What a user of the command line may do about it."""
