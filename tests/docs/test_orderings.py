"""The page of orderings: which runs are compared, what is measured of them, and what the verdicts say."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import embedlens
from embedlens.training.datasets import load_dataset

DOCS = Path(__file__).parents[2] / "docs"
LABELS = [0, 0, 1, 1, 2, 2]


@pytest.fixture
def script(monkeypatch):
    """Import a script in docs/ by its name."""
    monkeypatch.syspath_prepend(DOCS)
    yield importlib.import_module
    for path in DOCS.glob("*.py"):
        sys.modules.pop(path.stem, None)


def embedding(right):
    """Rows of six items on a circle of which the first `right` pairs are each other's nearest."""
    angles = np.array([0.0, 0.1, 1.0, 1.1, 2.0, 2.1])
    for pair in range(right, 3):
        angles[2 * pair] += 3.0
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def record(folder, loss, seed, rights, *, lr=0.001):
    """Record a run whose epochs have as many right pairs."""
    method = {"loss": loss, "seed": seed, "lr": lr, "epochs": len(rights) - 1}
    with embedlens.Recorder(
        folder / f"{loss}-{lr}-{seed}", labels={"train": LABELS, "test": LABELS}, method=method
    ) as recorder:
        for epoch, right in enumerate(rights):
            z = embedding(right)
            metrics = {"test_recall_at_1": float(np.mean(_right(z))), "step": 10.0 * epoch}
            recorder.record(epoch, {"train": z, "test": z}, metrics=metrics)


def test_every_row_has_its_runs(script):
    plan = script("orderings")
    for row in plan.ROWS.values():
        for group in (row.first, row.second, *(row.before or ())):
            words = plan.SWEEPS[group.sweep].split()
            assert group.loss in words[words.index("--loss") + 1].split(",")
            if group.lr is not None:
                assert str(group.lr) in words[words.index("--lr") + 1].split(",")


def test_a_row_is_measured_over_seeds_and_items(script, tmp_path):
    plan = script("orderings")
    rights = {"ep": [1, 2, 3], "epshn": [3, 3, 3]}
    for loss, by_seed in rights.items():
        for seed, right in enumerate(by_seed):
            record(tmp_path / "runs", loss, seed, [0, right])
    row = plan.Row("", "", ("", ""), plan.Group("runs", "ep"), plan.Group("runs", "epshn"))
    found = plan.measure_row(row, tmp_path)
    recalls = {loss: [np.mean(_right(embedding(right))) for right in some] for loss, some in rights.items()}
    assert found["first"] == pytest.approx([np.mean(recalls["ep"]), np.std(recalls["ep"], ddof=1)], abs=1e-5)
    assert found["second"] == [1.0, 0.0]
    value, low, high = found["difference"]
    assert value == pytest.approx(1 - np.mean(recalls["ep"]), abs=1e-5)
    assert 0 <= low <= value <= high
    gained = plan.Row(
        "", "", ("", ""), row.first, row.second, before=(row.first, row.first)
    )  # what the first gained over itself is nothing
    assert plan.measure_row(gained, tmp_path)["first"] == [0.0, 0.0]
    assert plan.measure_row(gained, tmp_path)["second"][0] == pytest.approx(value, abs=1e-5)


def _right(z):
    """Plain loop: whether the nearest other item has the label."""
    cosine = z @ z.T
    return [
        LABELS[max((j for j in range(6) if j != i), key=lambda j: cosine[i, j])] == LABELS[i]
        for i in range(6)
    ]


def test_a_row_without_all_its_seeds_is_not_measured(script, tmp_path):
    plan, text = script("orderings"), script("ordering_text")
    for loss in ("ep", "epshn"):
        for seed in range(2):
            record(tmp_path / "runs", loss, seed, [0, 1])
    record(tmp_path / "runs", "ep", 2, [0, 1], lr=0.002)
    record(tmp_path / "runs", "epshn", 2, [0, 1])
    row = plan.Row("", "", ("", ""), plan.Group("runs", "ep", 0.001), plan.Group("runs", "epshn"))
    assert plan.measure_row(row, tmp_path) is None
    assert text.verdict(row, None) == "not measured"
    assert plan.measure_row(plan.ROWS["n-pair"], tmp_path) is None


