"""Recording of loaders by a torch module: what is recorded, and that training does not notice."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from support import blobs
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    DistributedSampler,
    RandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from embedlens import InputError, Recorder
from embedlens.integrations import record_embeddings
from embedlens.store import Ranks

N = 103
X, Y = (torch.from_numpy(array) for array in blobs(n=N))
DATA = TensorDataset(X, Y, torch.arange(N))


def network(seed=0):
    torch.manual_seed(seed)
    return torch.nn.Sequential(
        torch.nn.Linear(8, 16), torch.nn.BatchNorm1d(16), torch.nn.Dropout(0.5), torch.nn.Linear(16, 4)
    )


def embedded(model):
    with torch.no_grad():
        return model.eval()(X).numpy()


@pytest.fixture
def recorder(tmp_path):
    with Recorder(tmp_path / "run", labels={"test": Y}) as recorder:
        yield recorder


def test_a_loader_in_order_and_a_shuffled_one(recorder):
    model = network()
    record_embeddings(model, DataLoader(DATA, 16), recorder, epoch=0, metrics={"loss": 1.0})
    shuffled = DataLoader(DATA, 16, shuffle=True)
    for epoch, rows in enumerate((2, lambda batch: batch[2]), 1):
        record_embeddings(model, {"test": shuffled}, recorder, epoch=epoch, rows=rows)
    dicts = DataLoader([{"x": X[row], "row": row} for row in range(N)], 16, shuffle=True)
    record_embeddings(
        model, dicts, recorder, epoch=3, rows="row", embed=lambda model, batch: model(batch["x"])
    )
    record_embeddings(model, DataLoader(list(X), 16), recorder, epoch=4)
    wanted = embedded(model)
    for epoch in range(5):
        stored = recorder.run.snapshot("test", epoch).embeddings
        np.testing.assert_allclose(stored, wanted, atol=1e-6)
    assert recorder.run.log[0]["loss"] == 1.0


@pytest.mark.parametrize(
    "loader",
    [
        DataLoader(DATA, 16, shuffle=True, drop_last=True),
        DataLoader(DATA, batch_sampler=BatchSampler(RandomSampler(DATA), 16, drop_last=False)),
        DataLoader(DATA, 16, sampler=DistributedSampler(DATA, num_replicas=2, rank=1)),
        DataLoader(DATA, 16, num_workers=1, shuffle=True),
    ],
)
def test_without_row_numbers_the_data_set_is_read_in_its_order(recorder, loader):
    model = network()
    record_embeddings(model, loader, recorder, epoch=0)
    np.testing.assert_allclose(recorder.run.snapshot("test").embeddings, embedded(model), atol=1e-6)


@pytest.mark.parametrize("size", [2, 3, 9])
def test_several_processes_give_the_bytes_of_one(tmp_path, size):
    model = network()
    loader = DataLoader(DATA, 16, shuffle=True)
    with Recorder(tmp_path / "one", labels={"test": Y}) as recorder:
        record_embeddings(model, loader, recorder, epoch=0)
    calls = []
    for rank in range(size):
        count = []
        hook = model.register_forward_hook(lambda *_, count=count: count.append(1))
        with Recorder(tmp_path / "many", labels={"test": Y}, ranks=Ranks(rank, size, "a")) as several:
            record_embeddings(model, loader, several, epoch=0)
        hook.remove()
        calls.append(len(count))
    assert len(set(calls)) == 1  # as collective calls inside a network need it
    assert calls[0] == -(-7 // size)
    file = "splits/test/epoch-0000.npy"
    assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "many" / file).read_bytes()


def test_several_processes_need_the_row_numbers_of_a_stream(tmp_path):
    with Recorder(tmp_path / "run", labels={"test": Y}, ranks=Ranks(0, 2, "a")) as recorder:
        with pytest.raises(InputError, match="list gives items in an order that is unknown"):
            record_embeddings(network(), [[X, Y]], recorder, epoch=0)
        record_embeddings(network(), [[X, Y, torch.arange(N)]], recorder, epoch=0, rows=2)


def trained(recorder=None):
    """The weights after three epochs of training that draws from every random state."""
    model = network()
    model[1].eval()  # a frozen layer stays frozen
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    generator = torch.Generator().manual_seed(1)
    loader = DataLoader(DATA, 16, shuffle=True, generator=generator)
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002
    for epoch in range(3):
        for x, y, _ in loader:
            noise = random.random() + np.random.random()  # noqa: NPY002
            loss = torch.nn.functional.cross_entropy(model(x + noise * torch.rand_like(x)), y % 4)
            loss.backward()
            if recorder is not None and epoch == 1:  # with gradients that are not applied yet
                grads = [parameter.grad.clone() for parameter in model.parameters()]
                record_embeddings(model, loader, recorder, epoch=0, rows=2, overwrite=True)
                assert [module.training for module in model] == [True, False, True, True]
                assert model.training
                for parameter, grad in zip(model.parameters(), grads, strict=True):
                    assert torch.equal(parameter.grad, grad)
                    assert parameter.requires_grad
            optimizer.step()
            optimizer.zero_grad()
    return model.state_dict()


def test_training_with_and_without_it_gives_the_same_weights(recorder):
    without, with_it = trained(), trained(recorder)
    assert recorder.run.epochs() == [0]
    for name, value in without.items():
        assert torch.equal(value, with_it[name]), name


class Augmented(torch.utils.data.Dataset):
    def __len__(self):
        return N

    def __getitem__(self, row):
        return X[row], torch.rand(()), row


def test_persistent_workers_draw_what_they_would_without_it(recorder):
    model, drawn = network(), []
    for recorded in (False, True):
        torch.manual_seed(5)
        loader = DataLoader(Augmented(), 16, shuffle=True, num_workers=1, persistent_workers=True)
        for _ in range(2):
            drawn.append(torch.cat([noise for _, noise, _ in loader]))
            if recorded:
                record_embeddings(model, loader, recorder, epoch=0, rows=2, overwrite=True)
    assert torch.equal(torch.cat(drawn[:2]), torch.cat(drawn[2:]))


def test_an_error_restores_the_model_and_leaves_no_epoch(recorder):
    model = network()
    state = torch.get_rng_state()

    def fail(_model, _batch):
        torch.rand(3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record_embeddings(model, DataLoader(DATA, 16), recorder, epoch=0, embed=fail)
    assert model.training
    assert torch.equal(torch.get_rng_state(), state)
    assert recorder.run.epochs() == []


@pytest.mark.parametrize(
    ("loaders", "options", "message"),
    [
        (
            DataLoader(DATA, 16, sampler=WeightedRandomSampler([1.0] * N, N)),
            {},
            "draws items by WeightedRandomSampler, so their row numbers",
        ),
        (DataLoader(DATA, batch_sampler=[[0, 1], [2]]), {}, "draws items by list, so their row numbers"),
        (DataLoader(DATA, 16, drop_last=True), {"rows": 2}, r"no embedding of 7 rows .*drop_last=False"),
        ({"tset": DataLoader(DATA, 16)}, {}, "unknown split 'tset'"),
        (DataLoader([{"x": 0.5}] * N, 1), {}, "a batch is a dict; give embed="),
        (DataLoader(list(X[:9]), 4), {}, "the data set has 9 items and the run 103; give the data set"),
    ],
)
def test_what_is_refused(recorder, loaders, options, message):
    with pytest.raises(InputError, match=message):
        record_embeddings(network(), loaders, recorder, epoch=0, **options)


class Parts(torch.nn.Module):
    """A network that other code calls by its parts."""


class Two(torch.nn.Module):
    def forward(self, x):
        return x, x


@pytest.mark.parametrize(
    ("model", "loader", "message"),
    [
        (Parts(), DataLoader(DATA, 16), "Parts has no forward; give embed="),
        (Two(), DataLoader(DATA, 16), "Two returns tuple; give embed="),
        (Two(), DATA, r"TensorDataset is a data set; give a loader of it, DataLoader\("),
    ],
)
def test_models_and_data_that_give_no_embeddings(recorder, model, loader, message):
    with pytest.raises(InputError, match=message):
        record_embeddings(model, loader, recorder, epoch=0)


def test_one_loader_for_several_splits_is_refused(tmp_path):
    recorder = Recorder(tmp_path / "run", labels={"train": Y, "test": Y})
    with pytest.raises(InputError, match="one loader for 2 splits; give a loader for each"):
        record_embeddings(network(), DataLoader(DATA, 16), recorder, epoch=0)
