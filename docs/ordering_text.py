"""The blocks of the page of orderings: table with verdicts, commands, and what explains the verdicts."""

from __future__ import annotations

from typing import Any

from comparison_tables import together
from orderings import BY_STEPS, CHARACTERS, ROWS, SWEEPS, Row, sweep_command


def verdict(row: Row, numbers: dict[str, Any] | None) -> str:
    """Return what the interval, or the number of collapsed runs, says of the reported ordering."""
    if numbers is None:
        return "not measured"
    if row.collapses:
        every = {0: "not here", numbers["seeds"]: "as published"}
        return every.get(numbers["collapsed"][1], "undecided")
    _, low, high = numbers["difference"]
    if low <= 0 <= high:
        return "undecided"
    return "as published" if (low > 0) == (row.sign > 0) else "not here"


def table(numbers: dict[str, Any]) -> str:
    """Render one row per comparison of two groups of runs, with its interval and verdict."""
    found = numbers["orderings"]["values"]["rows"]
    heads = ("reported", "data and runs", "A", "B", "B - A", "collapsed", "verdict")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    told = ""
    for name, row in ROWS.items():
        values = found.get(name)
        cells = [""] * 4 if values is None else _cells(row, values)
        claim = "" if row.claim == told else row.claim
        told = row.claim
        lines.append(f"| {claim} | {row.setting} | {' | '.join(cells)} | {verdict(row, values)} |")
    progress = numbers["orderings"]["values"]["progress"]
    lines += [_steps_row(name, progress.get(name)) for name in BY_STEPS]
    return "\n".join(lines) + "\n"


def _cells(row: Row, values: dict[str, Any]) -> list[str]:
    """Return both groups, the difference with its interval, and how many runs of the second collapsed."""
    sides = [
        f"{name} {_spread(values[side])}" for name, side in zip(row.names, ("first", "second"), strict=True)
    ]
    value, low, high = values["difference"]
    collapsed = f"B: {values['collapsed'][1]} of {values['seeds']}" if row.collapses else ""
    return [*sides, f"{value:+.3f} [{low:+.3f}, {high:+.3f}]", collapsed]


def faster(found: dict[str, Any] | None) -> str:
    """Return which loss reaches the other's last score in fewer steps, as verdict on 192-pair."""
    if found is None:
        return "not measured"
    ahead = [
        all(steps is not None and steps < found["steps"] for steps in found[side])
        for side in ("first_reaches", "second_reaches")
    ]
    return {(False, True): "as published", (True, False): "not here"}.get((ahead[0], ahead[1]), "undecided")


def _steps_row(name: str, found: dict[str, Any] | None) -> str:
    """Render a row of the number of steps."""
    claim = "" if name != BY_STEPS[0] else "192-pair trains in fewer steps than triplet (Sohn 2016)"
    setting, cells = f"{ROWS[name].setting}: steps until the other's last R@1", [""] * 4
    if found is not None:
        cells = [f"triplet {_steps(found['first_reaches'])}", f"192-pair {_steps(found['second_reaches'])}"]
        cells += [f"of {found['steps']} steps, three seeds", ""]
    return f"| {claim} | {setting} | {' | '.join(cells)} | {faster(found)} |"


def commands(numbers: dict[str, Any]) -> str:
    """Render the commands of the runs, in the order in which they are trained."""
    lines = [CHARACTERS, *(sweep_command(name) for name in SWEEPS)]
    return "\n".join(["```sh", *(f"embedlens {line}" for line in lines), "```"]) + "\n"


def hardness(numbers: dict[str, Any]) -> str:
    """Render how hard the triplets of HN are, and where the similarities end."""
    found = numbers["orderings"]["values"]["rows"]
    lines = []
    for name in ("hn-glyphs", "hn-faces", "hn-pretrained"):
        values = found.get(name)
        if values is not None:
            where = ROWS[name].setting.split(":")[0]
            hn, epshn = values["similarity"][1], values["similarity"][0]
            lines += [
                f"- {where}: {100 * values['hard']:.0f} % of the triplets of HN are hard in the first epoch.",
                f"  The mean similarity ends at {hn:.3f} with HN, at {epshn:.3f} with EPSHN.",
            ]
    return "\n".join(lines or ["Not measured."]) + "\n"


def speed(numbers: dict[str, Any]) -> str:
    """Render steps and processor time of 192-pair and triplet."""
    values = numbers["orderings"]["values"]
    progress = [line for name in BY_STEPS for line in _progress(values["progress"].get(name))]
    return "\n".join([*progress, *_times(values["times"])] or ["Not measured."]) + "\n"


def _progress(found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return []
    losses = [_spread(side) for side in found["triplet_loss"]]
    return [
        f"- After {found['steps']} steps: triplet has the last R@1 of 192-pair after",
        f"  {_steps(found['first_reaches'])} steps (seeds 0, 1, 2),",
        f"  192-pair the last R@1 of triplet after {_steps(found['second_reaches'])}.",
        f"- The triplet loss, over all triplets of fixed training batches, ends at {losses[0]} with triplet,",
        f"  at {losses[1]} with 192-pair.",
    ]


def _times(times: dict[str, Any] | None) -> list[str]:
    if times is None:
        return []
    took = times["milliseconds"]
    step, loss = ([took[name][what] for name in ("triplet", "n-pair-mc")] for what in ("step", "loss"))
    return [
        f"- A step of {times['items']} items takes {step[0]:.0f} ms of processor time with triplet,",
        f"  {step[1]:.0f} ms with 192-pair, of which the loss takes {loss[0]:.1f} and {loss[1]:.1f} ms",
        f"  (medians of {times['rounds']} in turn, one thread).",
    ]


def _spread(values: list[float]) -> str:
    return together(f"{values[0]:.3f} ± {values[1]:.3f}")


def _steps(values: list[int | None]) -> str:
    return ", ".join("never" if value is None else str(value) for value in values)


RENDER = {
    "orderings": table,
    "orderings-runs": commands,
    "orderings-hard": hardness,
    "orderings-steps": speed,
}
"""Name of a block -> its text from the numbers."""
