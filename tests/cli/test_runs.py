from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from support import assert_refused, blobs, brute_force, tree, write_run

import embedlens
from embedlens.store.lock import Lock

Z, Y = blobs()


def test_info_through_the_real_entry_point(program, folder):
    run = write_run(folder / "runs/mine")
    done = program("info", "runs/mine", "--json")
    assert done.code == 0, done.err
    facts = done.json["summary"]["mine"]
    assert facts["method"] == {"loss": "none", "seed": 0}
    assert facts["epochs"] == [0, 1, 2]
    assert (facts["dim"], facts["dtype"]) == (8, "float32")
    assert facts["disk_bytes"] == sum(len(raw) for raw in tree("runs/mine").values())
    assert facts["splits"]["test"]["items"] == 60
    assert facts["splits"]["test"]["classes"] == 6
    z, y = run.snapshot("test").embeddings, run.labels("test")
    recall = np.mean([negative[0] < positive[0] for _, positive, negative in brute_force(z, y)])
    assert facts["splits"]["test"]["recall_at_1"] == recall


def test_info_as_a_table(cli, folder):
    write_run(folder / "runs/mine")
    done = cli("info")
    assert done.code == 0
    for part in ("run mine", "loss=none", "3 (0 to 2)", "8 (float32)", "KiB", "train", "test", "60"):
        assert part in done.out
    assert "the newest" in done.err


def test_info_says_why_there_is_no_recall(cli, folder):
    embedlens.Recorder("runs/one", labels={"test": np.zeros(60, int)}).record(0, {"test": Z})
    embedlens.Recorder("runs/none", labels={"test": Y})
    done = cli("info", "one", "none", "--json")
    assert done.json["summary"]["one"]["splits"]["test"]["recall_at_1"] is None
    assert "one label" in done.json["summary"]["one"]["splits"]["test"]["why"]
    assert done.json["summary"]["none"]["splits"]["test"]["why"] == "no snapshot yet"
    assert "all items have one label" in cli("info", "one").out


def test_info_draws_the_class_sizes(cli, folder):
    sizes = [1] * 64 + [2] * 32 + [5]
    embedlens.Recorder("runs/mine", labels={"test": np.repeat(np.arange(97), sizes)})
    lines = cli("info", "mine").out.splitlines()
    assert lines[-4:] == [
        "  class sizes, test: 1 to 5 items, median 1, mean 1.371",
        "    1 (singletons)  64  " + 32 * "█",
        "                 2  32  " + 16 * "█",
        "                 5   1  █",
    ]
    assert lines[-5] == "  no R@1 of test: no snapshot yet"
    assert lines[-6].split() == ["test", "133", "97", "64", "-"]
    part = cli("info", "mine", "--json").json["summary"]["mine"]["splits"]["test"]
    assert part["class_sizes"]["histogram"][1] == {"from": 2, "to": 2, "classes": 32, "items": 64}
    assert part["n_singletons"] == 64


@pytest.fixture
def dump(folder):
    (folder / "dump").mkdir()
    np.save("dump/y.npy", Y)
    for epoch in range(3):
        np.save(f"dump/e{epoch}.npy", (epoch + 1) * Z)
    return folder


