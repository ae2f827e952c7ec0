"""`embedlens pca-prune`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support import assert_refused, blobs, rows_of, sidecar_of, write_run

import embedlens
from embedlens.analysis.retrieval.neighbours import recall_at_k


def test_the_newest_run_as_typed(program, folder):
    write_run("runs/old", n=80)
    write_run("runs/new", n=90, seed=4)
    done = program("pca-prune", "--dims", "64,8,4")
    assert done.code == 0, done.err
    assert "run runs/new" in done.err
    assert "skipped: 64" in done.err
    snapshot = embedlens.open_run("runs/new").snapshot("test", -1)
    whole = recall_at_k(snapshot.embeddings, snapshot.labels, [1])[1]
    assert f"{whole:.4f}" in done.out
    stem = Path("runs/new/figures/pca-prune-test-epoch-0002-dims-4+8+64")
    assert stem.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    assert b"/Type3" not in stem.with_suffix(".pdf").read_bytes()
    sidecar = sidecar_of(stem)
    assert sidecar["panels"][0]["fit"] == "train"
    assert sidecar["panels"][0]["shown"] == 90
    rows = rows_of(stem.with_suffix(".csv"))
    assert [row["dims"] for row in rows] == ["4", "8"]


def test_several_runs_of_several_sizes(cli):
    y = np.arange(60) % 12
    for dim in (4, 8):
        with embedlens.Recorder(f"runs/dim{dim}", labels={"test": y}) as recorder:
            recorder.record(0, {"test": blobs(dim=dim, classes=12, spread=1.0)[0]})
    done = cli("pca-prune", "dim4", "dim8", "--dims", "all", "--json")
    summary = done.json["summary"]
    assert list(summary["dim4"]["test"]["0"]["recall_at_1"]) == ["1", "2", "3", "4"]
    assert summary["dim8"]["test"]["0"]["fit"] == "test"
    assert done.json["figures"] == [
        f"figures/pca-prune-dim4-dim8-test-epoch-0000.{end}" for end in ("pdf", "png")
    ]
    done = cli("pca-prune", "dim4", "dim8", "--dims", "8", "--json")
    assert "run 'dim4' has 4 dims; skipped: 8" in done.err
    assert list(done.json["summary"]) == ["dim8"]


def test_options_change_the_numbers_and_the_names(cli):
    run = write_run("runs/one", n=80, splits=("train", "test", "other"))
    names = set()
    for options in (
        (),
        ("--svd",),
        ("--fit", "other"),
        ("--similarity", "inner"),
        ("--center",),
        ("--epoch", "0"),
    ):
        done = cli("pca-prune", "--json", *options)
        assert done.code == 0, done.err
        names.update(done.json["figures"])
    assert len(names) == 12
    sidecar = json.loads((run.path / "figures/pca-prune-test-epoch-0002-fit-other.json").read_text())
    assert sidecar["panels"][0]["fit"] == "other"


def test_every_epoch_gets_its_figure(cli):
    write_run("runs/one")
    done = cli("pca-prune", "--epoch", "all", "--dims", "2", "--format", "png")
    assert done.out.count("wrote") == 3


def test_queries_search_their_gallery(cli):
    z, y = blobs(n=40, dim=6, classes=8, spread=1.0)
    g, gy = blobs(n=64, dim=6, classes=8, spread=1.0, seed=2)
    with embedlens.Recorder(
        "runs/shop", labels={"query": y, "gallery": gy}, query_gallery={"query": "gallery"}
    ) as recorder:
        recorder.record(0, {"query": z, "gallery": g})
    summary = cli("pca-prune", "--dims", "6", "--json").json["summary"]
    expected = recall_at_k(z, y, [1], gallery=(g, gy))[1]
    assert summary["shop"]["query"]["0"]["recall_at_1"] == {"6": expected}


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (("--dims", "0"), ("--dims '0'", "numbers from 1")),
        (("--dims", "4,many"), ("--dims '4,many'", "or all")),
        (("--dims", "64,32"), ("no number of --dims 64,32", "'one' has 8")),
        (("--fit", "trian"), ("unknown split to fit 'trian'", "train, test")),
        (("--similarity", "dot"), ("unknown similarity 'dot'", "cosine, inner")),
        (("--epoch", "9"), ("unknown epoch '9'", "0-2")),
        (("--split", "val"), ("unknown split 'val'",)),
        (("--venue", "cvrp"), ("unknown venue 'cvrp'",)),
    ],
)
def test_bad_input(cli, options, parts):
    write_run("runs/one")
    assert_refused(cli("pca-prune", *options), *parts)


def test_a_missing_run(cli):
    assert_refused(cli("pca-prune", "nothing"), "nothing")


def write_sliced(name="runs/sliced", dim=8, slices=((0, 4), (4, 8))):
    y = np.arange(60) % 12
    with embedlens.Recorder(name, labels={"train": y, "test": y}, slices=slices) as recorder:
        z = {
            split: blobs(dim=dim, classes=12, spread=1.0, seed=n)[0]
            for n, split in enumerate(("train", "test"))
        }
        recorder.record(0, z)
    return embedlens.open_run(name)


def test_the_slices_of_the_embedding_are_pruned_too(cli):
    from embedlens.analysis.pruning import pruned_recall

    run = write_sliced()
    done = cli("pca-prune", "sliced", "--slices", "recorded", "--dims", "1,4,8", "--json")
    numbers = done.json["summary"]["sliced"]["test"]["0"]
    assert list(numbers["recall_at_1"]) == ["1", "4", "8"]
    train, test = (run.snapshot(split, 0) for split in ("train", "test"))
    for name, columns in (("1/2", slice(0, 4)), ("2/2", slice(4, 8))):
        slice_ = numbers["slices"][name]
        fit = train.embeddings[:, columns]
        wanted = pruned_recall(test.embeddings[:, columns], test.labels, [1, 4], fit=fit)
        assert slice_["recall_at_1"] == dict(zip(("1", "4"), wanted.recall.tolist(), strict=True))
        whole = recall_at_k(test.embeddings[:, columns], test.labels, [1])[1]
        assert slice_["recall_at_1"]["4"] == whole
    (figure, _), (data,) = done.json["figures"], done.json["data"]
    assert figure.endswith("pca-prune-test-epoch-0000-dims-1+4+8-slices-recorded.pdf")
    rows = rows_of(data)
    assert [row["chunk"] for row in rows] == [""] * 3 + ["1/2"] * 2 + ["2/2"] * 2
    people = cli("pca-prune", "sliced", "--slices", "2").out
    assert "sliced, test [2/2]" in people


def test_slices_that_cannot_be_pruned(cli):
    write_sliced()
    write_sliced("runs/unequal", slices=((0, 2), (2, 8)))
    write_sliced("runs/whole", slices=None)
    for words, message in (
        (["sliced", "--slices", "3"], "run 'sliced': 8 dims do not divide into 3 equal slices"),
        (["sliced", "--slices", "all"], "--slices 'all'; give a number of equal slices, or recorded"),
        (
            ["unequal", "--slices", "recorded"],
            "run 'unequal' has slices of 2, 6 dims; give a number of equal",
        ),
        (["whole", "--slices", "recorded"], "run 'whole' has no slices of its own; give a number of equal"),
        (["sliced", "--slices", "2", "--dims", "8,6"], "no number of --dims is within the 4 dims of a slice"),
    ):
        assert_refused(cli("pca-prune", *words), message)


def test_recorded_slices_are_scored_and_decomposed(cli):
    write_sliced()
    scores = cli("evaluate", "sliced", "--slices", "recorded", "--metrics", "R@1", "--json").json["summary"]
    by_number = cli("evaluate", "sliced", "--slices", "2", "--metrics", "R@1", "--json").json["summary"]
    assert scores == by_number
    spectra = cli("spectrum", "sliced", "--slices", "recorded", "--json").json["summary"]
    assert spectra == cli("spectrum", "sliced", "--slices", "2", "--json").json["summary"]