@pytest.mark.parametrize(
    ("sign", "low", "high", "said"),
    [
        (1, 0.1, 0.3, "as published"),
        (1, -0.3, -0.1, "not here"),
        (-1, -0.3, -0.1, "as published"),
        (-1, 0.1, 0.3, "not here"),
        (1, -0.1, 0.3, "undecided"),
        (-1, 0.0, 0.3, "undecided"),
    ],
)
def test_the_interval_decides(script, sign, low, high, said):
    plan, text = script("orderings"), script("ordering_text")
    group = plan.Group("plain", "ep")
    row = plan.Row("", "", ("", ""), group, group, sign=sign)
    assert text.verdict(row, {"difference": [0.2, low, high]}) == said


@pytest.mark.parametrize(("n", "said"), [(0, "not here"), (2, "undecided"), (3, "as published")])
def test_the_collapsed_runs_decide(script, n, said):
    plan, text = script("orderings"), script("ordering_text")
    assert text.verdict(plan.ROWS["hn-faces"], {"collapsed": [3, n], "seeds": 3}) == said


def test_steps_until_the_other_s_last_score(script, tmp_path):
    plan = script("orderings")
    for seed, ends in enumerate(([2, 3], [1, 3], [1, 2])):
        record(tmp_path / "slow", "triplet", seed, [0, *ends])
        record(tmp_path / "fast", "n-pair-mc", seed, [0, 3, 3])
    slow, fast = plan.Group("slow", "triplet"), plan.Group("fast", "n-pair-mc")
    found = plan.progress(plan.Row("", "", ("", ""), slow, fast), tmp_path)
    assert found["steps"] == 20
    assert found["first_reaches"] == [20, 20, None]
    assert found["second_reaches"] == [10, 10, 10]
    text = script("ordering_text")
    assert text.faster(found) == "as published"
    assert text.faster({**found, "first_reaches": [10, 10, 10]}) == "undecided"
    assert text.faster({**found, "first_reaches": [10, 10, 10], "second_reaches": [None] * 3}) == "not here"
    assert "20, 20, never steps" in text.speed(
        {"orderings": {"values": {"progress": {"n-pair-unmined": found}, "times": None}}}
    )


def test_the_fine_grained_classes_are_typefaces_of_scripts(script, tmp_path, monkeypatch):
    faces = script("glyph_faces")
    monkeypatch.setattr(faces, "MOST", 2)
    faces.write_faces(tmp_path / "faces")
    data = load_dataset("csv", tmp_path / "faces")
    # The STIX typefaces lack Armenian and Georgian.
    assert {split: part.labels.size for split, part in data.splits.items()} == {"train": 152, "test": 144}
    assert all(np.bincount(part.labels).max() == 2 for part in data.splits.values())
    names = {data.class_names[label].split()[-1] for label in data.splits["test"].labels.tolist()}
    assert len(names) == 16
    written = (tmp_path / "faces/list.csv").stat().st_mtime_ns
    faces.write_faces(tmp_path / "faces")
    assert (tmp_path / "faces/list.csv").stat().st_mtime_ns == written


def test_steps_are_timed_in_turn(script):
    found = script("step_times").step_times("digits", pairs=5, rounds=2)
    assert found["items"] == 10
    for took in found["milliseconds"].values():
        assert 0 < took["loss"] < took["step"]


def test_the_page_names_every_command(script):
    plan = script("orderings")
    page = (DOCS / "results/orderings.md").read_text()
    shown = re.findall(r"^embedlens (.*)$", page, re.MULTILINE)
    assert shown == [plan.CHARACTERS, *(plan.sweep_command(name) for name in plan.SWEEPS)]