def test_import_through_the_real_entry_point(program, dump):
    done = program(
        "import", "dump/e{epoch}.npy", "--labels", "dump/y.npy", "--out", "runs/mine",
        "--method", "loss=theirs", "--link", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert done.json["summary"] == {
        "name": "mine", "path": "runs/mine", "splits": {"test": 60}, "epochs": [0, 1, 2],
        "dim": 8, "dtype": "float32",
    }  # fmt: skip
    assert embedlens.open_run("runs/mine").method == {"loss": "theirs"}


def test_import_says_what_is_next(cli, dump):
    done = cli("import", "dump/e{epoch}.npy", "--labels", "dump/y.npy", "--out", "runs/mine")
    assert done.out.splitlines() == [
        "imported runs/mine: 3 epochs, 60 in test (6 classes, labels of y.npy), 8 dims",
        "next: embedlens scatter runs/mine --animate",
    ]
    assert cli("scatter", "mine").code == 0


@pytest.mark.parametrize(
    ("pattern", "options", "parts"),
    [
        ("dump/x{epoch}.npy", [], ["matches no file"]),
        ("dump/{epoch.npy", [], ["a brace without its partner"]),
        ("dump/{rank}.npy", [], ["only {epoch}, {step}, {split} and {shard} are known"]),
        ("dump/e{epoch}.npy", ["--dtype", "int8"], ["unknown dtype 'int8'", "float32, float16"]),
        ("dump/e{epoch}.npy", ["--method", "loss"], ["is not KEY=VALUE"]),
        (
            "dump/e{epoch}.npy",
            ["--link", "--dtype", "float16"],
            ["is not a C-ordered float16 array", "leave out --link"],
        ),
        ("dump/?{epoch}.npy", [], ["2 files for epoch 1 (dump/e1.npy, dump/f1.npy), but 1 for epoch 0"]),
    ],
)
def test_imports_that_are_refused(cli, dump, pattern, options, parts):
    np.save("dump/f1.npy", Z)
    before = tree(dump)
    out = ["--labels", "dump/y.npy", "--out", "runs/mine"]
    assert_refused(cli("import", pattern, *out, *options), *parts)
    assert tree(dump) == before


def test_a_pattern_that_the_shell_filled_in(cli, dump):
    done = cli("import", "dump/e0.npy", "dump/e1.npy", "--labels", "dump/y.npy", "--out", "runs/mine")
    assert_refused(done, "quote the pattern")


def test_import_needs_labels(cli, dump):
    assert_refused(cli("import", "dump/e{epoch}.npy", "--out", "runs/mine"), "--labels")


@pytest.mark.parametrize("typed", [("evaluate", "a"), ("info",), ("scatter", "a", "--format", "svg")])
def test_an_epoch_that_lacks_a_split_is_told(cli, typed):
    run = write_run("runs/a", n=60, splits=("train", "test"))
    (run.path / "splits/train/epoch-0002.npy").unlink()
    done = cli(*typed)
    assert "run 'a': epoch 2 is left out; split train has no snapshot of epoch 2" in done.err


def test_an_epoch_that_is_being_recorded_is_no_fault(cli):
    run = write_run("runs/a", n=60, splits=("train", "test"))
    (run.path / "splits/train/epoch-0002.npy").unlink()
    with Lock(run.path):
        assert run.partial_epochs() == {2: ["train"]}  # this process writes it
    script = "import sys, embedlens; print(embedlens.open_run(sys.argv[1]).partial_epochs())"
    with Lock(run.path):
        done = subprocess.run(
            [sys.executable, "-c", script, run.path], capture_output=True, text=True, check=False
        )
    assert done.stdout == "{}\n", done.stderr


def test_info_shows_the_rest_of_a_run_with_a_damaged_file(cli, folder):
    run = write_run(folder / "runs/mine", epochs=2)
    write_run(folder / "runs/other", epochs=1)
    file = run.path / "splits/test/epoch-0001.npy"
    file.write_bytes(file.read_bytes()[:-100])
    done = cli("info", "mine", "other")
    assert done.code == 0, done.err
    assert "epochs  2 (0 to 1)" in done.out
    row = next(line for line in done.out.splitlines() if line.startswith("test "))
    assert row.split()[-1] == "-"
    why = next(line for line in done.out.splitlines() if line.startswith("  no R@1 of test: "))
    assert "epoch-0001.npy" in why
    assert "run other" in done.out
    splits = cli("info", "mine", "--json").json["summary"]["mine"]["splits"]
    assert splits["train"]["recall_at_1"] > 0.9
    assert splits["test"]["recall_at_1"] is None
    assert "epoch-0001.npy" in splits["test"]["why"]
