from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from support import assert_refused, blobs, distances_of_pairs, rows_of, sidecar_of, write_run

import embedlens
from embedlens.analysis.experiments.monitoring import fixed_batches
from embedlens.analysis.sampling.mining import STRATEGIES, selected_negatives

PANELS = ["losses", "sphere", "distances", "picked", "nonzero", "noise"]


def check_mining(numbers, snapshot, *, margin=0.2, **asked):
    batches = fixed_batches(snapshot.labels, **asked)
    for name, told in numbers.items():
        expected = selected_negatives(
            snapshot.embeddings, snapshot.labels, name, batches=batches, margin=margin
        )
        assert told == {
            "mean_distance": expected.distances.mean,
            "nonzero_share": expected.nonzero,
            "triplets": expected.n,
            "skipped": expected.n_skipped,
        }


@pytest.mark.slow
def test_through_the_real_entry_point(program, folder):
    run = write_run("runs/mine", epochs=3)
    done = program("sampling", "runs/mine", "--batches", "4", "--json")
    assert done.code == 0, done.err
    assert done.err.strip() == "mine, test: batches hold 6 classes, all that have two items"
    stem = "runs/mine/figures/sampling-test-epoch-0002-4-batches-16x4"
    assert done.json["figures"] == [f"{stem}.pdf", f"{stem}.png"]
    assert b"/Type3" not in (folder / f"{stem}.pdf").read_bytes()
    numbers = done.json["summary"]["mine"]["test"]
    assert list(numbers) == ["0", "1", "2"]
    positive, negative = distances_of_pairs(run.snapshot("test", 2).embeddings, run.labels("test"))
    for kind, loop in (("positive", positive), ("negative", negative)):
        told = numbers["2"][f"{kind}_pairs"]
        assert told["mean_distance"] == pytest.approx(loop.mean(), abs=1e-7)
        assert told["shown"] == told["of"] == loop.size
    assert numbers["2"]["effective_dim"] > 1
    assert "positive_pairs" not in numbers["0"]
    for epoch in range(3):
        assert list(numbers[str(epoch)]["mining"]) == list(STRATEGIES)
        check_mining(numbers[str(epoch)]["mining"], run.snapshot("test", epoch), count=4)
    rows = rows_of(folder / f"{stem}.csv")
    assert list(dict.fromkeys(row["panel"] for row in rows)) == PANELS
    counts = [int(row["count"]) for row in rows if row["series"] == "negative"]
    assert (len(counts), sum(counts)) == (100, negative.size)
    hard = [int(row["count"]) for row in rows if row["panel"] == "picked" and row["series"] == "hard"]
    assert (len(hard), sum(hard)) == (50, numbers["2"]["mining"]["hard"]["triplets"])
    share = [float(row["share"]) for row in rows if row["panel"] == "nonzero" and row["series"] == "hard"]
    assert share == [numbers[str(epoch)]["mining"]["hard"]["nonzero_share"] for epoch in range(3)]
    assert {row["dim"] for row in rows if row["panel"] == "noise"} == {"8"}
    sidecar = json.loads((folder / f"{stem}.json").read_text())
    assert sidecar["seed"] == 0
    assert sidecar["margin"] == 0.2
    assert sidecar["mining"] == list(STRATEGIES)
    (shown,) = sidecar["shown"]
    assert (shown["batches"], shown["classes_per_batch"], shown["items_per_class"]) == (4, 6, [4, 4])
    assert shown["items_in_batches"] == 4 * 24
    assert shown["negative_pairs"]["of"] == negative.size


def test_panels_strategies_and_numbers_asked_for(cli, run, folder):
    words = "--show picked,losses --mining hard,random,hard --margin 0.4 --beta 1.1 --batches 3".split()
    words += "--classes-per-batch 5 --items-per-class 3 --seed 7 --format png --json".split()
    done = cli("sampling", *words)
    assert done.code == 0, done.err
    stem = "sampling-test-epoch-0002-losses+picked-hard+random-margin-0.4-beta-1.1-3-batches-5x3-seed-7"
    assert done.json["figures"] == [f"runs/mine/figures/{stem}.png"]
    numbers = done.json["summary"]["mine"]["test"]
    assert list(numbers) == ["2"]
    assert list(numbers["2"]) == ["mining"]
    assert list(numbers["2"]["mining"]) == ["hard", "random"]
    asked = {"count": 3, "classes": 5, "items": 3, "seed": 7}
    check_mining(numbers["2"]["mining"], run.snapshot("test", 2), margin=0.4, **asked)
    rows = rows_of(folder / done.json["data"][0])
    margin = [row for row in rows if row["panel"] == "losses" and row["series"] == "margin"]
    assert float(margin[0]["negative"]) == pytest.approx(0.4 + 1.1)
    assert {row["panel"] for row in rows} == {"losses", "picked"}


def test_pairs_are_drawn_where_there_are_many(cli, run, folder):
    done = cli("sampling", "--show", "distances", "--pairs", "100", "--format", "png", "--json")
    assert done.json["figures"][0].endswith("sampling-test-epoch-0002-distances-100-pairs.png")
    told = done.json["summary"]["mine"]["test"]["2"]["negative_pairs"]
    assert told["shown"] == 100
    assert told["of"] == 60 * 59 // 2 - 6 * 45
    assert "100 drawn" in sidecar_of(done.json["data"][0])["pairs"]


