"""Recording by hooks of the trainers and testers of pytorch-metric-learning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.arrays import to_numpy
from embedlens.errors import InputError, count_text
from embedlens.integrations.datasets import stored_labels
from embedlens.integrations.loaders import kept
from embedlens.integrations.plain_torch import record_embeddings
from embedlens.integrations.recording import (
    by_split,
    check_given_labels,
    check_options,
    labels_by_split,
    leads,
    plain_metrics,
)
from embedlens.store import Recorder
from embedlens.store.user_inputs import plain_method

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    import torch
    from numpy.typing import NDArray

    from embedlens.store import Run


class MetricLearningHooks:
    """Hooks for a trainer, or for a tester, of pytorch-metric-learning, which record embeddings.

    A tester's embeddings are recorded as it has them: normalised by default, and reduced if it has `pca`; its
    accuracies go into log.csv. For a trainer without tester, data sets are embedded by its models, as they
    are: not normalised. `method` of the run says which. Epochs count from 1 there; epoch 0, the state before
    training, is recorded by `before_training`, or by a test of epoch 0.

    Parameters
    ----------
    path
        The run's directory; it must not hold a run yet, unless `resume` is among the options.
    datasets
        For a trainer: split name -> data set, in the order in which it is recorded.
    labels
        Split name -> labels, [N] or [N, levels]. None, or a split that is missing: those of the data set.
    level
        The level of labels that the run has; other levels become columns of its items, `level_0`, ... None:
        the (first) `label_hierarchy_level` of trainer or tester.
    **options
        Other arguments of `Recorder`: class_names, items, method, dtype, ... With `resume`, the run at the
        path is continued, and epochs from the first one that is recorded now are replaced.

    Examples
    --------
    >>> hooks = MetricLearningHooks("runs/x")  # doctest: +SKIP
    >>> tester = testers.GlobalEmbeddingSpaceTester(  # doctest: +SKIP
    ...     end_of_testing_hook=hooks.end_of_testing_hook
    ... )
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        datasets: Mapping[str, Any] | None = None,
        labels: Mapping[str, Any] | None = None,
        *,
        level: int | None = None,
        **options: Any,
    ) -> None:
        check_options(MetricLearningHooks, options)
        self._path, self._labels = path, labels_by_split(labels)
        self._datasets = {} if datasets is None else by_split(datasets, "datasets", of="a data set")
        if self._datasets:
            check_given_labels(self._labels, {split: len(data) for split, data in self._datasets.items()})
        self._level, self._options = level, options
        self._recorder: Recorder | None = None
        self._losses: dict[str, Any] = {}
        self._n_steps = 0

    @property
    def run(self) -> Run:
        """The run as a reader sees it now; `InputError` before an epoch is recorded."""
        if self._recorder is None:
            message = "the run is begun with the first epoch that is recorded"
            raise InputError(message)
        return self._recorder.run

    def before_training(self, trainer: Any) -> None:
        """Record the data sets as epoch 0, the state before training."""
        self._record_trainer(trainer, 0, {"step": 0})

    def end_of_iteration_hook(self, trainer: Any) -> None:
        """Add the losses of a step to those of the epoch, whose means are logged."""
        for name, value in trainer.losses.items():
            value = value.detach() if hasattr(value, "detach") else value
            self._losses[name] = self._losses.get(name, 0.0) + value
        self._n_steps += 1

    def end_of_epoch_hook(self, trainer: Any) -> None:
        """Record the data sets at the end of an epoch."""
        losses = {name: float(value) / self._n_steps for name, value in self._losses.items()}
        self._losses, self._n_steps = {}, 0
        total = losses.pop("total_loss", None)
        metrics = {} if total is None else {"loss": total} | (losses if len(losses) > 1 else {})
        self._record_trainer(trainer, trainer.epoch, metrics | {"step": trainer.get_global_iteration() + 1})

    def end_of_testing_hook(self, tester: Any) -> None:
        """Record the embeddings that a tester has computed, under the epoch of the test."""
        if not leads():
            return
        found = {split: tester.embeddings_and_labels[split] for split in sorted(tester.embeddings_and_labels)}
        epoch = next(iter(tester.all_accuracies.values()))["epoch"]
        if self._recorder is None:
            level = self._chosen(tester)
            labels = {split: self._labels.get(split, labels) for split, (_, labels) in found.items()}
            about = {
                "tester": type(tester).__name__,
                "normalized": bool(tester.normalize_embeddings),
                "pca": tester.pca,
                "trunk_output": bool(tester.use_trunk_output),
            }
            self._begin(labels, level, about, epoch=epoch)
        assert self._recorder is not None
        ending = f"_level{self._chosen(tester)}"
        metrics = {
            f"{split}_{name.removesuffix(ending)}": value
            for split, accuracies in tester.all_accuracies.items()
            for name, value in plain_metrics(accuracies).items()
        }
        embeddings = {split: z for split, (z, _) in found.items()}
        self._recorder.record(epoch, embeddings, metrics=metrics, overwrite=True)
        self._recorder.close()

    def _record_trainer(self, trainer: Any, epoch: int, metrics: Mapping[str, float]) -> None:
        """Embed the data sets by the models of a trainer, and record them."""
        import torch

        if not leads():
            return
        if not self._datasets:
            message = 'the trainer has no tester; give the data sets to record, e.g. {"test": data}'
            raise InputError(message)
        loaders = {split: _loader(data, trainer) for split, data in self._datasets.items()}
        if self._recorder is None:
            labels = {
                split: self._labels[split] if split in self._labels else _labels(split, loader, trainer)
                for split, loader in loaders.items()
            }
            about = {"trainer": type(trainer).__name__, "normalized": False}
            self._begin(labels, self._chosen(trainer), about, epoch=epoch)
        assert self._recorder is not None

        def embed(_models: torch.nn.Module, batch: Any) -> torch.Tensor:
            embeddings: torch.Tensor = trainer.compute_embeddings(trainer.data_and_label_getter(batch)[0])
            return embeddings

        models = torch.nn.ModuleDict(trainer.models)
        record_embeddings(
            models, loaders, self._recorder, epoch=epoch, embed=embed, metrics=metrics, overwrite=True
        )
        self._recorder.close()

    def _chosen(self, of: Any) -> int:
        """Return the level of labels that is recorded."""
        level = of.label_hierarchy_level if self._level is None else self._level
        if isinstance(level, list | tuple):
            level = level[0]
        return 0 if level == "all" else int(level)

    def _begin(self, labels: Mapping[str, Any], level: int, about: Mapping[str, Any], *, epoch: int) -> None:
        """Begin the run, or continue it."""
        options = dict(self._options)
        resume = options.pop("resume", False)
        method = {"library": "pytorch-metric-learning", **about, "label_level": level}
        method |= plain_method(options.pop("method", None))
        items = {split: dict(columns) for split, columns in (options.pop("items", None) or {}).items()}
        chosen = {}
        for split, values in labels.items():
            columns = _levels(split, values)
            if level >= len(columns):
                n = count_text(len(columns), "level")
                message = f"split {split!r} has {n} of labels, numbered from 0; not {level}"
                raise InputError(message)
            chosen[split] = columns.pop(level)
            others = {f"level_{number}": column.tolist() for number, column in columns.items()}
            items[split] = others | items.get(split, {})
        recorder = Recorder(self._path, labels=chosen, items=items, method=method, resume=resume, **options)
        if resume:
            recorder.discard_after(epoch - 1)
        self._recorder = recorder


