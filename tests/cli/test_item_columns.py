"""Labels by a column of items.csv, and columns that leave items out of a query's gallery, in all commands."""

from __future__ import annotations

import numpy as np
import pytest
from support import assert_refused, blobs, rows_of, sidecar_of

import embedlens

FAST = ("--format", "png", "--json")
KINDS = ("bird", "boat", "cat")
MAPS = ("--perplexity", "5", "--n-iter", "30", "--early-exaggeration-iter", "20")


def column_run(path, *, gallery=False, seed=0, n=84):
    """A run of 12 classes with a column of 3 kinds that a seventh of the items lack, and one of cameras."""
    random = np.random.default_rng(seed)
    splits = ("query", "gallery") if gallery else ("train", "test")
    data = {split: blobs(n=n, classes=12, spread=0.9, seed=seed + k) for k, split in enumerate(splits)}
    items, states = {}, {split: [] for split in splits}
    for split, (z, y) in data.items():
        there = random.permutation(n) >= n // 7
        kinds = [KINDS[label % 3] if known else "" for label, known in zip(y.tolist(), there, strict=True)]
        items[split] = {"kind": kinds, "camera": [f"c{one}" for one in random.integers(0, 3, n)]}
        items[split]["class"] = [f"class {label}" for label in y.tolist()]
        states[split] = [(z + 0.3 * epoch * np.roll(z, 1, axis=1)).astype(np.float32) for epoch in range(3)]
    pairs = {"query_gallery": {"query": "gallery"}} if gallery else {}
    labels = {split: y for split, (_, y) in data.items()}
    with embedlens.Recorder(path, labels=labels, items=items, method={}, **pairs) as recorder:
        for epoch in range(3):
            recorder.record(epoch, {split: several[epoch] for split, several in states.items()})
    return recorder.run


def as_recorded(path, run):
    """The same run without the items that have no kind, recorded with the kinds as labels."""
    kinds = {split: np.array(run.items(split)["kind"]) for split in run.splits}
    keep = {split: kind != "" for split, kind in kinds.items()}
    labels = {split: [KINDS.index(kind) for kind in kinds[split][keep[split]]] for split in run.splits}
    columns = {
        split: {"camera": np.array(run.items(split)["camera"])[keep[split]].tolist()} for split in run.splits
    }
    with embedlens.Recorder(
        path, labels=labels, items=columns, class_names=list(KINDS), method={},
        query_gallery=dict(run.info.query_gallery),
    ) as recorder:  # fmt: skip
        for epoch in run.epochs():
            recorder.record(
                epoch, {split: run.snapshot(split, epoch).embeddings[keep[split]] for split in run.splits}
            )
    return keep


ROWS = (
    "row",
    "item",
    "anchor",
    "positive",
    "negative",
    "first_positive",
    "first_negative",
    "second_positive",
)
ROWS += ("second_negative",)
APART = ("of", "n_unlabelled", "path", "created", "disk_bytes", *ROWS)


def bare(value):
    """An answer or rows of a table, without numbers of rows, of all items, and places of files."""
    if isinstance(value, list):
        return [bare(one) for one in value]
    if not isinstance(value, dict):
        return value
    if value and all(isinstance(one, dict) and "anchor" in one for one in value.values()):
        return bare([*value.values()])  # whose keys are anchors
    return {key: bare(one) for key, one in value.items() if key not in APART}


COMMANDS = {
    "evaluate": ["--metrics", "all", "--epoch", "all"],
    "scatter": [],
    "pca-prune": ["--dims", "1,4,8"],
    "spectrum": ["--intra-class"],
    "components": [],
    "info": [],
    "distances": ["--resamples", "20"],
    "trajectory": ["--moved", "2"],
    "tsne": list(MAPS),
    "curves": ["--metrics", "recall_at_1,map_at_r"],
    "sampling": ["--batches", "2", "--items-per-class", "3", "--classes-per-batch", "3", "--pairs", "200"],
    "verify": [],
    "identify": ["--unknown-class", "boat", "--split", "test", "--gallery", "none"],
    "diff": ["--from-epoch", "0", "--to-epoch", "2"],
    "compress": [],
    "report": ["--no-figures"],
}
QUICK = ("evaluate", "info")


