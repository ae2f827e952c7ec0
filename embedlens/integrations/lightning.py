"""Recording while the Trainer of PyTorch Lightning trains."""

from __future__ import annotations

import json
import sys
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError
from embedlens.integrations.datasets import class_names_of, labels_of
from embedlens.integrations.loaders import in_order, map_style
from embedlens.integrations.plain_torch import embed_batch, record_embeddings
from embedlens.integrations.recording import (
    begun_run,
    by_split,
    check_given_labels,
    check_options,
    joined,
    labels_by_split,
    plain_metrics,
    shows_arguments,
    within_split,
)
from embedlens.optional import needed
from embedlens.store.user_inputs import plain_method

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    import torch

    from embedlens.integrations.loaders import Rows
    from embedlens.store import Recorder, Run

    Loaders = Mapping[str, Any] | Callable[[Any], Mapping[str, Any]]

_NAMES = ("lightning.pytorch", "pytorch_lightning")
"""The two packages of the same library; each has classes of its own."""


@shows_arguments
class EmbeddingRecorder:
    """A ``Callback`` that records the embeddings of loaders before training and after every epoch.

    Items are read in the order of the loaders' data sets, by loaders of its own, so neither shuffling nor the
    samplers that Lightning inserts matter; of several processes, each embeds its part, and the run has the
    bytes of one process. Metrics that the module logs go into log.csv. A training that resumes from a
    checkpoint continues the run: later epochs are discarded, and epoch 0 stays. Sanity checking, and a
    training with ``fast_dev_run``, record nothing. Model, gradients and random states are left as they were.

    It works with ``lightning`` and with ``pytorch_lightning``.

    Parameters
    ----------
    path
        The run's directory; it must not hold a run yet, unless the training resumes from a checkpoint.
    loaders
        Split name -> loader, or a function of the trainer that returns this, called when training begins, for
        example ``lambda trainer: {"test": trainer.datamodule.test_dataloader()}``.
    labels
        Split name -> labels [N] in the order of the data set. None, or a split that is missing: read from the
        data set (`targets`, `labels`, or from the items), with the names of its classes.
    embed
        Function of module and batch, on the module's device, that returns [n, D]. None: the module is called
        with the batch, or with the first element of a tuple.
    rows
        Where a batch has the row numbers of its items, for data sets without length; see `record_embeddings`.
        None: such a data set gives its items in the same order in every pass.
    every_n_epochs
        Number of epochs between two that are recorded; the last epoch of a training is recorded too.
    **options
        Other arguments of `Recorder`: class_names, items, thumbnails, dtype, ... `method` is by default the
        name of the module and its hyperparameters (``save_hyperparameters``). `resume` makes a training that
        begins at epoch 0 discard the epochs of a run at the path.

    Raises
    ------
    InputError
        `loaders` or `labels` without split names, an unknown argument; when training begins: as `Recorder`
        and `record_embeddings`, a data set without labels, labels of another number or of an unknown split.

    Examples
    --------
    >>> recorder = EmbeddingRecorder("runs/x", {"test": loader})  # doctest: +SKIP
    >>> Trainer(max_epochs=10, callbacks=[recorder]).fit(module, train_loader)  # doctest: +SKIP
    """

    def __new__(cls, *_given: Any, **_options: Any) -> EmbeddingRecorder:
        """Return an instance that is a ``Callback``, too."""
        made: EmbeddingRecorder = object.__new__(joined(cls, _callback()))
        return made

    def __init__(
        self,
        path: str | os.PathLike[str],
        loaders: Loaders,
        labels: Mapping[str, Any] | None = None,
        *,
        embed: Callable[[torch.nn.Module, Any], torch.Tensor] | None = None,
        rows: Rows | None = None,
        every_n_epochs: int = 1,
        **options: Any,
    ) -> None:
        super().__init__()
        given = loaders if callable(loaders) else by_split(loaders, "loaders", of="a loader")
        if every_n_epochs < 1:
            message = f"every_n_epochs is {every_n_epochs}; 1 or more is needed"
            raise InputError(message)
        check_options(EmbeddingRecorder, options)
        self._path, self._given, self._options = path, given, options
        self._labels = labels_by_split(labels)
        self._embed, self._rows, self._every = embed or embed_batch, rows, every_n_epochs
        self._loaders: dict[str, Any] = {}
        self._recorder: Recorder | None = None
        self._seen: dict[str, Any] = {}
        self._ended, self._recorded = -1, -1  # the last epoch that has ended, and that is recorded

    @property
    def run(self) -> Run:
        """The run as a reader sees it now; `InputError` before training."""
        if self._recorder is None:
            message = "the run is begun when training begins"
            raise InputError(message)
        return self._recorder.run

    def on_train_start(self, trainer: Any, module: Any) -> None:
        """Begin the run and record epoch 0, or continue the run of a training that resumes."""
        if trainer.fast_dev_run:
            return
        given = self._given(trainer) if callable(self._given) else self._given
        for split, loader in by_split(given, "loaders", of="a loader").items():
            with within_split(split):
                self._loaders[split] = in_order(loader)
        labels, options = self._described(module)
        begun = {"epoch": trainer.current_epoch, "step": trainer.global_step}
        self._recorder = begun_run(self._path, labels, options, **begun)
        self._seen, self._ended, self._recorded = dict(trainer.callback_metrics), -1, -1
        if trainer.global_step == 0:
            self._record(trainer, module, 0, {})

    def on_train_epoch_start(self, trainer: Any, module: Any) -> None:
        """Log what the module logged at the end of the last epoch, after this callback."""
        self._log_rest(trainer)

    def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
        """Record the epoch, or log its metrics."""
        if self._recorder is None:
            return
        self._ended = trainer.current_epoch + 1
        metrics = self._fresh(trainer)
        if self._ended % self._every == 0:
            self._record(trainer, module, self._ended, metrics)
        else:
            self._recorder.log(self._ended, metrics | {"step": trainer.global_step})

    def on_train_end(self, trainer: Any, module: Any) -> None:
        """Record the last epoch, if it is not."""
        self._log_rest(trainer)
        if self._ended > self._recorded:
            self._record(trainer, module, self._ended, {})

    def on_exception(self, trainer: Any, module: Any, exception: BaseException) -> None:
        """Release the run."""
        self._close()

    def teardown(self, trainer: Any, module: Any, stage: str) -> None:
        """Release the run."""
        self._close()

    def _close(self) -> None:
        if self._recorder is not None:
            self._recorder.close()

    def _described(self, module: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the labels of all splits, and the options of the recorder."""
        labels, names = dict(self._labels), None
        data = {split: map_style(loader) for split, loader in self._loaders.items()}
        check_given_labels(labels, {split: None if one is None else len(one) for split, one in data.items()})
        for split, loader in self._loaders.items():
            if split not in labels:
                labels[split] = labels_of(loader, self._rows, split=split)
                names = names or class_names_of(getattr(loader, "dataset", None))
        method = {"module": type(module).__name__} | _plain(module.hparams)
        return labels, {"class_names": names, "method": method} | self._options

    def _record(self, trainer: Any, module: Any, epoch: int, metrics: Mapping[str, float]) -> None:
        """Record an epoch with the precision of the trainer."""
        assert self._recorder is not None
        precision = trainer.precision_plugin

        def embed(model: torch.nn.Module, batch: Any) -> torch.Tensor:
            with precision.forward_context():
                return self._embed(model, precision.convert_input(batch))

        record_embeddings(
            module,
            self._loaders,
            self._recorder,
            epoch=epoch,
            step=trainer.global_step,
            rows=self._rows,
            embed=embed,
            metrics=metrics,
            overwrite=True,  # a checkpoint may be of the end of an epoch, before Lightning counts it
        )
        self._recorded = epoch

    def _fresh(self, trainer: Any) -> dict[str, float]:
        """Return the metrics that were logged since the last call; others keep the tensor that they had."""
        metrics = dict(trainer.callback_metrics)
        fresh = {name: value for name, value in metrics.items() if self._seen.get(name) is not value}
        self._seen = metrics
        return plain_metrics(fresh)

    def _log_rest(self, trainer: Any) -> None:
        if self._recorder is not None and self._ended >= 0 and (metrics := self._fresh(trainer)):
            self._recorder.log(self._ended, metrics)


@cache
def _both(*bases: type) -> type:
    return type("Callback", bases, {})


def _callback() -> type:
    """Return the class of callbacks of the Lightning that the program has imported, or of both."""
    modules = [module for name in _NAMES if (module := sys.modules.get(name))]
    if not modules:
        name = _NAMES[1] if find_spec("lightning") is None and find_spec(_NAMES[1]) else _NAMES[0]
        modules = [needed(name, "lightning", "EmbeddingRecorder")]
    bases = [module.Callback for module in modules]
    return bases[0] if len(bases) == 1 else _both(*bases)


def _plain(hparams: Mapping[str, Any]) -> dict[str, Any]:
    """Return the hyperparameters that are plain data."""
    plain = {}
    for name, value in hparams.items():
        try:
            plain[name] = plain_method({name: value})[name]
            json.dumps(plain[name])
        except (InputError, TypeError, ValueError):
            plain.pop(name, None)
    return plain
