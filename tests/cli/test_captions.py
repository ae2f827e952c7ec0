"""Captions in sidecars: one figure of every kind, its runs, split, epochs and number of items in one line."""

from __future__ import annotations

import re

import pytest
from support import sidecar_of, write_run

from embedlens.captions.places import Shown, caption, places

LINES = {
    "scatter a b --split test": ["Runs a and b, test split, epoch 2, n = 48."],
    "scatter a --split train,test --epoch 0": ["Run a, splits train and test, epoch 0, n = 48."],
    "scatter a b --split test --triplets fixed": ["the nearest ones in a at epoch 2", "n = 48."],
    "scatter a --split test --limits 0.9,1": ["dots lie outside the axes", "n = 48."],
    "scatter a --split test --flow": ["Arrows are the mean displacement", "epochs 0 and 2, n = 48."],
    "scatter a --split test --field epshn": ["gradient step of the loss (epshn", "90 degrees"],
    "trajectory a b --random 2 --split test": [
        "Runs a and b",
        "epochs 0 to 2",
        "n = 2 of 48 anchors",
        "seed 0",
    ],
    "distances a b --resamples 50 --split test": [
        "Runs a and b",
        "n = 48",
        "Median difference",
        "(b less a)",
    ],
    "distances a --resamples 50 --ecdf --split test": ["Cumulative distributions", "test split, epoch 2"],
    "diff a b --resamples 50 --split test": [
        "rank of their nearest positive in a (across) and in b (up)",
        "McNemar p = ",
        "Runs a and b, test split, epoch 2, n = 48.",
    ],
    "diff a --from-epoch 0 --resamples 50 --split test": ["in epoch 0", "epochs 0 and 2, n = 48."],
    "spectrum a b --split test": ["sigma / sqrt(N - 1)", "PCA of the centred", "Runs a and b", "n = 48"],
    "spectrum a --epoch all --split test": ["One curve per epoch", "epochs 0 to 2, n = 48"],
    "spectrum a --epoch all --heatmap --svd": ["Rows are epochs", "SVD of the uncentred", "logarithmic"],
    "spectrum a --slices 2 --cumulative": [
        "Cumulative fraction of the variance",
        "(2 slices)",
        "R@1",
        "n = 48",
    ],
    "spectrum a --intra-class --split test": ["Variance within each class (6 classes)", "n = 48"],
    "components a --split test": ["components 1 and 8 (1 is the largest)", "Run a", "n = 48"],
    "drift a --k 1,5 --epoch 0,2 --split test": [
        "each pair of epochs",
        "linear CKA is 1",
        "Run a, test split, epochs 0 and 2, n = 48.",
    ],
    "drift a b --epoch last --metrics angle --split test": ["each pair of runs", "Runs a and b", "n = 48"],
    "pca-prune a b --dims 8,4": [
        "PCA of the centred embeddings of the train split",
        "Runs a and b",
        "n = 48",
    ],
    "pca-prune a --slices 2": ["each of 2 slices", "n = 48"],
    "compress a b --pq-bits 4": [
        "R@1 against the bytes that an item takes",
        "at least 100 candidates rescored by the float query",
        "product quantisation (4 bits per group of dimensions, asymmetric distances)",
        "Fitted on the train split.",
        "Runs a and b, test split, epoch 2, n = 48.",
    ],
    "compress a --codes int8 --metrics R@1,map_at_r": ["R@1 and MAP@R against the bytes", "by code: int8"],
    "tsne a --sample 30 --every-class --perplexity 5 --n-iter 50": ["perplexity 5", "n = 30 of 48"],
    "tsne a --central --perplexity 5 --n-iter 50": ["class means subtracted", "n = 48"],
    "verify a b --draws 2 --negatives 1": [
        "pairs",
        "probes",
        "over 6 classes, bands hold 90 %",
        "Runs a and b, test split, epoch 2",
        "n = ",
    ],
    "identify a b --unknown-class 1": ["class 1 counts as unknown", "optimistically biased", "n = 48"],
    "identify a --unknown-class 1 --classifier": ["classifier's probability", "Run a, test split, epoch 2"],
    "curves a b": ["Test R@1 against the epoch", "Runs a and b, test split, epochs 0 to 2, n = 48"],
    "sampling a b --batches 2": [
        "2 batches of 6 classes x 4 items",
        "Runs a and b",
        "of 168 positive",
        "n = 48",
    ],
    "sampling a --show losses": ["Losses of a pair against its distance", "Run a, test split, epoch 2"],
    "scatter a b --split test --ignore-label 1,2": ["n = 32", "Left out: items of classes 1 and 2."],
}
"""Command line -> what the caption of its figure, or of one of its figures, says."""

TRAINED = {
    "sweep --data digits --epochs 1 --dim 4 --loss ep,triplet --lr 0.001,0.002 --out runs": [
        "R@1 at epoch 1 against the learning rate", "one line per loss: ep and triplet", "digits, test split",
    ],
    "sweep --data digits --epochs 1 --dim 4 --loss ep,triplet --lr 0.001 --out runs": [
        "R@1 of each loss at epoch 0 and at epoch 1: ep and triplet", "n = ",
    ],
}  # fmt: skip
COMPARED = (
    "compare --data digits --epochs 1 --loss triplet --method plain,divide-conquer --clusters 2 --seed 0,1"
)


