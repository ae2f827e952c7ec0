"""Recording of data sets while the Trainer of Hugging Face transformers trains."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from embedlens.errors import InputError, first_sentence, unknown
from embedlens.integrations.plain_torch import record_embeddings
from embedlens.integrations.pooling import NOT_INPUTS, pooled_output
from embedlens.integrations.recording import (
    begun_run,
    by_split,
    check_given_labels,
    check_options,
    joined,
    plain_metrics,
    shows_arguments,
)
from embedlens.optional import needed

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

    import torch

    from embedlens.store import Recorder

MOMENTS = ("epoch", "evaluation")
LABELS = ("labels", "label")
"""Names of the column of labels, in the items of a data set."""
_WRONG = (TypeError, AttributeError, KeyError, IndexError, ValueError)
"""What models and collators raise for other inputs than theirs; a RuntimeError may be a lack of memory."""
_SPEED = ("_runtime", "_per_second")
_ROUNDING = 1e-6  # of a number of epochs that the Trainer adds up from fractions


@shows_arguments
class TrainerEmbeddingCallback:
    """A ``TrainerCallback`` that records the embeddings of data sets before training and after every epoch.

    It makes loaders of its own, in the order of the data sets, so the order of the Trainer's batches does not
    matter. Of several processes, each embeds its part. A training that resumes from a checkpoint continues
    the run. The Trainer's metrics go into log.csv. Models, gradients and random states are left as they were.

    Parameters
    ----------
    path
        The run's directory.
    datasets
        Split name -> data set with a length, whose items the collator takes.
    labels
        Split name -> label of each item. None: the column `labels` or `label` of the items, with the class
        names that a data set of Hugging Face has.
    embed
        Function of model and batch that returns [n, D]. None: `pooled_output`.
    every
        "epoch", or "evaluation" for each evaluation of the Trainer; then the run counts steps.
    collate
        Function of a list of items that returns a batch. None: the Trainer's data collator.
    batch_size
        Items per batch. None: ``per_device_eval_batch_size``.
    **options
        Other arguments of `Recorder`: class_names, items, thumbnails, method, dtype, resume, ...

    Raises
    ------
    InputError
        A data set without length or labels, an unknown option; as `Recorder`, when training begins.

    Examples
    --------
    >>> callback = TrainerEmbeddingCallback("runs/x", {"test": test_data})  # doctest: +SKIP
    >>> Trainer(model, args, train_dataset=data, callbacks=[callback]).train()  # doctest: +SKIP
    """

    def __new__(cls, *_given: Any, **_options: Any) -> TrainerEmbeddingCallback:
        """Return an instance that is a ``TrainerCallback``, too."""
        transformers = needed("transformers", "transformers", "a callback of the Trainer")
        made: TrainerEmbeddingCallback = object.__new__(joined(cls, transformers.TrainerCallback))
        return made

    def __init__(
        self,
        path: str | os.PathLike[str],
        datasets: Mapping[str, Any],
        *,
        labels: Mapping[str, Any] | None = None,
        embed: Callable[[torch.nn.Module, Any], torch.Tensor] | None = None,
        every: str = "epoch",
        collate: Callable[[list[Any]], Any] | None = None,
        batch_size: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        if every not in MOMENTS:
            raise unknown(every, "every", MOMENTS)
        datasets = by_split(datasets, "datasets", of="a data set")
        check_options(TrainerEmbeddingCallback, options)
        for split, dataset in datasets.items():
            if isinstance(dataset, tuple):
                message = f"split {split!r} is a tuple; give a data set, and labels={{{split!r}: [...]}}"
                raise InputError(message)
            if not hasattr(dataset, "__len__"):
                message = f"the data set of split {split!r} has no length; give one whose items have numbers"
                raise InputError(message)
        if labels is None:
            columns = {split: _label_column(split, dataset) for split, dataset in datasets.items()}
            labels = {split: column for split, (column, _) in columns.items()}
            names = next((names for _, names in columns.values() if names), None)
            options = {"class_names": names, **options}
        labels = by_split(labels, "labels", of="labels")
        for split in set(labels) ^ set(datasets):
            message = f"split {split!r} stands in one of datasets and labels; give both for each split"
            raise InputError(message)
        check_given_labels(labels, {split: len(dataset) for split, dataset in datasets.items()})
        self._path, self._datasets, self._labels, self._options = path, datasets, labels, options
        self._embed, self._every = embed or _pooled, every
        self._collate, self._batch_size = collate, batch_size
        self._recorder: Recorder | None = None
        self._metrics: dict[str, float] = {}
        self._last = (-1, -1)  # number and step of the snapshot that was recorded last

    def __call__(self, *_given: Any, **_options: Any) -> NoReturn:
        """Refuse to be an evaluator of sentence-transformers, which is called."""
        message = "TrainerEmbeddingCallback is given as an evaluator; give callbacks=, or EmbeddingEvaluator"
        raise InputError(message)

    def __iter__(self) -> Iterator[Any]:
        """Refuse to be a list of evaluators, which a trainer takes it for."""
        self()

    def on_train_begin(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """Begin the run and record epoch 0, or continue the run of a training that resumes."""
        if self._every == "evaluation" and args.eval_strategy == "no":
            message = "every is 'evaluation', and the Trainer does not evaluate; set its eval_strategy"
            raise InputError(message)
        options = dict(self._options)
        if args.auto_find_batch_size and self._recorder is not None:  # the last batch size was too large
            options["resume"] = True
        begun = {"epoch": int(state.epoch or 0), "step": state.global_step}
        self._recorder = begun_run(self._path, self._labels, options, **begun)
        self._metrics, self._last = {}, (-1, -1)
        if state.global_step == 0:
            self._record(args, state, others)

    def on_epoch_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """Record the epoch, if every epoch is recorded."""
        if self._every == "epoch":
            self._record(args, state, others)

    def on_evaluate(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """Record the step, if every evaluation is recorded."""
        if self._every == "evaluation":
            self._record(args, state, others)

    def on_log(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """Keep metrics for the next snapshot, or add them to the row of the one at the same step."""
        logs = others.get("logs") or {}
        if self._recorder is None or "train_runtime" in logs:  # the summary of a whole training
            return
        metrics = {name: value for name, value in plain_metrics(logs).items() if not name.endswith(_SPEED)}
        number, step = self._last
        if step == state.global_step:
            self._recorder.log(number, metrics)
        else:
            self._metrics |= metrics

    def on_train_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """Release the run."""
        if self._recorder is not None:
            self._recorder.close()
            self._recorder = None

    def _record(self, args: Any, state: Any, others: Mapping[str, Any]) -> None:
        """Record the data sets, unless the step is recorded already or no training runs."""
        step = int(state.global_step)
        if self._recorder is None or step == self._last[1]:
            return
        trained = float(state.epoch or 0)
        model, default = others["model"], partial(_by_default, others["train_dataloader"].collate_fn)
        number = record_embeddings(
            model,
            {
                split: self._loader(dataset, args, _collator(self._collate or default, args, model))
                for split, dataset in self._datasets.items()
            },
            self._recorder,
            epoch=math.ceil(trained - _ROUNDING) if self._every == "epoch" else trained,
            step=step,
            embed=self._embed,
            metrics=self._metrics,
            overwrite=True,  # an epoch that a training ended in its middle, and a later one completes
        )
        self._metrics, self._last = {}, (number, step)

    def _loader(self, dataset: Any, args: Any, collate: Callable[[list[Any]], Any]) -> Any:
        """Return a loader of a data set in its order."""
        from torch.utils.data import DataLoader

        return DataLoader(
            dataset,
            self._batch_size or args.per_device_eval_batch_size,
            num_workers=args.dataloader_num_workers,
            collate_fn=collate,
        )


def _pooled(model: torch.nn.Module, batch: Any) -> torch.Tensor:
    """Return the pooled output of a model; where it does not take the batch, say what helps."""
    try:
        return pooled_output(model, batch)
    except InputError:
        raise
    except _WRONG as error:
        message = (
            f"{type(model).__name__} does not take the batches ({type(error).__name__}: "
            f"{first_sentence(error)}); give embed=, a function of model and batch, or collate="
        )
        raise InputError(message) from error


def _by_default(collate: Callable[[list[Any]], Any], items: list[Any]) -> Any:
    """Return what the Trainer's collator makes of items; where it does not take them, say what helps."""
    try:
        return collate(items)
    except InputError:
        raise
    except _WRONG as error:
        message = (
            f"the Trainer's collator does not take the items ({type(error).__name__}: "
            f"{first_sentence(error)}); give collate=, a function of a list of items that returns a batch"
        )
        raise InputError(message) from error


