"""Every example of a training framework is short, runs as it stands, and leaves a run of three epochs."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from support import optional

from embedlens import open_run

os.environ["HF_HUB_OFFLINE"] = "1"
PAGE = Path(__file__).parents[2] / "docs" / "guides" / "frameworks.md"
EXAMPLES = sorted((PAGE.parent / "frameworks").glob("with_*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_is_short_and_stands_on_the_page(example):
    lines = example.read_text().splitlines()
    assert len([line for line in lines if line.strip()]) < 40
    assert f"{{literalinclude}} frameworks/{example.name}" in PAGE.read_text()
    assert ast.get_docstring(ast.parse(example.read_text()))


def imported(example):
    """The packages that an example imports."""
    names = set()
    for node in ast.walk(ast.parse(example.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(tmp_path, example):
    for library in imported(example):
        if find_spec(library) is None:  # it is not imported here, where its warnings would be errors
            optional(library)
    done = subprocess.run(
        [sys.executable, str(example)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "runs").iterdir()
    assert open_run(folder).epochs() == [0, 1, 2]
