"""`embedlens identify`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support import assert_refused, blobs, rows_of, sidecar_of, write_run

import embedlens
from embedlens.analysis.open_set.classifier import fit_classifier, rank_by_classifier
from embedlens.analysis.open_set.ranking import map_at_5, rank_labels
from embedlens.analysis.open_set.threshold import choose_halves


def write(name, *, seed=0, names=None, spread=0.9):
    """A run whose splits share their classes."""
    z, y = blobs(n=200, dim=6, classes=8, spread=spread, seed=seed)
    with embedlens.Recorder(
        f"runs/{name}", labels={"train": y[:80], "test": y[80:]}, class_names=names
    ) as recorder:
        for epoch in (0, 1):
            recorder.record(epoch, {"train": z[:80], "test": z[80:]})
    return recorder.run


def numbers(done, run, split="test", epoch="1"):
    assert done.code == 0, done.err
    return done.json["summary"][run][split][epoch]


def test_the_newest_run_as_typed(program, folder):
    run = write("one", names={3: "nobody"})
    done = program("identify", "--unknown-class", "nobody", "--gallery", "train")
    assert done.code == 0, done.err
    assert "run runs/one" in done.err
    assert "biased; --choose-on halves" in done.err
    stem = Path("runs/one/figures/identify-test-epoch-0001-new-nobody-gallery-train")
    assert stem.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    assert b"/Type3" not in stem.with_suffix(".pdf").read_bytes()
    test, train = run.snapshot("test"), run.snapshot("train")
    sweep = rank_labels(
        test.embeddings, test.labels, new_label=3, gallery=(train.embeddings, train.labels)
    ).sweep()
    rows = rows_of(stem.with_suffix(".csv"))
    assert [float(row["threshold"]) for row in rows] == sweep.threshold.tolist()
    assert [float(row["map_at_5"]) for row in rows] == sweep.map_at_5.tolist()
    assert f"{sweep.map_at_5.max():.4f}" in done.out
    sidecar = sidecar_of(stem)
    assert sidecar["panels"][0]["best_threshold"] == sweep.best()
    assert (sidecar["panels"][0]["n_known"], sidecar["panels"][0]["n_new"]) == (105, 15)
    assert sidecar["chosen_on"] == "the same items"


def test_the_threshold_told_is_evaluate_s(cli):
    write("one")
    for gallery in ("train", "none"):
        found = numbers(cli("identify", "--unknown-class", "3", "--gallery", gallery, "--json"), "one")
        done = cli(
            "evaluate", "--metrics", "map_at_5", "--unknown-class", "3", "--gallery", gallery,
            f"--unknown-threshold={found['threshold']}", "--json",
        )  # fmt: skip
        assert numbers(done, "one")["map_at_5"] == found["map_at_5"] == found["best_map_at_5"]
        done = cli(
            "evaluate", "--metrics", "map_at_5", "--unknown-class", "3", "--gallery", gallery, "--json"
        )
        assert numbers(done, "one")["map_at_5"] == found["map_at_5_never_new"]


def test_several_runs_are_compared_and_joined_as_concat_joins_them(cli):
    write("one")
    write("two", seed=1)
    done = cli("identify", "one", "two", "--unknown-class", "3", "--json")
    assert list(done.json["summary"]) == ["one", "two", "joined"]
    assert done.json["figures"][0] == "figures/identify-one-two-joined-test-epoch-0001-new-3.pdf"
    assert cli("concat", "one", "two", "--out", "runs/both").code == 0
    both = numbers(cli("identify", "both", "--unknown-class", "3", "--json"), "both")
    assert numbers(done, "joined") == both
    alone = cli("identify", "one", "two", "--unknown-class", "3", "--no-joined", "--json")
    assert list(alone.json["summary"]) == ["one", "two"]


def test_runs_on_other_items_are_not_joined(cli):
    write("one")
    write_run("runs/other", n=70)
    done = cli("identify", "one", "other", "--unknown-class", "3", "--json")
    assert list(done.json["summary"]) == ["one", "other"]
    assert "not joined: runs 'one' and 'other' hold other items" in done.err
    assert_refused(cli("identify", "one", "other", "--unknown-class", "3", "--joined"), "other items")


def test_the_classifier_of_joined_runs(cli):
    runs = [write("one"), write("two", seed=1)]
    done = cli("identify", "one", "two", "--classifier", "--unknown-class", "3", "--parts", "--json")
    found = numbers(done, "joined")
    assert (found["gallery"], found["fitted_on"], found["converged"]) == ("train", 70, True)
    from embedlens.store.concat import join

    z = {
        split: join([run.snapshot(split).embeddings for run in runs], [0.5, 0.5])
        for split in ("train", "test")
    }
    fitted = fit_classifier(z["train"], runs[0].labels("train"), new_label=3)
    ranking = rank_by_classifier(fitted, z["test"], runs[0].labels("test"), new_label=3)
    assert found["map_at_5"] == pytest.approx(ranking.sweep().map_at_5.max(), abs=1e-9)
    assert found["map_at_5"] > max(numbers(done, name)["map_at_5"] for name in ("one", "two"))
    sidecar = sidecar_of(done.json["data"][0])
    assert sidecar["c"] == 10.0
    assert "classifier-parts" in done.json["data"][0]
    other = cli("identify", "one", "--classifier", "--c", "0.1", "--unknown-class", "3", "--json")
    assert "c-0.1" in other.json["data"][0]


def test_thresholds_of_other_items(cli):
    run = write("one")
    test, train = run.snapshot("test"), run.snapshot("train")
    on = rank_labels(train.embeddings, train.labels, new_label=3).sweep().best()
    chosen = numbers(
        cli("identify", "--unknown-class", "3", "--gallery", "train", "--choose-on", "train", "--json"), "one"
    )
    assert chosen["threshold"] == on
    gallery = train.embeddings, train.labels
    expected = map_at_5(test.embeddings, test.labels, on, new_label=3, gallery=gallery)
    assert chosen["map_at_5"] == expected["map_at_5"] <= chosen["best_map_at_5"]
    done = cli("identify", "--unknown-class", "3", "--choose-on", "halves", "--seed", "2", "--json")
    halves = choose_halves(rank_labels(test.embeddings, test.labels, new_label=3), seed=2)
    assert {name: numbers(done, "one")[name] for name in halves.summary()} == halves.summary()
    assert "chosen-on-halves-seed-2" in done.json["data"][0]
    assert "biased" not in done.err


def test_a_split_without_new_items_chooses_no_threshold(cli):
    z, y = blobs(n=60, dim=6, classes=6)
    with embedlens.Recorder("runs/one", labels={"train": y[y < 5], "test": y}) as recorder:
        recorder.record(0, {"train": z[y < 5], "test": z})
    refused = cli("identify", "--unknown-class", "5", "--choose-on", "train")
    assert_refused(refused, "run 'one', split 'test'", "no item of split 'train' is of an unknown class")


def test_items_without_a_mate_in_the_gallery_are_new_without_a_label(cli):
    z, y = blobs(n=60, dim=6, classes=6)
    with embedlens.Recorder(
        "runs/shop", labels={"query": y, "gallery": y[y < 4]}, query_gallery={"query": "gallery"}
    ) as recorder:
        recorder.record(0, {"query": z, "gallery": z[y < 4] + np.float32(0.1)})
    found = numbers(cli("identify", "--json"), "shop", "query", "0")
    assert (found["gallery"], found["n_known"], found["n_new"]) == ("gallery", 40, 20)


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ((), ("no item of split 'test' is of an unknown class", "--unknown-class")),
        (("--unknown-class", "9"), ("unknown class '9'", "0, 1, 2, 3, 4, 5, 6, 7")),
        (("--unknown-class", "3", "--gallery", "val"), ("unknown gallery split 'val'", "train, test, none")),
        (("--unknown-class", "3", "--choose-on", "val"), ("unknown split to choose on 'val'", "halves")),
        (("--unknown-class", "3", "--classifier", "--gallery", "none"), ("unknown split to fit on 'none'",)),
        (("--unknown-class", "3", "--classifier", "--choose-on", "train"), ("on split 'train'", "choose-on")),
        (
            ("--unknown-class", "3", "--classifier", "--split", "train"),
            ("fitted on split 'train'", "--split"),
        ),
        (("--unknown-class", "3", "--c", "0"), ("--c",)),
        (("--unknown-class", "3", "--joined"), ("--joined needs two runs",)),
        (("--unknown-class", "3", "--epoch", "all"), ("may be several epochs",)),
        (("--unknown-class", "3", "--epoch", "7"), ("unknown epoch '7'",)),
        (("--unknown-class", "3", "--split", "val"), ("unknown split 'val'",)),
        (("--unknown-class", "3", "--venue", "cvrp"), ("unknown venue 'cvrp'",)),
        (("--unknown-class", "3", "--device", "gpu"), ("unknown device 'gpu'",)),
    ],
)  # fmt: skip
def test_bad_input(cli, options, parts):
    write("one")
    assert_refused(cli("identify", *options), *parts)


def test_a_classifier_of_other_classes_names_split_by_items(cli):
    (z, y), (other, labels) = blobs(n=40, dim=6, classes=4), blobs(n=40, dim=6, classes=4, seed=1)
    with embedlens.Recorder("runs/classes", labels={"train": y, "test": labels + 4}) as recorder:
        recorder.record(0, {"train": z, "test": other})
    refused = cli("identify", "--classifier", "--unknown-class", "5")
    assert_refused(refused, "run 'classes', split 'test'", "--split-by items")


def test_former_names_of_options_are_read(cli):
    write("one")
    for names in (("--unknown-class", "--unknown-threshold"), ("--new-label", "--new-threshold")):
        words = ("--metrics", "map_at_5", names[0], "3", names[1], "0.5", "--json")
        done = cli("identify", names[0], "3", "--json"), cli("evaluate", *words)
        assert [one.code for one in done] == [0, 0], [one.err for one in done]
        found = [one.json["summary"] for one in done], [one.json["data"] for one in done]
        if names[0] == "--unknown-class":
            wanted = found
    assert found == wanted
    assert "--new-label" not in cli("identify", "--help").out
