"""Runs of checkpoints: what is recorded, resumption, loaders, and what is refused."""

from __future__ import annotations

import os
import shutil
import weakref
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from layouts import inshop, picture
from support import tree, write_run
from torch.utils.data import DataLoader, RandomSampler, Subset, TensorDataset

from embedlens import InputError, open_run
from embedlens.experiments.checkpoints import ImageChoice, embed_checkpoints
from embedlens.training.datasets import load_dataset

DIGITS = ImageChoice(data="digits")
N = 50
X = torch.randn(N, 8, generator=torch.Generator().manual_seed(0))
Y = torch.arange(N) % 5
DATA = TensorDataset(X, Y)
LOADER = DataLoader(DATA, 16)


def weights(seed, dims=4, width=8):
    return torch.randn(dims, width, generator=torch.Generator().manual_seed(seed))


def save(*epochs, width=8, form="ckpt-{}.pt"):
    for epoch in epochs:
        torch.save(weights(epoch, width=width), form.format(epoch))


def load(path):
    """A linear map of dropped-out inputs: evaluation mode and gradients are seen in its output."""
    loaded = torch.load(path, weights_only=True)
    network = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Dropout(), torch.nn.Linear(*loaded.shape[::-1])
    )
    network[2].weight.data = loaded
    network[2].bias.data.zero_()
    return network


def expected(seed, x=X, **options):
    return x.flatten(1).numpy() @ weights(seed, **options).numpy().T


@pytest.fixture
def embed(folder):
    """Embed the checkpoints of the folder; the run and the messages."""

    def call(model=load, pattern="ckpt-*.pt", out="run", **options):
        messages = []
        source = {} if "data" in options else {"loader": LOADER}
        run = embed_checkpoints(model, pattern, out, **{**source, **options}, warn=messages.append)
        return run, messages

    return call


def refused(embed, *words, **options):
    with pytest.raises(InputError) as error:
        embed(**options)
    assert all(word in str(error.value) for word in words), error.value
    assert "\n" not in str(error.value)


def test_a_data_set_of_the_trainer_gives_its_labels_items_and_thumbnails(embed):
    save(1, 2, 10, width=256)
    run, messages = embed(data=DIGITS, batch_size=100)
    assert messages == []
    data = load_dataset("digits")
    assert run.epochs() == [1, 2, 10]
    for split, part in data.splits.items():
        pixels = torch.from_numpy(part.images.pixels)
        np.testing.assert_array_equal(run.labels(split), part.labels)
        np.testing.assert_array_equal(run.thumbnails(split), part.images.pixels)
        for epoch in run.epochs():
            wanted = expected(epoch, pixels.float() / 255, width=256)
            np.testing.assert_allclose(run.snapshot(split, epoch).embeddings, wanted, atol=1e-4)


def test_size_mean_deviation_and_splits_are_those_asked_for(embed):
    save(1, width=3 * 64)
    choice = ImageChoice(data="digits", image_size=8, mean=(0.1, 0.2, 0.3), std=(1.0, 2.0, 4.0))
    run, _ = embed(data=choice, splits=["test"])
    assert run.splits == ("test",)
    pixels = torch.from_numpy(load_dataset("digits").splits["test"].images.pixels)[:, None] / 255
    small = torch.nn.functional.interpolate(pixels, (8, 8), mode="bilinear", antialias=True)
    x = (small - torch.tensor([0.1, 0.2, 0.3]).view(3, 1, 1)) / torch.tensor([1.0, 2.0, 4.0]).view(3, 1, 1)
    np.testing.assert_allclose(run.snapshot("test", 1).embeddings, expected(1, x, width=192), atol=1e-4)
    assert run.method["mean"] == [0.1, 0.2, 0.3]


def test_images_in_files_need_a_size(embed, folder):
    for name, label in product("abcd", range(4)):
        picture(folder / "photos" / name / f"{label}.jpg", label)
    save(1, width=3 * 256)
    files = {"data": "folder", "root": str(folder / "photos")}
    refused(embed, "--image-size", data=ImageChoice(**files))
    run, _ = embed(data=ImageChoice(**files, image_size=16, crop=0.5), workers=1)
    assert set(run.splits) == {"train", "test"}
    assert run.items("train")["path"]


def test_queries_and_their_gallery_stay_a_pair(embed, folder):
    inshop(folder / "data")
    save(1, width=3 * 256)
    images = ImageChoice(data="inshop", root=str(folder / "data"), image_size=16)
    run, _ = embed(data=images, splits=["query", "gallery"])
    assert dict(run.info.query_gallery) == {"query": "gallery"}
    run, _ = embed(data=images, splits=["query"], out="alone")
    assert run.splits == ("query",)
    assert not run.info.query_gallery