@pytest.mark.parametrize(
    "command", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in COMMANDS]
)
def test_labels_are_read_as_if_they_had_been_recorded(cli, folder, command):
    run = column_run("runs/a/one")
    as_recorded("runs/b/one", run)
    files = () if command in ("info", "report", "evaluate") else ("--format", "png")
    words = [*COMMANDS[command], *files, "--json"]
    expected = cli(command, "runs/b/one", *words)
    found = cli(command, "runs/a/one", *words, "--labels", "kind")
    plain = cli(command, "runs/a/one", *words)
    assert (expected.code, found.code) == (0, 0), expected.err + found.err
    assert bare(found.json["summary"]) == bare(expected.json["summary"])
    assert plain.code == 2 or bare(plain.json["summary"]) != bare(found.json["summary"])
    assert "12 items have no value in the column of labels; they are left out" in found.err
    for one, path in zip(expected.json["data"], found.json["data"], strict=True):
        assert "labels-kind" in path
        rows, others = rows_of(folder / one), rows_of(folder / path)
        assert len(rows) == len(others)
        assert bare(rows) == bare(others)
        left = sidecar_of(folder / path)["left_out"]
        assert left["label_column"] == "kind"


def hits(run, query, gallery=None, *, junk="", not_same="", epoch=2):
    """R@1 hits of each query that has a positive, by loops over all pairs: query -> bool."""
    z, z_g = (run.snapshot(name, epoch).embeddings.astype(float) for name in (query, gallery or query))
    y, y_g = run.labels(query), run.labels(gallery or query)
    columns, others = run.items(query), run.items(gallery or query)
    found = {}
    for i, a in enumerate(z):
        best = {True: -2.0, False: -2.0}
        for j, b in enumerate(z_g):
            same = bool(y[i] == y_g[j])
            alike = [name and columns[name][i] == others[name][j] for name in (junk, not_same)]
            if (gallery is None and i == j) or (alike[0] and same) or alike[1]:
                continue
            best[same] = max(best[same], a @ b / np.sqrt((a @ a) * (b @ b)))
        if best[True] > -2:
            found[i] = best[True] > best[False]
    return found


@pytest.mark.parametrize("gallery", [False, True])
@pytest.mark.parametrize("option", ["junk", "not_same"])
def test_scores_are_those_of_loops_over_what_the_gallery_keeps(cli, folder, gallery, option):
    run = column_run("runs/one", gallery=gallery, seed=3)
    splits = ("query", "gallery") if gallery else ("test", None)
    expected = hits(run, *splits, **{option: "camera"})
    recall = np.mean(list(expected.values()))
    assert recall != np.mean(list(hits(run, *splits).values()))
    words = ("one", "--split", splits[0], f"--{option.replace('_', '-')}", "camera")
    done = cli("evaluate", *words, "--metrics", "recall_at_1", "--json")
    scores = done.json["summary"]["one"][splits[0]]["2"]
    assert (scores["n"], scores["recall_at_1"]) == (len(expected), pytest.approx(recall))
    assert f"{option.replace('_', '-')}-camera" in done.json["data"][0]
    left = sidecar_of(folder / done.json["data"][0])["left_out"]
    assert left[f"{option}_column"] == "camera"
    assert scores[f"n_{option}"] == left["items"][0][f"n_{option}"] > 100
    done = cli("scatter", *words, *FAST)
    assert done.json["summary"]["one"][splits[0]]["2"]["recall_at_1"] == pytest.approx(recall)
    caption = sidecar_of(folder / done.json["data"][0])["caption"]
    what = "its label and its camera" if option == "junk" else "its camera"
    assert caption.endswith(f"Left out of each query's gallery: items of {what}.")


@pytest.mark.slow
@pytest.mark.parametrize("option", ["--junk", "--not-same"])
def test_every_command_that_searches_leaves_out_the_same(cli, folder, option):
    run = column_run("runs/one", gallery=True, seed=3)
    expected = hits(run, "query", "gallery", **{option.strip("-").replace("-", "_"): "camera"})
    recall = pytest.approx(np.mean(list(expected.values())))
    words = ("one", option, "camera", *FAST)

    def answer(command, *more):
        done = cli(command, *words, *more)
        assert done.code == 0, done.err
        return done.json

    whole = answer("pca-prune", "--dims", "8")
    assert float(rows_of(folder / whole["data"][0])[-1]["recall_at_1"]) == recall
    curves = answer("curves", "--metrics", "recall_at_1")
    assert float(rows_of(folder / curves["data"][0])[-1]["value"]) == recall
    compress = answer("compress")
    baseline = [row for row in rows_of(folder / compress["data"][0]) if row["code"] == "float32"]
    assert float(baseline[0]["recall_at_1"]) == recall
    closed = answer("verify")["summary"]["one"]["query"]["2"]
    assert closed["rank_1"] == recall
    for command in ("distances", "trajectory", "identify"):
        more = ("--unknown-class", "3") if command == "identify" else ()
        assert option.strip("-") + "-camera" in answer(command, *more)["data"][0]


