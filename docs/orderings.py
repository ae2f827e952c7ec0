"""The orderings of losses that papers report: which runs measure them, and what is measured."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import glyph_faces
import numpy as np
from step_times import step_times

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from embedlens.store import Run

SEEDS = 3
_FACES = "--data csv --root faces --image-size 32"
_PRETRAINED = f"{_FACES} --init runs/orderings/characters"
_CARS = f"{_PRETRAINED} --epochs 4 --lr 0.0003 --dim 512 --classes-per-batch 60"
_UNMINED = "--loss triplet --mining random --items-per-class 2"
CHARACTERS = (
    "train --data csv --root characters --image-size 32 --loss softmax --epochs 8 --threads 1 "
    "--out runs/orderings/characters"
)
"""The pre-training of the rows that begin with `--init`."""
SWEEPS = {
    "faces": f"{_FACES} --loss epshn,hn --epochs 6",
    "faces-pretrained": f"{_PRETRAINED} --loss epshn,hn --epochs 4",
    "faces-order2": f"{_PRETRAINED} --loss epshn --order 2 --epochs 4",
    "faces-unmined": f"{_CARS} {_UNMINED}",
    "faces-n-pair": f"{_CARS} --loss n-pair-mc",
    "faces-rates": f"{_PRETRAINED} --loss ep,epshn --lr 0.0004,0.0016,0.0064 --epochs 3",
    "plain": "--loss triplet,n-pair-mc,epshn --epochs 4",
    "order2": "--loss epshn --order 2 --epochs 4",
    "unmined": f"{_UNMINED} --classes-per-batch 192 --epochs 4",
    "n-pair": "--loss n-pair-mc --classes-per-batch 192 --epochs 4",
    "unmined-long": f"{_UNMINED} --classes-per-batch 192 --epochs 20",
    "n-pair-long": "--loss n-pair-mc --classes-per-batch 192 --epochs 20",
    "hn": "--loss hn --epochs 4",
}
"""Folder of runs -> options of the sweep that trains them."""


@dataclass(frozen=True)
class Group:
    """The runs of a sweep with one loss, at one learning rate where there are several: one run per seed."""

    sweep: str
    loss: str
    lr: float | None = None

    def runs(self, folder: Path) -> list[Run]:
        """Return the finished runs in order of seeds; fewer where some are not trained."""
        import embedlens

        found = [embedlens.open_run(path.parent) for path in (folder / self.sweep).glob("*/run.json")]
        kept = [
            run
            for run in found
            if run.method["loss"] == self.loss
            and self.lr in (None, run.method["lr"])
            and run.method["epochs"] in run.epochs()
        ]
        return sorted(kept, key=lambda run: int(run.method["seed"]))


@dataclass(frozen=True)
class Row:
    """One row of the table: two groups, what is compared, and what is reported of the difference.

    Attributes
    ----------
    claim, setting
        Words of the table.
    names
        What the two groups are called in the table.
    first, second
        The groups; the difference is second less first.
    measure
        A value of each test item: 1 where its nearest neighbour has its class (its mean is R@1), or the
        distance of its nearest triplet to (1, 0), or whether it stands in a region of the triplet scatter.
    sign
        That of the difference which is reported: 1 or -1.
    before
        Groups whose values are subtracted from the first's and the second's: what each gained over them.
    collapses
        Whether the report is that the second's space collapses.
    """

    claim: str
    setting: str
    names: tuple[str, str]
    first: Group
    second: Group
    measure: Literal["recall", "distance", "top_right", "right_boundary"] = "recall"
    sign: int = 1
    before: tuple[Group, Group] | None = None
    collapses: bool = False


_TRIPLET, _N_PAIR = Group("plain", "triplet"), Group("plain", "n-pair-mc")
_FIRST, _SECOND = Group("plain", "epshn"), Group("order2", "epshn")
_OF_FACES = Group("faces-pretrained", "epshn"), Group("faces-order2", "epshn")
_ORDERS = ("first", "second")
_ABOVE = "N-pair above triplet (Sohn 2016; Lin et al. 2018)"
_NEARER = "second order of EPSHN nearer to (1, 0) (the notebook)"
_BEARS = "EPSHN bears larger rates than EP (the notebook)"
_FALLS = "HN collapses on fine-grained data (Xuan et al., ECCV 2020)"
_RATES = [(0.0016, 0.0004), (0.0064, 0.0016)]
ROWS = {
    "n-pair": Row(
        _ABOVE, "glyphs, 4 epochs; triplet with semi-hard negatives", ("triplet", "64-pair"),
        _TRIPLET, _N_PAIR,
    ),
    "n-pair-unmined": Row(
        _ABOVE, "glyphs, 4 epochs, batches of 384; triplet without mining", ("triplet", "192-pair"),
        Group("unmined", "triplet"), Group("n-pair", "n-pair-mc"),
    ),
    "n-pair-unmined-long": Row(
        _ABOVE, "glyphs, 20 epochs, batches of 384; triplet without mining", ("triplet", "192-pair"),
        Group("unmined-long", "triplet"), Group("n-pair-long", "n-pair-mc"),
    ),
    "n-pair-faces": Row(
        _ABOVE, "typefaces, pretrained, 512 dims, 4 epochs; triplet without mining", ("triplet", "60-pair"),
        Group("faces-unmined", "triplet"), Group("faces-n-pair", "n-pair-mc"),
    ),
    "order-faces": Row(
        _NEARER, "typefaces, pretrained, 4 epochs; mean distance to (1, 0)", _ORDERS, *_OF_FACES,
        "distance", sign=-1,
    ),
    "order-faces-corner": Row(
        _NEARER, "the same runs; fraction in the top right corner", _ORDERS, *_OF_FACES, "top_right", sign=-1
    ),
    "order-faces-boundary": Row(
        _NEARER, "the same runs; fraction at the right boundary", _ORDERS, *_OF_FACES,
        "right_boundary", sign=-1,
    ),
    "order-distance": Row(
        _NEARER, "glyphs, 4 epochs; mean distance to (1, 0)", _ORDERS, _FIRST, _SECOND, "distance", sign=-1
    ),
    "order-corner": Row(
        _NEARER, "the same runs; fraction in the top right corner", _ORDERS, _FIRST, _SECOND,
        "top_right", sign=-1,
    ),
    "order-boundary": Row(
        _NEARER, "the same runs; fraction at the right boundary", _ORDERS, _FIRST, _SECOND,
        "right_boundary", sign=-1,
    ),
    "hn-glyphs": Row(
        _FALLS, "glyphs, 4 epochs: not fine-grained, for comparison", ("EPSHN", "HN"), _FIRST,
        Group("hn", "hn"), sign=-1, collapses=True,
    ),
    "hn-faces": Row(
        _FALLS, "typefaces, 6 epochs", ("EPSHN", "HN"), Group("faces", "epshn"), Group("faces", "hn"),
        sign=-1, collapses=True,
    ),
    "hn-pretrained": Row(
        _FALLS, "typefaces, pretrained, 4 epochs", ("EPSHN", "HN"),
        Group("faces-pretrained", "epshn"), Group("faces-pretrained", "hn"), sign=-1, collapses=True,
    ),
}  # fmt: skip
for _rate, _low in _RATES:
    ROWS[f"rate-{_rate}"] = Row(
        _BEARS, f"typefaces, pretrained, 3 epochs; R@1 at rate {_rate} less that at {_low}", ("EP", "EPSHN"),
        Group("faces-rates", "ep", _rate), Group("faces-rates", "epshn", _rate),
        before=(Group("faces-rates", "ep", _low), Group("faces-rates", "epshn", _low)),
    )  # fmt: skip
"""Key in docs/numbers.json -> row."""
BY_STEPS = ("n-pair-unmined", "n-pair-unmined-long")
"""Rows whose losses are also compared by the steps that they take."""


def sweep_command(name: str) -> str:
    """Return the command that trains the runs of a folder."""
    rates = "" if "--lr" in SWEEPS[name] else " --lr default"
    return f"sweep {SWEEPS[name]}{rates} --seed 0,1,2 --threads 1 --out runs/orderings/{name}"


def train(work: Path, run: Callable[[str], str]) -> None:
    """Make the data sets in a folder, and train the runs by the program; what is finished is kept."""
    glyph_faces.write_faces(work / "faces")
    glyph_faces.write_characters(work / "characters")
    if not (work / "runs" / "orderings" / "characters").exists():
        run(CHARACTERS)
    for name in SWEEPS:
        run(sweep_command(name))


def group(work: Path) -> dict[str, Any]:
    """Return the group of docs/numbers.json: what the runs give, and the processor time of a step."""
    values = {**measure_orderings(work / "runs" / "orderings"), "times": step_times()}
    return {"command": "embedlens sweep", "values": values}


def measure_orderings(runs: Path) -> dict[str, Any]:
    """Return the numbers of all rows from the folder of runs; None of a row whose runs are not all there."""
    found = {name: measure_row(row, runs) for name, row in ROWS.items()}
    return {"rows": found, "progress": {name: progress(ROWS[name], runs) for name in BY_STEPS}}


def measure_row(row: Row, runs: Path) -> dict[str, Any] | None:
    """Return mean and deviation over the seeds of both groups, and the difference with its interval."""
    from embedlens.analysis.statistics import over_seeds_and_classes

    groups = [row.first, row.second, *(row.before or ())]
    sides = [group.runs(runs) for group in groups]
    if any(len(side) != SEEDS for side in sides):
        return None
    labels = outcomes(sides[0][0])["labels"]
    values = [np.stack([outcomes(run)[row.measure] for run in side]) for side in sides]
    if row.before:
        values = [values[0] - values[2], values[1] - values[3]]
    interval = over_seeds_and_classes(values[0], values[1], labels, paired=True)
    first, second = ([_round(v) for v in _mean(side.mean(axis=1))] for side in values[:2])
    ends = [_round(end) for end in (interval.value, interval.low, interval.high)]
    numbers: dict[str, Any] = {"seeds": SEEDS, "first": first, "second": second, "difference": ends}
    if row.collapses:
        numbers["collapsed"] = [_collapsed(side) for side in sides]
        numbers["similarity"] = [_last(side, "train_mean_similarity") for side in sides]
        numbers["hard"] = _last(sides[1], "hard_share", epoch=1)
    return numbers


def outcomes(run: Run) -> dict[str, np.ndarray]:
    """Return labels and values [n] of the test anchors of a run's last epoch."""
    return _outcomes_of(run.path)


