"""No score depends on what else is computed with it, nor on how much each row is searched."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from support import blobs

from embedlens.analysis.retrieval.label_ranking import mean_precision
from embedlens.analysis.retrieval.neighbours import RetrievalOptions, retrieve
from embedlens.analysis.scores import ALL, ScoreSettings, check_metrics, score
from embedlens.similarity import pair_similarity


def imbalanced(seed=5):
    """Three classes of 300, 150 and 80 items, forty of 2 to 19, twenty-five of one."""
    random = np.random.default_rng(seed)
    sizes = [300, 150, 80, *random.integers(2, 20, size=40), *[1] * 25]
    labels = np.repeat(np.arange(len(sizes)), sizes)
    centres = random.normal(size=(len(sizes), 16))
    z = centres[labels] + 0.9 * random.normal(size=(labels.size, 16))
    order = random.permutation(labels.size)
    return z[order].astype(np.float32), labels[order]


def tied():
    z, y = blobs(n=120, dim=3, classes=9, spread=1.0)
    z = np.round(z)
    z[~z.any(axis=1)] = 1.0
    return np.repeat(z, 2, axis=0), np.concatenate([y, y[::-1]])


DATA = {"imbalanced": imbalanced(), "ties": tied()}
NAMES = check_metrics(ALL, ScoreSettings(ks=(1, 4)))


def alike(one, two):
    return np.array_equal(one, two, equal_nan=True)


@pytest.mark.parametrize("searched", ["itself", "gallery"])
@pytest.mark.parametrize("name", DATA)
def test_every_score_is_the_same_alone_in_pairs_and_among_all(name, searched):
    z, y = DATA[name]
    gallery = None if searched == "itself" else (z[::2], y[::2])
    z, y = (z, y) if gallery is None else (z[1::2], y[1::2])
    settings = ScoreSettings(ks=(1, 4), weighted=True)

    def scores(names):
        return score(z, y, names, settings=settings, gallery=gallery)

    among_all = scores(NAMES)
    retrieval = [
        n for n in NAMES if n.startswith("recall") or n in
        ("r_precision", "map_at_r", "map_at_5", "knn_accuracy", "hubness")
    ]  # fmt: skip
    for names in [*([n] for n in NAMES), *(list(pair) for pair in itertools.combinations(retrieval, 2))]:
        found = scores(names)
        assert all(alike(found[n], among_all[n]) for n in names), names


@pytest.mark.parametrize("threshold", [None, 0.7])
def test_map_at_5_of_imbalanced_classes_is_that_of_plain_loops(threshold):
    z, y = imbalanced()
    random = np.random.default_rng(0)
    rows = random.choice(len(z), 250, replace=False)
    z, y = z[rows], y[rows]
    precision = []
    for i in range(len(z)):
        others = np.delete(np.arange(len(z)), i)
        s = pair_similarity(z, np.full(others.size, i), others)
        entries = sorted(
            zip(s.tolist(), y[others].tolist(), strict=True), key=lambda entry: (-entry[0], entry[1] == y[i])
        )
        ranked = []
        for similarity, label in entries:
            if threshold is not None and similarity < threshold and None not in ranked:
                ranked.append(None)
            if label not in ranked:
                ranked.append(label)
        ranked += [None] if threshold is not None and None not in ranked else []
        truth = y[i] if (y[others] == y[i]).any() else None
        if truth is not None or threshold is not None:
            place = ranked.index(truth)
            precision.append(1 / (place + 1) if place < 5 else 0.0)
    for demands in (
        RetrievalOptions(map_at_5=True, new_threshold=threshold),
        RetrievalOptions(ks=(1,), at_r=True, map_at_5=True, knn=3, hubness=True, new_threshold=threshold),
    ):
        assert retrieve(z, y, demands).map_at_5 == mean_precision(np.array(precision))
