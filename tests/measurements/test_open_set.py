"""Open-set identification of the items of runs, one by one and joined."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from support import write_run

from embedlens import InputError
from embedlens.analysis.open_set.ranking import rank_labels
from embedlens.analysis.open_set.threshold import identify
from embedlens.measurements.open_set import OpenSetSettings, check_joined, ensembles_of, identify_items
from embedlens.measurements.reader import Reader

KNOWN_BUT_2 = OpenSetSettings(unknown_class="2")


def ensembles(tmp_path, *, joined=False, names=("one", "two"), **options):
    places = {name: (write_run(tmp_path / name, **options), 2) for name in names}
    return ensembles_of(places, ["test"], reader=Reader(), joined=joined)


def test_the_result_is_that_of_the_analysis(tmp_path):
    one = ensembles(tmp_path, names=["one"])[0]
    snapshot = one.runs[0].snapshot("test", 2)
    expected = identify(rank_labels(snapshot.embeddings, snapshot.labels, new_label=2))
    result = identify_items(one, KNOWN_BUT_2)
    assert result.new_label == 2
    assert result.result.choice.thresholds == expected.choice.thresholds
    assert result.result.choice.map_at_5 == expected.choice.map_at_5
    assert result.answer()["n_new"] == 10
    halves = replace(KNOWN_BUT_2, choose_on="halves", seed=3)
    again = identify(rank_labels(snapshot.embeddings, snapshot.labels, new_label=2), halves=3)
    assert identify_items(one, halves).result.choice.thresholds == again.choice.thresholds


def test_runs_are_joined_by_their_unit_embeddings(tmp_path):
    one, two, both = ensembles(tmp_path, joined=True)
    assert (both.label, both.epoch, both.place) == ("joined", "2", "runs 'one', 'two' joined, split 'test'")
    units = [
        part.search("test", None).z / np.linalg.norm(part.search("test", None).z, axis=1, keepdims=True)
        for part in (one, two)
    ]
    expected = np.concatenate(units, axis=1) / math.sqrt(2)
    np.testing.assert_allclose(both.search("test", None).z, expected, atol=1e-6)
    assert ensembles(tmp_path / "more", joined=True, names=["joined", "b"])[2].label == "all joined"


def test_runs_of_other_items_are_not_joined(tmp_path):
    runs = [write_run(tmp_path / "one"), write_run(tmp_path / "more", n=66)]
    check_joined([runs[0], write_run(tmp_path / "same", seed=3)])
    with pytest.raises(InputError, match="only runs on the same items can be joined"):
        check_joined(runs)


def test_a_classifier_is_fitted_on_train_and_not_judged_there(tmp_path):
    one = ensembles(tmp_path, names=["one"])[0]
    how = replace(KNOWN_BUT_2, classifier=True)
    result = identify_items(one, how)
    assert (result.gallery, result.answer()["fitted_on"]) == ("train", 50)
    with pytest.raises(InputError, match="the classifier is fitted on split 'train'"):
        identify_items(replace(one, split="train"), how)
    with pytest.raises(InputError, match="choose another --choose-on"):
        identify_items(one, replace(how, choose_on="train"))


def test_what_cannot_be_identified_is_refused_with_its_place(tmp_path):
    one = ensembles(tmp_path, names=["one"])[0]
    with pytest.raises(InputError, match="run 'one', split 'test': no item of split 'test' is of an unknown"):
        identify_items(one, OpenSetSettings())
    with pytest.raises(InputError, match="run 'one': unknown split to choose on 'tst'"):
        identify_items(one, replace(KNOWN_BUT_2, choose_on="tst"))
