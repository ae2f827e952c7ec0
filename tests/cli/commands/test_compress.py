"""`embedlens compress`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from support import assert_refused, blobs, rows_of, sidecar_of, write_run

import embedlens
from embedlens.analysis.compression import CodeOptions, compress
from embedlens.analysis.retrieval.neighbours import recall_at_k


def test_the_newest_run_as_typed(program, folder):
    write_run("runs/old", n=60)
    write_run("runs/new", n=90, seed=4)
    done = program("compress", "--pq-bits", "4")
    assert done.code == 0, done.err
    assert "run runs/new" in done.err
    snapshot, train = (embedlens.open_run("runs/new").snapshot(split, -1) for split in ("test", "train"))
    whole = recall_at_k(snapshot.embeddings, snapshot.labels, [1])[1]
    assert f"{whole:.4f}" in done.out
    assert "pq 4x4" in done.out
    assert "rescored: the 100 nearest binary codes of each query and those that tie with the last" in done.out
    stem = Path("runs/new/figures/compress-test-epoch-0002-bits-4")
    assert stem.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    assert b"/Type3" not in stem.with_suffix(".pdf").read_bytes()
    (panel,) = sidecar_of(stem)["panels"]
    assert (panel["fit"], panel["shown"], panel["dim"], panel["bits"]) == ("train", 90, 8, 4)
    rows = rows_of(stem.with_suffix(".csv"))
    expected = compress(snapshot.embeddings, snapshot.labels, CodeOptions(bits=4), fit=train.embeddings)
    assert [row["code"] for row in rows] == expected.codes.tolist()
    assert [int(row["bytes"]) for row in rows] == expected.bytes.tolist()
    assert np.allclose([float(row["recall_at_1"]) for row in rows], expected.scores["recall_at_1"])


def test_the_answer_as_json(cli):
    write_run("runs/one", n=60)
    done = cli(
        "compress", "--json", "--codes", "dims,int8,rescored", "--rescore", "7", "--metrics", "R@1,nmi"
    )
    numbers = done.json["summary"]["one"]["test"]["2"]
    assert list(numbers["codes"]) == ["float32", "dims", "int8", "rescored"]
    assert [point["bytes"] for point in numbers["codes"]["dims"]] == [16, 32]
    assert set(numbers["codes"]["int8"][0]) == {"size", "bytes", "recall_at_1", "nmi"}
    assert (numbers["dim"], numbers["fit"], numbers["n"], numbers["candidates"]) == (8, "train", 60, 7)
    assert numbers["mean_candidates"] >= 7
    assert done.json["figures"] == [
        "runs/one/figures/compress-test-epoch-0002-codes-dims+int8+rescored-R_1+nmi-rescore-7." + end
        for end in ("pdf", "png")
    ]


def test_several_runs_of_several_sizes(cli):
    y = np.arange(60) % 12
    for dim in (4, 8):
        with embedlens.Recorder(f"runs/dim{dim}", labels={"test": y}) as recorder:
            recorder.record(0, {"test": blobs(dim=dim, classes=12, spread=1.0)[0]})
    words = ("--codes", "dims,pq", "--dims", "2,8", "--pq-m", "4,8", "--pq-bits", "3", "--json")
    done = cli("compress", "dim4", "dim8", *words)
    assert "run 'dim4' has 4 dims; --dims skipped: 8" in done.err
    assert "run 'dim4' has 4 dims; --pq-m skipped: 8" in done.err
    assert "run 'dim4' has no train split; codes are fitted on the split itself" in done.err
    summary = done.json["summary"]
    assert summary["dim4"]["test"]["0"]["fit"] == "test"
    sizes = {
        run: [[point["size"] for point in found["codes"][code]] for code in ("dims", "pq")]
        for run in summary
        for found in (summary[run]["test"]["0"],)
    }
    assert sizes == {"dim4": [[2], [4]], "dim8": [[2, 8], [4, 8]]}
    done = cli("compress", "dim4", "--codes", "dims,binary", "--json")
    assert "no train split" not in done.err  # nothing is fitted


def test_options_change_the_numbers_and_the_names(cli):
    write_run("runs/one", n=80, splits=("train", "test", "other"))
    names = set()
    for options in (
        (),
        ("--fit", "other"),
        ("--codes", "pca"),
        ("--dims", "2"),
        ("--metrics", "map_at_r"),
        ("--pq-bits", "3"),
        ("--pq-m", "2"),
        ("--rescore", "3"),
        ("--epoch", "0"),
    ):
        done = cli("compress", "--json", "--format", "svg", *options)
        assert done.code == 0, done.err
        names.update(done.json["figures"])
    assert len(names) == 9


def test_every_epoch_gets_its_figure_and_workers_give_the_same(cli):
    write_run("runs/one")
    words = ("compress", "--epoch", "all", "--codes", "dims,int8,binary", "--format", "svg", "--json")
    alone = cli(*words)
    assert len(alone.json["figures"]) == 3
    assert list(alone.json["summary"]["one"]["test"]) == ["0", "1", "2"]


def test_many_scores_are_drawn_in_several_figures(cli):
    write_run("runs/one")
    metrics = [f"recall_at_{k}" for k in range(1, 15)]
    done = cli("compress", "--codes", "int8", "--metrics", ",".join(metrics), "--format", "svg", "--json")
    assert done.code == 0, done.err
    assert len(set(done.json["figures"])) == 2
    tables = [rows_of(path)[0] for path in done.json["data"] if path.endswith(".csv")]
    assert [name for row in tables for name in row if name in metrics] == metrics


@pytest.mark.slow
def test_workers_give_the_same(cli):
    write_run("runs/one")
    words = ("compress", "--epoch", "all", "--pq-bits", "4", "--format", "svg", "--json")
    assert cli(*words).json == cli(*words, "--workers", "2").json


def test_queries_search_their_gallery(cli):
    z, y = blobs(n=40, dim=6, classes=8, spread=1.0)
    g, gy = blobs(n=64, dim=6, classes=8, spread=1.0, seed=2)
    with embedlens.Recorder(
        "runs/shop", labels={"query": y, "gallery": gy}, query_gallery={"query": "gallery"}
    ) as recorder:
        recorder.record(0, {"query": z, "gallery": g})
    words = ("--codes", "dims,int8,binary,rescored", "--fit", "gallery", "--json")
    numbers = cli("compress", *words).json["summary"]["shop"]["query"]["0"]
    expected = compress(z, y, CodeOptions(("dims", "int8", "binary", "rescored")), fit=g, gallery=(g, gy))
    assert [point["recall_at_1"] for points in numbers["codes"].values() for point in points] == (
        expected.scores["recall_at_1"].tolist()
    )


def test_items_that_are_left_out_are_in_no_code(cli):
    run = write_run("runs/one", n=60)
    done = cli("compress", "--codes", "int8,binary", "--ignore-label", "1,2", "--json")
    test, train = (run.snapshot(split, -1) for split in ("test", "train"))
    keep, kept = (~np.isin(part.labels, [1, 2]) for part in (test, train))
    expected = compress(
        test.embeddings[keep], test.labels[keep], CodeOptions(("int8", "binary")), fit=train.embeddings[kept]
    )
    numbers = done.json["summary"]["one"]["test"]["2"]
    assert numbers["n"] == 40
    assert [points[0]["recall_at_1"] for points in numbers["codes"].values()] == (
        expected.scores["recall_at_1"].tolist()
    )


def test_product_quantisation_without_faiss_or_without_enough_rows(cli, monkeypatch):
    write_run("runs/one", n=60)
    done = cli("compress", "--json")
    line = "pq is left out: product quantisation with 8 bits fits 256 centroids and needs as many rows; "
    assert done.err.count(line + "there are 60 to fit on; choose fewer bits") == 1
    assert "pq" not in done.json["summary"]["one"]["test"]["2"]["codes"]
    assert_refused(cli("compress", "--codes", "pq"), "needs as many rows")
    monkeypatch.setitem(sys.modules, "faiss", None)
    done = cli("compress", "--json", "--epoch", "all")
    assert done.code == 0
    assert done.err.count("pq is left out: product quantisation needs faiss; install it by:") == 1
    assert_refused(cli("compress", "--codes", "pq"), "run 'one'", "needs faiss", "embedlens[compress]")


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (("--codes", "int4"), ("unknown code 'int4'", "dims, pca, int8, binary, rescored, pq")),
        (("--codes", ","), ("no code given; choose some of: dims, pca, int8",)),
        (("--dims", "0"), ("--dims '0'; give whole numbers from 1, separated by commas",)),
        (("--dims", "64,32"), ("no number of --dims 64, 32 is within the 8 dims of run 'one'",)),
        (("--pq-m", "3"), ("no number of --pq-m 3 divides the 8 dims of run 'one'",)),
        (("--pq-bits", "17"), ("--pq-bits",)),
        (("--rescore", "0"), ("--rescore",)),
        (("--codes", "pca", "--rescore", "10"), ("--rescore has no effect without rescored in --codes",)),
        (("--codes", "int8", "--dims", "4"), ("--dims has no effect without dims or pca in --codes",)),
        (("--codes", "pca", "--pq-m", "2"), ("--pq-m has no effect without pq in --codes",)),
        (("--codes", "pca", "--pq-bits", "2"), ("--pq-bits has no effect without pq in --codes",)),
        (("--codes", "dims,binary", "--fit", "train"), ("--fit has no effect without pca or int8 or pq",)),
        (("--fit", "trian"), ("unknown split to fit 'trian'", "train, test")),
        (("--metrics", "R@0"), ("Recall@0; K must be at least 1",)),
        (("--metrics", "recal"), ("unknown metric 'recal'",)),
        (("--epoch", "9"), ("unknown epoch '9'", "0-2")),
        (("--split", "val"), ("unknown split 'val'",)),
        (("--venue", "cvrp"), ("unknown venue 'cvrp'",)),
    ],
)
def test_bad_input(cli, options, parts):
    write_run("runs/one")
    assert_refused(cli("compress", *options), *parts)


def test_data_without_a_score(cli):
    z, _ = blobs(n=20, dim=4)
    for name, labels, message in (
        ("one-class", np.zeros(20, int), "run 'one-class', split 'test', epoch 0: all items have one label"),
        ("no-positives", np.arange(20), "no label has two items"),
    ):
        with embedlens.Recorder(f"runs/{name}", labels={"test": labels}) as recorder:
            recorder.record(0, {"test": z})
        assert_refused(cli("compress", name), message)
    with embedlens.Recorder("runs/equal", labels={"test": np.arange(20) % 4}) as recorder:
        recorder.record(0, {"test": np.ones((20, 4))})
    done = cli("compress", "equal", "--pq-bits", "3", "--json")
    points = done.json["summary"]["equal"]["test"]["0"]["codes"].values()
    assert {point["recall_at_1"] for several in points for point in several} == {0.0}


def test_a_missing_run(cli):
    assert_refused(cli("compress", "nothing"), "nothing")
