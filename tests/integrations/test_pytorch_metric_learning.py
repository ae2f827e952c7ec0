"""Hooks of pytorch-metric-learning: what trainers and testers record, and that training does not notice."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pytorch_metric_learning import losses, testers, trainers
from support import blobs
from torch.utils.data import Dataset, TensorDataset

from embedlens import InputError
from embedlens.integrations import MetricLearningHooks

# Its progress bar shows a loss that has a gradient.
pytestmark = pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad=True")
N = 60
X, Y = (torch.from_numpy(array) for array in blobs(n=N))
PARENTS = torch.stack([Y, Y // 3], dim=1)
DATA = TensorDataset(X, Y)


class Items(Dataset):
    """Two levels of labels, in the items alone, whose values draw from torch's random state."""

    def __len__(self):
        return N

    def __getitem__(self, row):
        return {"x": X[row] + 0.0 * torch.rand(8), "y": PARENTS[row]}


def trainer_of(data=DATA, **options):
    torch.manual_seed(0)
    models = {
        "trunk": torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.BatchNorm1d(16), torch.nn.Dropout(0.2)),
        "embedder": torch.nn.Linear(16, 4),
    }
    optimizers = {
        f"{name}_optimizer": torch.optim.SGD(model.parameters(), lr=0.1) for name, model in models.items()
    }
    return trainers.MetricLossOnly(
        models,
        optimizers,
        16,
        {"metric_loss": losses.TripletMarginLoss()},
        data,
        dataloader_num_workers=0,
        freeze_trunk_batchnorm=True,
        **options,
    )


def hooked(hooks, data=DATA, **options):
    return trainer_of(
        data,
        end_of_iteration_hook=hooks.end_of_iteration_hook,
        end_of_epoch_hook=hooks.end_of_epoch_hook,
        **options,
    )


def train(trainer, epochs=2, start=1):
    torch.manual_seed(1)
    trainer.train(start_epoch=start, num_epochs=epochs)
    return trainer


def embedded(trainer):
    trainer.set_to_eval()
    with torch.no_grad():
        return trainer.compute_embeddings(X)


def weights(trainer):
    return torch.nn.ModuleDict(trainer.models).state_dict()


def test_a_trainer_is_recorded_and_does_not_notice(tmp_path):
    hooks = MetricLearningHooks(tmp_path / "run", {"test": DATA})
    trainer = hooked(hooks)
    hooks.before_training(trainer)
    train(trainer)
    for name, value in weights(train(trainer_of())).items():
        assert torch.equal(value, weights(trainer)[name]), name
    run = hooks.run
    assert run.epochs() == [0, 1, 2]
    assert run.labels("test").tolist() == Y.tolist()
    for epoch, of in ((0, trainer_of()), (2, trainer)):
        np.testing.assert_allclose(run.snapshot("test", epoch).embeddings, embedded(of), atol=1e-6)
    assert [row["step"] for row in run.log] == [0, 3, 6]
    assert run.log[1]["loss"] > 0
    assert run.method == {
        "library": "pytorch-metric-learning",
        "trainer": "MetricLossOnly",
        "normalized": False,
        "label_level": 0,
    }


