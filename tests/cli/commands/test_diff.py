"""The command `diff`: its answer against plain loops, its files, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from support import assert_refused, blobs, brute_force, rows_of, sidecar_of, tree, write_run

import embedlens

N = 60
PICTURES = np.random.default_rng(0).integers(256, size=(N, 8, 8), dtype=np.uint8)


def record(path, *, seed=0, noise=1.0, loss="none", epochs=2, labels=None, **options):
    """A run whose items lie at the same places but for noise of its seed."""
    z, y = blobs(n=N, spread=0.4)
    y = y if labels is None else labels
    random = np.random.default_rng(100 + seed)
    with embedlens.Recorder(
        path, labels={"test": y}, method={"loss": loss, "seed": seed}, **options
    ) as recorder:
        for epoch in range(epochs):
            recorder.record(epoch, {"test": z + noise / (epoch + 1) * random.normal(size=z.shape)})
    return recorder.run


def right(run, epoch=-1):
    """Whether the nearest neighbour of each item has its class, by plain loops."""
    snapshot = run.snapshot("test", epoch)
    rows = brute_force(snapshot.embeddings, snapshot.labels)
    return np.array([positive[0] > negative[0] for _, positive, negative in rows])


@pytest.mark.slow
def test_through_the_real_entry_point(program, folder):
    names = {label: f"class {label}" for label in range(6)}
    one = record("runs/mine", class_names=names, thumbnails={"test": PICTURES})
    other = record("runs/other", seed=1, noise=3.0)
    done = program("diff", "mine", "other", "--json")
    assert done.code == 0, done.err
    assert done.err == ""
    figures = [
        f"figures/diff-mine-other-test-epoch-0001-{kind}" for kind in ("ranks", "classes", "confusions")
    ]
    figures.append("figures/diff-mine-other-test-epoch-0001-losses")
    assert done.json["figures"] == [f"{stem}.{end}" for stem in figures for end in ("pdf", "png")]
    assert b"/Type3" not in (folder / done.json["figures"][0]).read_bytes()
    a, b = right(one), right(other)
    numbers = done.json["summary"]["other"]["test"]["1"]
    assert (numbers["recall_at_1_first"], numbers["recall_at_1_second"]) == (a.mean(), b.mean())
    assert (numbers["n_won"], numbers["n_lost"]) == (np.sum(b & ~a), np.sum(a & ~b))
    assert numbers["low"] <= numbers["difference"] <= numbers["high"]
    rows = rows_of(done.json["data"][0])
    assert [row["change"] for row in rows] == np.where(b & ~a, "won", np.where(a & ~b, "lost", "")).tolist()
    assert [row["class_name"] for row in rows] == [names[int(row["label"])] for row in rows]
    losses = rows_of(done.json["data"][3])
    assert len(losses) == min(8, numbers["n_lost"])
    assert {"first_negative_class_name", "second_rank"} <= set(losses[0])


def test_two_runs(cli, folder):
    one, other = record("runs/mine"), record("runs/other", seed=1, noise=3.0)
    done = cli("diff", "mine", "other", "--format", "svg")
    assert done.code == 0, done.err
    a, b = right(one), right(other)
    assert f"{a.mean():.4f}" in done.out
    assert f"{b.mean() - a.mean():+.4f}" in done.out
    assert "other compared with mine" in done.out
    sidecar = sidecar_of("figures/diff-mine-other-test-epoch-0001-ranks.svg")
    assert sidecar["first"] == {"name": "mine", "runs": ["mine"], "epochs": [1]}
    assert sidecar["paired"] is False
    assert sidecar["interval"]["method"].startswith("BCa")
    data = (folder / "figures/diff-mine-other-test-epoch-0001-losses.csv").read_text()
    assert data.count("\n") > 1  # without thumbnails the losses are listed, not drawn
    assert not (folder / "figures/diff-mine-other-test-epoch-0001-losses.svg").exists()


def test_two_epochs_of_one_run(cli, folder):
    run = record("runs/mine", epochs=4, noise=4.0)
    answer = cli("diff", "mine", "--from-epoch", "1", "--to-epoch", "3", "--format", "svg", "--json").json
    assert answer["figures"][0] == "runs/mine/figures/diff-test-epoch-0001-to-0003-ranks.svg"
    numbers = answer["summary"]["mine"]["test"]["3"]
    assert numbers["compared_with"] == "epoch 1"
    assert numbers["recall_at_1_first"] == right(run, 1).mean()
    assert numbers["recall_at_1_second"] == right(run, 3).mean()
    ends = cli("diff", "mine", "--format", "svg", "--json").json
    assert ends["figures"][0].endswith("epoch-0000-to-0003-ranks.svg")
    text = (folder / ends["figures"][1]).read_text()
    assert "epoch 0" in text
    assert "epoch 3" in text


def test_epochs_of_two_runs(cli, folder):
    one, other = record("runs/mine", epochs=3), record("runs/other", seed=2, noise=2.0)
    words = ("--from-epoch", "0", "--to-epoch", "last", "--format", "svg", "--json")
    answer = cli("diff", "mine", "other", *words).json
    numbers = answer["summary"]["other"]["test"]["1"]
    assert numbers["compared_with"] == "mine, epoch 0"
    assert numbers["recall_at_1_first"] == right(one, 0).mean()
    assert numbers["recall_at_1_second"] == right(other, 1).mean()


def test_groups_of_seeds(cli, folder):
    groups = {
        loss: [record(f"runs/{loss}-s{seed}", seed=seed, noise=noise, loss=loss) for seed in range(3)]
        for loss, noise in (("plain", 1.0), ("worse", 3.0))
    }
    names = [run.name for several in groups.values() for run in several]
    answer = cli("diff", *names, "--format", "svg", "--json").json
    numbers = answer["summary"]["worse"]["test"]["1"]
    means = [np.mean([right(run) for run in several]) for several in groups.values()]
    assert numbers["difference"] == pytest.approx(means[1] - means[0])
    assert (numbers["n_runs_first"], numbers["n_runs_second"]) == (3, 3)
    assert numbers["interval"]["n_seeds"] == 3
    assert "mcnemar_p" not in numbers
    ranks, _, confusions = [sidecar_of(answer["figures"][place]) for place in range(3)]
    assert ranks["paired"] is True
    counts = f"than of plain are won ({numbers['n_won']}), in a smaller one lost ({numbers['n_lost']})."
    assert counts in ranks["caption"]
    assert confusions["caption"].startswith("Number, mean over the runs, of anchors")
    alone = cli("diff", *names[:3], "worse-s0", "--format", "svg", "--json").json
    assert alone["summary"]["worse-s0"]["test"]["1"]["n_runs_first"] == 3
    assert sidecar_of(alone["figures"][0])["paired"] is False
    epochs = cli("diff", *names[:3], "--format", "svg", "--json").json
    assert epochs["summary"]["plain"]["test"]["1"]["compared_with"] == "epoch 0"
    two = cli("diff", "plain-s0", "plain-s1", "--format", "svg", "--json").json
    assert two["summary"]["plain-s1"]["test"]["1"]["compared_with"] == "plain-s0"


def test_a_run_that_changed_nothing_has_no_figure_of_changes(cli, folder):
    record("runs/mine", noise=0.0)
    answer = cli("diff", "mine", "--format", "svg", "--json").json
    assert [path.rpartition("-")[2] for path in answer["figures"]] == ["ranks.svg"]
    assert [path.rpartition("-")[2] for path in answer["data"]] == [
        "ranks.csv",
        "classes.csv",
        "confusions.csv",
    ]
    assert answer["summary"]["mine"]["test"]["1"]["mcnemar_p"] == 1
    assert answer["summary"]["mine"]["test"]["1"]["classes"]["n_unchanged"] == 6


def test_queries_and_their_gallery(cli, folder):
    labels = {"query": np.arange(30) % 5, "gallery": np.arange(40) % 5}
    places = {split: blobs(n=y.size, classes=5, seed=1)[0] for split, y in labels.items()}
    pictures = {split: PICTURES[: y.size] for split, y in labels.items()}
    for seed in range(2):
        random = np.random.default_rng(seed)
        with embedlens.Recorder(
            f"runs/qg{seed}", labels=labels, query_gallery={"query": "gallery"}, thumbnails=pictures
        ) as recorder:
            recorder.record(0, {s: z + (1 + seed) * random.normal(size=z.shape) for s, z in places.items()})
    answer = cli("diff", "qg0", "qg1", "--format", "svg", "--json").json
    runs = [embedlens.open_run(f"runs/qg{seed}") for seed in range(2)]
    numbers = answer["summary"]["qg1"]["query"]["0"]
    for side, run in zip(("first", "second"), runs, strict=True):
        gallery = run.snapshot("gallery", 0).embeddings, labels["gallery"]
        z, y = run.snapshot("query", 0).embeddings, labels["query"]
        recall = embedlens.analysis.retrieval.recall_at_k(z, y, [1], gallery=gallery)[1]
        assert numbers[f"recall_at_1_{side}"] == recall
    assert answer["figures"][-1].endswith("losses.svg")


def test_items_left_out_keep_their_rows(cli, folder):
    record("runs/mine"), record("runs/other", seed=1, noise=3.0)
    answer = cli("diff", "mine", "other", "--ignore-label", "0", "--format", "svg", "--json").json
    rows = rows_of(answer["data"][0])
    assert [int(row["anchor"]) for row in rows] == [row for row in range(N) if row % 6]
    assert all(int(row["first_positive"]) % 6 == int(row["label"]) for row in rows)


def test_same_input_same_bytes_and_workers_change_nothing(cli, folder):
    record("runs/mine"), record("runs/other", seed=1, noise=3.0)
    for out, words in (("a", []), ("b", ["--workers", "2"])):
        assert cli("diff", "mine", "other", "--format", "svg", "--out", out, *words).code == 0
    one, other = tree("a"), tree("b")
    assert one
    assert all(one[name] == other[name] for name in one if not name.endswith(".json"))


def test_options_stand_in_file_names(cli, folder):
    record("runs/mine"), record("runs/other", seed=1, noise=3.0)
    words = ("--top", "2", "--losses", "1", "--resamples", "9", "--seed", "4", "--names", "A,B")
    answer = cli("diff", "mine", "other", *words, "--format", "svg", "--json").json
    stem = "figures/diff-A-B-test-epoch-0001-9-resamples-seed-4"
    kinds = ("ranks", "classes-top-2", "confusions-top-2", "losses-1")
    assert answer["data"] == [f"{stem}-{kind}.csv" for kind in kinds]
    assert len(rows_of(answer["data"][3])) == 1
    none = cli("diff", "mine", "other", "--losses", "0", "--format", "svg", "--json").json
    assert len(none["data"]) == 3


def test_a_run_without_a_snapshot_leaves_nothing_to_compare_with(cli, folder):
    record("runs/mine")
    embedlens.Recorder("runs/empty", labels={"test": np.arange(N) % 6})
    done = cli("diff", "mine", "empty")
    assert (done.code, done.out) == (2, "")
    assert "runs without a snapshot are left out: runs/empty" in done.err
    assert "the names mine, empty leave one run with snapshots, 'mine'" in done.err


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["missing", "mine"], ["no such run: missing"]),
        (
            ["mine", "mine"],
            ["the names mine, mine leave one run with snapshots, 'mine'; name two, or one with"],
        ),
        (["mine", "more"], ["hold other items in split 'test'", "(60 and 66 items)"]),
        (["mine", "swapped"], ["(other labels in 60 of 60 rows, first in row 0)"]),
        (["mine", "columns"], ["(other columns of items.csv: name)"]),
        (["mine", "--from-epoch", "last"], ["are both epoch 1; name two epochs, or two runs"]),
        (["mine", "--from-epoch", "9"], ["--from-epoch", "unknown epoch '9'", "run 'mine'"]),
        (["mine", "--to-epoch", "0,1"], ["--to-epoch: '0,1' may be several epochs"]),
        (["once"], ["run 'once': --from-epoch and --to-epoch are both epoch 0"]),
        (["mine", "a", "b"], ["3 runs are 3 groups of seeds (mine, a, b)"]),
        (["mine", "a", "unseeded"], ["differ in the seed alone; no seed in run.json: unseeded"]),
        (
            ["mine", "train"],
            ["the runs share no split (mine: test, train: train); choose runs that have one"],
        ),
        (["mine", "a", "--split", "tset"], ["unknown split 'tset'"]),
        (["mine", "a", "--losses", "999"], ["999 losses requested; 1 to"]),
        (["mine", "a", "--top", "0"], ["--top"]),
        (["mine", "a", "--resamples", "0"], ["--resamples"]),
        (["mine", "a", "--device", "tpu"], ["unknown device 'tpu'"]),
        (["one-class"], ["run 'one-class', split 'test', epoch", "all items have one label"]),
        (["alone"], ["no label has two items"]),
        (["nan"], ["run 'nan', split 'test', epoch"]),
    ],
)
def test_what_is_refused(cli, folder, words, parts):
    labels = np.arange(N) % 6
    record("runs/mine")
    for number, name in enumerate(("a", "b")):
        record(f"runs/{name}", seed=0, loss=name, noise=number)
    write_run("runs/more", n=66)
    write_run("runs/train", splits=("train",))
    with embedlens.Recorder("runs/unseeded", labels={"test": labels}) as unseeded:
        unseeded.record(0, {"test": blobs(n=N)[0]})
    record("runs/swapped", labels=5 - labels)
    record("runs/columns", items={"test": {"name": [str(row) for row in range(N)]}})
    record("runs/once", epochs=1)
    record("runs/one-class", labels=0 * labels)
    record("runs/alone", labels=np.arange(N))
    record("runs/nan")
    np.save("runs/nan/splits/test/epoch-0001.npy", np.full((N, 8), np.nan, np.float32))
    before = tree(folder)
    assert_refused(cli("diff", *words, "--out", "figures"), *parts)
    assert tree(folder) == before
