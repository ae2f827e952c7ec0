from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from scipy.stats import wilcoxon
from support import assert_refused, blobs, brute_force, rows_of, sidecar_of, tree, write_run

import embedlens

EPOCHS = 4  # of the run


def record(path, *, epochs=3, seed=0, labels=None, pull=0.3, **options):
    """A run with a split test only; `seed` changes its start, `pull` how far its classes draw together."""
    z, y = blobs(spread=1.0)
    z = z + 0.05 * np.random.default_rng(seed).normal(size=z.shape)
    y = y if labels is None else labels
    with embedlens.Recorder(path, labels={"test": y}, method={"seed": seed}, **options) as recorder:
        for epoch in range(epochs):
            recorder.record(epoch, {"test": z + pull * epoch * np.eye(6, 8)[y % 6]})
    return recorder.run


def nearest(z, y):
    """Nearest triplets and their distances to (1, 0), by plain loops."""
    rows = brute_force(z, y)
    items = [(anchor, positive[1], negative[1]) for anchor, positive, negative in rows]
    return items, np.array([np.hypot(1 - positive[0], negative[0]) for _, positive, negative in rows])


def followed(z, items):
    z = np.asarray(z, dtype=np.float64)
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    return np.array([np.hypot(1 - z[a] @ z[p], z[a] @ z[n]) for a, p, n in items])


def check(told, first, second, items):
    """The numbers of a comparison, from the embeddings of both states."""
    difference = followed(second, items) - followed(first, items)
    assert told["median_difference"] == pytest.approx(np.median(difference), abs=1e-9)
    assert told["low"] <= told["median_difference"] <= told["high"]
    assert told["wilcoxon_p"] == pytest.approx(wilcoxon(difference, method="asymptotic").pvalue, rel=1e-6)
    assert told["share_nearer"] == np.mean(difference < 0)
    assert told["n"] == len(items)


@pytest.mark.slow
def test_through_the_real_entry_point(program, folder):
    run = record("runs/mine", epochs=4, pull=8)
    done = program("distances", "runs/mine", "--json")
    assert done.code == 0, done.err
    assert done.err == ""
    stem = "runs/mine/figures/distances-test-epoch-0003"
    assert done.json["figures"] == [f"{stem}.pdf", f"{stem}.png"]
    numbers = done.json["summary"]["mine"]["test"]
    assert set(numbers) == {"0", "3"}
    z = {epoch: run.snapshot("test", epoch).embeddings for epoch in (0, 3)}
    for epoch in (0, 3):
        items, far = nearest(z[epoch], run.labels("test"))
        assert numbers[str(epoch)]["mean_distance"] == pytest.approx(far.mean(), abs=1e-9)
        assert numbers[str(epoch)]["median_distance"] == pytest.approx(np.median(far), abs=1e-9)
        told = numbers["3"]["paired"] if epoch == 3 else numbers["3"]["paired_other_triplets"][0]
        check(told, z[0], z[3], items)
        assert told["triplets_of"] == f"mine, epoch {epoch}"
    assert "paired" not in numbers["0"]
    raw = (folder / f"{stem}.pdf").read_bytes()
    assert b"/Type3" not in raw
    rows = rows_of(folder / f"{stem}.csv")
    assert len(rows) == 100
    for state in ("epoch 0", "epoch 3"):
        assert sum(int(row["count"]) for row in rows if row["state"] == state) == 60
    sidecar = json.loads((folder / f"{stem}.json").read_text())
    assert sidecar["reference"] == {"run": "mine", "epoch": 3}
    assert sidecar["resamples"] == 2000
    assert sidecar["seed"] == 0
    assert "percentile" in sidecar["bootstrap"]
    assert "zero differences left out" in sidecar["wilcoxon"]
    assert [(state["state"], state["shown"], state["of"]) for state in sidecar["states"]] == [
        ("epoch 0", 60, 60),
        ("epoch 3", 60, 60),
    ]