def test_steps_number_the_snapshots_in_order(embed):
    save(50, 100, form="step-{}.pt")
    run, _ = embed(pattern="step-*.pt")
    assert run.epochs() == [0, 1]
    assert [row["step"] for row in run.log] == [50, 100]
    save(150, form="step-{}.pt")
    run, messages = embed(pattern="step-*.pt")
    assert messages == ["recorded already: 2 of 3 checkpoints"]
    np.testing.assert_allclose(run.snapshot("test", 2).embeddings, expected(150), atol=1e-5)
    save(120, form="step-{}.pt")
    refused(embed, "step-120.pt", "steps ascend", pattern="step-*.pt")
    assert open_run("run").epochs() == [0, 1, 2]


def test_recorded_epochs_are_skipped_and_new_checkpoints_are_added(embed):
    called = []

    def counted(path):
        called.append(path.name)
        return load(path)

    save(1, 3)
    embed(counted)
    before = tree("run")
    run, messages = embed(counted)
    assert called == ["ckpt-1.pt", "ckpt-3.pt"]
    assert messages == ["recorded already: 2 of 2 checkpoints"]
    assert tree("run") == before
    save(2)
    Path("ckpt-1.pt").unlink()
    run, _ = embed(counted)
    assert called[2:] == ["ckpt-2.pt"]
    assert run.epochs() == [1, 2, 3]
    whole = Path("whole")
    save(1)
    embed(counted, out="whole")
    for name, content in tree(whole / "splits").items():
        assert (Path("run/splits") / name).read_bytes() == content


def test_a_checkpoint_that_was_stopped_is_embedded_again(embed, monkeypatch):
    save(1, 2, 3)

    def stopped(path):
        if path.name == "ckpt-2.pt":
            raise KeyboardInterrupt
        return load(path)

    stopped.__qualname__ = load.__qualname__  # the run knows the function by its name
    with pytest.raises(KeyboardInterrupt):
        embed(stopped)
    assert open_run("run").epochs() == [1]
    assert not list(Path("run").rglob(".*"))
    run, messages = embed()
    assert run.epochs() == [1, 2, 3]
    assert messages == ["recorded already: 1 of 3 checkpoints"]


def test_stopped_between_snapshot_and_its_identity(embed):
    """While an epoch is written the run has no SHA-256 of its checkpoint, so it is embedded again."""
    save(1, 2)
    report = []

    def stop(progress):
        report.append(progress)
        if progress.number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embed(report=stop)
    entries = open_run("run").method["checkpoints"]["files"]
    assert [entry["sha256"] is None for entry in entries] == [False, True]
    run, _ = embed()
    assert all(entry["sha256"] for entry in run.method["checkpoints"]["files"])
    assert [(one.done, one.items) for one in report][:4] == [(16, 50), (32, 50), (48, 50), (50, 50)]
    assert [one.count for one in report] == [2] * 5


def test_a_changed_checkpoint_is_refused_and_embedded_again_on_request(embed):
    save(1, 2)
    embed()
    os.utime("ckpt-1.pt", (1, 1))  # touched, not changed
    embed()
    torch.save(weights(7), "ckpt-1.pt")
    refused(embed, "ckpt-1.pt has changed since epoch 1", "--overwrite")
    run, _ = embed(overwrite=True)
    np.testing.assert_allclose(run.snapshot("test", 1).embeddings, expected(7), atol=1e-5)
    assert run.epochs() == [1, 2]
    save(1, form="other-{}.pt")
    refused(embed, "was recorded from ckpt-1.pt, which differs from other-1.pt", pattern="other-*.pt")


def test_a_run_of_something_else_is_refused(embed):
    save(1)
    embed()
    refused(embed, "model", "--out", model=lambda path: load(path))
    refused(embed, "other items or labels", loader=DataLoader(TensorDataset(X[:40], Y[:40]), 16))
    Path("ckpt-1.pt").rename("ckpt-2.pt")
    named = {"test": LOADER, "more": LOADER}
    refused(embed, "other items or labels", loader=named)
    write_run("mine", epochs=1)
    refused(embed, "was not made of checkpoints", out="mine")


def test_a_changed_source_file_is_warned_of(embed, monkeypatch, folder):
    module = SimpleNamespace(__file__=str(folder / "net.py"))
    monkeypatch.setitem(__import__("sys").modules, load.__module__, module)
    Path("net.py").write_text("a")
    save(1)
    embed()
    Path("net.py").write_text("b")
    _, messages = embed()
    assert "has changed since run 'run' was recorded; epoch 1 stays as recorded" in messages[0]


def test_equal_embeddings_of_unequal_checkpoints_are_warned_of(embed):
    save(1, 2, 3)
    _, messages = embed(lambda path: torch.nn.Linear(8, 4))  # random, but the seed is the same
    assert len(messages) == 1
    assert "ckpt-1.pt and ckpt-2.pt give equal embeddings; does" in messages[0]
    for epoch in (1, 2):
        shutil.copy("ckpt-1.pt", f"twin-{epoch}.pt")
    assert embed(pattern="twin-*.pt", out="twins")[1] == []