@cache
def _outcomes_of(path: Path) -> dict[str, np.ndarray]:
    import embedlens
    from embedlens.analysis.triplets import ideal_distance, nearest_triplets
    from embedlens.analysis.triplets.nearest import RIGHT_BOUNDARY, TOP_RIGHT

    snapshot = embedlens.open_run(path).snapshot("test")
    near = nearest_triplets(snapshot.embeddings, snapshot.labels)
    return {
        "labels": snapshot.labels[near.anchor],
        "recall": (near.s_an < near.s_ap).astype(np.float64),
        "distance": ideal_distance(near),
        "top_right": ((near.s_ap > TOP_RIGHT) & (near.s_an > TOP_RIGHT)).astype(np.float64),
        "right_boundary": (near.s_ap > RIGHT_BOUNDARY).astype(np.float64),
    }


def progress(row: Row, runs: Path) -> dict[str, Any] | None:
    """Return the steps after which each loss reaches the other's last R@1, and the triplet loss of both."""
    sides = [group.runs(runs) for group in (row.first, row.second)]
    if any(len(side) != SEEDS for side in sides):
        return None
    ends = [[float(run.log[-1]["test_recall_at_1"] or 0) for run in side] for side in sides]
    return {
        "steps": int(sides[0][0].log[-1]["step"] or 0),
        "first_reaches": [reached(run, end) for run, end in zip(sides[0], ends[1], strict=True)],
        "second_reaches": [reached(run, end) for run, end in zip(sides[1], ends[0], strict=True)],
        "triplet_loss": [[_round(v) for v in _mean([triplet_loss(run) for run in side])] for side in sides],
    }