def _collator(
    collate: Callable[[list[Any]], Any], args: Any, model: torch.nn.Module
) -> Callable[[list[Any]], Any]:
    """Return a collator that leaves out columns that the model does not take, as the Trainer does."""
    if not args.remove_unused_columns:
        return collate
    inner: Any = model
    if hasattr(inner, "get_base_model"):  # of peft
        inner = inner.get_base_model()
    kept = {*inspect.signature(inner.forward).parameters, *NOT_INPUTS}
    return partial(_collated, collate, kept)


def _collated(collate: Callable[[list[Any]], Any], kept: set[str], items: list[Any]) -> Any:
    return collate(
        [
            {name: value for name, value in item.items() if name in kept}
            if isinstance(item, Mapping)
            else item
            for item in items
        ]
    )


def _label_column(split: str, dataset: Any) -> tuple[list[Any], list[str] | None]:
    """Return the labels of a data set, and the names of its classes if it has them."""
    for name in LABELS:
        if name in (getattr(dataset, "column_names", None) or ()):
            feature = (getattr(dataset, "features", None) or {}).get(name)
            return list(dataset[name]), getattr(feature, "names", None)
    first = dataset[0] if len(dataset) else None
    for name in LABELS:
        if isinstance(first, Mapping) and name in first:
            values = [dataset[number][name] for number in range(len(dataset))]
            return [value.item() if hasattr(value, "item") else value for value in values], None
    message = f"the items of split {split!r} have no label; give labels={{{split!r}: [...]}}"
    raise InputError(message)
