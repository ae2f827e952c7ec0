from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support import assert_refused, blobs, rows_of, sidecar_of, tree, write_run

import embedlens
from embedlens.analysis.drift import drift
from embedlens.analysis.projection.items import sample

SCORES = ["overlap_at_1", "overlap_at_5", "cka", "procrustes", "angle"]


@pytest.fixture
def other(folder):
    """A second run of the same items, with other embeddings of fewer dims."""
    z, y = blobs(n=60, dim=5, seed=7)
    labels = {split: blobs(n=60, seed=number)[1] for number, split in enumerate(("train", "test"))}
    with embedlens.Recorder("runs/other", labels=labels, method={"loss": "none"}) as recorder:
        for epoch in (0, 4):
            recorder.record(epoch, {split: z + epoch * y[:, None] for split in labels})
    return recorder.run


def test_through_the_real_entry_point(program, run, other, folder):
    done = program("drift", "mine", "other", "--k", "5,1", "--json", "--format", "png")
    assert done.code == 0, done.err
    assert done.err == ""
    answer = done.json
    assert answer["figures"] == [
        "figures/drift-mine-test-epoch-0000+0001+0002-k-1+5.png",
        "figures/drift-other-test-epoch-0000+0004-k-1+5.png",
        "figures/drift-mine-other-test-epoch-0002+0004-k-1+5-runs.png",
        "figures/drift-mine-other-test-epoch-0000+0001+0002+0004-k-1+5-against-last.png",
    ]
    snapshots = [run.snapshot("test", epoch).embeddings for epoch in range(3)]
    found = drift(snapshots, ks=(1, 5))
    rows = rows_of(answer["data"][0])
    assert [(row["epoch"], row["other_epoch"]) for row in rows] == [("0", "1"), ("0", "2"), ("1", "2")]
    for name in SCORES:
        assert [float(row[name]) for row in rows] == found.columns()[name].tolist()
    mine = answer["summary"]["mine"]["test"]
    assert list(mine) == ["0", "1", "2"]
    assert mine["0"]["against_last_epoch"] == {name: found.values[name][0, 2] for name in SCORES}
    assert "against_last_epoch" not in mine["2"]
    between = drift([snapshots[2], other.snapshot("test", 4).embeddings], ks=(1, 5))
    wanted = {name: between.values[name][0, 1] for name in SCORES}
    assert mine["2"]["against_runs"] == {"other": {"epoch": 4, **wanted}}
    assert answer["summary"]["other"]["test"]["4"]["against_runs"] == {"mine": {"epoch": 2, **wanted}}
    (row,) = rows_of(answer["data"][2])
    assert (row["run"], row["epoch"], row["other_run"], row["other_epoch"]) == ("mine", "2", "other", "4")
    lines = rows_of(answer["data"][3])
    assert [(row["run"], row["epoch"], row["other_epoch"]) for row in lines] == [
        ("mine", "0", "2"), ("mine", "1", "2"), ("other", "0", "4"),
    ]  # fmt: skip
    sidecar = sidecar_of(answer["figures"][0])
    assert (sidecar["shown"], sidecar["of"], sidecar["scores"]) == (
        60,
        60,
        ["overlap", "cka", "procrustes", "angle"],
    )
    assert "ties to the lower row" in sidecar["neighbours"]


def test_the_table_has_each_epoch_and_each_pair_of_runs(cli, run, other):
    done = cli("drift", "mine", "other", "--k", "1", "--format", "png")
    assert done.code == 0, done.err
    for part in (
        "mine, test",
        "0 and 2",
        "1 and 2",
        "other, test",
        "0 and 4",
        "mine and other, test",
        "2 and 4",
    ):
        assert part in done.out
    assert "overlap, k = 1" in done.out


def test_one_epoch_of_several_runs_and_chosen_scores(cli, run, other, folder):
    answer = cli(
        "drift", "mine", "other", "--epoch", "last", "--metrics", "cka", "--format", "svg", "--json"
    ).json
    assert answer["figures"] == ["figures/drift-mine-other-test-epoch-0002+0004-cka-runs.svg"]
    assert list(answer["summary"]["mine"]["test"]["2"]) == ["n", "n_all", "against_runs"]
    text = (folder / answer["figures"][0]).read_text()
    assert "2: other" in text
    assert "linear CKA" in text


@pytest.mark.parametrize(
    ("words", "titles"),
    [
        (["mine", "--epoch", "0,1"], [">mine, test: against epoch 1<"]),
        (["mine", "other", "--epoch", "0"], [">test, epoch 0<"]),
        (
            ["mine", "other"],
            [">test, last epoch compared of each run<", ">test: against the last epoch compared<"],
        ),
    ],
)
def test_titles_name_the_epochs_that_are_compared_not_the_last_of_the_run(cli, run, other, words, titles):
    answer = cli("drift", *words, "--metrics", "cka", "--split", "test", "--format", "svg", "--json").json
    text = "".join(Path(figure).read_text() for figure in answer["figures"])
    assert [title for title in titles if title not in text] == []
    assert "last epoch of" not in text


def test_a_sample_is_compared_and_said(cli, run, folder):
    words = ("drift", "mine", "--k", "2", "--sample", "24", "--seed", "3", "--format", "svg", "--json")
    answer = cli(*words).json
    rows = sample(run.labels("test"), 24, seed=3)
    found = drift([run.snapshot("test", epoch).embeddings[rows] for epoch in range(3)], ks=(2,))
    first = answer["summary"]["mine"]["test"]["0"]
    assert (first["n"], first["n_all"]) == (24, 60)
    assert first["against_last_epoch"]["overlap_at_2"] == found.values["overlap_at_2"][0, 2]
    assert first["against_last_epoch"]["angle"] == pytest.approx(found.values["angle"][0, 2], abs=1e-9)
    sidecar = sidecar_of(answer["figures"][0])
    assert (sidecar["shown"], sidecar["of"], sidecar["seed"]) == (24, 60, 3)
    assert "n = 24 of 60" in sidecar["caption"]


