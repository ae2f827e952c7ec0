"""Makes the pictures of the README, and the measured numbers of the documentation, from the current code.

    python docs/make_figures.py            # the demonstration: its pictures and its numbers
    python docs/make_figures.py --tables   # also the grids behind the tables: half an hour on two quiet cores
    python docs/make_figures.py --check    # compares the runs of a demonstration with docs/numbers.json

It works in the folder `work/` beside this file (`--work DIR`), where finished runs are kept and not trained
again. Numbers go to docs/numbers.json, each group with the command that measured it; the blocks between
`<!-- numbers: NAME -->` and `<!-- end -->` in the README and in docs/results/ are written from that file.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from measured_numbers import COMPARED, DOCS, NUMBERS, PAGES, fill
from PIL import Image

TOLERANCE = 0.03
"""Largest difference of a Recall@1 between machines, thread counts and versions, after a few epochs."""

_MOVING = "scatter demo-order1 demo-order2 --split test --animate"
_BOTH = "demo-order1-demo-order2"
_PICTURES = {
    "trajectory": (f"trajectory-{_BOTH}-", 1240),
    "distances": (f"distances-{_BOTH}-", 620),
    "pca-prune": (f"pca-prune-{_BOTH}-", 620),
    "tsne": ("tsne-demo-order1-", 620),
}
"""Name of a picture -> how the name of its figure begins, and the width in pixels."""
_TABLES = {
    "sweep-rates": "sweep --loss ep,epshn --epochs 2",
    "sweep-losses": "sweep --loss all --epochs 5",
    "compare": "compare",
}
_WEIGHTS = ("0.01", "0")
"""Weights of dvml's reconstruction, beside the default of 1 in the comparison."""


def main() -> None:
    """Do what the options say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--work", type=Path, default=DOCS / "work", help="folder of runs and figures")
    parser.add_argument("--tables", action="store_true", help="also train the grids behind the tables")
    parser.add_argument("--check", action="store_true", help="compare the runs in --work with numbers.json")
    options = parser.parse_args()
    if options.check:
        check_runs(options.work / "runs")
        return
    options.work.mkdir(parents=True, exist_ok=True)
    embedlens(options.work, "demo")
    embedlens(options.work, _MOVING)
    moving = "scatter-demo-order1-demo-order2-test-animation.gif"
    pictures = DOCS / "pictures"
    shutil.copyfile(options.work / "figures" / moving, pictures / "triplets.gif")
    for name, (start, width) in _PICTURES.items():
        save_picture(_picture(options.work / "figures", start), width, pictures / f"{name}.png")
    numbers = json.loads(NUMBERS.read_text()) if NUMBERS.is_file() else {}
    values = demo_numbers(options.work / "runs")
    numbers["demo"] = {"command": "embedlens demo", "values": values}
    if options.tables:
        for name, command in _TABLES.items():
            answer = json.loads(embedlens(options.work, f"{command} --out runs/{name} --json"))
            numbers[name] = {"command": f"embedlens {command}", "values": table_numbers(name, answer)}
        numbers["epochs"] = {
            "command": "embedlens compare",
            "values": epoch_numbers(options.work / "runs" / "compare"),
        }
        numbers["reconstruction"] = reconstruction_numbers(options.work)
    NUMBERS.write_text(json.dumps(numbers, indent=1) + "\n")
    for page in PAGES:
        page.write_text(fill(page.read_text(), numbers))


def embedlens(folder: Path, command: str) -> str:
    """Run a command in a folder; return what it prints, and print its progress."""
    words = [str(Path(sys.executable).parent / "embedlens"), *command.split()]
    done = subprocess.run(words, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def save_picture(image: Image.Image, width: int, target: Path) -> None:
    """Save a picture at a width, in 256 colours."""
    scaled = image.resize((width, round(image.height * width / image.width)), Image.Resampling.LANCZOS)
    # The default, median cut, merges rare colours: the gold of the star became a run's orange.
    scaled.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
        target, optimize=True
    )


def _picture(figures: Path, start: str) -> Image.Image:
    """Open the one PNG of the test split whose name begins so."""
    found = [path for path in sorted(figures.glob(f"{start}*.png")) if "train" not in path.name]
    if len(found) != 1:
        message = f"{figures}: {start}*.png gives {len(found)} pictures of the test split, one is needed"
        raise SystemExit(message)
    with Image.open(found[0]) as image:
        return image.convert("RGB")


def demo_numbers(runs: Path) -> dict[str, list[float]]:
    """Return test R@1 of every epoch of the two runs of the demonstration."""
    import embedlens as library

    names = ("demo-order1", "demo-order2")
    logs = {name: library.open_run(runs / name).log for name in names}
    return {
        name: [round(float(row["test_recall_at_1"] or 0), 4) for row in log] for name, log in logs.items()
    }


def table_numbers(name: str, answer: dict[str, Any]) -> dict[str, Any]:
    """Take what the tables of results show out of a command's JSON answer."""
    summary = answer["summary"]
    if name == "compare":
        return {
            label: {name: [round(row[name][part], 5) for part in ("mean", "deviation")] for name in COMPARED}
            for label, row in summary.items()
        }
    return {
        loss: {rate: round(cell["mean"], 4) for rate, cells in rates.items() for cell in cells.values()}
        for loss, rates in summary.items()
    } | ({"epoch 0": _initial(summary)} if name == "sweep-losses" else {})


def _initial(summary: dict[str, Any]) -> float:
    """Return R@1 before training of the first loss's run; all runs of a seed begin alike."""
    rates = next(iter(summary.values()))
    dims = next(iter(rates.values()))
    return round(float(next(iter(dims.values()))["initial"]), 4)


def epoch_numbers(runs: Path) -> dict[str, dict[str, list[float | None]]]:
    """Return the test R@1 and the losses of every epoch of the comparison's runs of seed 0."""
    import embedlens as library

    found = {}
    for path in sorted(runs.glob("*-seed0")):
        run = library.open_run(path)
        label = "-".join(run.path.name.removeprefix("glyphs-").split("-lr")[:1])
        found[label] = {
            name: [None if (value := row.get(name)) is None else round(value, 4) for row in run.log]
            for name in ("test_recall_at_1", "reconstruction", "kl", "invariant")
            if any(row.get(name) is not None for row in run.log)
        }
    return found


def reconstruction_numbers(work: Path) -> dict[str, Any]:
    """Train dvml with smaller weights of its reconstruction; return the last test R@1 of each."""
    import embedlens as library

    command = "train --method dvml --loss triplet --epochs 4 --reconstruction-weight"
    values = {}
    for weight in _WEIGHTS:
        path = work / "runs" / f"dvml-reconstruction-{weight}"
        if not path.exists():
            embedlens(work, f"{command} {weight} --out runs/{path.name}")
        values[weight] = round(float(library.open_run(path).log[-1]["test_recall_at_1"] or 0), 4)
    return {"command": f"embedlens {command} W", "values": values}


def check_runs(runs: Path) -> None:
    """Compare the demonstration's runs with numbers.json; end with status 1 where a number differs."""
    wanted = json.loads(NUMBERS.read_text())["demo"]["values"]
    found = demo_numbers(runs)
    worst = max(
        abs(now - then) for name in wanted for now, then in zip(found[name], wanted[name], strict=True)
    )
    print(f"R@1 of the demonstration differs from docs/numbers.json by {worst:.4f} at most")
    if worst > TOLERANCE:
        message = f"more than {TOLERANCE}: run `python docs/make_figures.py` and look at what changed"
        raise SystemExit(message)


if __name__ == "__main__":
    main()
