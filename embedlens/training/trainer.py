"""The loop: train an epoch, embed every split, record, commit."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch

from embedlens.devices import check_device
from embedlens.errors import InputError
from embedlens.objectives import Setting
from embedlens.store import Recorder, Run, open_run
from embedlens.training.augmentation import augment
from embedlens.training.backbones import SmallNetwork
from embedlens.training.checkpoint import load_checkpoint, save_checkpoint
from embedlens.training.config import TrainConfig
from embedlens.training.datasets import load_dataset
from embedlens.training.methods import Plain
from embedlens.training.streams import Purpose, stream, torch_seed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from embedlens.training.datasets import ImageDataset

_filling: Any = torch.utils.deterministic
_EMBED_BATCH = 128  # larger batches cost fresh memory, and time, at every layer

Arrays = dict[str, "NDArray[np.float32]"]


@dataclass(frozen=True, slots=True)
class Progress:
    """Where training stands: step of steps in epoch of epochs; `row` is a finished epoch's row of the log."""

    epoch: int
    epochs: int
    step: int
    steps: int
    row: dict[str, float] | None = None


class Metrics(Protocol):
    """What a trainer is handed to measure an epoch with."""

    def __call__(
        self, embeddings: Mapping[str, NDArray[np.float32]], labels: Mapping[str, NDArray[np.int64]]
    ) -> dict[str, float]:
        """Return numbers by name from the embeddings and labels of every split."""


class Trainer:
    """Trains one run.

    Parameters
    ----------
    config
        The configuration.
    path
        The run's directory.
    device
        "cpu" or "cuda".
    resume
        Continue the run at `path` from its checkpoint.
    """

    def __init__(self, config: TrainConfig, path: Path, *, device: str = "cpu", resume: bool = False) -> None:
        self.device = check_device(device)
        config.build_loss()  # options that cannot be are refused before data is read
        self.data = load_dataset(config.data, None if config.root is None else Path(config.root))
        train = self.data.splits["train"]
        sampler = config.build_sampler(train.labels)
        self.config = replace(
            config,
            sampler=config.batches,
            classes_per_batch=sampler.classes,
            items_per_class=sampler.items,
        )
        self.recorder = _recorder(path, self.data, self.config, resume=resume)
        with torch.random.fork_rng():
            torch.manual_seed(torch_seed(config.seed, Purpose.WEIGHTS))
            shape = train.images.shape
            network = SmallNetwork(
                channels=shape[3] if len(shape) == 4 else 1, size=(shape[1], shape[2]), dim=config.dim
            )
            setting = Setting(config.dim, np.unique(train.labels))
            loss = config.build_loss(setting)
        self.method = Plain(network, loss, sampler).to(device)
        self.optimizer = _optimizer(self.config, self.method)

    def run(self, metrics: Metrics, report: Callable[[Progress], None]) -> Run:
        """Train from where the checkpoint stands to the last epoch; return the run.

        Parameters
        ----------
        metrics
            Measures each epoch; the numbers go into log.csv.
        report
            Is told of every step.
        """
        with _reproducible(self.config.threads, deterministic=self.device == "cpu"):
            done = load_checkpoint(
                self.recorder.path, self.method, optimizer=self.optimizer, device=self.device
            )
            self.recorder.discard_after(done)
            for epoch in range(done + 1, self.config.epochs + 1):
                started = time.perf_counter()
                logs = self._train(epoch, report) if epoch else {}
                seconds = time.perf_counter() - started
                taken = float(epoch * self.method.steps)  # optimiser steps since the start of training
                self._record(epoch, {**logs, "step": taken, "seconds": seconds}, metrics, report)
        return self.recorder.run

    def _train(self, epoch: int, report: Callable[[Progress], None]) -> dict[str, float]:
        """Train one epoch; return the means of what the loss logs."""
        self.method.train()
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.lr_at(epoch)
        images, labels = self.data.splits["train"].images, self.data.splits["train"].labels
        sums: dict[str, float] = {}
        for step, rows in enumerate(self.method.batches(epoch, self._embed_now), start=1):
            torch.manual_seed(torch_seed(self.config.seed, Purpose.STEP, epoch=epoch, step=step))
            batch = _to_tensor(images[rows], self.device)
            if self.config.augment:
                random = stream(self.config.seed, Purpose.AUGMENTATION, epoch=epoch, step=step)
                batch = augment(batch, random, mirrored=self.data.mirrored)
            loss, logs = self.method.loss(batch, torch.from_numpy(labels[rows]).to(self.device))
            if not torch.isfinite(loss):
                message = f"the loss is {loss.item()} at epoch {epoch}, step {step}; try a lower --lr"
                raise InputError(message)
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            for name, value in logs.items():
                sums[name] = sums.get(name, 0.0) + value
            report(Progress(epoch, self.config.epochs, step, self.method.steps))
        means = {name: total / self.method.steps for name, total in sums.items()}
        return {"loss": means.pop("loss"), "lr": self.config.lr_at(epoch), **means}

    def _record(
        self, epoch: int, logs: dict[str, float], metrics: Metrics, report: Callable[[Progress], None]
    ) -> None:
        """Embed every split, measure, record, and commit the epoch by its checkpoint."""
        embeddings: Arrays = {split: self._embed(part.images) for split, part in self.data.splits.items()}
        labels = {split: part.labels for split, part in self.data.splits.items()}
        row = {**logs, **metrics(embeddings, labels)}
        self.recorder.record(epoch, embeddings, metrics=row, overwrite=True)
        save_checkpoint(self.recorder.path, epoch, self.method, optimizer=self.optimizer)
        report(Progress(epoch, self.config.epochs, self.method.steps, self.method.steps, row))

    def _embed_now(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the embeddings [n, D] of some training images while an epoch is trained."""
        embeddings = self._embed(self.data.splits["train"].images[rows])
        self.method.train()
        return embeddings

    def _embed(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the embeddings [N, D] of all images of a split."""
        self.method.eval()
        parts = []
        with torch.inference_mode():
            for start in range(0, len(images), _EMBED_BATCH):
                batch = _to_tensor(images[start : start + _EMBED_BATCH], self.device)
                parts.append(self.method(batch).float().cpu().numpy())
        return np.concatenate(parts)


def available_threads() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def resumed_config(path: Path, epochs: int | None) -> TrainConfig:
    """Return the configuration of the run at `path`, with more epochs where they are asked for."""
    run = open_run(path)
    try:
        config = TrainConfig.from_method(run.method)
    except InputError as error:
        place = f"run {run.name!r}"
        raise error.within(place) from error
    if epochs is None:
        return config
    recorded = run.epochs()
    if recorded and epochs < recorded[-1]:
        message = f"run {run.name!r} has {recorded[-1]} epochs already; --epochs {epochs} cannot shorten it"
        raise InputError(message)
    return replace(config, epochs=epochs)


def _path(text: str) -> Path:

    return Path(text)


def _recorder(path: Path, data: ImageDataset, config: TrainConfig, *, resume: bool) -> Recorder:
    """Start or continue the run's record; thumbnails are the images themselves."""
    if not resume and path.exists():
        message = (
            f"{path} already exists; continue it with `embedlens train --resume {path}` "
            "(and --epochs M to extend it), or choose another --out"
        )
        raise InputError(message)
    return Recorder(
        path,
        labels={split: part.labels for split, part in data.splits.items()},
        items={split: part.items for split, part in data.splits.items()},
        thumbnails={split: part.images for split, part in data.splits.items()},
        class_names=data.class_names,
        method=config.as_method(),
        resume=resume,
    )


def _optimizer(config: TrainConfig, method: torch.nn.Module) -> torch.optim.Optimizer:
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            method.parameters(), lr=config.lr, momentum=0.9, weight_decay=config.weight_decay
        )
    return torch.optim.Adam(method.parameters(), lr=config.lr, weight_decay=config.weight_decay)


