"""The callback of Lightning: what it records, and that training does not notice."""

from __future__ import annotations

import pickle
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_support import DATA, LOADERS, N, X, Y, fit, made
from support import optional, tree
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from embedlens import InputError, Recorder, open_run
from embedlens.errors import InputWarning
from embedlens.integrations import EmbeddingRecorder, record_embeddings

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:::lightning"),
    pytest.mark.filterwarnings("ignore:::pytorch_lightning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
L = optional("lightning.pytorch")


def embedded(module, x=X):
    with torch.no_grad():
        return module.eval()(x).numpy()


def snapshot(folder, split, epoch):
    return open_run(folder).snapshot(split, epoch).embeddings


def test_what_is_recorded(tmp_path):
    recorder = EmbeddingRecorder(tmp_path / "run", LOADERS)
    _, module = fit(L, tmp_path, [recorder])
    run = recorder.run
    assert run.epochs() == [0, 1, 2]
    for epoch, network in ((0, made(L)), (2, module)):
        np.testing.assert_allclose(run.snapshot("train", epoch).embeddings, embedded(network), atol=1e-6)
        np.testing.assert_allclose(
            run.snapshot("test", epoch).embeddings, embedded(network, X[:40]), atol=1e-6
        )
    assert run.labels("train").tolist() == Y.tolist()
    assert run.method == {"module": "Blobs", "dim": 4, "noise": 0.1}


def test_metrics_of_the_module_are_logged_with_the_epoch_that_they_are_of(tmp_path):
    recorder = EmbeddingRecorder(tmp_path / "run", LOADERS)
    fit(L, tmp_path, [recorder], max_epochs=3, check_val_every_n_epoch=2)
    rows = recorder.run.log
    assert [row["epoch"] for row in rows] == [0, 1, 2, 3]
    assert [row["step"] for row in rows] == [0, 6, 12, 18]
    assert [row.get("late") for row in rows] == [None, 10, 11, 12]
    assert [row.get("epoch_of_module") for row in rows] == [None, 0, 1, 2]
    validated = [row.get("val/loss") is not None for row in rows]
    assert validated == [False, False, True, False]  # not from sanity checking, and not repeated
    assert all(row["loss_epoch"] > 0 for row in rows[1:])


class Augmented(torch.utils.data.Dataset):
    """Items that draw from random states; labels are in the items alone."""

    def __len__(self):
        return N

    def __getitem__(self, row):
        return X[row] + torch.rand(8) + random.random() + np.random.random(), Y[row]  # noqa: NPY002


@pytest.mark.parametrize("workers", [0, 1])
def test_training_with_and_without_it_gives_the_same_weights(tmp_path, workers):
    loaders = {
        "train": DataLoader(DATA, 16, shuffle=True, num_workers=workers),
        "augmented": DataLoader(Augmented(), 16, num_workers=workers),
    }
    without = fit(L, tmp_path)[1].state_dict()
    recorder = EmbeddingRecorder(tmp_path / "run", loaders)
    used, module = fit(L, tmp_path, [recorder])
    for name, value in module.state_dict().items():
        assert torch.equal(value, without[name]), name
    assert recorder.run.epochs() == [0, 1, 2]
    assert used.callback_metrics["late"] == 11


def test_a_checkpoint_resumes_the_run(tmp_path):
    class Keep(L.Callback):
        def on_train_epoch_end(self, trainer, module):
            trainer.save_checkpoint(tmp_path / f"{trainer.current_epoch + 1}.ckpt")

    def callbacks(path):
        return [EmbeddingRecorder(path, LOADERS), Keep()]

    whole, run = tmp_path / "whole", tmp_path / "run"
    fit(L, tmp_path, callbacks(whole), max_epochs=4)
    fit(L, tmp_path, callbacks(run), max_epochs=3)
    before = (run / "splits/test/epoch-0000.npy").stat()
    with Recorder(run, labels={"train": Y, "test": Y[:40]}, resume=True) as recorder:
        recorder.log(2, {"loss_epoch": 99.0})  # as a row that a later training replaces
    fit(L, tmp_path, callbacks(run), max_epochs=4, ckpt_path=tmp_path / "1.ckpt")
    assert open_run(run).epochs() == [0, 1, 2, 3, 4]
    after = (run / "splits/test/epoch-0000.npy").stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)
    assert [row["loss_epoch"] < 9 for row in open_run(run).log[1:]] == [True] * 4
    np.testing.assert_array_equal(snapshot(run, "test", 1), snapshot(whole, "test", 1))
    with pytest.raises(InputError, match="already exists; this training starts at epoch 0"):
        fit(L, tmp_path, callbacks(run))


