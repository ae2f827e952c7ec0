"""The README is short, its links lead somewhere, and its code blocks run as they stand."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import typer
from support import blobs
from sybil import Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
INSTALLING = "python3 -m venv"


@pytest.fixture
def training(folder):
    """What the block that records a training presumes: embeddings and labels of two splits, and a loss."""
    (z_train, y_train), (z_test, y_test) = (blobs(n=90, dim=8, classes=6, seed=seed) for seed in (0, 1))
    (folder / "dump").mkdir()
    for epoch in range(2):
        np.save(folder / "dump" / f"test_{epoch}.npy", z_test)
    np.save(folder / "dump" / "test_labels.npy", y_test)
    return {"z_train": z_train, "y_train": y_train, "z_test": z_test, "y_test": y_test, "loss": 0.5}


def commands_in(block):
    """Yield the words of each embedlens command of a block, without its comments."""
    for line in block.splitlines():
        words = shlex.split(line, comments=True)
        if words:
            assert words[0] == "embedlens", line
            yield words[1:]


def test_its_code_blocks_run(cli, training):
    ran = []

    def run_commands(example):
        if example.parsed.startswith(INSTALLING):  # .ci/run types these two into a new environment
            return
        for words in commands_in(example.parsed):
            done = cli(*words)
            assert done.code == 0, done.err
            ran.append(words[0])

    parsers = [PythonCodeBlockParser(), CodeBlockParser("sh", run_commands)]
    document = Sybil(parsers=parsers).parse(README)
    document.namespace.update(training)
    for example in document.examples():
        example.evaluate()
    assert ran == ["import", "scatter", "trajectory", "distances", "pca-prune", "tsne"]
    assert Path("triplets.pdf").is_file()
    assert Path("runs/imported/run.json").is_file()


def test_it_fits_a_few_screens():
    lines = README.read_text().splitlines()
    assert len(lines) <= 130
    assert len(README.read_text().split()) <= 1300
    assert max(len(line) for line in lines if not line.startswith("|")) <= 145


def test_its_links_lead_to_files():
    targets = re.findall(r"\]\(([^)#]+)\)", README.read_text())
    assert len(targets) > 10
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_every_command_has_its_place():
    from embedlens_cli.main import app

    names = set(typer.main.get_command(app).commands)
    assert len(names) > 20
    shown = set(re.findall(r"`([a-z-]+)`", README.read_text().partition("## Commands")[2]))
    assert names <= shown
