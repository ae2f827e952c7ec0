"""Runs whose items have sets of labels: every command works with sets, or refuses them in one line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support import assert_refused

import embedlens
from embedlens.measurements.reader import Reader
from embedlens.measurements.selected import Selected
from embedlens.report.sources import Extent, gather
from embedlens_cli.main import _COMMANDS

NAMES = ["red", "green", "blue", "round", "square"]
WORKS = {
    "scatter": "scatter tags --epoch all --format svg",
    "trajectory": "trajectory tags --format svg",
    "drift": "drift tags --format svg",
    "distances": "distances tags --resamples 20 --format svg",
    "spectrum": "spectrum tags --format svg",
    "evaluate": "evaluate tags --epoch all",
    "compress": "compress tags --format svg",
    "curves": "curves tags --format svg",
    "info": "info tags --verify",
    "export": "export tags --to npz --out exported",
    "report": "report tags --no-figures",
    "watch": "watch tags --format svg",
    "concat": "concat tags more --out joined",
    "import": "import z.npy --labels table.npy --out imported",
}
REFUSES = {
    "diff": "diff tags more",
    "components": "components tags",
    "pca_prune": "pca-prune tags",
    "tsne": "tsne tags",
    "verify": "verify tags",
    "identify": "identify tags --unknown-class 1",
    "sampling": "sampling tags",
}
NEW_RUNS = {"demo", "train", "sweep", "compare", "embed"}
"""Commands that make runs of data with one label per item."""
SUMS = {"figures"}
"""Commands that call others, and say which they left out."""


@pytest.fixture
def tags(folder, cli):
    """Two runs of queries and a gallery, whose items have up to two labels."""
    random = np.random.default_rng(0)
    table = random.random((60, 5)) < 0.25
    columns = {"shape": [["round", "square"][row % 2] for row in range(60)]}
    for name in ("tags", "more"):
        with embedlens.Recorder(
            f"runs/{name}",
            labels={"test": table, "query": table[:20]},
            items={"test": columns, "query": {"shape": columns["shape"][:20]}},
            class_names=NAMES,
            query_gallery={"query": "test"},
        ) as recorder:
            for epoch in range(2):
                z = {"test": random.normal(size=(60, 8)), "query": random.normal(size=(20, 8))}
                recorder.record(epoch, z)
    np.save("table.npy", table)
    np.save("z.npy", random.normal(size=(60, 8)).astype(np.float32))
    return table


def test_every_command_is_known_to_work_with_sets_or_to_refuse_them():
    commands = {entry.module.partition(".")[0].rstrip("_") for entry in _COMMANDS}
    assert sorted(commands) == sorted([*WORKS, *REFUSES, *NEW_RUNS, *SUMS])


@pytest.mark.parametrize("command", WORKS)
def test_commands_that_work_with_sets(tags, cli, command):
    done = cli(*WORKS[command].split())
    assert done.code == 0, done.err


@pytest.mark.parametrize("command", REFUSES)
def test_commands_that_need_one_label_refuse_sets_in_one_line(tags, cli, command):
    assert_refused(cli(*REFUSES[command].split()), "sets of labels (multi-label)", "one label per item")


@pytest.mark.parametrize(
    "line",
    ["evaluate tags", "components tags", "scatter tags --split test --format svg", "verify tags --folds 2"],
)
def test_a_column_of_the_items_takes_the_place_of_sets(tags, cli, line):
    done = cli(*line.split(), "--labels", "shape")
    assert done.code == 0, done.err


def test_scores_by_name_default_and_all(tags, cli):
    assert_refused(
        cli("evaluate", "tags", "--metrics", "nmi,recall"), "nmi: one label per item", "r_precision"
    )
    default = cli("evaluate", "tags", "--json").json["summary"]["tags"]["query"]["1"]
    assert "nmi" not in default
    assert {"recall_at_1", "r_precision", "map_at_r"} <= set(default)
    every = cli("evaluate", "tags", "--metrics", "all", "--json").json["summary"]["tags"]["query"]["1"]
    assert {"hubness", "uniformity"} <= set(every)
    assert not {"nmi", "knn_accuracy", "map_at_5"} & set(every)


def test_info_describes_the_sets(tags, cli):
    split = cli("info", "tags", "--json").json["summary"]["tags"]["splits"]["test"]
    counts = tags.sum(axis=1)
    assert split["label_sets"] == {
        "mean_labels": pytest.approx(counts.mean()),
        "most_labels": counts.max(),
        "without_label": np.sum(counts == 0),
    }
    assert (split["items"], split["classes"]) == (60, 5)
    assert split["largest_class"]["items"] == tags.sum(axis=0).max()
    text = cli("info", "tags").out
    assert (
        f"labels, test: a set for each item, mean {counts.mean():.3g} labels, {counts.max()} at most" in text
    )


def test_classes_of_reports_and_triplets_are_whole_sets(tags, cli):
    row = int(np.flatnonzero(tags[:20].sum(axis=1) > 1)[0])
    text = cli("trajectory", "tags", "--anchor", row, "--format", "svg").out
    assert f"{row} ({', '.join(np.array(NAMES)[tags[row]])})" in text


def test_exports_hold_whole_sets(tags, cli):
    assert cli("export", "tags", "--to", "npz", "--out", "a").code == 0
    with np.load("a/test_0001.npz") as file:
        indptr, indices = file["labels_indptr"], file["labels_indices"]
    assert [indices[a:b].tolist() for a, b in zip(indptr[:-1], indptr[1:], strict=True)] == [
        np.flatnonzero(row).tolist() for row in tags
    ]
    assert cli("export", "tags", "--to", "csv", "--out", "b").code == 0
    with open("b/test.csv", encoding="utf-8") as text:
        header, *rows = (line.split(",") for line in text)
    at = header.index("label")
    assert [row[at] for row in rows] == [";".join(map(str, np.flatnonzero(row))) for row in tags]
    refused = cli("export", "tags", "--to", "safetensors", "--out", "c")
    assert_refused(refused, "run 'tags', split 'test'", "exported to csv, npz and projector")


def test_an_imported_table_is_scored_as_the_recorded_one(tags, cli):
    assert cli("import", "z.npy", "--labels", "table.npy", "--out", "runs/imported").code == 0
    assert json.loads(Path("runs/imported/run.json").read_text(encoding="utf-8"))["version"] == 2
    with embedlens.Recorder("runs/recorded", labels={"test": tags}) as recorder:
        recorder.record(0, {"test": np.load("z.npy")})
    one, other = (cli("evaluate", name, "--json").json["summary"][name] for name in ("imported", "recorded"))
    assert one == other


@pytest.mark.parametrize("option", ["--ignore-label", "--distractor-label"])
def test_classes_are_not_left_out_of_sets(tags, cli, option):
    assert_refused(cli("evaluate", "tags", option, "red"), "one label per item is needed")


def test_figures_say_what_they_leave_out(tags, cli):
    done = cli("figures", "tags", "--split", "query")
    assert done.code == 0, done.err
    assert done.err.count("left out: ") + done.out.count("left out: ") >= 4


def test_the_page_of_a_report_shows_the_whole_set_of_an_item(tags):
    run = embedlens.open_run("runs/tags")
    (data,) = gather([Selected("tags", run, "query", 1, Reader())], Extent(figures=False)).datasets
    for items, rows in ((data.items, 20), (data.gallery, 60)):
        assert items.labels.size == rows
        for row, label in enumerate(items.labels.tolist()):
            assert items.class_names[label] == (", ".join(np.array(NAMES)[tags[row]]) or "no label")
            assert items.label_texts[label] == ";".join(map(str, np.flatnonzero(tags[row])))
