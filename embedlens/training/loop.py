"""The training loop: train an epoch, embed every split, record, save the checkpoint."""

from __future__ import annotations

import time
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

from embedlens.devices import check_device
from embedlens.errors import InputError
from embedlens.store import Recorder, Run
from embedlens.store.checks import join_metrics
from embedlens.store.format import info_file, listed_epochs
from embedlens.store.locations import run_path
from embedlens.training.backbones import check_backbone
from embedlens.training.checkpoint import check_path, load_checkpoint, save_checkpoint
from embedlens.training.distributed import Team, check_team, parallel
from embedlens.training.early_stop import stop_reason
from embedlens.training.embedding import Embedder
from embedlens.training.initial import initial_of_run, start_backbone
from embedlens.training.loading import Request, read_batches
from embedlens.training.methods import MethodInputs, build_method, check_method
from embedlens.training.optimisation import Stepper
from embedlens.training.progress import Progress
from embedlens.training.reproducible import reproducible
from embedlens.training.streams import Draw, Purpose, torch_seed
from embedlens.training.thumbnails import thumbnails

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from numpy.typing import NDArray

    from embedlens.training.config import TrainConfig
    from embedlens.training.embedding import Arrays


class Metrics(Protocol):
    """Function that computes the metrics of an epoch."""

    def __call__(
        self, embeddings: Mapping[str, NDArray[np.float32]], labels: Mapping[str, NDArray[np.int64]]
    ) -> dict[str, float]:
        """Return metrics by name from the embeddings [N, D] and labels [N] of every split."""


