from __future__ import annotations

import csv
import io

import pytest
from support import assert_refused, blobs, tree, write_run

import embedlens
from embedlens.analysis.retrieval.neighbours import recall_at_k
from embedlens.analysis.scores import score

PARTS = {"1/2": slice(0, 4), "2/2": slice(4, 8), "1-2/2": slice(0, 8)}


def write(path, seed=0, *, dead=0, **method):
    z, y = blobs(spread=1.6, seed=seed)
    z[:, 8 - dead :] = 0
    with embedlens.Recorder(path, labels={"test": y}, method={"seed": seed, **method}) as recorder:
        recorder.record(0, {"test": z}, metrics={"loss": 0.5})
    return recorder.run


def test_every_slice_and_the_first_ones_are_scored(cli, folder):
    run = write(folder / "runs/mine")
    z, y = run.snapshot("test", 0).embeddings, run.labels("test")
    done = cli("evaluate", "mine", "--slices", "2", "--metrics", "recall,r_precision,nmi", "--json")
    numbers = done.json["summary"]["mine"]["test"]["0"]
    assert list(numbers["slices"]) == list(PARTS)
    wanted = ["recall_at_1", "recall_at_8", "r_precision", "nmi"]
    for part, columns in PARTS.items():
        expected = score(z[:, columns], y, wanted)
        assert {name: numbers["slices"][part][name] for name in wanted} == {
            name: expected[name] for name in wanted
        }
    whole = cli("evaluate", "mine", "--metrics", "recall,r_precision,nmi", "--json").json
    del numbers["slices"]
    assert numbers == whole["summary"]["mine"]["test"]["0"]
    assert done.json["data"] != whole["data"]
    assert done.json["data"][0].endswith("recall+r_precision+nmi-slices-2.csv")


def test_the_table_has_a_row_for_each_part(cli, folder):
    write(folder / "runs/mine")
    lines = cli("evaluate", "mine", "--slices", "4", "--metrics", "R@1").out.splitlines()
    names = [f"mine [{part}]" for part in ("1/4", "2/4", "3/4", "4/4", "1-2/4", "1-3/4", "1-4/4")]
    assert [line[: len(name)] for line, name in zip(lines[1:], names, strict=False)] == names
    rows = list(
        csv.DictReader(io.StringIO(cli("evaluate", "mine", "--slices", "2", "--metrics", "R@1", "--csv").out))
    )
    assert [row["chunks"] for row in rows] == list(PARTS)
    assert [row["loss"] for row in rows] == ["", "", "0.5"]
    assert "mine [1-2/2]" in cli("evaluate", "mine", "--slices", "2", "--metrics", "R@1", "--latex").out


def test_one_slice_is_the_whole(cli, folder):
    run = write(folder / "runs/mine")
    numbers = cli("evaluate", "mine", "--slices", "1", "--metrics", "R@1", "--json").json["summary"]
    place = numbers["mine"]["test"]["0"]
    assert place["recall_at_1"] == place["slices"]["1/1"]["recall_at_1"]
    assert place["recall_at_1"] == recall_at_k(run.snapshot("test", 0).embeddings, run.labels("test"), [1])[1]


def test_a_gallery_is_cut_alike(cli, folder):
    run = write_run(folder / "runs/mine")
    query, gallery = (run.snapshot(split) for split in ("test", "train"))
    done = cli("evaluate", "mine", "--gallery", "train", "--slices", "2", "--metrics", "R@1", "--json")
    numbers = done.json["summary"]["mine"]["test"]["2"]["slices"]
    for part, columns in PARTS.items():
        searched = gallery.embeddings[:, columns], gallery.labels
        expected = recall_at_k(query.embeddings[:, columns], query.labels, [1], gallery=searched)[1]
        assert numbers[part]["recall_at_1"] == expected


def test_seeds_are_averaged_part_by_part(cli, folder):
    for seed in (0, 1):
        z, y = blobs(spread=1.6, seed=seed)
        with embedlens.Recorder(f"runs/r-s{seed}", labels={"test": y}, method={"seed": seed}) as recorder:
            recorder.record(0, {"test": z})
    answer = cli("evaluate", "r-s0", "r-s1", "--slices", "2", "--metrics", "R@1", "--json").json
    for part in PARTS:
        single = [
            answer["summary"][f"r-s{seed}"]["test"]["0"]["slices"][part]["recall_at_1"] for seed in (0, 1)
        ]
        mean = answer["groups"]["r"]["test"]["0"]["slices"][part]["recall_at_1"]
        assert mean["mean"] == pytest.approx(sum(single) / 2)
        assert mean["seeds"] == 2
    assert answer["groups"]["r"]["test"]["0"]["recall_at_1"] == mean
    assert "r [2/2] (mean of 2 seeds)" in cli("evaluate", "r-s0", "r-s1", "--slices", "2").out


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (
            ["mine", "--slices", "3"],
            ["run 'mine': 8 dims do not divide into 3 equal slices", "choose one of: 1, 2, 4, 8"],
        ),
        (["mine", "--slices", "0"], ["8 dims do not divide into 0 equal slices"]),
        (["mine", "--slices", "2", "--log"], ["--log", "--slices"]),
        (["dead", "--slices", "4"], ["run 'dead', split 'test', epoch 0", "slice 4/4 (dims 7-8)", "row 0"]),
    ],
)
def test_what_is_refused(cli, folder, words, parts):
    write(folder / "runs/mine")
    write(folder / "runs/dead", dead=2)
    before = tree(folder)
    assert_refused(cli("evaluate", *words), *parts)
    assert tree(folder) == before
