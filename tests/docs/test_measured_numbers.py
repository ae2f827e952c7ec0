"""The measured numbers of the documentation: written from docs/numbers.json; what the code gives today."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path

import pytest

import embedlens

ROOT = Path(__file__).parents[2]
GROUPS = json.loads((ROOT / "docs/numbers.json").read_text())


@pytest.fixture
def scripts(monkeypatch):
    """The two scripts in docs/, as modules."""
    monkeypatch.syspath_prepend(ROOT / "docs")
    found = []
    for name in ("measured_numbers", "make_figures"):
        spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        found.append(module)
    return found


def test_the_blocks_are_written_from_the_numbers(scripts):
    writer, _ = scripts
    texts = [page.read_text() for page in writer.PAGES]
    names = [name for text in texts for name in re.findall(r"<!-- numbers: ([a-z-]+) -->", text)]
    assert set(names) == set(writer.RENDER)
    assert [writer.fill(text, GROUPS) for text in texts] == texts


def test_no_other_page_has_blocks(scripts):
    writer, _ = scripts
    pages = {ROOT / "README.md", *(ROOT / "docs").rglob("*.md")} - set(writer.PAGES)
    assert not [page for page in pages if "<!-- numbers:" in page.read_text()]


def test_a_changed_number_changes_the_readme(scripts):
    writer, _ = scripts
    changed = json.loads(json.dumps(GROUPS))
    changed["demo"]["values"]["demo-order1"][-1] = 0.123
    assert "12.3 %" in writer.fill((ROOT / "README.md").read_text(), changed)


def test_a_comparison_s_answer_becomes_a_table(scripts, tmp_path):
    _, maker = scripts
    row = {"epochs": 8, "steps": 80.0, "parameters": 1234, "seconds": 3.04}
    row |= {score: {"mean": 0.5, "deviation": 0.0123} for score in ("recall_at_1", "nmi", "f1")}
    difference = {"value": 0.01, "low": 0.002, "high": 0.02, "verdict": "better", "baseline": "triplet"}
    learners = {"steps_of_a_learner": [30, 31], "steps_together": 19.0}
    answer = {
        "data": ["figures/compare.csv"],
        "summary": {"triplet": row, "triplet + divide-conquer": row | learners | {"difference": difference}},
    }
    start = {"path": "runs/first", "loss": "softmax", "epochs": 4, "seed": 0, "steps": 40.0, "seconds": 2.0}
    (tmp_path / "figures").mkdir()
    sidecar = {"seeds": [0, 1, 2], "starts_from": start, "rows_left_out": {"dreml": "why"}}
    (tmp_path / "figures" / "compare.json").write_text(json.dumps(sidecar))
    group = maker.group_of("published-glyphs", answer, tmp_path)
    assert maker.comparison_tables.text_of(group).splitlines() == [
        "`embedlens compare --preset published --threads 1`, 3 seeds, from one network trained for 4 epochs "
        "with softmax (40 steps, 2 s). All runs: 0 minutes of training.",
        "",
        "| | R@1 | difference | verdict | NMI | steps | parameters | seconds |",
        "|---|---|---|---|---|---|---|---|",
        "| triplet | 50.0\u00a0±\u00a01.2 | - | - | 50.0\u00a0±\u00a01.2 | 80 | 1,234 | 3 |",
        "| triplet + divide-conquer | 50.0\u00a0±\u00a01.2 | +1.00 [+0.20,\u00a0+2.00] | **better** "
        "| 50.0\u00a0±\u00a01.2 | 80 | 1,234 | 3 |",
        "",
        "- triplet + divide-conquer: 30 to 31 steps of each learner, then 19 of the whole embedding.",
        "- not on these data: dreml.",
    ]


def test_every_group_names_its_command():
    for group in GROUPS.values():
        assert group["command"].startswith("embedlens ")
        assert group["values"]


def test_a_run_that_differs_is_reported(scripts, tmp_path):
    _, maker = scripts
    y = [0, 0, 1, 1]
    z = [[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]]
    for name, values in GROUPS["demo"]["values"].items():
        with embedlens.Recorder(tmp_path / name, labels={"test": y}) as recorder:
            for epoch, value in enumerate(values):
                recorder.record(epoch, {"test": z}, metrics={"test_recall_at_1": value})
    maker.check_runs(tmp_path)
    embedlens.Recorder(tmp_path / name, labels={"test": y}, resume=True).log(4, {"test_recall_at_1": 0.5})
    with pytest.raises(SystemExit, match="look at what changed"):
        maker.check_runs(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("order", [1, 2])
def test_the_demonstration_s_first_epoch_is_that_of_the_documentation(folder, program, scripts, order):
    """The whole demonstration is compared where it runs anyway: in .ci/run."""
    _, maker = scripts
    done = program("train", "--loss", "epshn", "--order", order, "--epochs", 1, "--out", "runs/one", "--json")
    assert done.code == 0, done.err
    log = embedlens.open_run("runs/one").log
    wanted = GROUPS["demo"]["values"][f"demo-order{order}"][:2]
    assert [row["test_recall_at_1"] for row in log] == pytest.approx(wanted, abs=maker.TOLERANCE)
