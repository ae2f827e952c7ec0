"""The guide of exports: its commands and the code that reads the exports run as they stand."""

from __future__ import annotations

import ast
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from exporting_support import hostile_run
from support import optional, write_run

import embedlens
from embedlens.exporting import TARGETS, export

GUIDE = (Path(__file__).parent.parent.parent / "docs/guides/exporting.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.+?)^```", GUIDE, re.MULTILINE | re.DOTALL)
COMMANDS = [
    line
    for block in re.findall(r"^```sh\n(.+?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    for line in block.replace("\\\n", " ").splitlines()
]
OTHERS = {"polars", "duckdb", "wandb", "mlflow", "aim", "torch"}
"""Libraries of examples that no extra installs, and TensorBoard's writer; run by hand."""


def imported(code):
    """The libraries that some code imports."""
    nodes = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in nodes]
    return {name.partition(".")[0] for name in names}


def test_the_table_is_that_of_the_targets():
    rows = dict(re.findall(r"^\| `(\w+)` \| .+ \| (all|last) \|", GUIDE, re.MULTILINE))
    assert rows == {name: "all" if TARGETS.get(name).several else "last" for name in TARGETS.names()}


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports")
    run = write_run(folder / "runs/mine")
    for target, library in {
        "parquet": "pyarrow",
        "hdf5": "h5py",
        "zarr": "zarr",
        "anndata": "anndata",
    }.items():
        optional(library)
        export(run, target, folder / f"mine-{target}")
    return folder


@pytest.mark.slow
def test_commands(cli, folder):
    optional("anndata")
    run = hostile_run(folder / "runs/mine")
    exporting = [line for line in COMMANDS if " export " in line]
    importing = [line for line in COMMANDS if " import " in line]
    assert (len(exporting), len(importing)) == (len(TARGETS.names()), 5)
    for line in exporting + importing:
        done = cli(*shlex.split(line)[1:])
        assert done.code == 0, f"{line}: {done.err}"
        if line in importing:
            again = embedlens.open_run("runs/again")
            for split in run.splits:
                expected = run.snapshot(split, again.epochs()[-1]).embeddings
                assert np.array_equal(again.snapshot(split).embeddings, expected)
            shutil.rmtree("runs/again")


@pytest.mark.slow
@pytest.mark.parametrize(
    "code", [code for code in BLOCKS if not imported(code) & OTHERS or "safetensors" in code]
)
def test_reading(exports, monkeypatch, code):
    for library in imported(code) - {"json"}:
        optional(library)
    monkeypatch.chdir(exports)
    run = embedlens.open_run("runs/mine")
    for target in ("csv", "npz", "safetensors"):
        if f"mine-{target}" in code:
            export(run, target, f"mine-{target}")
    names = {}
    exec(compile(code, "exporting.md", "exec"), names)
    if "z" in names:
        assert np.asarray(names["z"]).tobytes() == np.asarray(run.snapshot("test").embeddings).tobytes()
    if "y" in names:
        assert np.array_equal(names["y"], run.labels("test"))


def test_every_example_is_run_or_named():
    assert {name for code in BLOCKS for name in imported(code)} - OTHERS == {
        "PIL", "anndata", "embedlens", "h5py", "json", "numpy", "pandas", "pyarrow", "safetensors", "zarr",
    }  # fmt: skip
