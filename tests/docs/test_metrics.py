"""The page of metrics names every metric that the program computes or logs."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
import torch
from losses_support import batch, made, tuplets
from schemas import SCHEMAS
from support import write_run

from embedlens.analysis.scores import METRICS, check_metrics
from embedlens.experiments.epoch_metrics import GEOMETRY
from embedlens.objectives import LOSSES
from embedlens_cli.main import main

PAGE = (Path(__file__).parent.parent.parent / "docs/reference/metrics.md").read_text(encoding="utf-8")


def section(title):
    """The part of the page below a heading of the second level."""
    return re.split(r"^## ", PAGE.partition(f"\n## {title}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


@pytest.mark.parametrize("name", ["recall_at_K", *METRICS])
def test_every_metric_of_evaluate_has_a_row_and_a_section(name):
    scores = section("Retrieval, clustering and geometry")
    row = re.search(rf"^\| \[`{name}`\]\(#([a-z0-9-]+)\) \|(.+)$", scores, re.MULTILINE)
    assert row, name
    assert len(row[2].split("|")) == 5
    headings = {
        re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-"): heading
        for heading in re.findall(r"^### (.+)$", scores, re.MULTILINE)
    }
    assert name.replace("K", "k").lower().replace("_", "-") in row[1] or row[1] in headings
    assert name in headings[row[1]]


def test_no_other_metric_is_named_and_other_spellings_are_read():
    scores = section("Retrieval, clustering and geometry")
    table = scores.partition("### ")[0]
    listed = re.findall(r"^\| \[`(\w+)`\]", table, re.MULTILINE)
    assert set(listed) == {"recall_at_K", *METRICS}
    for name, spellings in re.findall(r"^\| \[`(\w+)`\]\(\S+\) \| ([^|]+)\|", table, re.MULTILINE):
        for spelling in re.findall(r"`([^`]+)`", spellings.replace("`--ks`", "")):
            read = check_metrics([spelling.replace("K", "4") if name == "recall_at_K" else spelling])
            assert name.replace("K", "4") in read, spelling


def names_in(text):
    """What stands in backquotes in a text, word by word."""
    return {word for span in re.findall(r"`([^`]+)`", text) for word in span.replace(".", " ").split()}


def numbers_in(value):
    """The names of the numbers of a state in the answer of a command."""
    for name, inner in value.items():
        if not isinstance(inner, dict):
            yield name
        else:
            yield from numbers_in(inner)


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("verify a --negatives 1", "Verification and identification"),
        ("identify a --unknown-class 2", "Identification with an unknown class"),
        (
            "identify a --unknown-class 2 --choose-on halves --classifier",
            "Identification with an unknown class",
        ),
        ("spectrum a", "Spectrum"),
        ("spectrum a --intra-class", "Spectrum"),
        ("sampling a --show distances,picked --batches 2", "Sampling"),
        ("scatter a --split test", "Triplets"),
        ("distances a --split test --resamples 50", "Triplets"),
        ("diff a --split test --resamples 50", "Differences"),
    ],
)
def test_every_number_of_an_answer_is_named(folder, monkeypatch, capsys, line, title):
    write_run("runs/a", n=60)
    monkeypatch.setattr(sys, "argv", ["embedlens", *line.split(), "--json", "--format", "svg"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 0
    answer = json.loads(capsys.readouterr().out)["summary"]["a"]["test"]
    state = next(reversed(answer.values()))
    given, named = set(numbers_in(state)), names_in(section(title))
    described = {"n", "n_singletons", "n_classes", "dim", "gallery", "new_label", "new_class"}
    described |= {"compared_with", "triplets_of", "paired_other_triplets"}
    far = {re.sub(r"_far_[0-9.e-]+", "_far_F", re.sub(r"vrf_\d+", "vrf_M", name)) for name in given}
    assert far - described <= named


def logged(name):
    """The columns that a loss logs."""
    torch.manual_seed(0)
    z, y = tuplets(n=4) if name == "tuplet" else batch()
    try:
        return set(made(name, y)(z, y)[1])
    except Exception as error:
        pytest.fail(f"{name}: {error}")


@pytest.mark.parametrize("name", LOSSES.names())
def test_every_column_of_a_loss_is_named(name):
    assert logged(name) <= names_in(section("Columns of log.csv")), name


def test_columns_of_every_training_are_named():
    columns = section("Columns of log.csv")
    for name in ("epoch", "step", "seconds", "lr", "gradient_norm", "embedding_l2", "SPLIT_recall_at_1"):
        assert f"`{name}`" in columns
    for name in GEOMETRY:
        assert f"`SPLIT_{name}`" in columns


def test_schema_and_page_know_the_same_scores():
    known = set(SCHEMAS["evaluate.json"]["$defs"]["scores"]["properties"])
    counts = {name for name in known if name.startswith("n_")} | {"n", "loss", "alpha_from", "alpha_to"}
    assert known - counts - {f"{name}_std" for name in ("nmi", "f1", "ami")} == set(METRICS)
