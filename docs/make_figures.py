"""Makes the pictures of the README, and the measured numbers of the documentation, from the current code.

    python docs/make_figures.py            # the demonstration: its pictures and its numbers
    python docs/make_figures.py --tables   # also the grids behind the tables: hours on two quiet cores
    python docs/make_figures.py --answer published-glyphs=FILE
                                           # the table of a comparison from what `compare --json` printed
    python docs/make_figures.py --triplets glyphs=RUNS --loss margin
                                           # triplets under each method, from the runs of a comparison
    python docs/make_figures.py --orderings
                                           # the page of orderings alone: 80 minutes on one core
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

import comparison_tables
import method_figures
import orderings
from measured_numbers import DOCS, NUMBERS, PAGES, fill
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
    **comparison_tables.COMMANDS,
}


def main() -> None:
    """Do what the options say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--work", type=Path, default=DOCS / "work", help="folder of runs and figures")
    parser.add_argument("--tables", action="store_true", help="also train the grids behind the tables")
    parser.add_argument("--orderings", action="store_true", help="train and measure only the orderings")
    parser.add_argument("--check", action="store_true", help="compare the runs in --work with numbers.json")
    parser.add_argument(
        "--answer",
        metavar="NAME=FILE",
        help="name of a comparison, and its JSON answer, in the folder it ran in",
    )
    parser.add_argument("--triplets", metavar="NAME=RUNS", help="data set, folder of a comparison's runs")
    parser.add_argument(
        "--loss", default="triplet", help="with --triplets: loss of the methods that take any"
    )
    options = parser.parse_args()
    if options.check:
        check_runs(options.work / "runs")
        return
    if options.triplets:
        name, _, runs = options.triplets.partition("=")
        draw_methods(name, Path(runs), loss=options.loss, work=options.work)
        return
    if options.answer:
        name, _, file = options.answer.partition("=")
        numbers = json.loads(NUMBERS.read_text())
        answer = json.loads(Path(file).read_text())
        write_numbers(numbers | {name: group_of(name, answer, Path(file).parent)})
        return
    options.work.mkdir(parents=True, exist_ok=True)
    if options.orderings:
        orderings.train(options.work, lambda command: embedlens(options.work, command))
        write_numbers(json.loads(NUMBERS.read_text()) | {"orderings": orderings.group(options.work)})
        return
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
            needed = comparison_tables.ICONS if name == "published-icons" else ()
            if lacking := [folder for folder in needed if not (options.work / folder).is_dir()]:
                print(f"{name} is left out; {options.work} has no {' and no '.join(lacking)}")
                continue
            answer = json.loads(embedlens(options.work, f"{command} --out runs/{name} --json"))
            numbers[name] = group_of(name, answer, options.work)
    write_numbers(numbers)


def write_numbers(numbers: dict[str, Any]) -> None:
    """Write the numbers, and the blocks of the pages from them."""
    NUMBERS.write_text(json.dumps(numbers, indent=1) + "\n")
    for page in PAGES:
        page.write_text(fill(page.read_text(), numbers))


def draw_methods(data: str, folder: Path, *, loss: str, work: Path) -> None:
    """Make pictures and numbers of what each method did to the triplets, from a comparison's runs."""
    runs = method_figures.find_runs(folder, loss)
    work.mkdir(parents=True, exist_ok=True)
    drawn = method_figures.draw(runs, work.resolve() / "figures", lambda command: embedlens(work, command))
    for name in method_figures.SHOWN:
        with Image.open(drawn[name][0]) as image:
            target = DOCS / "pictures" / f"methods-{data}-{name}.png"
            save_picture(image.convert("RGB"), method_figures.WIDTH, target)
    numbers = json.loads(NUMBERS.read_text())
    group = numbers.setdefault("triplets-of-methods", {"command": "embedlens distances", "values": {}})
    values = method_figures.numbers_of({name: summary for name, (_, summary) in drawn.items()})
    group["values"][data] = {"loss": loss, "start": method_figures.start_of(runs), "runs": values}
    write_numbers(numbers)


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


def group_of(name: str, answer: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return a group of numbers.json, from the JSON answer of its command, which ran in a folder."""
    command = {"command": f"embedlens {_TABLES[name]}"}
    if name in comparison_tables.COMMANDS:
        return command | comparison_tables.numbers_of(answer, folder)
    return command | {"values": table_numbers(name, answer)}


def table_numbers(name: str, answer: dict[str, Any]) -> dict[str, Any]:
    """Take what the tables of results show out of a command's JSON answer."""
    summary = answer["summary"]
    return {
        loss: {rate: round(cell["mean"], 4) for rate, cells in rates.items() for cell in cells.values()}
        for loss, rates in summary.items()
    } | ({"epoch 0": _initial(summary)} if name == "sweep-losses" else {})


def _initial(summary: dict[str, Any]) -> float:
    """Return R@1 before training of the first loss's run; all runs of a seed begin alike."""
    rates = next(iter(summary.values()))
    dims = next(iter(rates.values()))
    return round(float(next(iter(dims.values()))["initial"]), 4)


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
