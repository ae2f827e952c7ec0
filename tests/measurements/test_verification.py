"""Verification and identification of a snapshot as one result."""

from __future__ import annotations

import math

import numpy as np
import pytest
from support import blobs, write_run

from embedlens.analysis import verification as analysis
from embedlens.measurements.verification import read_pairs_of, verify
from embedlens.pairs import draw_pairs
from embedlens.searches import SplitItems, search_in, search_of

Z, Y = blobs(60, dim=8, classes=6)


def search(gallery=None):
    sides = {"query": SplitItems.of("query", Z, Y), "gallery": SplitItems.of("gallery", Z + 0.1, Y)}
    return search_in(sides.__getitem__, ("query", gallery), place="here")


def test_the_numbers_are_those_of_the_analyses():
    pairs = draw_pairs(Y, per_fold=4, folds=3, seed=1)
    result = verify(search(), pairs, negatives=(2, 50), fars=(0.5, 1e-9), draws=3, seed=1)
    numbers = result.summary()
    accuracy = analysis.verify_pairs(Z, pairs)
    curve = analysis.roc(accuracy.similarity, accuracy.same)
    assert numbers["accuracy"] == accuracy.accuracy
    assert (numbers["auc"], numbers["eer"]) == (curve.auc, curve.eer)
    assert (numbers["n_pairs"], numbers["folds"]) == (pairs.a.size, 3)
    assert numbers["vrf_2"] == analysis.many_negatives(Z, Y, [2], draws=3, seed=1).mean[0]
    assert result.skipped == [50]
    assert "vrf_50" not in numbers
    closed = analysis.closed_set(Z, Y, draws=3, seed=1)
    assert (numbers["rank_1"], numbers["n_gallery"]) == (closed.rank_1, 6)
    assert numbers["dir_at_far_0.5"] == analysis.open_set(Z, Y, [0.5, 1e-9], draws=3, seed=1).dir_at(0.5)[0]
    assert math.isnan(numbers["dir_at_far_1e-09"])  # the impostors do not resolve it
    points = analysis.threshold_consistency(Z, Y, [0.5, 1e-9])
    assert numbers["opis"] == points.opis
    assert numbers["far_spread_at_far_0.5"] == points.spread(points.far)[0]
    assert math.isnan(numbers["threshold_at_far_1e-09"])
    facts = result.facts()
    assert facts["threshold_consistency"] == {"classes": 6, "items": 60, "compared_with": 60}
    assert facts["pairs"] == {"source": pairs.source, "n": pairs.a.size, "folds": 3, "classes_disjoint": True}
    assert len(facts["folds"]["accuracy"]) == 3


def test_rank_1_is_over_the_gallery_split_where_there_is_one():
    result = verify(search("gallery"), draw_pairs(Y, per_fold=4, folds=3), negatives=(2,), draws=2)
    assert (result.closed.n_gallery, result.closed.n_probes) == (60, 60)
    assert verify(search(), draw_pairs(Y, per_fold=4, folds=3), negatives=(2,), draws=2).closed.n_gallery == 6


@pytest.mark.parametrize("by_order", [False, True])
def test_pairs_of_a_file_are_named_by_class(tmp_path, monkeypatch, by_order):
    monkeypatch.chdir(tmp_path)
    run = write_run("runs/a", n=80, splits=("test",))
    found = search_of(run, "test")
    label, other = np.unique(found.y)[:2].tolist()
    names = [run.info.class_names.get(str(one), str(one)) for one in (label, other)]
    lines = [f"{names[0]} 1 2", f"{names[0]} 1 {names[1]} 1"] * 2
    (tmp_path / "pairs.txt").write_text("2 1\n" + "\n".join(lines) + "\n")
    if not by_order:
        with pytest.raises(ValueError, match="path"):
            read_pairs_of(run, found, tmp_path / "pairs.txt")
        return
    pairs = read_pairs_of(run, found, tmp_path / "pairs.txt", by_order=True)
    rows = {one: np.flatnonzero(found.y == one) for one in (label, other)}
    assert pairs.a[0] == rows[label][0]
    assert pairs.b[0] == rows[label][1]
    assert pairs.b[1] == rows[other][0]
    assert pairs.same.tolist() == [True, False, True, False]
