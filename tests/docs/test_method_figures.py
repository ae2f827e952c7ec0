"""Figures and numbers of what each method did to the triplets."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import embedlens

SCRIPT = Path(__file__).parents[2] / "docs" / "method_figures.py"
Y = np.repeat(np.arange(4), 3)


@pytest.fixture
def figures():
    spec = importlib.util.spec_from_file_location("method_figures", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def runs(tmp_path):
    """A folder of runs as of a comparison: five methods of two losses, two seeds, two epochs."""
    ways = [("plain", "margin"), ("divide-conquer", "margin"), ("dvml", "margin"), ("plain", "softmax")]
    for seed in (0, 1):
        for method, loss in [*ways, ("dreml", "softmax"), ("hdc", "contrastive")]:
            rng = np.random.default_rng(seed)
            slices = [] if method in {"plain", "dvml"} else [(0, 2), (2, 4)]
            facts = {"method": method, "loss": loss, "seed": seed}
            with embedlens.Recorder(
                tmp_path / f"{method}-{loss}-{seed}", labels={"test": Y}, slices=slices, method=facts
            ) as recorder:
                for epoch in (0, 1):
                    recorder.record(epoch, {"test": rng.normal(size=(Y.size, 4))})
    return tmp_path


def test_the_runs_of_one_seed_and_loss_are_found(figures, runs):
    found = figures.find_runs(runs, "margin")
    names = {name: path.name for name, path in found.items()}
    assert names == {
        "alone": "plain-margin-0",
        "divide-conquer": "divide-conquer-margin-0",
        "dvml": "dvml-margin-0",
        "dreml": "dreml-softmax-0",
        "hdc": "hdc-contrastive-0",
    }


def test_methods_may_lack_but_not_the_loss_alone(figures, runs):
    (runs / "dvml-margin-0").rename(runs.parent / "dvml-margin-0")
    assert list(figures.find_runs(runs, "margin")) == ["alone", "divide-conquer", "dreml", "hdc"]
    with pytest.raises(SystemExit, match="no run of the loss triplet alone, of seed 0"):
        figures.find_runs(runs, "triplet")


def test_the_table_has_the_numbers_of_the_summaries(figures):
    paired = {"median_difference": 0.012}, {"median_difference": -0.034}
    last = {"mean_distance": 0.5, "paired": paired[0], "paired_other_triplets": [paired[1]]}
    summaries = {
        "scatter": {"dvml": {"10": {"recall_at_1": 0.75}}},
        "distances": {"dvml": {"pretrained": {"mean_distance": 0.9}, "10": last}},
        "spectrum": {"dvml": {"10": {"effective_rank": 12.34, "dim": 64}}},
        "slices": {"dvml": {"10": {"slices": {"recall_at_1": [0.25, 0.5, 0.375]}}}},
    }
    measured = {"loss": "margin", "start": "from random weights", "runs": figures.numbers_of(summaries)}
    text = figures.section("glyphs", measured)
    row = "| dvml | 0.750 | 0.900 → 0.500 | +0.012, \N{MINUS SIGN}0.034 | 12.3 of 64 | 0.250 to 0.500 (3) |"
    assert row in text.splitlines()
    assert "\n10 epochs from random weights" in text
    assert all(f"../pictures/methods-glyphs-{name}.png" in text for name in figures.SHOWN)


@pytest.mark.slow
def test_every_figure_is_drawn_by_the_program(figures, runs, tmp_path, program):
    def embedlens(command: str) -> str:
        done = program(*command.split())
        assert done.code == 0, done.err
        return done.out

    drawn = figures.draw(figures.find_runs(runs, "margin"), tmp_path / "figures", embedlens)
    assert set(drawn) == set(figures.COMMANDS)
    assert all(path.is_file() for path, _ in drawn.values())
    numbers = figures.numbers_of({name: summary for name, (_, summary) in drawn.items()})
    assert {name: len(one["slices"]) for name, one in numbers.items()} == {
        "alone": 0, "divide-conquer": 2, "dvml": 0, "dreml": 2, "hdc": 2,
    }  # fmt: skip
    assert [name for name, one in numbers.items() if not one["farther"]] == ["alone"]