def test_several_runs_are_compared(cli, folder):
    one, other = write_run("runs/one", epochs=3), write_run("runs/other", epochs=2, seed=5)
    few = ["--mining", "hard,random", "--batches", "2", "--format", "png"]
    done = cli("sampling", "one", "other", *few, "--json")
    stem = "sampling-one-other-test-epoch-0001+0002-hard+random-2-batches-16x4"
    assert done.json["figures"] == [f"figures/{stem}.png"]
    summary = done.json["summary"]
    assert {name: list(told["test"]) for name, told in summary.items()} == {
        "one": ["0", "1", "2"], "other": ["0", "1"]
    }  # fmt: skip
    check_mining(summary["other"]["test"]["1"]["mining"], other.snapshot("test", 1), count=2)
    rows = rows_of(folder / done.json["data"][0])
    assert {row["series"] for row in rows if row["panel"] == "nonzero"} == {"hard"}
    picked = [row for row in rows if row["panel"] == "picked" and row["run"] == "one"]
    assert [row["quantile"] for row in picked] == ["0.05", "0.25", "0.5", "0.75", "0.95"] * 2
    assert one.name in cli("sampling", "one", "other", "--show", "picked", *few).out


def test_epochs_and_splits(cli, run):
    done = cli("sampling", "--epoch", "all", "--show", "distances", "--split", "train,test",
               "--format", "png", "--json")  # fmt: skip
    names = [path.split("/")[-1] for path in done.json["figures"]]
    assert names == [
        f"sampling-{split}-epoch-000{epoch}-distances.png"
        for split in ("train", "test")
        for epoch in range(3)
    ]
    assert list(done.json["summary"]["mine"]) == ["train", "test"]
    first = cli(
        "sampling", "--epoch", "0", "--show", "picked", "--mining", "hard", "--format", "png", "--json"
    )
    assert list(first.json["summary"]["mine"]["test"]) == ["0"]


def test_classes_with_fewer_items_are_told(cli, folder):
    z, y = blobs(n=30)
    y[:2] = 7
    with embedlens.Recorder("runs/mine", labels={"test": y}) as recorder:
        recorder.record(0, {"test": z})
    done = cli("sampling", "--show", "picked", "--batches", "2", "--items-per-class", "9", "--format", "png",
               "--json", "mine")  # fmt: skip
    assert "hold 2 to 5 items" in done.err
    assert sidecar_of(done.json["data"][0])["shown"][0]["items_per_class"] == [2, 5]


def test_people_get_tables(cli, run):
    done = cli("sampling", "mine", "--show", "distances,picked", "--batches", "2", "--format", "png")
    assert done.code == 0
    for part in ("mean negative", "effective D", "distance-weighted", "skipped", "wrote runs/mine/figures/"):
        assert part in done.out
    assert "newest" in cli("sampling", "--show", "losses", "--format", "png").err


def test_one_epoch_alone_has_no_course(cli):
    write_run("runs/mine", epochs=1)
    assert_refused(
        cli("sampling", "--show", "nonzero"), "'mine' has one epoch (0)", "need two", "--show picked"
    )
    assert cli("sampling", "--show", "nonzero,losses", "--batches", "1", "--format", "png").code == 0


def test_a_strategy_that_picks_nothing_is_told(cli):
    z = np.array([[1.0, 0], [1, 0.01], [-1, 0], [-1, 0.01]])
    with embedlens.Recorder("runs/mine", labels={"test": [0, 0, 1, 1]}) as recorder:
        recorder.record(0, {"test": z})
        recorder.record(1, {"test": z})
    for also in ([], ["--show", "picked,nonzero", "--width", "column"]):
        done = cli("sampling", "mine", "--mining", "distance-weighted,semi-hard", *also, "--format", "png",
                   "--json")  # fmt: skip
        assert done.code == 0, done.err
        assert "distance-weighted mining selects nothing at 2 of 2 epochs (0, 1)" in done.err
        told = done.json["summary"]["mine"]["test"]["1"]["mining"]["distance-weighted"]
        assert told == {"mean_distance": None, "nonzero_share": None, "triplets": 0, "skipped": 256 // 2}


def test_two_dimensions_and_one(cli):
    z, y = blobs(n=24, dim=2)
    for name, rows in (("two", z), ("one", z[:, :1])):
        with embedlens.Recorder(f"runs/{name}", labels={"test": y}) as recorder:
            recorder.record(0, {"test": rows})
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            done = cli("sampling", name, "--batches", "2", "--format", "png")
        assert done.code == 0, done.err


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--show", "picks"], ["unknown panel 'picks'", "losses, sphere"]),
        (["--mining", "hrad"], ["unknown mining 'hrad'", "distance-weighted"]),
        (["--mining", "pml:Nothing"], ["pml:Nothing"]),
        (["--margin", "0"], ["margin is 0", "above 0"]),
        (["--margin=-1"], ["margin is -1"]),
        (["--beta", "3"], ["beta is 3"]),
        (["--batches", "0"], ["batches"]),
        (["--classes-per-batch", "1"], ["classes-per-batch"]),
        (["--epoch", "9"], ["unknown epoch '9'", "0-2"]),
        (["--split", "tset"], ["unknown split 'tset'"]),
        (["--width", "column"], ["6 panels do not fit a width of 3.25 inches"]),
        (["--venue", "cvrp"], ["unknown venue"]),
        (["--format", "gif"], ["unknown format"]),
        (["nothing"], ["nothing"]),
    ],
)
def test_refused(cli, run, words, parts):
    assert_refused(cli("sampling", *words), *parts)


def test_classes_that_are_too_small_are_refused(cli):
    z, _ = blobs(n=12)
    for name, labels, part in (
        ("apart", np.arange(12), "no label has two items"),
        ("together", np.zeros(12, int), "1 label has two items"),
    ):
        with embedlens.Recorder(f"runs/{name}", labels={"test": labels}) as recorder:
            recorder.record(0, {"test": z})
        assert_refused(cli("sampling", name), f"run '{name}', split 'test'", part)
        assert cli("sampling", name, "--show", "distances", "--format", "png").code == 0
