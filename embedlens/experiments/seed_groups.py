"""Groups of runs that repeat one method with other seeds, and the names of groups."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

from embedlens.selection import run_labels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedlens.store import Run


_NOT_METHOD = ("seed", "threads")  # what may differ between runs that repeat one method


def repeats(runs: Sequence[Run]) -> dict[str, list[str]]:
    """Return the runs that repeat one method with other seeds on the same items: name of the group -> labels.

    The method is what run.json says of it, but for the seed and the number of threads.
    """
    alike: dict[str, list[tuple[str, object]]] = {}
    labels = run_labels(runs)
    for label, run in zip(labels, runs, strict=True):
        method = {key: value for key, value in run.method.items() if key not in _NOT_METHOD}
        items = {name: entry.fingerprint for name, entry in run.info.splits.items()}
        key = json.dumps([method, items], sort_keys=True)
        alike.setdefault(key, []).append((label, run.method.get("seed")))
    groups: dict[str, list[str]] = {}
    for members in alike.values():
        seeded = [(label, seed) for label, seed in members if seed is not None]
        names = [label for label, _ in seeded]
        if len(names) > 1 and len({str(seed) for _, seed in seeded}) == len(names):
            name = group_name(names)
            taken = not name or name in labels or name in groups
            groups[f"{names[0]} to {names[-1]}" if taken else name] = names
    return groups


def group_name(labels: Sequence[str]) -> str:
    """Return what the names of runs share, without the mark of the seed; empty where that is nothing.

    Examples: triplet-s0, triplet-s1: triplet; seed10-hard, seed11-hard: hard.
    """
    start = os.path.commonprefix(list(labels))
    end = os.path.commonprefix([label[len(start) :][::-1] for label in labels])[::-1]
    if any(label[len(start) : len(start) + 1].isdigit() for label in labels):
        start = start.rstrip("0123456789")
    if any(label[: len(label) - len(end)][-1:].isdigit() for label in labels):
        end = end.lstrip("0123456789")
    # A word that only some letters of are shared, as of mine and method, names nothing.
    if any(re.match(r"[^-_. /=\d]", label[len(start) :]) for label in labels):
        start = re.sub(r"[^-_. /=]+$", "", start)
    if any(re.search(r"[^-_. /=\d]$", label[: len(label) - len(end)]) for label in labels):
        end = re.sub(r"^[^-_. /=]+", "", end)
    start = re.sub(r"(^|[-_. /]+)(s|seed)?[-_. =/]*$|seed[-_. =]*$", "", start, flags=re.IGNORECASE)
    end = end.lstrip("-_. /")
    return "-".join(word for word in (start, end) if word)