def test_two_runs_are_compared_on_the_triplets_of_the_reference(cli, folder):
    one, other = record("runs/one"), record("runs/other", pull=0.9)
    done = cli("distances", "one", "other", "--format", "png", "--json")
    assert done.json["figures"][0] == "figures/distances-one-other-test-epoch-0002.png"
    told = done.json["summary"]["other"]["test"]["2"]
    z = [run.snapshot("test", -1).embeddings for run in (one, other)]
    chosen = [nearest(value, one.labels("test"))[0] for value in z]
    check(told["paired"], *z, chosen[0])
    check(told["paired_other_triplets"][0], *z, chosen[1])
    assert told["paired"]["nearer"] == "other"
    assert told["paired"]["compared_with"] == "one"
    assert "paired" not in done.json["summary"]["one"]["test"]["2"]
    swapped = cli("distances", "one", "other", "--reference-run", "other", "--format", "png", "--json").json
    assert swapped["figures"][0].endswith("epoch-0002-chosen-other-0002.png")
    told = swapped["summary"]["other"]["test"]["2"]
    check(told["paired"], *z, chosen[1])
    early = cli("distances", "one", "other", "--reference-epoch", "0", "--format", "png", "--json").json
    told = early["summary"]["other"]["test"]["2"]
    check(told["paired"], *z, nearest(one.snapshot("test", 0).embeddings, one.labels("test"))[0])
    assert len(told["paired_other_triplets"]) == 2


def test_more_runs_are_each_compared_with_the_first(cli, folder):
    for name, pull in (("a", 0.2), ("b", 0.5), ("c", 0.9)):
        record(f"runs/{name}", pull=pull)
    done = cli("distances", "a", "b", "c", "--format", "png", "--json")
    for name in "bc":
        assert done.json["summary"][name]["test"]["2"]["paired"]["compared_with"] == "a"
    text = cli("distances", "a", "b", "c", "--format", "png").out
    assert "b - a, test" in text
    assert "c - a, test" in text


def test_a_shared_initial_state_is_told_once_others_by_name(cli, folder):
    record("runs/a")
    record("runs/b", pull=0.5)
    record("runs/c", seed=4)
    states = {}
    for words in (("a", "b"), ("a", "b", "c")):
        done = cli("distances", *words, "--format", "png", "--json")
        sidecar = sidecar_of(done.json["data"][0])
        states[len(words)] = [state["runs"] for state in sidecar["states"] if state["initial"]]
    assert states == {2: [["a", "b"]], 3: [["a", "b"], ["c"]]}
    numbers = cli("distances", "a", "b", "--format", "png", "--json").json["summary"]
    assert numbers["a"]["test"]["0"] == numbers["b"]["test"]["0"]


def test_the_pretrained_state_is_the_initial_one(cli, folder):
    features = np.random.default_rng(1).normal(size=(60, 3)).astype(np.float32)
    run = record("runs/mine", epochs=1, pretrained={"test": features})
    numbers = cli("distances", "mine", "--format", "png", "--json").json["summary"]["mine"]["test"]
    assert set(numbers) == {"pretrained", "0"}
    check(numbers["0"]["paired"], features, run.snapshot("test", 0).embeddings,
          nearest(run.snapshot("test", 0).embeddings, run.labels("test"))[0])  # fmt: skip


def test_a_run_in_its_initial_state_has_no_other(cli, folder):
    record("runs/mine", epochs=1)
    done = cli("distances", "mine", "--format", "png", "--json")
    numbers = done.json["summary"]["mine"]["test"]
    assert set(numbers) == {"0"}
    assert "paired" not in numbers["0"]
    assert cli("distances", "mine", "--format", "png").code == 0


def test_runs_that_are_equal_do_not_differ(cli, folder):
    record("runs/a")
    record("runs/b")
    told = cli("distances", "a", "b", "--format", "png", "--json").json["summary"]["b"]["test"]["2"]["paired"]
    assert (told["median_difference"], told["low"], told["high"]) == (0, 0, 0)
    assert (told["wilcoxon_p"], told["n_zero"], told["nearer"]) == (1, 60, "")
    assert "neither" in cli("distances", "a", "b", "--format", "png").out