@pytest.fixture
def runs(folder):
    write_run(folder / "runs/a", n=48)
    write_run(folder / "runs/b", n=48, seed=4)


def captions(cli, line):
    """The captions of the figures of a command line."""
    done = cli(*line.split(), *("--format", "svg"), "--json")
    assert done.code == 0, done.err
    data = [path for path in done.json["data"] if path.endswith(".csv")]
    assert data
    return [sidecar_of(path)["caption"] for path in data]


def check(texts, expected):
    for text in texts:
        assert text.endswith(".")
        assert text == " ".join(text.split())
        assert text.isprintable()
        assert not re.search(r"\\|\bNone\b|nan|\{|\}|\.\.|  ", text), text
        assert text[0].isupper()
        assert len(text) < 900, text
    for part in expected:
        assert any(part in text for text in texts), (part, texts)


@pytest.mark.parametrize("line", LINES)
def test_captions_say_what_is_drawn_of_which_runs_splits_epochs_and_items(cli, runs, line):
    texts = captions(cli, line)
    check(texts, LINES[line])
    for text in texts:
        assert re.search(r"Runs? a\b.* split.*\bepochs? \d", text), text


def test_captions_of_animations_and_strips(cli, runs):
    film, strip = captions(cli, "scatter a --split test --animate --epoch 0,2")[-2:]
    check(
        [film, strip],
        ["One frame per epoch. Run a, test split, epochs 0 to 2, n = 48.", "One column per epoch."],
    )
    options = "--perplexity 5 --n-iter 20 --settle-iter 50 --warm-iter 20"
    texts = captions(cli, f"tsne a --animate {options}")
    check(
        texts,
        ["Each map starts from that of the epoch before", "One frame per epoch.", "One column per epoch."],
    )


@pytest.mark.parametrize("line", TRAINED)
def test_captions_of_sweeps(cli, folder, line):
    check(captions(cli, line), TRAINED[line])


@pytest.mark.slow
def test_captions_of_comparisons(cli, folder):
    parts = ["R@1", "triplet", "seeds (0 and 1)", "digits, test split, epoch 1, n = "]
    check(captions(cli, COMPARED), parts)


def test_hostile_names_stay_one_line_of_plain_text(cli, runs):
    name = "a\nb {x} 50% $_{i}$ \\alpha #1 & ~"
    words = ["scatter", "a", "--split", "test", "--names", f'"{name}"', "--format", "svg", "--json"]
    done = cli(*words)
    assert done.code == 0, done.err
    text = sidecar_of(done.json["data"][0])["caption"]
    assert "\n" not in text
    assert text.isprintable()
    assert "{x} 50% $_{i}$ \\alpha #1 &" in text
    assert text.endswith(", test split, epoch 2, n = 48.")


def test_what_cannot_be_seen_stands_as_an_escape():
    shown = [Shown("a\x1b[31m\u202e", "test\n2", 3, 4, 5)]
    assert caption("Dots.", shown) == r"Dots. Run a\x1b[31m\u202e, test\n2 split, epoch 3, n = 4 of 5."


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        ([("a", "test", 3)], "Run a, test split, epoch 3."),
        ([("a", "test", 3, 1200, 1200)], "Run a, test split, epoch 3, n = 1,200."),
        ([("a", "test", 3, 4), ("b", "test", 5, 4)], "Runs a (epoch 3) and b (epoch 5), test split, n = 4."),
        (
            [("a", "train", 0, 9, 9), ("a", "test", 0, 4, 5)],
            "Run a, splits train (n = 9) and test (n = 4 of 5), epoch 0.",
        ),
        ([("a", "test", 1, 4), ("b", "test", 1, 5)], "Runs a (n = 4) and b (n = 5), test split, epoch 1."),
        (
            [("a", "x", 1, 4), ("b", "x", 1, 5), ("a", "y", 1, 6), ("b", "y", 1, 7)],
            "Runs a and b, splits x and y, epoch 1, n = 4 to 7.",
        ),
        ([("a", "test", e, 4) for e in range(25)], "Run a, test split, epochs 0 to 24, n = 4."),
        ([("a", "test", e, 4) for e in (0, 2, 9)], "Run a, test split, epochs 0, 2 and 9, n = 4."),
        ([("a", "test", 3 * e, 4) for e in range(12)], "Run a, test split, 12 epochs from 0 to 33, n = 4."),
        ([("joined", "test", "3+5", 4)], "Run joined, test split, epoch 3+5, n = 4."),
        (
            [(f"r{n}", "test", 1, 4) for n in range(12)],
            "Runs r0, r1, r2, r3, r4, r5, r6, ... and r11 (12 in all), test split, epoch 1, n = 4.",
        ),
    ],
)
def test_runs_splits_epochs_and_numbers_of_items(shown, text):
    assert places([Shown(*one) for one in shown]) == text


def test_a_table_has_no_caption(cli, runs):
    assert "caption" not in sidecar_of(cli("evaluate", "a", "--json").json["data"][0])
