"""Labels and class names of data sets, and the error where a framework is missing."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from embedlens import InputError
from embedlens.errors import InputWarning
from embedlens.integrations import EmbeddingRecorder
from embedlens.integrations.datasets import class_names_of, labels_of
from embedlens.integrations.loaders import in_order

X = torch.zeros(7, 2)
Y = torch.tensor([3, 0, 1, 3, 1, 0, 2])


class Stored(Dataset):
    """As those of torchvision: labels as an attribute; reading an item is an error."""

    classes = ("a", "b", "c", "d")
    target_transform = None

    def __init__(self, targets=None):
        self.targets = targets or Y.tolist()

    def __len__(self):
        return 7

    def __getitem__(self, row):
        raise AssertionError


class Items(Dataset):
    """Labels are in the items alone."""

    labels = None

    def __init__(self, item):
        self.item = item

    def __len__(self):
        return 7

    def __getitem__(self, row):
        return self.item(row)


class Transformed(Stored):
    def target_transform(self, label):
        return label // 2

    def __getitem__(self, row):
        return X[row], self.target_transform(self.targets[row])


class Stream(IterableDataset):
    def __iter__(self):
        yield from ((X[row], Y[row], row) for row in (3, 1, 0, 2, 6, 4, 5, 3))


@pytest.mark.parametrize(
    "data",
    [
        TensorDataset(X, Y),
        Stored(),
        Subset(Stored(), range(7)),
        Subset(Subset(Stored(Y.flip(0).tolist()), list(range(7))), [6, 5, 4, 3, 2, 1, 0]),
        ConcatDataset([TensorDataset(X[:3], Y[:3]), TensorDataset(X[3:], Y[3:])]),
        Items(lambda row: (X[row], Y[row])),
        Items(lambda row: [X[row], int(Y[row]), "text"]),
        Items(lambda row: {"x": X[row], "label": Y[row]}),
    ],
)
def test_labels_are_in_the_order_of_the_data_set(data):
    assert labels_of(DataLoader(data, 3, shuffle=True, drop_last=True), split="test").tolist() == Y.tolist()


def test_labels_of_other_loaders():
    transformed = DataLoader(Transformed(), 3, shuffle=True)
    assert labels_of(transformed, split="test").tolist() == (Y // 2).tolist()
    assert labels_of(DataLoader(Stream(), 3), 2, split="test").tolist() == Y.tolist()
    assert labels_of([(X[:4], Y[:4]), (X[4:], Y[4:])], split="test").tolist() == Y.tolist()
    texts = Items(lambda row: (X[row], f"class {Y[row]}"))
    assert labels_of(DataLoader(texts, 3), split="test").tolist() == [f"class {label}" for label in Y]


@pytest.mark.parametrize(
    "data",
    [
        TensorDataset(X),
        Items(lambda row: X[row]),
        Items(lambda row: {"x": X[row]}),
        Items(lambda row: (X[row], {"a": 1})),
    ],
)
def test_data_without_labels_is_refused(data):
    with pytest.raises(InputError, match=r"split 'val' has no labels; give labels=\{'val': y\}"):
        labels_of(DataLoader(data, 3), split="val")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (TensorDataset(X, X), r"float32 of shape \(7, 2\)"),
        (Items(lambda row: (X[row], np.float32(0.5))), r"float32 of shape \(7,\)"),
        (Items(lambda row: (X[row], torch.eye(4, dtype=torch.int64)[Y[row]])), r"int64 of shape \(7, 4\)"),
    ],
)
def test_labels_of_another_kind_are_named(data, kind):
    with pytest.raises(InputError, match=rf"labels of split 'val' are {kind}; .* give labels=\{{'val': y\}}"):
        labels_of(DataLoader(data, 3), split="val")


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (Items(lambda row: (X[row], row, Y[row])), "the second element of the items"),
        (TensorDataset(X, torch.arange(7), Y), "the data set"),
    ],
)
def test_labels_that_all_differ_are_a_warning(data, place):
    with pytest.warns(
        InputWarning, match=f"'val': all 7 labels differ.* come from {place}.*give labels="
    ) as one:
        labels_of(DataLoader(data, 3), split="val")
    assert len(one) == 1


SUBSET = SubsetRandomSampler([0, 2, 4])


@pytest.mark.parametrize(
    ("loader", "message"),
    [
        (
            DataLoader(Stored(), 3, sampler=SUBSET),
            "SubsetRandomSampler selects 3 of the 7 items.*data.Subset",
        ),
        (
            DataLoader(Stored(), batch_sampler=BatchSampler(SUBSET, 2, drop_last=False)),
            "SubsetRandomSampler selects 3 of the 7 items",
        ),
        (
            DataLoader(Stored(), 2, sampler=DistributedSampler(SUBSET, num_replicas=1, rank=0)),
            "DistributedSampler selects 3 of the 7 items",
        ),
        ([DataLoader(Stored()), DataLoader(Stored())], "a list of 2 loaders; give one loader for each split"),
        (None, "NoneType is no loader; give DataLoader"),
        (Stored(), "Stored is a data set; give a loader of it"),
    ],
)
def test_what_is_no_loader_of_a_whole_data_set_is_refused(loader, message):
    with pytest.raises(InputError, match=message):
        in_order(loader)


def test_samplers_that_draw_fewer_items_by_chance_are_a_warning():
    for sampler in (RandomSampler(Y, num_samples=4), WeightedRandomSampler([1.0] * 7, 4)):
        with pytest.warns(InputWarning, match="draws 4 of the 7 items of the data set, and all are recorded"):
            in_order(DataLoader(Stored(), 3, sampler=sampler))
    batches = DataLoader(Stored(), batch_sampler=[[0, 1], [2]])
    for loader in (batches, DataLoader(Stored(), 2, sampler=DistributedSampler(Y, num_replicas=2, rank=0))):
        assert len(in_order(loader).dataset) == 7


def test_class_names():
    assert class_names_of(Subset(Stored(), [1])) == Stored.classes
    assert class_names_of(Transformed()) is None
    assert class_names_of(TensorDataset(X, Y)) is None


def test_a_framework_that_is_missing_is_named_with_its_extra(monkeypatch):
    for name in ("lightning", "lightning.pytorch", "pytorch_lightning"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match=r"EmbeddingRecorder needs lightning; .*'embedlens\[lightning\]'"):
        EmbeddingRecorder("runs/x", {})