def test_a_training_goes_on_with_the_same_trainer(tmp_path):
    recorder = EmbeddingRecorder(tmp_path / "run", LOADERS)
    used, module = fit(L, tmp_path, [recorder], max_epochs=1)
    used.fit_loop.max_epochs = 2
    used.fit(module, LOADERS["train"])
    assert recorder.run.epochs() == [0, 1, 2]


def test_resume_replaces_the_run_of_an_earlier_training(tmp_path):
    fit(L, tmp_path, [EmbeddingRecorder(tmp_path / "run", LOADERS)], max_epochs=3)
    fit(L, tmp_path, [EmbeddingRecorder(tmp_path / "run", LOADERS, resume=True)], max_epochs=1)
    assert open_run(tmp_path / "run").epochs() == [0, 1]


@pytest.mark.parametrize(("every", "epochs"), [(2, [0, 2, 3]), (3, [0, 3]), (9, [0, 3])])
def test_every_n_epochs_and_the_last_one(tmp_path, every, epochs):
    recorder = EmbeddingRecorder(tmp_path / "run", LOADERS, every_n_epochs=every)
    _, module = fit(L, tmp_path, [recorder], max_epochs=3)
    assert recorder.run.epochs() == epochs
    assert [row["epoch_of_module"] for row in recorder.run.log[1:]] == [0, 1, 2]
    assert [row["late"] for row in recorder.run.log[1:]] == [10, 11, 12]
    np.testing.assert_allclose(recorder.run.snapshot("train", 3).embeddings, embedded(module), atol=1e-6)


def test_a_trial_and_a_failed_training_leave_no_epoch_behind(tmp_path):
    fit(L, tmp_path, [EmbeddingRecorder(tmp_path / "trial", LOADERS)], fast_dev_run=True)
    assert not (tmp_path / "trial").exists()

    def fail(module, batch):
        raise FloatingPointError

    with pytest.raises(FloatingPointError):
        fit(L, tmp_path, [EmbeddingRecorder(tmp_path / "run", LOADERS, embed=fail)])
    assert open_run(tmp_path / "run").epochs() == []
    fit(L, tmp_path, [EmbeddingRecorder(tmp_path / "run", LOADERS, resume=True)])
    assert open_run(tmp_path / "run").epochs() == [0, 1, 2]


def test_it_is_a_callback_of_both_packages(tmp_path):
    twin = optional("pytorch_lightning")
    recorder = EmbeddingRecorder(tmp_path / "run", LOADERS)
    assert isinstance(recorder, L.Callback)
    assert isinstance(recorder, twin.Callback)
    assert isinstance(pickle.loads(pickle.dumps(EmbeddingRecorder("x", {}))), L.Callback)
    fit(twin, tmp_path, [recorder])
    assert recorder.run.epochs() == [0, 1, 2]


class Stream(IterableDataset):
    def __iter__(self):
        yield from ({"x": X[row], "label": Y[row], "row": row} for row in reversed(range(N)))


def test_own_functions_labels_and_streams(tmp_path):
    recorder = EmbeddingRecorder(
        tmp_path / "run",
        lambda trainer: {"test": DataLoader(Stream(), 16)},
        embed=lambda module, batch: module.network[0](batch["x"]),
        rows="row",
        class_names=[f"class {label}" for label in range(6)],
        method={"loss": "cross-entropy"},
    )
    _, module = fit(L, tmp_path, [recorder], max_epochs=1)
    run = recorder.run
    assert run.labels("test").tolist() == Y.tolist()
    assert run.method == {"loss": "cross-entropy"}
    assert run.class_names[3] == "class 3"
    np.testing.assert_allclose(run.snapshot("test", 1).embeddings, embedded(module.network[0]), atol=1e-6)