def _loader(data: Any, trainer: Any) -> Any:
    """Return a loader of a data set as the trainer would read it, in its order."""
    from torch.utils.data import DataLoader

    return DataLoader(
        data,
        trainer.batch_size,
        num_workers=trainer.dataloader_num_workers,
        collate_fn=trainer.collate_fn,
    )


def _labels(split: str, loader: Any, trainer: Any) -> NDArray[Any]:
    """Return the labels of a data set, [N] or [N, levels], stored or read from its items."""
    found = stored_labels(loader.dataset, levels=True)
    if found is not None:
        return found
    try:
        with kept([loader]):
            batches = (trainer.data_and_label_getter(batch) for batch in loader)
            return np.concatenate([to_numpy(labels) for _, labels in batches])
    except (TypeError, ValueError) as error:
        message = f"the data set of split {split!r} has no labels; give labels={{{split!r}: y}}"
        raise InputError(message) from error


def _levels(split: str, labels: Any) -> dict[int, NDArray[Any]]:
    """Return labels [N] or [N, levels] as level -> [N]; whole numbers as integers."""
    array = to_numpy(labels)
    if array.dtype.kind == "f" and np.isfinite(array).all() and (array == np.rint(array)).all():
        array = array.astype(np.int64)  # testers have them as float32
    if array.ndim not in (1, 2):
        message = f"labels of split {split!r} have shape {list(array.shape)}; [N] or [N, levels] is needed"
        raise InputError(message)
    return dict(enumerate(array[:, None].T if array.ndim == 1 else array.T))
