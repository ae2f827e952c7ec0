"""Tables of comparisons in the results: the numbers of a command's JSON answer, and their Markdown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = {
    "compare": "compare --threads 1",
    "published-glyphs": "compare --preset published --threads 1",
    "published-icons": (
        "compare --preset published --data folder --root icons --backbone features:icon-features "
        "--hidden 512 --epochs 20 --threads 1"
    ),
}
"""Name of a group of numbers -> the command that measures it."""
ICONS = ("icons", "icon-features")
"""Folder of docs/make_icons.py, and run with the features of its images, in the folder of the work."""
_SCORES = ("recall_at_1", "nmi", "f1")
_FACTS = ("epochs", "steps", "parameters", "seconds", "steps_of_a_learner", "steps_together")
_HEAD = ("R@1", "difference", "verdict", "NMI", "steps", "parameters", "seconds")


def numbers_of(answer: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the numbers of a comparison: rows by name, and what they have in common.

    Parameters
    ----------
    answer
        What `embedlens compare --json` prints.
    folder
        Where it ran: the paths of the answer begin there.
    """
    sidecar = json.loads((folder / answer["data"][0]).with_suffix(".json").read_text())
    rows = {}
    for name, row in answer["summary"].items():
        scores = {score: [_rounded(row[score][kind]) for kind in ("mean", "deviation")] for score in _SCORES}
        facts = {fact: row[fact] for fact in _FACTS if fact in row}
        facts["seconds"] = round(facts["seconds"], 1)
        if "difference" in row:
            ends = [_rounded(row["difference"][end]) for end in ("value", "low", "high")]
            facts |= {"difference": ends, **{key: row["difference"][key] for key in ("baseline", "verdict")}}
        rows[name] = scores | facts
    start, left_out = sidecar["starts_from"], list(sidecar.get("rows_left_out", {}))
    if start is not None:
        start = {key: start[key] for key in ("loss", "epochs", "steps", "seconds")}
        start["seconds"] = round(start["seconds"], 1)
    facts = {"seeds": sidecar["seeds"], "starts_from": start, "left_out": left_out}
    return {"values": rows, "facts": facts}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 5)


def text_of(group: dict[str, Any] | None) -> str:
    """Return the Markdown of a comparison: what it is, the table, and what stands under it."""
    if group is None:
        return "Not measured yet.\n"
    rows, facts = group["values"], group.get("facts")
    lines = ["| | " + " | ".join(_HEAD) + " |", "|---" * (len(_HEAD) + 1) + "|"]
    lines += [f"| {name} | " + " | ".join(_cells(row)) + " |" for name, row in rows.items()]
    if facts is None:
        return "\n".join([f"`{group['command']}`:", "", *lines]) + "\n"
    alike: dict[str, list[str]] = {}
    for name, row in rows.items():
        if "steps_of_a_learner" in row:
            alike.setdefault(_learners(row), []).append(name)
    under = [f"- {', '.join(names)}: {steps}." for steps, names in alike.items()]
    under += [f"- not on these data: {', '.join(facts['left_out'])}."] if facts["left_out"] else []
    count, start = len(facts["seeds"]), _start(facts["starts_from"], group["command"])
    above = f"`{group['command']}`, {count} seeds, {start}. {_time(rows, facts)}"
    return "\n".join([above, "", *lines, *(["", *under] if under else [])]) + "\n"


def _cells(row: dict[str, Any]) -> list[str]:
    difference = row.get("difference")
    points = "-"
    if difference is not None:
        value, low, high = (100 * end for end in difference)
        points = f"{value:+.2f} " + together(f"[{low:+.2f}, {high:+.2f}]")
    verdict = row.get("verdict", "-")
    counts = [f"{row[fact]:,.0f}" if row.get(fact) is not None else "-" for fact in _FACTS[1:4]]
    return [_mean(row["recall_at_1"]), points, verdict if verdict == "undecided" else _strong(verdict),
            _mean(row["nmi"]), *counts]  # fmt: skip


def together(text: str) -> str:
    """Return a text that no cell of a table breaks."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def _strong(verdict: str) -> str:
    return verdict if verdict == "-" else f"**{verdict}**"


def _mean(pair: list[float]) -> str:
    mean, deviation = pair
    return together(f"{100 * mean:.1f} ± {100 * deviation:.1f}")


def _start(start: dict[str, Any] | None, command: str) -> str:
    if start is None:
        return "from random weights" + (" above given features" if "features:" in command else "")
    steps, seconds = f"{start['steps']:,.0f} steps", f"{start['seconds']:,.0f} s"
    return f"from one network trained for {start['epochs']} epochs with {start['loss']} ({steps}, {seconds})"


def _time(rows: dict[str, Any], facts: dict[str, Any]) -> str:
    seconds = len(facts["seeds"]) * sum(row["seconds"] or 0 for row in rows.values())
    return f"All runs: {seconds / 60:,.0f} minutes of training."


def _learners(row: dict[str, Any]) -> str:
    low, high = row["steps_of_a_learner"]
    each = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    together = row["steps_together"]
    return f"{each} steps of each learner" + (
        f", then {together:,.0f} of the whole embedding" if together else ""
    )