def test_one_network_is_in_memory_at_a_time(embed):
    save(1, 2, 3)
    alive = []

    def watched(path):
        assert not any(one() for one in alive)
        network = load(path)
        alive.append(weakref.ref(network))
        return network

    embed(watched)
    assert len(alive) == 3


def test_the_random_state_of_the_caller_stays(embed):
    save(1)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    threads = torch.get_num_threads()
    embed(threads=1)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads


class Other(torch.nn.Module):
    """A network whose output is what a function makes of the embeddings."""

    def __init__(self, change):
        super().__init__()
        self.layer, self.change = torch.nn.Linear(8, 4), change

    def forward(self, x):
        return self.change(self.layer(x))


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (lambda path: None, "returned None for ckpt-1.pt"),
        (lambda path: {"weight": 1}, "returned dict for ckpt-1.pt"),
        (lambda path: torch.nn.Identity(), "a module without parameters (Identity)"),
        (lambda path: torch.load("none.pt"), "No such file"),
        (lambda: None, "it is called with the path of a checkpoint"),
        (lambda path: Other(lambda z: (z, z)), "the output is tuple"),
        (lambda path: Other(lambda z: z[:, :, None, None]), "shape (16, 4, 1, 1) for 16 items"),
        (lambda path: Other(lambda z: z[:5]), "shape (5, 4) for 16 items"),
        (lambda path: Other(lambda z: z / 0 * 0), "NaN or infinity in 16 rows (0, 1"),
        (lambda path: Other(lambda z: z * 0), "zero vectors"),
        (lambda path: Other(lambda z: z.long()), "embeddings"),
        (lambda path: torch.nn.Linear(3, 4), "a batch of shape (16, 8): RuntimeError: mat1 and mat2"),
    ],
)
def test_what_a_model_does_wrong_is_one_line_and_leaves_nothing(embed, folder, model, words):
    save(1)
    refused(embed, words, model=model, out="runs/new")
    assert not (folder / "runs/new").exists()
    save(1)
    assert embed(out="runs/new")[0].epochs() == [1]


def test_dims_that_differ_between_checkpoints_are_refused_with_the_file(embed):
    save(1)
    torch.save(weights(2, dims=5), "ckpt-2.pt")
    refused(embed, "ckpt-2.pt", "5", "4")
    assert open_run("run").epochs() == [1]


def test_a_checkpoint_that_changes_while_it_is_embedded_is_refused(embed):
    save(1)

    def written(path):
        network = load(path)
        torch.save(weights(9), path)
        return network

    refused(embed, "ckpt-1.pt: the checkpoint changed while it was embedded", model=written)
    assert not Path("run").exists()


@pytest.mark.parametrize(
    ("loader", "words"),
    [
        (DataLoader(DATA, 16, shuffle=True), "draws items by RandomSampler"),
        (DataLoader(DATA, 16, sampler=RandomSampler(DATA)), "draws items by RandomSampler"),
        (DataLoader(DATA, batch_sampler=[[0, 1], [2]]), "draws items by list"),
        (DataLoader(DATA, 16, drop_last=True), "drop_last=False"),
        (DataLoader(list(X), 16), "have no labels"),
        (DataLoader([{"x": x} for x in X], 16), "a batch is a dict"),
        (DataLoader(TensorDataset(X, torch.stack([Y, Y], 1)), 16), "labels of shape (16, 2)"),
        (DataLoader(TensorDataset(X[:0], Y[:0]), 16), "has no batches"),
        (iter(LOADER), "a loader that can be read once for each checkpoint"),
        (lambda: 3, "is int; a loader"),
        (lambda: {"test": LOADER, "train": iter(LOADER)}, "split 'train' is "),
        (lambda path: LOADER, "it is called with no argument"),
    ],
)
def test_loaders_that_cannot_be_followed_are_refused(embed, loader, words):
    save(1)
    refused(embed, words, loader=loader)
    assert not Path("run").exists()


class Shuffled:
    """A loader of unknown kind that gives other items in each pass."""

    def __init__(self):
        self.passes = 0

    def __iter__(self):
        self.passes += 1
        order = torch.arange(N) if self.passes < 3 else torch.arange(N).flip(0)
        yield from zip(X[order].split(20), Y[order].split(20), strict=True)


def test_labels_in_batches_show_a_loader_that_shuffles(embed):
    save(1)
    refused(embed, "items 0 to 19 have other labels than in the pass before", loader=Shuffled())


class Short(Shuffled):
    """A loader that gives fewer items in a later pass."""

    def __iter__(self):
        self.passes += 1
        yield from zip(X.split(20)[: 5 - self.passes], Y.split(20)[: 5 - self.passes], strict=True)


