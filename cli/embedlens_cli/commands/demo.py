"""The command `demo`: two runs and every figure of them, by the commands that a user types."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from embedlens_cli.commands.train import train_one
from embedlens_cli.common import calling, console, options

if TYPE_CHECKING:
    from pathlib import Path

_TOUR = (
    ("scatter {one} {two} --animate", "every triplet as a dot, epoch by epoch: look at the .gif first"),
    ("scatter {one} {two} --split test --flow", "the mean displacement of the dots"),
    ("scatter {one} {two} --split test --field epshn", "where a step of the first order would move them"),
    ("trajectory {one} {two}", "single triplets, from the initial state to the last epoch"),
    ("distances {one} {two}", "how far the dots end from (1, 0), and which run brings them nearer"),
    ("spectrum {one} {two}", "singular values: how many dimensions the space uses"),
    ("components {one} --out figures", "the largest and the smallest component, by class"),
    ("pca-prune {one} {two}", "Recall@1 when only the leading components are kept"),
    ("tsne {one} --sample 2000 --out figures", "a map of the space, of 2,000 of the test items"),
    ("concat {one} {two} --out {joined}", "both runs as one ensemble"),
    ("spectrum {joined} --slices 2 --out figures", "the ensemble's parts, each alone and together"),
    (
        "sweep --data digits --loss ep,epshn --lr 0.0001,0.0008,0.0064 --epochs 1 --dim 16"
        " --out {sweep} --figures figures",
        "Recall@1 against the learning rate, on small digits",
    ),
    (
        "report {one} {two} --out figures/report.html",
        "all of it in one offline page: hover for the items, drag to select",
    ),
)


def demo(
    context: typer.Context,
    epochs: Annotated[int, typer.Option(help="Epochs of each run.", min=1)] = 4,
    device: options.Device = "cpu",
) -> None:
    """Train EPSHN of first and second order on glyphs, and make the main figures of the two runs.

    Runs go to ./runs/demo-order1 and ./runs/demo-order2, figures to ./figures; open figures/report.html
    first. A second demo resumes the first.
    """
    from embedlens.experiments.demonstration import ORDERS
    from embedlens.measurements.data_warnings import warned_once
    from embedlens.selection import runs_folder

    folder = runs_folder()
    one, two = (_train(order, epochs, device=device) for order in ORDERS)
    joined, sweep = folder / "demo-both", folder / "demo-sweep"
    places = {"one": one, "two": two, "joined": joined, "sweep": sweep}
    with warned_once():
        for words, meaning in _TOUR:
            typed = words.format(**{name: shlex.quote(str(path)) for name, path in places.items()})
            if words.startswith("concat") and joined.exists():
                continue
            console.print_line(f"\n# {meaning}\n$ embedlens {typed}")
            calling.call(context, shlex.split(typed))
    console.print_line(
        "\nopen figures/report.html in a browser first: both runs, epoch by epoch, without a network.\n"
        "All figures are in ./figures, each with its data (.csv) and how it was made (.json); then try:"
    )
    console.print_line(f"  embedlens info {one}")
    console.print_line(f"  embedlens evaluate {one} {two} --latex")
    console.print_line(
        f"  embedlens train --loss triplet && embedlens scatter glyphs-triplet {one} --animate"
    )


def _train(order: int, epochs: int, *, device: str) -> Path:
    """Train one run, or resume it."""
    from embedlens.experiments.demonstration import demo_config, demo_path

    path, config = demo_path(order), demo_config(order, epochs)
    console.print_line(f"EPSHN, order {order}: {config.epochs} epochs of glyphs to {path}")
    train_one(config, path, device=device, readers=None, resume=path.exists(), as_json=False)
    return path