def test_items_without_a_label_are_counted_beside_the_scores(cli, folder):
    column_run("runs/one")
    words = ("evaluate", "one", "--metrics", "R@1", "--labels", "kind")
    scores = cli(*words, "--json").json["summary"]["one"]["test"]["2"]
    assert (scores["n"], scores["n_unlabelled"]) == (72, 12)
    assert "n unlabelled" in cli(*words).out


def test_wrong_columns(cli, folder):
    column_run("runs/one")
    z, y = blobs(n=12)
    embedlens.Recorder("runs/plain", labels={"test": y}).record(0, {"test": z})
    items = {"test": {"kind": list("aabb") * 3}, "train": {"camera": list("ab") * 6}}
    embedlens.Recorder(
        "runs/half", labels={"test": y, "train": y}, items=items, query_gallery={"test": "train"}
    ).record(0, {"test": z, "train": z[::-1]})
    score = ("evaluate", "one", "--metrics", "R@1")
    assert_refused(
        cli(*score, "--labels", "kimd"), "unknown column of items.csv 'kimd'; did you mean 'kind'?"
    )
    assert_refused(cli(*score, "--junk", "camra"), "split 'test', --junk: unknown column", "'camera'")
    assert_refused(cli(*score, "--not-same", "camra"), "split 'test', --not-same: unknown column")
    assert_refused(cli("scatter", "plain", "--labels", "kind"), "the run has no items.csv")
    assert_refused(cli("evaluate", "half", "--junk", "kind"), "split 'train', --junk: unknown column")
    assert_refused(cli("evaluate", "half", "--labels", "kind"), "split 'train': unknown column")
    assert_refused(cli(*score, "--labels", "kind", "--junk", "kind"), "no positive would be left")
    assert_refused(cli(*score, "--junk", "kind", "--not-same", "kind"), "name one of the two")
    assert_refused(cli(*score, "--junk", "class"), "no query has a positive but itself and what its gallery")
    assert_refused(cli("scatter", "one", "--junk", "class"), "no query has a positive but itself and what")
    assert_refused(cli("pca-prune", "one", "--junk", "class"), "no query has a positive but itself and what")
    assert_refused(cli("verify", "one", "--junk", "camera"), "--junk and --not-same need a query split")
    assert_refused(cli(*score, "--labels", "kind", "--log"), "--log writes scores under their plain names")
    assert_refused(cli(*score, "--labels", "kind", "--ignore-label", "dog"), "unknown class 'dog'", "cat")
    assert_refused(
        cli("export", "one", "--to", "csv", "--labels", "kind"), "12 items of split 'train' have no value"
    )


def test_a_column_that_separates_all_items_is_warned_of(cli, folder):
    z, y = blobs(n=12)
    items = {"test": {"name": [str(i) for i in range(12)]}}
    embedlens.Recorder("runs/one", labels={"test": y}, items=items).record(0, {"test": z})
    done = cli("evaluate", "one", "--metrics", "R@1", "--junk", "name", "--not-same", "name")
    assert done.code == 2
    for option, words in (
        ("--junk", "the label of a query and its value"),
        ("--not-same", "the value of a query"),
    ):
        done = cli("evaluate", "one", "--metrics", "R@1", option, "name")
        assert done.code == 0
        assert f"no gallery item has {words} in the column of {option}, so nothing is left out" in done.err


def test_labels_of_a_column_are_exported(cli, folder):
    column_run("runs/one")
    done = cli("export", "one", "--to", "csv", "--labels", "camera", "--split", "test", "--out", "out")
    assert done.code == 0, done.err
    rows = rows_of("out/test.csv")
    assert {(row["label"], row["class"]) for row in rows} == {("0", "c0"), ("1", "c1"), ("2", "c2")}
    assert all(row["class"] == row["camera"] for row in rows)


def test_the_program_takes_a_column(program, folder):
    column_run("runs/one")
    done = program("evaluate", "one", "--metrics", "R@1", "--labels", "kind", "--junk", "camera")
    assert done.code == 0, done.err
    assert "labels-kind-junk-camera" in done.out
    assert "12 items have no value in the column of labels; they are left out" in done.err


@pytest.mark.slow
def test_workers_read_the_column(cli, folder):
    column_run("runs/one")
    words = (
        "evaluate",
        "one",
        "--metrics",
        "R@1",
        "--epoch",
        "all",
        "--labels",
        "kind",
        "--junk",
        "camera",
        "--json",
    )
    assert cli(*words, "--workers", "2").json["summary"] == cli(*words).json["summary"]