class TrainingLoop:
    """Trains one run; `embedlens.experiments.Trainer` is the same with the default metrics.

    Parameters
    ----------
    config
        The configuration.
    path
        The run's directory.
    device
        "cpu" or "cuda".
    resume
        Whether to resume the run at `path` from its checkpoint.
    workers
        Number of processes that read images from files; the result does not depend on it.
    team
        The processes that train together; None: only this one.

    Attributes
    ----------
    messages
        Messages for the user before training.
    stopped
        Why training ended early; None: it did not.
    """

    def __init__(
        self,
        config: TrainConfig,
        path: Path,
        *,
        device: str = "cpu",
        resume: bool = False,
        workers: int = 0,
        team: Team | None = None,
    ) -> None:
        self.team = team or Team(check_device(device))
        self.path = path = run_path(path)
        self.stopped: str | None = None
        self._workers = workers
        check_method(config.method, config.method_options, config.loss)
        config.build_loss()  # wrong options are refused before data is read
        check_backbone(config)
        initial = initial_of_run(config, path, resume=resume, team=self.team)
        if initial is not None:
            config = replace(config, init=initial.path, init_sha256=initial.sha256)
        self.data = config.load_data()
        train = self.data.splits["train"]
        sampler = config.build_sampler(train.labels)
        check_team(self.team, config.processes, rows=sampler.classes * sampler.items)
        self.config = replace(
            config,
            sampler=config.batches,
            classes_per_batch=sampler.classes,
            items_per_class=sampler.items,
        )
        self.team.led(lambda: check_path(path, resume=resume))
        with torch.random.fork_rng():
            torch.manual_seed(torch_seed(config.seed, Purpose.WEIGHTS))
            backbone = start_backbone(config, self.data, initial=initial, workers=workers)
            method = build_method(MethodInputs(self.config, backbone, train.labels))
        self.messages = (*self.data.messages, *backbone.messages)
        self.method = method.to(self.team.device)
        self.stepper = Stepper(self.config, self.method, self.team.device)
        self._inputs = backbone.inputs
        self._network = self.method.network
        self._embedder = Embedder(backbone.inputs, self.team, workers=workers)
        self._begun = bool(self.team.broadcast(info_file(path).is_file()))
        before = backbone.given or (backbone.module if backbone.pretrained else None)
        features = {} if before is None or self._begun else self._features(before)
        self._recorder = self.team.led(lambda: self._record_into(features, resume=resume))

    def run(self, metrics: Metrics, report: Callable[[Progress], None]) -> Run:
        """Train from the epoch after the checkpoint to the last epoch; return the run.

        Parameters
        ----------
        metrics
            Computes the metrics of each epoch for log.csv.
        report
            Called after every step.
        """
        with self._settings(), self._recorder or nullcontext(), self._shared_gradients():
            done = load_checkpoint(self.path, self.method, stepper=self.stepper, device=self.team.device)
            self.team.led(lambda: self._discard_after(done, report))
            for epoch in range(done + 1, self.config.epochs + 1):
                self.stopped = self.team.broadcast(self.team.led(self._reason_to_stop))
                if self.stopped:
                    break
                started = time.perf_counter()
                logs = self._train(epoch, report) if epoch else {}
                seconds = time.perf_counter() - started
                taken = float(epoch * self.method.steps)  # optimiser steps since the start of training
                self._record(epoch, {**logs, "step": taken, "seconds": seconds}, metrics, report)
        return Run(self.path, self.team.broadcast(self.recorder.run.info if self.team.leads else None))

    @contextmanager
    def _shared_gradients(self) -> Iterator[None]:
        """Wrap the network for the team; nothing keeps the wrapper afterwards, so that its threads end."""
        self._network = parallel(self.method.network, self.team, partial=self.method.partial)
        try:
            yield
        finally:
            self._network = self.method.network

    @property
    def recorder(self) -> Recorder:
        """The recorder of the run, which only the leading process of a team has."""
        assert self._recorder is not None
        return self._recorder

    def _discard_after(self, done: int, report: Callable[[Progress], None]) -> None:
        """Discard epochs after the checkpoint, which is written last; report missing snapshots before it."""
        self.recorder.discard_after(done)
        missing = sorted(set(range(done + 1)) - set(self.recorder.run.epochs()))
        if missing:
            text = f"snapshots of epochs {listed_epochs(missing)} are missing; training resumes without them"
            report(Progress(done, self.config.epochs, 0, self.method.steps, message=text))

    def _reason_to_stop(self) -> str | None:
        return stop_reason(self.recorder.run.log, self.config.stop_metric, self.config.patience)

    def _train(self, epoch: int, report: Callable[[Progress], None]) -> dict[str, float]:
        """Train one epoch; return the means of the logged numbers."""
        self.method.begin(epoch, self._embed_all)
        while self.method.messages:
            text = self.method.messages.pop(0)
            report(Progress(epoch, self.config.epochs, 0, self.method.steps, message=text))
        self.method.train()
        steps = self.method.steps
        workers = 0 if self.method.looks else self._workers
        batches = read_batches(
            self._inputs["train"], self._requests(epoch), self.team.device, workers=workers
        )
        sums: dict[str, float] = {}
        rate = 0.0
        for step, (request, batch) in enumerate(batches, start=1):
            rate = self.stepper.set_rate(epoch, step, steps=steps)
            for name, value in self._step(request, batch, epoch, step).items():
                sums[name] = sums.get(name, 0.0) + value
            report(Progress(epoch, self.config.epochs, step, steps))
        means = {name: total / steps for name, total in sums.items()}
        return {"loss": means.pop("loss"), "lr": rate, **means}

    def _requests(self, epoch: int) -> Iterator[Request]:
        """Yield the batches of an epoch, with the rows of this process."""
        for step, drawn in enumerate(self.method.batches(epoch, self._embed_now), start=1):
            rows = drawn.rows
            own = self.team.rows_of(rows.size)
            draw = Draw(self.config.seed, epoch, step, size=rows.size, start=own.start)
            yield Request(rows[own], draw if self.config.augment else None, rows, drawn.learner)

    def _step(self, request: Request, batch: torch.Tensor, epoch: int, step: int) -> dict[str, float]:
        """Take one step; return its numbers for the log."""
        rows = request.rows if request.batch is None else request.batch
        seed = torch_seed(self.config.seed, Purpose.STEP, epoch=epoch, step=step)
        torch.manual_seed(seed + self.team.rank)
        with self.stepper.precision():
            outputs = self._network(batch, *([] if request.learner is None else [request.learner]))
        outputs = self.team.gather(outputs.to(torch.get_default_dtype()), rows.size)
        if self.team.size > 1:
            torch.manual_seed(seed)  # random choices of the loss must be the same in all processes
        labels = torch.from_numpy(self.data.splits["train"].labels[rows]).to(self.team.device)
        loss, logs = self.method.loss(outputs, labels, request.learner)
        if self.config.embedding_l2:
            z = self.method.embeddings(outputs)
            penalty = self.config.embedding_l2 * z.square().sum(dim=1).mean()
            loss, logs = loss + penalty, {**logs, "embedding_l2": penalty.item()}
        if not torch.isfinite(loss):
            message = (
                f"the loss is {loss.item()} at epoch {epoch}, step {step}; the epochs before stay recorded, "
                "try a lower --lr"
            )
            raise InputError(message)
        self.stepper.backward(loss)
        self.team.average_gradients(self.method.objective)
        return {**logs, **self.stepper.step()}

    def _record(
        self, epoch: int, logs: dict[str, float], metrics: Metrics, report: Callable[[Progress], None]
    ) -> None:
        """Embed every split, compute metrics, record, and write the checkpoint, which completes the epoch."""
        embeddings = self._embedder.splits(self.method)
        labels = {split: part.labels for split, part in self.data.splits.items()}
        extras = self.method.extras(self._embedder.splits, labels)

        def commit() -> dict[str, float]:
            row = join_metrics(logs, metrics(embeddings, labels), self._accuracies(embeddings, labels))
            self.recorder.record(epoch, embeddings, metrics=row, extras=extras, overwrite=True)
            save_checkpoint(self.path, epoch, self.method, stepper=self.stepper)
            return row

        row = self.team.led(commit)
        report(Progress(epoch, self.config.epochs, self.method.steps, self.method.steps, row))

    def _accuracies(self, embeddings: Arrays, labels: Mapping[str, NDArray[np.int64]]) -> dict[str, float]:
        """Return the accuracy of the loss's classifier, if any, on splits with classes of the training."""
        found = {}
        with torch.inference_mode():
            for split, z in embeddings.items():
                if np.isin(labels[split], labels["train"]).all():
                    on_device = torch.from_numpy(z).to(self.team.device, torch.get_default_dtype())
                    y = torch.from_numpy(labels[split]).to(self.team.device)
                    found[f"{split}_accuracy"] = self.method.accuracy(on_device, y)
        return {name: value for name, value in found.items() if value is not None}

    def _features(self, network: torch.nn.Module) -> Arrays:
        """Return the backbone's features [N, D0] of every split."""
        with self._settings():
            return self._embedder.splits(network)

    def _embed_all(self, module: torch.nn.Module) -> NDArray[np.float32]:
        """Return the outputs [N, D] of a module for the whole training split."""
        return self._embedder.rows(module, "train", np.arange(self.data.splits["train"].labels.size))

    def _embed_now(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the embeddings [n, D] of some training items during an epoch."""
        embeddings = self._embedder.rows(self.method, "train", rows)
        self.method.train()
        return embeddings

    def _settings(self) -> AbstractContextManager[None]:
        return reproducible(self.config.threads, deterministic=self.team.device.type == "cpu")

    def _record_into(self, features: Arrays, *, resume: bool) -> Recorder:
        """Return a recorder that starts or resumes the run."""
        data = self.data
        return Recorder(
            self.path,
            labels={split: part.labels for split, part in data.splits.items()},
            items={split: part.items for split, part in data.splits.items()},
            thumbnails={} if self._begun else thumbnails(data, workers=self._workers),
            pretrained=features,
            class_names=data.class_names,
            query_gallery=data.query_gallery,
            slices=self.method.slices,
            extras=self.method.run_extras(),
            method=self.config.as_method(),
            resume=resume,
        )