def _to_tensor(images: NDArray[np.uint8], device: str) -> torch.Tensor:
    """Return uint8 images [B, h, w] or [B, h, w, 3] as float [B, c, h, w] in [0, 1]."""
    tensor = torch.from_numpy(images).to(device).float() / 255
    return tensor[:, None] if tensor.ndim == 3 else tensor.permute(0, 3, 1, 2)


@contextmanager
def _reproducible(threads: int, *, deterministic: bool) -> Iterator[None]:
    """Fix the number of threads and keep torch to deterministic kernels; all is put back at the end."""
    _warm_up()
    threads_before = torch.get_num_threads()
    before = torch.are_deterministic_algorithms_enabled(), _filling.fill_uninitialized_memory
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)
    _filling.fill_uninitialized_memory = False  # every value is written before it is read
    try:
        with torch.random.fork_rng():
            yield
    finally:
        torch.set_num_threads(threads_before)
        torch.use_deterministic_algorithms(before[0])
        _filling.fill_uninitialized_memory = before[1]


def _warm_up() -> None:
    """Call the vector library's functions once from one thread.

    A first call raced by several threads was seen to give square roots that are off by 3e-4, in one process
    of thirty; Adam takes such roots, and the run would not be the same twice.
    """
    for dtype in (torch.float32, torch.float64):
        one = torch.ones(8, dtype=dtype)
        for function in (torch.sqrt, torch.exp, torch.log, torch.sin, torch.cos, torch.tanh):
            function(one)