def test_a_comparison_that_depends_on_the_choice_is_told(cli, folder):
    random = np.random.default_rng(0)
    y = np.arange(300) % 6
    for name in "ab":
        with embedlens.Recorder(f"runs/{name}", labels={"test": y}) as recorder:
            recorder.record(0, {"test": random.normal(size=(300, 8))})
    done = cli("distances", "a", "b", "--format", "png", "--json")
    told = done.json["summary"]["b"]["test"]["0"]
    assert {told["paired"]["nearer"], told["paired_other_triplets"][0]["nearer"]} == {"a", "b"}
    assert "which is nearer depends on where the triplets are chosen" in done.err


def test_every_option_that_changes_the_figure_stands_in_its_name(cli, run, folder):
    base = "runs/mine/figures/distances-test-epoch-0003"
    for words, name in (
        (["--ecdf"], "-ecdf"),
        (
            ["--bins", "20", "--resamples", "99", "--seed", "3", "--reference-epoch", "1"],
            "-20-bins-99-resamples-seed-3-chosen-mine-0001",
        ),
        (["--venue", "icml", "--width", "full"], "-icml-full"),
    ):
        done = cli("distances", *words, "--format", "png", "--json")
        assert done.json["figures"] == [f"{base}{name}.png"]
    assert (
        cli("distances", "--epoch", "2", "--format", "png", "--json")
        .json["figures"][0]
        .endswith("epoch-0002.png")
    )
    with (folder / f"{base}-ecdf.csv").open(newline="") as handle:
        rows = [row for row in csv.DictReader(handle) if row["state"] == "epoch 3"]
    far = sorted(nearest(run.snapshot("test", 3).embeddings, run.labels("test"))[1])
    np.testing.assert_allclose([float(row["distance"]) for row in rows], far, atol=1e-9)
    assert float(rows[-1]["share"]) == 1


def test_a_person_reads_states_and_comparison(cli, run):
    done = cli("distances")
    assert "run runs/mine (the newest" in done.err
    assert [line.split()[:4] for line in done.out.splitlines() if line.startswith("mine, test")] == [
        ["mine,", "test", "epoch", number] for number in "03"
    ]
    assert "mine: epoch 3 - epoch 0, test" in done.out
    assert "wrote runs/mine/figures/distances-test-epoch-0003.pdf" in done.out


def test_singletons_are_counted_and_left_out(cli, folder):
    y = (np.arange(60) % 6).copy()
    y[7] = 99
    record("runs/s", labels=y)
    numbers = cli("distances", "s", "--format", "png", "--json").json["summary"]["s"]["test"]["2"]
    assert (numbers["n"], numbers["n_singletons"], numbers["paired"]["n"]) == (59, 1, 59)


def test_same_input_same_bytes(cli, run):
    for out in ("a", "b"):
        assert cli("distances", "--out", out).code == 0
    one, other = tree("a"), tree("b")
    assert all(one[name] == other[name] for name in one if not name.endswith(".json"))


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["missing"], ["no such run: missing"]),
        (["mine", "--split", "tset"], ["unknown split 'tset'"]),
        (["mine", "--epoch", "9"], ["unknown epoch '9'", "0-3, last"]),
        (["mine", "--epoch", "all"], ["'all' may be several epochs"]),
        (["mine", "--bins", "0"], ["--bins"]),
        (["mine", "--resamples", "0"], ["--resamples"]),
        (["mine", "--reference-epoch", "9"], ["--reference-epoch", "unknown epoch '9'"]),
        (["mine", "--reference-run", "nime"], ["unknown reference run 'nime'"]),
        (["mine", "other"], ["hold other items in split 'test'; a paired comparison follows the same items"]),
        (["mine", "--format", ""], ["no format given"]),
        (["mine", "--device", "tpu"], ["unknown device 'tpu'"]),
        (["one-class"], ["run 'one-class', split 'test', epoch 2", "all items have one label"]),
        (["alone"], ["no label has two items"]),
        (["empty"], ["run 'empty' has no snapshot yet"]),
    ],
)
def test_what_is_refused(cli, run, folder, words, parts):
    write_run(folder / "runs/other", n=66)
    record("runs/alone", labels=np.arange(60))
    record("runs/one-class", labels=np.zeros(60, int))
    embedlens.Recorder("runs/empty", labels={"test": np.arange(60) % 3})
    before = tree(folder)
    assert_refused(cli("distances", *words, "--out", "figures"), *parts)
    assert tree(folder) == before
    assert not (folder / "figures").exists()
