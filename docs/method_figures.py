"""Figures that show what each method of a comparison did to the triplets, and the numbers beside them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

METHODS = {
    "plain": "alone",
    "divide-conquer": "divide-conquer",
    "dvml": "dvml",
    "dreml": "dreml",
    "hdc": "hdc",
}
"""Methods that are drawn -> their names in figures and tables."""
SEED = 0
WIDTH = 1240
"""Of the pictures, in pixels."""
COMMANDS = {
    "scatter": "scatter RUNS",
    "trajectory": "trajectory RUNS --moved 4 --limits data",
    "distances": "distances RUNS --ecdf --width full",
    "slices": "spectrum RUNS --slices recorded",
    "spectrum": "spectrum RUNS --log --width full",
}
"""Name of a figure -> its command."""
SHOWN = {
    "scatter": (
        "One scatter of nearest-positive and nearest-negative similarity for each method",
        "`embedlens scatter RUN ... --split test`: the triplets at the last epoch. Below the diagonal the "
        "nearest item is of the same class, on it both are equally near; the star is (1, 0).",
    ),
    "trajectory": (
        "Paths of four triplets over the epochs, under each method",
        "`embedlens trajectory RUN ... --split test`: the four anchors of the loss alone whose distance to "
        "(1, 0) changed most, and how the same three items move under each method, epoch by epoch.",
    ),
    "distances": (
        "Cumulative distributions of the distance to (1, 0), before training and at the last epoch",
        "`embedlens distances RUN ... --split test --ecdf`: the further left a curve, the nearer to (1, 0), "
        "before training and at the last epoch.",
    ),
    "slices": (
        "Singular values of the slices of the embeddings, and Recall@1 of single and of joined slices",
        "`embedlens spectrum RUN ... --split test --slices recorded`: the singular values of the slice of "
        "each learner or head, its R@1 by itself (bars), and joined with the slices before (line).",
    ),
}
"""Figures that the page shows -> text in place of the picture, and the caption."""
_OWN_LOSS = ("dreml", "hdc")

Summary = dict[str, Any]
"""Name of a run -> what a command says of it, as of the test split."""


def find_runs(folder: Path, loss: str) -> dict[str, Path]:
    """Return the run of each method, by its name in figures, among the runs of a comparison; some may lack.

    Parameters
    ----------
    folder
        Where `embedlens compare --out` left its runs.
    loss
        Loss of the methods that take any.
    """
    from embedlens import open_run

    found: dict[str, Path] = {}
    for path in sorted(path for path in folder.iterdir() if (path / "run.json").is_file()):
        trained = open_run(path).info.method
        method = str(trained.get("method"))
        wanted = method in METHODS and trained.get("seed") == SEED
        if wanted and (method in _OWN_LOSS or trained.get("loss") == loss):
            found[METHODS[method]] = path.resolve()
    if METHODS["plain"] not in found:
        message = f"{folder} has no run of the loss {loss} alone, of seed {SEED}"
        raise SystemExit(message)
    return {name: found[name] for name in METHODS.values() if name in found}


def start_of(runs: Mapping[str, Path]) -> str:
    """Return what the training of the runs starts from, as a part of a sentence.

    Parameters
    ----------
    runs
        As of `find_runs`.
    """
    from embedlens import open_run

    trained = [open_run(path).info.method for path in runs.values()]
    if all(str(one.get("backbone")).startswith("features:") for one in trained):
        return "on the features of a pretrained network"
    if all(one.get("init") for one in trained):
        return "from the weights of a network trained on the data before"
    return "from random weights"


def draw(
    runs: Mapping[str, Path], figures: Path, embedlens: Callable[[str], str]
) -> dict[str, tuple[Path, Summary]]:
    """Draw every figure below a folder; return the picture of each, and the summary of its command.

    Parameters
    ----------
    runs
        As of `find_runs`.
    figures
        The folder.
    embedlens
        Runs a command line, and returns what it prints.
    """
    from embedlens import open_run

    drawn = {}
    for name, command in COMMANDS.items():
        shown = {
            label: path for label, path in runs.items() if name != "slices" or open_run(path).info.slices
        }
        words = command.replace("RUNS", " ".join(map(str, shown.values())))
        out = f"--split test --names {','.join(shown)} --format png --out {figures / name} --json"
        answer = json.loads(embedlens(f"{words} {out}"))
        (picture,) = answer["figures"]
        drawn[name] = figures / picture, {label: one["test"] for label, one in answer["summary"].items()}
    return drawn


def numbers_of(summaries: Mapping[str, Summary]) -> dict[str, dict[str, Any]]:
    """Return what the table shows of each run: name in the table -> value, of the last epoch.

    Parameters
    ----------
    summaries
        Figure -> summary of its command.
    """
    found = {}
    for run, states in summaries["distances"].items():
        first, *_, last = states  # the initial state, which may be "pretrained", and the last epoch
        compared = [states[last].get("paired"), *states[last].get("paired_other_triplets", [])]
        spectrum, slices = (summaries[name].get(run, {}).get(last, {}) for name in ("spectrum", "slices"))
        found[run] = {
            "epoch": int(last),
            "recall_at_1": round(summaries["scatter"][run][last]["recall_at_1"], 4),
            "distance": [round(states[at]["mean_distance"], 4) for at in (first, last)],
            "farther": [round(one["median_difference"], 4) for one in compared if one],
            "effective_rank": round(spectrum["effective_rank"], 2),
            "dim": spectrum["dim"],
            "slices": [round(value, 4) for value in slices.get("slices", {}).get("recall_at_1", [])],
        }
    return found


def table(values: Mapping[str, Mapping[str, Any]]) -> str:
    """Render the table of a data set: what each method did to the triplets of the test split.

    Parameters
    ----------
    values
        As of `numbers_of`.
    """
    lines = [
        "| | R@1 | distance to (1, 0) | farther than alone, by triplets of alone, of the method "
        "| effective rank | R@1 of slices |",
        "|---|---|---|---|---|---|",
    ]
    for run, one in values.items():
        before, after = one["distance"]
        slices, farther = one["slices"], one["farther"]
        ends = ", ".join(f"{value:+.3f}" for value in farther).replace("-", "\N{MINUS SIGN}")
        alone = f"{min(slices):.3f} to {max(slices):.3f} ({len(slices)})" if slices else ""
        rank = f"{one['effective_rank']:.1f} of {one['dim']}"
        cells = [run, f"{one['recall_at_1']:.3f}", f"{before:.3f} → {after:.3f}", ends, rank, alone]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def section(data: str, measured: Mapping[str, Any]) -> str:
    """Render the section of a data set: its table and its figures.

    Parameters
    ----------
    data
        Its name.
    measured
        Loss, start and numbers of the runs.
    """
    epochs = sorted({one["epoch"] for one in measured["runs"].values()})
    span = str(epochs[0]) if len(epochs) == 1 else f"{epochs[0]} to {epochs[-1]}"
    lines = [
        f"### {data}, {measured['loss']}",
        "",
        f"{span} epochs {measured['start']}; `dreml` and `hdc` with losses of their own.",
        "",
        table(measured["runs"]),
    ]
    for name, (instead, caption) in SHOWN.items():
        lines.append(
            f"```{{figure}} ../pictures/methods-{data}-{name}.png\n:alt: {instead}\n\n{caption}\n```\n"
        )
    return "\n".join(lines)