def test_labels_of_several_levels_and_a_data_set_of_dicts(tmp_path):
    getter = lambda batch: (batch["x"], batch["y"])  # noqa: E731
    hooks = MetricLearningHooks(tmp_path / "run", {"test": Items()}, level=1)
    train(hooked(hooks, Items(), data_and_label_getter=getter))
    without = train(trainer_of(Items(), data_and_label_getter=getter))
    run = hooks.run
    assert run.epochs() == [1, 2]
    assert run.labels("test").tolist() == (Y // 3).tolist()
    assert run.items("test") == {"level_0": [str(int(label)) for label in Y]}
    assert run.method["label_level"] == 1
    np.testing.assert_allclose(run.snapshot("test", 2).embeddings, embedded(without), atol=1e-6)


def test_a_tester_is_recorded_as_it_embeds(tmp_path):
    hooks = MetricLearningHooks(tmp_path / "run", method={"loss": "triplet"})
    tester = testers.GlobalEmbeddingSpaceTester(
        end_of_testing_hook=hooks.end_of_testing_hook, dataloader_num_workers=0
    )
    splits = {"val": DATA, "train": TensorDataset(X[:30], PARENTS[:30, :1])}

    def test(trainer):
        tester.test(splits, getattr(trainer, "epoch", 0), *trainer.models.values())

    trainer = trainer_of(end_of_epoch_hook=test)
    test(trainer)
    train(trainer)
    run = hooks.run
    assert run.epochs() == [0, 1, 2]
    assert run.splits == ("train", "val")
    wanted = torch.nn.functional.normalize(embedded(trainer))
    np.testing.assert_allclose(run.snapshot("val", 2).embeddings, wanted, atol=1e-6)
    assert run.labels("val").tolist() == Y.tolist()
    assert 0 < run.log[2]["val_precision_at_1"] <= 1
    assert run.method == {
        "library": "pytorch-metric-learning",
        "tester": "GlobalEmbeddingSpaceTester",
        "normalized": True,
        "pca": None,
        "trunk_output": False,
        "label_level": 0,
        "loss": "triplet",
    }


def test_a_tester_of_two_streams_and_of_all_levels(tmp_path):
    hooks = MetricLearningHooks(tmp_path / "pairs")
    tester = testers.GlobalTwoStreamEmbeddingSpaceTester(
        end_of_testing_hook=hooks.end_of_testing_hook, dataloader_num_workers=0
    )
    tester.test({"test": TensorDataset(X, X + 0.1, Y)}, 3, trainer_of().models["trunk"])
    assert hooks.run.labels("test").tolist() == [*Y.tolist(), *Y.tolist()]
    assert hooks.run.epochs() == [3]
    hooks = MetricLearningHooks(tmp_path / "levels")
    tester = testers.GlobalEmbeddingSpaceTester(
        end_of_testing_hook=hooks.end_of_testing_hook, dataloader_num_workers=0, label_hierarchy_level="all"
    )
    tester.test({"test": TensorDataset(X, PARENTS)}, 0, trainer_of().models["trunk"])
    assert hooks.run.labels("test").tolist() == Y.tolist()
    assert {"test_precision_at_1", "test_precision_at_1_level1"} <= set(hooks.run.log[0])


def test_resuming(tmp_path):
    hooks = MetricLearningHooks(tmp_path / "run", {"test": DATA})
    trainer = hooked(hooks)
    hooks.before_training(trainer)
    train(trainer, 3)
    again = MetricLearningHooks(tmp_path / "run", {"test": DATA})
    with pytest.raises(InputError, match="already exists; pass resume=True"):
        again.before_training(trainer)
    again = MetricLearningHooks(tmp_path / "run", {"test": DATA}, resume=True)
    train(hooked(again), 2, start=2)
    assert again.run.epochs() == [0, 1, 2]


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        ({}, {}, "the trainer has no tester; give the data sets to record"),
        ({"datasets": {"test": TensorDataset(X)}}, {}, "the data set of split 'test' has no labels"),
        ({"datasets": {"test": DATA}, "level": 1}, {}, "split 'test' has 1 level of labels, .*; not 1"),
        ({"datasets": {"test": DATA}, "labels": {"test": 3}}, {}, r"labels of split 'test' have shape \[\]"),
    ],
)
def test_what_is_refused(tmp_path, given, options, message):
    with pytest.raises(InputError, match=message):
        MetricLearningHooks(tmp_path / "run", **given).before_training(trainer_of(**options))


def test_there_is_no_run_before_an_epoch_is_recorded(tmp_path):
    with pytest.raises(InputError, match="the run is begun with the first epoch that is recorded"):
        _ = MetricLearningHooks(tmp_path / "run").run
