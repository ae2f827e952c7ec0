"""The readers of runs in the documentation read a run as embedlens does."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from support import write_run

import embedlens

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs/reference/run_format.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run as the page names it, and an epoch that one split lacks."""
    monkeypatch.chdir(tmp_path)
    write_run("runs/mine", n=20)
    shutil.copy("runs/mine/splits/test/epoch-0002.npy", "runs/mine/splits/test/epoch-0003.npy")
    return embedlens.open_run("runs/mine")


def test_the_reader_in_numpy_reads_what_embedlens_reads(run):
    definition, use, fingerprint = blocks("python")
    lines = [line for line in definition.partition("def read_run")[2].splitlines() if line.strip()]
    assert len(lines) <= 14
    assert set(re.findall(r"^(?:import|from) (\w+)", definition, re.MULTILINE)) == {
        "json",
        "numpy",
        "pathlib",
    }
    names = {}
    exec(definition + use + fingerprint, names)
    assert names["epochs"] == run.epochs() == [0, 1, 2]
    assert names["about"]["name"] == run.name
    for split in run.splits:
        np.testing.assert_array_equal(names["labels"][split], run.labels(split))
        for epoch in run.epochs():
            given = names["embeddings"](split, epoch)
            np.testing.assert_array_equal(given, run.snapshot(split, epoch).embeddings)
    (run.path / "run.json").write_text('{"format": "embedlens-run", "version": 2}')
    with pytest.raises(ValueError, match="not a run of version 1"):
        names["read_run"]("runs/mine")


def test_the_reader_in_numpy_reads_the_fixture_of_version_1():
    names = {}
    exec(blocks("python")[0], names)
    about, labels, epochs, embeddings = names["read_run"](ROOT / "tests/fixtures/run-v1")
    assert (about["name"], epochs) == ("run-v1", [0, 1])
    assert labels["test"].tolist() == [0, 0, 1, 1]
    assert embeddings("test", 1).tolist() == [[2, 0], [2, 1], [0, 2], [1, 2]]


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_the_reader_in_r_reads_what_embedlens_reads(tmp_path, monkeypatch, dtype):
    monkeypatch.chdir(tmp_path)
    run = write_run("runs/mine", n=20, dtype=dtype)
    definition, use = blocks("r")
    shown = "list(test$labels, t(test$embeddings), similarity)"
    write = f"for (x in {shown}) cat(format(x, digits = 17), sep = '\\n')"
    Path("read.R").write_text(f"{definition}\n{use}\n{write}\n")
    done = subprocess.run(["Rscript", "--vanilla", "read.R"], capture_output=True, text=True, check=True)
    numbers = np.array([float(word) for word in done.stdout.split()])
    snapshot = run.snapshot("test", 2)
    z = snapshot.embeddings.astype(np.float64)
    unit = z / np.linalg.norm(z, axis=1, keepdims=True)
    np.testing.assert_array_equal(numbers[:20], snapshot.labels)
    np.testing.assert_array_equal(numbers[20 : 20 + z.size], z.ravel())
    np.testing.assert_allclose(numbers[20 + z.size :], (unit @ unit.T).ravel(), atol=1e-12)


def test_checksums_are_those_that_sha256sum_reads(run):
    if shutil.which("sha256sum") is None:
        pytest.skip("sha256sum is not installed")
    (command,) = (line for line in blocks("sh") if "sha256sum" in line)
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_page_names_every_file_and_every_key_of_a_run(run):
    tree = blocks("text")[0]
    for file in run.path.rglob("*"):
        if file.is_file():
            name = re.sub(r"\d{4}", "0000", file.relative_to(run.path).as_posix()).replace(
                "/train/", "/test/"
            )
            assert re.search(rf"^  {re.escape(name)} ", tree, re.MULTILINE), name
    for key in ("format", "version", *embedlens.store.format.RunInfo.__dataclass_fields__):
        assert re.search(rf"^\|.*`{key}`.* \| ", PAGE, re.MULTILINE), key
