"""Every example runs, in a folder of its own, and leaves a figure.

The documentation runs the same files on the runs of a demonstration; here two small runs stand in for these.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from embedlens.experiments import Trainer
from embedlens.training.config import TrainConfig

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*/*.py"))


@pytest.fixture(scope="session")
def demo_runs(tmp_path_factory):
    """Folder of two small runs with the names and the number of epochs of the demonstration's."""
    folder = tmp_path_factory.mktemp("runs")
    for order in (1, 2):
        config = TrainConfig(data="digits", loss="epshn", loss_options={"order": order}, epochs=4, dim=16)
        Trainer(config, folder / f"demo-order{order}").run()
    return folder


def test_there_are_examples():
    assert len(EXAMPLES) > 15


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_is_short_and_says_what_it_shows(example):
    tree = ast.parse(example.read_text())
    lines = example.read_text().splitlines()
    start = tree.body[1].lineno - 1
    code = [line for line in lines[start:] if line.strip() and not line.lstrip().startswith("#")]
    assert len(code) < 60
    assert ast.get_docstring(tree)


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(tmp_path, example, demo_runs):
    done = subprocess.run(
        [sys.executable, "-W", "error", str(example)],
        cwd=tmp_path,
        env={**os.environ, "EMBEDLENS_RUNS": str(demo_runs)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("*.pdf"))
    assert done.stdout.strip()
