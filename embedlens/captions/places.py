"""Runs, splits, epochs and numbers of items in the last sentence of a caption."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embedlens.moments import count_of, counts_steps, name_of
from embedlens.text import escaped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_MOST = 8  # names or epochs that are listed; of more the first and the last


@dataclass(frozen=True, slots=True)
class Shown:
    """A snapshot that a figure shows.

    Attributes
    ----------
    run, split
        Name of the run, and the split.
    epoch
        The epoch; a text of several runs joined.
    n, of
        Number of items that are shown of all; None: it is not known, or not of these items.
    """

    run: str
    split: str
    epoch: int | str
    n: int | None = None
    of: int | None = None

    def count(self, unit: str = "") -> str:
        """Return the number of items, "n = 9,814 of 9,820"; nothing where it is not known."""
        if self.n is None:
            return ""
        of = f" of {self.of:,}" if self.of is not None and self.of != self.n else ""
        return f"n = {self.n:,}{of}" + (f" {unit}" if unit else "")


def caption(
    what: str, shown: Sequence[Shown], *, unit: str = "", left_out: Mapping[str, Any] | None = None
) -> str:
    """Return a caption: what is drawn, then of which snapshots; one line of text, no markup.

    Parameters
    ----------
    what
        Sentences on what is drawn.
    shown
        The snapshots; none: the sentences have said it.
    unit
        What is counted, where it is not items: "pairs".
    left_out
        What a sidecar says of the items that options leave out.
    """
    parts = [what, places(shown, unit=unit) if shown else "", _left_out(left_out or {})]
    return " ".join(escaped(" ".join(filter(None, parts))).split())


def places(shown: Sequence[Shown], *, unit: str = "") -> str:
    """Return the sentence that names runs, splits, epochs and number of items of snapshots."""
    counts = [one.count(unit) for one in shown]
    runs, splits = [one.run for one in shown], [one.split for one in shown]
    shared, of_splits, of_runs = "", _each(splits, counts), _each(runs, counts)
    if len(set(counts)) == 1 or not (of_splits or of_runs):
        shared = counts[0] if len(set(counts)) == 1 else _range(shown, unit)
        of_splits, of_runs = {}, {}
    elif of_splits:
        of_runs = {}
    epochs = {run: epochs_text(one.epoch for one in shown if one.run == run) for run in dict.fromkeys(runs)}
    alike = len(set(epochs.values())) == 1
    named = [run + _bracketed("" if alike else text, of_runs.get(run, "")) for run, text in epochs.items()]
    parts = [split + _bracketed(of_splits.get(split, "")) for split in dict.fromkeys(splits)]
    subject = f"Run{'s' if len(named) > 1 else ''} {listed(named)}"
    where = f"{parts[0]} split" if len(parts) == 1 else f"splits {listed(parts)}"
    return ", ".join(filter(None, [subject, where, epochs[runs[0]] if alike else "", shared])) + "."


def _each(keys: Sequence[str], counts: Sequence[str]) -> dict[str, str]:
    """Return the count of each key, where it is the same in all snapshots with that key; else nothing."""
    several = set(zip(keys, counts, strict=True))
    return dict(several) if len(several) == len(set(keys)) > 1 else {}


def _range(shown: Sequence[Shown], unit: str) -> str:
    numbers = [one.n for one in shown if one.n is not None]
    return f"n = {min(numbers):,} to {max(numbers):,}" + (f" {unit}" if unit else "")


def _bracketed(*parts: str) -> str:
    text = ", ".join(filter(None, parts))
    return f" ({text})" if text else ""


def listed(names: Iterable[object]) -> str:
    """Return names as a sentence lists them, "a, b and c"; of many the first and the last."""
    texts = [str(name) for name in names]
    if len(texts) > _MOST:
        return f"{', '.join(texts[: _MOST - 1])}, ... and {texts[-1]} ({len(texts):,} in all)"
    return " and ".join(filter(None, [", ".join(texts[:-1]), *texts[-1:]]))


def epochs_text(epochs: Iterable[int | str]) -> str:
    """Return how a sentence names epochs: each of a few, the first and the last of many."""
    every = list(dict.fromkeys(epochs))
    numbers = sorted(epoch for epoch in every if not isinstance(epoch, str))
    if len(every) == 1 and numbers:
        return name_of(numbers[0])
    if len(numbers) < len(every):
        return f"epoch {listed(every)}"
    first, last = numbers[0], numbers[-1]
    if counts_steps(numbers):
        if len(numbers) <= _MOST:
            return f"steps {listed(map(count_of, numbers))}"
        return f"{len(numbers):,} snapshots from step {count_of(first)} to {count_of(last)}"
    if len(numbers) > 2 and last - first == len(numbers) - 1:
        return f"epochs {first} to {last}"
    if len(numbers) <= _MOST:
        return f"epochs {listed(numbers)}"
    return f"{len(numbers):,} epochs from {first} to {last}"


def _left_out(facts: Mapping[str, Any]) -> str:
    """Return the sentences on the items that are left out; nothing where there are none."""
    ignored, distractors = facts.get("ignored_labels", ()), facts.get("distractor_labels", ())
    parts = [f"items of {_classes(ignored)}"] if ignored else []
    parts += ["duplicates"] if facts.get("duplicates_excluded") else []
    column, junk, same = (facts.get(f"{name}_column") for name in ("label", "junk", "not_same"))
    sentences = [f"Labels: column {column} of the items, where it has a value."] if column else []
    sentences += [f"Left out: {' and '.join(parts)}."] if parts else []
    if distractors:
        sentences.append(f"Items of {_classes(distractors)} are in the gallery alone.")
    shared = [f"its label and its {junk}"] if junk else []
    shared += [f"its {same}"] if same else []
    if shared:
        sentences.append(f"Left out of each query's gallery: items of {' or of '.join(shared)}.")
    return " ".join(sentences)


def _classes(names: Sequence[str]) -> str:
    return f"class{'es' if len(names) > 1 else ''} {listed(names)}"
