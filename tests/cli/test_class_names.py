"""Class names are shown wherever a command shows a class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support import assert_refused, blobs, rows_of, sidecar_of, tree

import embedlens
from embedlens.measurements.class_names import columns, joint

NAMES = {0: "cat", 1: "dog", 2: "\u202eevil\x1b[31m", 3: "owl"}
SHOWN = NAMES | {2: r"\u202eevil\x1b[31m"}
QUICK = ("--perplexity", "4", "--n-iter", "30", "--early-exaggeration-iter", "20")


def record(path, names=NAMES, *, n=40, **options):
    z, y = blobs(n=n, classes=4)
    splits = {"train": y, "test": y}
    with embedlens.Recorder(path, labels=splits, class_names=names, **options) as recorder:
        for epoch in (0, 1):
            recorder.record(epoch, {split: z + epoch * np.eye(4, 8)[y] for split in splits})
    return recorder.run


def table_of(answer, at=0):
    assert answer.code == 0, answer.err
    return rows_of(answer.json["data"][at])


def test_info_names_the_classes_and_which_are_smallest_and_largest(program, folder):
    y = np.repeat([3, 1, 0, 2], [5, 1, 2, 7])
    embedlens.Recorder("runs/mine", labels={"test": y}, class_names=NAMES)
    done = program("info", "mine")
    assert (
        rf"  classes, test: cat, dog, {SHOWN[2]}, owl; smallest dog (1), largest {SHOWN[2]} (7)" in done.out
    )
    part = program("info", "mine", "--json").json["summary"]["mine"]["splits"]["test"]
    assert part["smallest_class"] == {"label": 1, "name": "dog", "items": 1}
    assert part["largest_class"] == {"label": 2, "name": SHOWN[2], "items": 7}


def test_info_of_a_run_without_names_or_with_many(cli):
    embedlens.Recorder("runs/plain", labels={"test": np.array([7, 7, 5])})
    done = cli("info", "plain")
    assert "classes, test" not in done.out
    part = cli("info", "plain", "--json").json["summary"]["plain"]["splits"]["test"]
    assert part["smallest_class"] == {"label": 5, "name": "5", "items": 1}
    many = {label: f"species {label}" for label in range(500)}
    embedlens.Recorder("runs/many", labels={"test": np.arange(500)}, class_names=many)
    line = next(line for line in cli("info", "many").out.splitlines() if "classes, test" in line)
    assert "species 9 and 490 more; smallest species 0 (1), largest species 0 (1)" in line


@pytest.mark.parametrize(
    ("words", "label"),
    [
        (("components",), "label"),
        (("spectrum", "--intra-class"), "class"),
        (("tsne", *QUICK), "label"),
        (("tsne", *QUICK, "--sample", "24"), "label"),
    ],
    ids=lambda value: "-".join(value[:2]) if isinstance(value, tuple) else "",
)
def test_tables_have_the_name_beside_the_label(cli, words, label):
    record("runs/mine")
    rows = table_of(cli(*words, "--split", "test", "--format", "png", "--json"))
    shown = {(int(row[label]), row["class_name"]) for row in rows}
    assert shown <= set(SHOWN.items())
    assert len(shown) >= (2 if "--sample" in words else 4)
    record("runs/plain", names=None)
    plain = table_of(cli(words[0], "plain", *words[1:], "--split", "test", "--format", "png", "--json"))
    assert list(plain[0]) == [name for name in rows[0] if name != "class_name"]
    assert [row[label] for row in plain] == [row[label] for row in rows]


def test_trajectory_names_all_three_items(cli):
    run = record("runs/mine")
    done = cli("trajectory", "--worst", "2", "--split", "test", "--format", "png", "--json")
    y = run.labels("test")
    for row in table_of(done):
        assert row["class"] == SHOWN[y[int(row["anchor"])]]
        assert row["negative_class"] == SHOWN[y[int(row["negative"])]]


def test_colours_of_other_numbers_have_no_class_names(cli):
    z, y = blobs(n=40, classes=4)
    with embedlens.Recorder("runs/mine", labels={"test": y}, class_names=NAMES) as recorder:
        recorder.record(0, {"test": z}, extras={"test": {"cluster": y // 2}})
    done = cli("tsne", *QUICK, "--color", "cluster", "--format", "png", "--json")
    assert "class_name" not in table_of(done)[0]
    assert_refused(
        cli("tsne", *QUICK, "--highlight", "catt"),
        "unknown class 'catt'; did you mean 'cat'?",
        "a number from 0 to 3, cat, dog",
    )


def test_synthesised_points_have_their_class_names(cli):
    z, y = blobs(n=40, classes=4)
    spread = {"mu": np.zeros_like(z), "sigma": np.full_like(z, 0.1)}
    with embedlens.Recorder("runs/mine", labels={"test": y}, class_names=NAMES) as recorder:
        recorder.record(0, {"test": z}, extras={"test": spread})
    done = cli("tsne", *QUICK, "--synthesised", "2", "--highlight", "owl,dog", "--format", "png", "--json")
    rows = [row for row in table_of(done) if row["kind"] == "synthesised"]
    assert {(row["label"], row["class_name"]) for row in rows} == {("1", "dog"), ("3", "owl")}
    told = sidecar_of(done.json["data"][0])["synthesised"]
    assert (told["classes"], told["class_names"]) == ({"mine": [1, 3]}, {"mine": ["dog", "owl"]})


def test_identify_says_which_class_is_new(cli, monkeypatch):
    titles = []
    from embedlens.figures.open_set import ranking as new_class

    drawn = new_class.figure
    monkeypatch.setattr(
        new_class, "figure", lambda *args, **more: titles.append(more["title"]) or drawn(*args, **more)
    )
    record("runs/mine")
    told = cli("identify", "--unknown-class", "3", "--split", "test", "--format", "png", "--json")
    numbers = told.json["summary"]["mine"]["test"]["1"]
    assert (numbers["new_label"], numbers["new_class"]) == (3, "owl")
    assert titles == ["mine, test, epoch 1, unknown class owl"]
    sidecar = sidecar_of(told.json["data"][0])
    assert sidecar["panels"][0]["new_class"] == "owl"
    record("runs/plain", names=None)
    told = cli("identify", "plain", "--unknown-class", "3", "--split", "test", "--format", "png", "--json")
    assert "new_class" not in told.json["summary"]["plain"]["test"]["1"]


def test_refusals_name_the_class(cli, folder):
    record("runs/mine", n=16, items={"test": {"path": [f"{i}.jpg" for i in range(16)]}})
    same = ("--ignore-label", "3", "--distractor-label", "owl", "--split", "test")
    before = tree(folder)
    assert_refused(cli("evaluate", *same), "class 'owl' (label 3) is given to --ignore-label and")
    Path("pairs.txt").write_text("0.jpg 4.jpg 0\n")
    refused = cli("verify", "--pairs", "pairs.txt", "--split", "test", "--out", "figures")
    assert_refused(refused, "pairs.txt:1", "names items of one class: cat (label 0) and cat (label 0)")
    assert {name: tree(folder)[name] for name in before} == before


def test_names_of_several_runs_in_one_legend():
    assert joint([{0: "a", 1: "b"}, {0: "a", 1: "B", 2: "c"}, {}]) == {0: "a", 1: "b / B", 2: "c"}
    found = columns(np.array([5, 0, 5, 2**40]), {0: "a", 5: "f"})["class_name"]
    assert found.tolist() == ["f", "a", "f", str(2**40)]
    assert columns(np.array([1]), {}) == {}