def test_items_left_out_are_left_out_of_all_snapshots(cli, run):
    answer = cli(
        "drift", "mine", "--k", "3", "--ignore-label", "1,2", "--exclude-duplicates", "--no-normalize",
        "--format", "svg", "--json",
    ).json  # fmt: skip
    rows = np.flatnonzero(~np.isin(run.labels("test"), (1, 2)))
    found = drift(
        [run.snapshot("test", epoch).embeddings[rows] for epoch in range(3)], ks=(3,), normalize=False
    )
    last = answer["summary"]["mine"]["test"]["1"]["against_last_epoch"]
    assert last == pytest.approx({name: found.values[name][1, 2] for name in found.values}, abs=1e-9)


def test_neighbours_that_the_items_do_not_have_are_skipped(cli, run):
    done = cli("drift", "mine", "--format", "png", "--json")
    assert done.code == 0, done.err
    assert "split 'test' has 60 items to compare; skipped overlap at k = 100" in done.err
    assert "overlap_at_100" not in done.json["summary"]["mine"]["test"]["0"]["against_last_epoch"]


def test_equal_epochs_collapsed_ones_and_one_class(cli, folder):
    z, _ = blobs(n=30)
    with embedlens.Recorder("runs/odd", labels={"test": np.zeros(30, int)}) as recorder:
        for epoch, rows in enumerate((z, z, np.ones_like(z))):
            recorder.record(epoch, {"test": rows})
    answer = cli("drift", "odd", "--k", "4", "--epoch", "0,1", "--format", "png", "--json").json
    same = answer["summary"]["odd"]["test"]["0"]["against_last_epoch"]
    assert same == pytest.approx({"overlap_at_4": 1, "cka": 1, "procrustes": 0, "angle": 0}, abs=1e-7)
    done = cli("drift", "odd", "--k", "4", "--format", "png", "--json")
    assert done.code == 0, done.err
    assert done.json["summary"]["odd"]["test"]["0"]["against_last_epoch"]["cka"] is None
    assert " - " in cli("drift", "odd", "--k", "4", "--format", "png").out


def test_items_with_sets_of_labels(cli, folder):
    z, _ = blobs(n=30)
    sets = [[row % 3, 3 + row % 4] for row in range(30)]
    with embedlens.Recorder("runs/sets", labels={"test": sets}) as recorder:
        for epoch in range(2):
            recorder.record(epoch, {"test": z + epoch})
    for words, n in (((), 30), (("--sample", "12"), 12)):
        answer = cli("drift", "sets", "--k", "3", "--format", "png", "--json", *words).json
        assert answer["summary"]["sets"]["test"]["0"]["n"] == n


def test_queries_are_compared_with_one_another(cli, folder):
    z, y = blobs(n=40)
    labels = {"query": y, "gallery": y}
    with embedlens.Recorder("runs/shop", labels=labels, query_gallery={"query": "gallery"}) as recorder:
        for epoch in range(2):
            recorder.record(epoch, {"query": z + epoch, "gallery": -z})
    answer = cli("drift", "shop", "--k", "3", "--format", "png", "--json").json
    found = drift([z, z + 1], ks=(3,)).values["overlap_at_3"][0, 1]
    assert answer["summary"]["shop"]["query"]["0"]["against_last_epoch"]["overlap_at_3"] == found


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["missing"], ["no such run: missing"]),
        (
            ["mine", "strange"],
            ["runs 'mine' and 'strange' hold other items in split 'test'", "drift compares"],
        ),
        (["mine", "--epoch", "last"], ["run 'mine', split 'test', epoch 2: one snapshot", "more epochs"]),
        (["mine", "--k", "0"], ["--k '0'", "numbers of neighbours from 1"]),
        (["mine", "--k", "60"], ["numbers of neighbours: 60; of 60 items, numbers in 1 to 59"]),
        (["mine", "--metrics", "cca"], ["unknown score of drift 'cca'", "overlap, cka"]),
        (["mine", "--metrics", "cka", "--k", "5"], ["--k has no effect without overlap in --metrics"]),
        (
            ["mine", "--metrics", "overlap", "--no-normalize"],
            ["--no-normalize has no effect without cka or procrustes or angle in --metrics"],
        ),
        (["mine", "--seed", "3"], ["--seed has no effect without --sample; leave it out"]),
        (["mine", "--metrics", ""], ["no score is named"]),
        (["mine", "--sample", "61"], ["a sample of 61 items cannot be drawn of 60"]),
        (["mine", "--epoch", "9"], ["unknown epoch '9'"]),
        (["mine", "--split", "x"], ["unknown split 'x'"]),
        (["mine", "--venue", "cvrp"], ["unknown venue 'cvrp'"]),
        (["mine", "--device", "cuda:99"], ["device"]),
        (["single"], ["items to compare: 1; at least two"]),
    ],
)
def test_what_is_refused(cli, run, folder, words, parts):
    write_run("runs/strange", n=48)
    with embedlens.Recorder("runs/single", labels={"test": np.zeros(1, int)}) as recorder:
        for epoch in range(2):
            recorder.record(epoch, {"test": np.ones((1, 3))})
    before = tree(folder)
    assert_refused(cli("drift", *words, "--out", "figures"), *parts)
    assert tree(folder) == before
