"""Recording of texts while sentence-transformers trains: an evaluator."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.errors import InputError
from embedlens.integrations.plain_torch import _device, _unchanged
from embedlens.integrations.recording import check_options, joined, leads, pairs_by_split, shows_arguments
from embedlens.optional import needed
from embedlens.store import Recorder

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

SCORE = "embedlens_snapshot"
"""Name of the score: the number of the snapshot that was recorded last."""
_TEXTS = 4096  # encoded at once, so that memory does not grow with the number of texts


@shows_arguments
class EmbeddingEvaluator:
    """A ``SentenceEvaluator`` that records the embeddings of texts.

    The run counts steps: snapshots are numbered 0, 1, 2, ..., and log.csv has the step of each and the epochs
    trained. A call without steps before any training (``evaluator(model)``) records the state of step 0. Each
    process that the trainer calls encodes the texts, and process 0 alone writes. The score is the number of
    the snapshot, so the latest counts as the best where no other score decides; in a ``SequentialEvaluator``,
    whose last score decides by default, it does not stand last.

    Parameters
    ----------
    path
        The run's directory.
    texts
        Split name -> (texts, labels): what ``encode`` takes, and the label of each.
    batch_size
        Texts per batch.
    encode
        Further arguments of ``encode``: prompt_name, truncate_dim, normalize_embeddings, ...
    resume
        Whether a run at the path is continued: what it has from the first recorded step on is replaced.
    **options
        Other arguments of `Recorder`: class_names, items, thumbnails, method, dtype, ...

    Raises
    ------
    InputError
        Texts and labels of another number, an unknown option; as `Recorder`.

    Examples
    --------
    >>> evaluator = EmbeddingEvaluator("runs/x", {"test": (texts, labels)})  # doctest: +SKIP
    >>> trainer = SentenceTransformerTrainer(model, evaluator=evaluator, ...)  # doctest: +SKIP
    """

    def __new__(cls, *_given: Any, **_options: Any) -> EmbeddingEvaluator:
        """Return an instance that is a ``SentenceEvaluator``, too."""
        made: EmbeddingEvaluator = object.__new__(joined(cls, _base()))
        return made

    def __init__(
        self,
        path: str | os.PathLike[str],
        texts: Mapping[str, tuple[Sequence[Any], Any]],
        *,
        batch_size: int = 32,
        encode: Mapping[str, Any] | None = None,
        resume: bool = False,
        **options: Any,
    ) -> None:
        super().__init__()
        self.greater_is_better, self.primary_metric = True, SCORE
        given, labels = pairs_by_split(texts, "texts", of="texts")
        check_options(EmbeddingEvaluator, options)
        for split, inputs in given.items():
            n = len(labels[split])
            if len(inputs) != n:
                message = f"split {split!r}: {len(inputs):,} texts and {n:,} labels; give one for each"
                raise InputError(message)
        self._texts = {split: list(inputs) for split, inputs in given.items()}
        self._encode = {"batch_size": batch_size, "show_progress_bar": False, **(encode or {})}
        self._resume, self._number = resume, -1
        self._step: int | None = None
        self._recorder: Recorder | None = None
        if leads():
            self._recorder = Recorder(path, labels=labels, resume=resume, **options)

    def __call__(
        self, model: Any, output_path: str | None = None, epoch: float = -1, steps: int = -1
    ) -> dict[str, float]:
        """Record the texts as the snapshot of a step; return the number of the last snapshot.

        Parameters
        ----------
        model
            A ``SentenceTransformer``.
        output_path
            Not used.
        epoch, steps
            Epochs, with a fraction, and optimiser steps so far, as the trainer gives them. Without steps, the
            call records step 0 if the run has no snapshot yet, and nothing otherwise. The step of the last
            snapshot is not recorded again.

        Raises
        ------
        InputError
            An epoch without steps, a step before the last one; as `Recorder.epoch`.
        """
        if steps < 0 <= epoch:
            message = (
                f"epoch {epoch:g} comes without steps; train by SentenceTransformerTrainer, which gives them"
            )
            raise InputError(message)
        if self._is_new(steps):
            self._step, trained = max(steps, 0), float(max(epoch, 0))
            if self._recorder is None:
                self._encode_all(model, lambda *_: None)
                self._number += 1
            else:
                with self._recorder.epoch(trained, step=self._step) as writer:
                    self._encode_all(model, writer.add)
                self._number = writer.epoch
        return {SCORE: float(self._number)}

    def _is_new(self, steps: int) -> bool:
        """Return whether a call is to be recorded; of a run to continue, discard what comes again."""
        if self._step is None and self._recorder is not None and self._resume:
            if steps >= 0:
                self._recorder.discard_after(step=steps - 1)
            self._number = max(self._recorder.run.epochs(), default=-1)
        return steps != self._step if steps >= 0 else self._number < 0

    def _encode_all(self, model: Any, add: Callable[[str, Any, Any], None]) -> None:
        """Encode all texts and add them with their row numbers."""
        with _unchanged(model, (), _device(model)):
            for split, texts in self._texts.items():
                for start in range(0, len(texts), _TEXTS):
                    z = model.encode(texts[start : start + _TEXTS], **self._encode)
                    add(split, np.arange(start, start + len(z)), z)


def _base() -> type:
    """Return the base class of evaluators, which has moved to another module."""
    needed("sentence_transformers", "sentence-transformers", "an evaluator of texts")
    try:
        module = importlib.import_module("sentence_transformers.base.evaluation")
    except ModuleNotFoundError:  # before 5.4
        module = importlib.import_module("sentence_transformers.evaluation")
    base: type = module.SentenceEvaluator
    return base
