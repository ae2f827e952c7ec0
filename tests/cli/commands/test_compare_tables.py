"""Tables of `compare`: what stands in them, and that they fit a terminal of 100 columns."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from embedlens.analysis.differences import Hits
from embedlens.analysis.experiments.comparison import RunScores, compare
from embedlens.experiments.compared_runs import ways_of
from embedlens.experiments.comparison import mean_rows
from embedlens.training.config import TrainConfig
from embedlens_cli.commands.compare import tables
from embedlens_cli.common import console, score_tables

WAYS = ways_of(["plain", "divide-conquer", "dreml", "hdc"], ["n-pair-mc"], baselines=True)
METRICS = ("nmi", "f1", *(f"recall_at_{k}" for k in (1, 2, 4, 8)))


def scored(way, seed, rate):
    right = np.random.default_rng(seed).random(300) < rate
    hits = Hits(np.arange(300), np.arange(300) % 30, right)
    scores = dict.fromkeys(METRICS, float(right.mean()))
    return RunScores(way.name, way.group, seed, scores, way.method == "plain", hits)


@pytest.fixture(scope="module")
def result():
    """One method is better by far, one worse, one undecided."""
    rates = {"n-pair-mc": 0.5, "n-pair-mc + divide-conquer": 0.05, "softmax": 0.3, "dreml": 0.99}
    rates |= {"contrastive": 0.5, "hdc": 0.5}
    return compare(scored(way, seed, rates[way.name]) for seed in range(3) for way in WAYS)


@pytest.fixture(scope="module")
def rows():
    row = {"epochs": 8, "steps": 12_345.0, "parameters": 12_345_678, "seconds": 1234.4}
    found = {way.name: dict(row) for way in WAYS}
    found["n-pair-mc + divide-conquer"] |= {"steps_of_a_learner": [2000, 2001], "steps_together": 345.0}
    found["hdc"] |= {"parameters": None, "seconds": float("nan")}
    return found


def trained(**config):
    made = TrainConfig(epochs=8, **config)
    runs = [SimpleNamespace(way=way, run=SimpleNamespace(config=made)) for way in WAYS]
    plan = SimpleNamespace(preset=SimpleNamespace(name="published"))
    return SimpleNamespace(runs=runs, plan=plan, start=None, left_out={"dvml": "why"})


def test_the_tables_fit_100_columns(result, rows, capsys):
    epochs = dict.fromkeys(rows, 8)
    columns, cells = score_tables.plain(
        mean_rows(result, split="test", epochs=epochs), width=None, per_cent=True
    )
    console.print_table(columns, cells, title="scores")
    tables.print_differences(result, rows)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    mean, deviation = 100 * result.mean[0, 0], 100 * result.deviation[0, 0]
    first = next(line for line in lines if line.startswith("n-pair-mc "))
    assert first.split("  ")[-1].strip() == f"{mean:.1f} ± {deviation:.1f}"
    judged = {line.split("  ")[0]: line.split() for line in lines[len(WAYS) + 4 :]}
    assert judged["n-pair-mc + divide-conquer"][-4:] == ["worse", "12,345", "12,345,678", "1,234"]
    assert judged["dreml"][-4] == "better"
    assert judged["hdc"][-4:] == ["undecided", "12,345", "-", "-"]
    assert judged["softmax"][-5:-3] == ["-", "-"]


def test_notes_name_baselines_steps_of_learners_and_what_is_left_out(result, rows):
    assert tables.notes(trained(), result, rows) == [
        "baselines of methods with a loss of their own: dreml with softmax, hdc with contrastive",
        "n-pair-mc + divide-conquer: each learner has 2,000 to 2,001 of these steps, 345 are of the whole "
        "embedding",
        "left out: dvml: why",
    ]


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({}, "8 epochs from random weights"),
        ({"init": "/runs/first"}, "8 epochs from the weights of /runs/first"),
        ({"backbone": "timm:resnet18"}, "8 epochs from pretrained weights"),
        ({"backbone": "features:/z.npy"}, "8 epochs on features:/z.npy"),
    ],
)
def test_what_the_runs_start_from(config, text):
    assert tables.start_text(trained(**config)) == f"preset published: {text}"


def test_the_latex_table_has_differences_and_budgets(result, rows):
    text = tables.latex(result, rows)
    assert "percentage points, bootstrap interval over seeds and classes" in text
    assert "% baseline of dreml: softmax" in text
    one = result.differences[3]
    ends = f"$+{100 * one.value:.2f} [+{100 * one.low:.2f}, +{100 * one.high:.2f}]$"
    assert f"dreml & {ends} & better & 12,345 & 12,345,678 & 1,234 " in text
    assert r"softmax & -- & -- & 12,345" in text