def test_a_pass_with_fewer_items_is_refused(embed):
    save(1)
    refused(embed, "split 'test' has 40 items in this pass, 50 before", loader=Short())


def test_labels_come_from_the_data_set_or_from_all_batches(embed):
    save(1)
    texts = [f"class {label}" for label in Y.tolist()]
    run, messages = embed(loader=DataLoader(list(zip(X, texts, strict=True)), 16))
    assert "loader, split 'test': labels are read from the batches" in messages[0]
    assert [run.class_names[label] for label in run.labels("test").tolist()] == texts
    rows = [5, 3, 20, 8]
    run, messages = embed(out="subset", loader=DataLoader(Subset(DATA, rows), 3))
    assert messages == []
    np.testing.assert_array_equal(run.labels("test"), Y[rows])
    np.testing.assert_allclose(run.snapshot("test").embeddings, expected(1, X[rows]), atol=1e-5)


class Folder(torch.utils.data.Dataset):
    """As ImageFolder of torchvision: `targets` and `class_to_idx`; other numbers in batches are possible."""

    def __init__(self, names, change=lambda label: label):
        self.targets, self.change = Y.tolist(), change
        self.class_to_idx = {name: number for number, name in enumerate(names)}

    def __len__(self):
        return N

    def __getitem__(self, row):
        return X[row], self.change(self.targets[row])


def test_classes_that_splits_number_differently_are_told_apart_by_name(embed):
    save(1)
    loaders = {"train": DataLoader(Folder("abcde"), 16), "test": DataLoader(Folder("efghi"), 16)}
    run, messages = embed(loader=lambda: loaders)
    assert messages == []
    names = {split: [run.class_names[label] for label in run.labels(split).tolist()] for split in loaders}
    assert names == {"train": ["abcde"[y] for y in Y], "test": ["efghi"[y] for y in Y]}
    same = {split: DataLoader(Folder("abcde"), 16) for split in loaders}
    run, _ = embed(loader=same, out="same")
    np.testing.assert_array_equal(run.labels("test"), Y)
    assert run.class_names[3] == "d"
    changed, messages = embed(loader=DataLoader(Folder("abcde", lambda y: 4 - y), 16), out="changed")
    np.testing.assert_array_equal(changed.labels("test"), 4 - Y)
    assert "read from the batches" in messages[0]


def test_inputs_may_be_anything_that_the_model_takes(embed):
    save(1)

    class Named(torch.nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, inputs):
            return self.inner(inputs["x"])

    data = [({"x": x}, int(y)) for x, y in zip(X, Y, strict=True)]
    run, _ = embed(lambda path: Named(load(path)), loader=DataLoader(data, 16))
    np.testing.assert_allclose(run.snapshot("test").embeddings, expected(1), atol=1e-5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"loader": None}, "give one of --data and --loader"),
        ({"data": DIGITS, "loader": LOADER}, "give one of --data and --loader"),
        ({"dtype": "float64"}, "unknown dtype 'float64'"),
        ({"batch_size": 0}, "batch_size is 0; 1 is the least"),
        ({"threads": 0}, "threads is 0; 1 is the least"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
        ({"splits": ["val"]}, "loader: unknown split 'val'"),
        ({"data": DIGITS, "splits": ["val"]}, "unknown split 'val'"),
    ],
)
def test_wrong_arguments_are_refused(embed, options, words):
    save(1)
    refused(embed, words, **options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"image_size": 4}, "image_size is 4"),
        ({"crop": 0.0}, "crop is 0"),
        ({"mean": (0.5,)}, "mean has 1 numbers and std 0"),
        ({"mean": (0.5,), "std": (0.0,)}, "std above 0"),
    ],
)
def test_images_have_limits(options, words):
    with pytest.raises(InputError, match=words):
        ImageChoice(data="digits", **options)


@pytest.mark.slow
def test_the_last_checkpoint_of_the_trainer_gives_its_last_epoch(embed, folder):
    """`embedlens train` keeps one checkpoint; a function of the user can read it as any other."""
    from embedlens.experiments import Trainer
    from embedlens.training.config import TrainConfig

    trainer = Trainer(TrainConfig(data="digits", dim=4, epochs=1), folder / "trained")
    trained = trainer.run()

    def network(path):
        trainer.method.load_state_dict(torch.load(path, weights_only=True)["network"])
        return trainer.method

    run, messages = embed(network, "trained/*.pt", data=DIGITS)
    assert run.epochs() == [0]
    assert "no number in the names of 1 checkpoint" in messages[0]
    assert run.info.splits == trained.info.splits  # the two can be compared
    for split in run.splits:
        np.testing.assert_allclose(
            run.snapshot(split).embeddings, trained.snapshot(split).embeddings, atol=1e-4
        )
