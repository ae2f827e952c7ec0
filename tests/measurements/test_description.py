"""What a run holds, as it is described."""

from __future__ import annotations

import numpy as np
import pytest
from support import blobs, write_run

import embedlens
from embedlens.errors import InputWarning
from embedlens.measurements import description
from embedlens.measurements.description import class_facts, describe_run
from embedlens.measurements.reader import Reader


def clustered(path, clusters):
    z, y = blobs(n=12, classes=3)
    with embedlens.Recorder(path, labels={"train": y}) as recorder:
        for epoch, cluster in enumerate(clusters):
            recorder.record(epoch, {"train": z}, extras={"train": {"cluster": cluster}})
    return recorder.run


def test_a_run_is_described_by_its_splits(tmp_path):
    run = write_run(tmp_path / "run", n=30)
    facts = describe_run(run, Reader())
    assert (facts["name"], facts["dim"], facts["epochs"]) == ("run", 8, [0, 1, 2])
    assert facts["pretrained_dim"] is None
    test = facts["splits"]["test"]
    assert (test["items"], test["classes"], test["n_singletons"]) == (30, 6, 0)
    assert test["recall_at_1"] == Reader().search(run, "test").score(["R@1"])["recall_at_1"]
    assert facts["clusters"] == {}


def test_recall_that_is_not_defined_has_its_reason(tmp_path):
    z, _ = blobs(n=4)
    with embedlens.Recorder(tmp_path / "run", labels={"test": np.arange(4)}) as recorder:
        recorder.record(0, {"test": z})
    test = describe_run(recorder.run, Reader())["splits"]["test"]
    assert test["recall_at_1"] is None
    assert "run 'run', split 'test', epoch 0" in test["why"]


def test_recall_of_many_items_is_left_to_evaluate(tmp_path, monkeypatch):
    run = write_run(tmp_path / "run", n=30)
    monkeypatch.setattr(description, "MOST_SEARCHED", 29)
    test = describe_run(run, Reader())["splits"]["test"]
    assert (test["recall_at_1"], test["n_singletons"]) == (None, 0)
    assert test["why"] == "30 items take minutes; embedlens evaluate --metrics recall_at_1 computes it"


def test_clusters_are_compared_with_those_of_the_epoch_before(tmp_path):
    labels = np.arange(12) % 3
    moved = labels.copy()
    moved[0] = 1
    epochs = describe_run(clustered(tmp_path / "run", [labels, moved]), Reader())["clusters"]["train"]
    assert epochs["0"] == {"sizes": [4, 4, 4], "purity": 1.0, "alone": 0, "changed": None}
    assert epochs["1"]["sizes"] == [3, 5, 4]
    assert epochs["1"]["alone"] == 1
    assert epochs["1"]["changed"] == pytest.approx(1 / 12)


def test_what_is_no_clustering_is_left_out_with_a_warning(tmp_path):
    run = clustered(tmp_path / "run", [np.arange(12) % 3, np.full(12, -1)])
    with pytest.warns(InputWarning, match="split 'train', epoch 1: what is recorded as cluster is left out"):
        clusters = describe_run(run, Reader())["clusters"]
    assert list(clusters["train"]) == ["0"]


def test_class_sizes_name_the_smallest_and_the_largest_class():
    facts = class_facts(np.array([5, 5, 5, 7, 9, 9]), {5: "cat", 7: "dog"})
    assert (facts["items"], facts["classes"], facts["n_singletons"]) == (6, 3, 1)
    assert facts["smallest_class"] == {"label": 7, "name": "dog", "items": 1}
    assert facts["largest_class"] == {"label": 5, "name": "cat", "items": 3}
    assert facts["named"] == "cat, dog, 9"
    assert class_facts(np.array([5, 5]), {})["named"] == ""