def reached(run: Run, recall: float) -> int | None:
    """Return the steps of the first recorded epoch with this test R@1 or more; None: none has it."""
    rows = (row for row in run.log if (row["test_recall_at_1"] or 0) >= recall)
    return next((int(row["step"] or 0) for row in rows), None)


def triplet_loss(run: Run) -> float:
    """Return the mean over all triplets of fixed batches of the train split, at the last epoch."""
    from embedlens.analysis.experiments.monitoring import AllTriplets, fixed_batches, monitor

    snapshot = run.snapshot("train")
    batches = fixed_batches(snapshot.labels)
    return float(monitor(snapshot.embeddings, snapshot.labels, AllTriplets(), batches=batches).mean())


def _collapsed(side: list[Run]) -> int:
    """Return how many runs have collapsed, by the rule by which training warns."""
    from embedlens.experiments.collapse import run_collapsed

    return sum(run_collapsed(run, run.epochs()[-1]) for run in side)


def _last(side: list[Run], column: str, epoch: int = -1) -> float:
    """Return a column of the log at an epoch, by default the last, as mean over the runs."""
    return _round(statistics.fmean(float(run.log[epoch][column] or 0) for run in side))


def _mean(values: Any) -> tuple[float, float]:
    """Return mean and sample standard deviation over the seeds."""
    numbers = [float(value) for value in values]
    return statistics.fmean(numbers), statistics.stdev(numbers)


def _round(value: float) -> float:
    return round(float(value), 5)