def test_the_precision_of_the_trainer(tmp_path):
    recorder = EmbeddingRecorder(tmp_path / "run", LOADERS)
    fit(L, tmp_path, [recorder], max_epochs=1, precision="bf16-true")
    assert recorder.run.epochs() == [0, 1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loaders": DataLoader(DATA)}, "loaders is a DataLoader; give a loader for each split"),
        (
            {"loaders": LOADERS, "every_n_epoch": 2},
            "unknown argument 'every_n_epoch'; did",
        ),
        ({"loaders": LOADERS, "every_n_epochs": 0}, "every_n_epochs is 0; 1 or more is needed"),
    ],
)
def test_what_is_refused(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        EmbeddingRecorder(tmp_path / "run", **options)


def test_what_is_refused_when_training_begins(tmp_path):
    with pytest.raises(InputError, match="the run is begun when training begins"):
        _ = EmbeddingRecorder(tmp_path / "run", LOADERS).run
    recorder = EmbeddingRecorder(tmp_path / "run", {"test": DataLoader(TensorDataset(X))})
    with pytest.raises(InputError, match="the data set of split 'test' has no labels"):
        fit(L, tmp_path, [recorder])
    recorder = EmbeddingRecorder(tmp_path / "run", LOADERS, labels={"tset": Y})
    with pytest.raises(InputError, match="unknown split of labels 'tset'"):
        fit(L, tmp_path, [recorder])


class Shuffled(IterableDataset):
    """A stream in another order in each pass."""

    def __iter__(self):
        yield from ((X[row], Y[row]) for row in random.sample(range(N), N))


def test_wrong_order_part_of_a_data_set_and_two_recorders_are_refused(tmp_path):
    def refused(message, *recorders):
        with pytest.raises(InputError, match=message):
            fit(L, tmp_path, recorders, max_epochs=1)

    stream = EmbeddingRecorder(tmp_path / "stream", {"test": DataLoader(Shuffled(), 16)})
    refused("split 'test': the label of row .* rows= finds", stream)
    assert open_run(tmp_path / "stream").epochs() == [0]  # from the random states that gave the labels
    part = DataLoader(DATA, 16, sampler=torch.utils.data.SubsetRandomSampler(range(50)))
    refused("split 'test': SubsetRandomSampler selects 50", EmbeddingRecorder(tmp_path / "x", {"test": part}))
    short = EmbeddingRecorder(tmp_path / "x", LOADERS, {"test": Y[:3]})
    refused("split 'test': 3 labels for 40 items", short)
    loaders = EmbeddingRecorder(tmp_path / "x", lambda _: {"test": [part, part]})
    refused("split 'test': a list of 2 loaders", loaders)
    assert not (tmp_path / "x").exists()
    both = [EmbeddingRecorder(tmp_path / "two", {split: LOADERS[split]}) for split in LOADERS]
    refused(r"other splits \(train\); give all splits", *both)


def test_a_checkpoint_without_its_run_is_a_warning(tmp_path):
    used, _ = fit(L, tmp_path, max_epochs=2)
    used.save_checkpoint(tmp_path / "2.ckpt")
    recorder = EmbeddingRecorder(tmp_path / "run", LOADERS)
    with pytest.warns(InputWarning, match="the run has no epochs 0 to 2, since the training resumes"):
        fit(L, tmp_path, [recorder], max_epochs=3, ckpt_path=tmp_path / "2.ckpt")
    assert recorder.run.epochs() == [3]


SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
import torch
torch.set_num_threads(1)
import lightning.pytorch as L
from lightning_support import LOADERS, fit
from embedlens.integrations import EmbeddingRecorder

class Keep(L.Callback):
    def on_train_start(self, trainer, module):
        trainer.save_checkpoint("0.ckpt")
    def on_train_epoch_end(self, trainer, module):
        trainer.save_checkpoint(f"{trainer.current_epoch + 1}.ckpt")

if __name__ == "__main__":
    recorder = EmbeddingRecorder("run", LOADERS)
    fit(L, ".", [recorder, Keep()], devices=2, strategy="ddp")
"""


def test_two_processes_give_the_bytes_of_one(tmp_path):
    """The snapshots are those of one process that embeds with the same weights."""
    (tmp_path / "train.py").write_text(SCRIPT)
    folder = Path(__file__).parent.parent
    command = [sys.executable, "train.py", str(folder)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    several = open_run(tmp_path / "run")
    assert several.epochs() == [0, 1, 2]
    assert [row["step"] for row in several.log] == [0, 3, 6]
    module, threads = made(L), torch.get_num_threads()
    torch.set_num_threads(1)
    with Recorder(tmp_path / "one", labels={"train": Y, "test": Y[:40]}) as recorder:
        for epoch in several.epochs():
            state = torch.load(tmp_path / f"{epoch}.ckpt", weights_only=False)
            module.load_state_dict(state["state_dict"])
            record_embeddings(module, LOADERS, recorder, epoch=epoch)
    torch.set_num_threads(threads)
    one, other = (
        {name: raw for name, raw in tree(path).items() if name.endswith(".npy")}
        for path in (tmp_path / "one", tmp_path / "run")
    )
    assert one == other
    assert len(one) == 8
