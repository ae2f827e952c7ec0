"""Labels in the batches of a pass are those of the run, in its order; splits have items of their own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from embedlens import InputError, Recorder
from embedlens.errors import InputWarning
from embedlens.integrations import record_embeddings
from embedlens.integrations.datasets import labels_of
from embedlens.integrations.passes import disagreement

N = 12
X = torch.randn(N, 4, generator=torch.Generator().manual_seed(0))
Y = torch.arange(N) // 4
MODEL = torch.nn.Linear(4, 3)


class Stream(IterableDataset):
    """A stream that gives its items in the orders of `orders`, one for each pass."""

    def __init__(self, orders, labels=Y):
        self.orders, self.labels = iter(orders), labels

    def __iter__(self):
        for row in next(self.orders):
            yield X[row], self.labels[row]


UP, DOWN = range(N), range(N)[::-1]


def recorded(path, labels, loaders, *, epochs=2, **options):
    with Recorder(path, labels=labels, **options) as recorder:
        for epoch in range(epochs):
            record_embeddings(MODEL, loaders, recorder, epoch=epoch)
    return recorder.run.epochs()


def test_a_stream_in_the_order_of_the_labels_is_recorded(tmp_path):
    names = [f"class {label}" for label in Y]
    for number, labels in enumerate((Y, Y // 2, [*names], torch.arange(N))):
        stream = DataLoader(Stream([UP, UP]), 5)
        assert recorded(tmp_path / f"{number}", {"test": labels}, {"test": stream}) == [0, 1]
    texts = DataLoader(Stream([UP, UP], names), 5)
    assert recorded(tmp_path / "texts", {"test": names}, {"test": texts}) == [0, 1]


@pytest.mark.parametrize("labels", [Y, [f"class {label}" for label in Y]])
def test_a_stream_whose_first_recorded_pass_has_another_order_than_its_labels_is_refused(tmp_path, labels):
    loader = DataLoader(Stream([UP, DOWN], labels), 5)
    stored = labels_of(loader, split="test")
    with pytest.raises(InputError, match=r"'test': the label of row 0 is .* in the run; .* rows="):
        recorded(tmp_path / "run", {"test": stored}, {"test": loader}, epochs=1)


def test_a_stream_whose_order_changes_later_is_refused(tmp_path):
    other = Y * 10 + 1  # labels of the run that are other numbers of the same classes
    for number, labels in enumerate((Y, other)):
        loader = DataLoader(Stream([UP, DOWN]), 5)
        with Recorder(tmp_path / f"{number}", labels={"test": labels}) as recorder:
            record_embeddings(MODEL, loader, recorder, epoch=0)
            with pytest.raises(InputError, match="the label of row 0 is 2 in the batches and 0 in the first"):
                record_embeddings(MODEL, loader, recorder, epoch=1)
            assert recorder.run.epochs() == [0]


def test_given_labels_in_another_order_than_the_data_set_are_a_warning(tmp_path):
    loader = {"test": DataLoader(TensorDataset(X, Y), 5, shuffle=True)}
    with pytest.warns(InputWarning, match="row 0 is 0 in the batches and 2 in the run; give labels") as one:
        assert recorded(tmp_path / "run", {"test": Y.flip(0)}, loader) == [0, 1]
    assert len(one) == 1


def test_columns_that_can_be_of_the_same_items():
    assert disagreement(np.array([0, 0, 1]), np.array([5, 5, 5])) is None
    assert disagreement(np.array([0, 0, 0]), np.array([1, 2, 3])) is None
    assert disagreement(np.array([0, 1, 0, 1]), np.array([7, 7, 8, 8])) == 2


def test_splits_with_the_items_of_one_data_set_are_a_warning(tmp_path):
    data = TensorDataset(X, Y)
    loaders = {"train": DataLoader(data, 5, shuffle=True), "test": DataLoader(data, 4)}
    with pytest.warns(InputWarning, match="splits train, test have the same items: .*Subset") as one:
        recorded(tmp_path / "run", {"train": Y, "test": Y}, loaders)
    assert len(one) == 1
    pair = {"query": loaders["train"], "gallery": loaders["test"]}
    recorded(tmp_path / "pair", dict.fromkeys(pair, Y), pair, query_gallery={"query": "gallery"})


def test_two_views_of_an_item_name_embed_and_keep_the_error(tmp_path):
    class Views(torch.utils.data.Dataset):
        def __len__(self):
            return N

        def __getitem__(self, row):
            return (X[row], X[row]), Y[row]

    message = r"Linear cannot be called with the list that a batch begins with \(TypeError: .*give embed="
    with pytest.raises(InputError, match=message) as raised:
        recorded(tmp_path / "run", {"test": Y}, {"test": DataLoader(Views(), 4)})
    assert isinstance(raised.value.__cause__, TypeError)


def test_items_with_sets_of_labels_are_recorded_whatever_label_their_batches_have(tmp_path):
    """A table of labels in the batches is none of single labels; a single one is no set to compare with."""
    table = torch.nn.functional.one_hot(Y, 4) + torch.nn.functional.one_hot(torch.arange(N) % 4, 4)
    table = (table > 0).long()
    for number, labels in enumerate((table, Y)):
        loader = DataLoader(TensorDataset(X, labels), 5)
        assert recorded(tmp_path / f"{number}", {"test": table}, {"test": loader}) == [0, 1]
        stream = DataLoader(Stream([UP, UP], labels), 5)
        assert recorded(tmp_path / f"stream {number}", {"test": table}, {"test": stream}) == [0, 1]
    with Recorder(tmp_path / "other", labels={"test": table}) as recorder:
        loader = DataLoader(Stream([UP, DOWN]), 5)
        record_embeddings(MODEL, loader, recorder, epoch=0)
        with pytest.raises(InputError, match="the label of row 0 is 2 in the batches and 0"):
            record_embeddings(MODEL, loader, recorder, epoch=1)
