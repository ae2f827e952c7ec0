"""Recording of texts while sentence-transformers trains: an evaluator."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.errors import InputError, count_text, warn
from embedlens.integrations.plain_torch import _device, _unchanged
from embedlens.integrations.recording import check_options, joined, leads, shows_arguments
from embedlens.integrations.texts import described, encode_by_split, text_columns, texts_and_labels
from embedlens.integrations.weights import weights_checksum
from embedlens.optional import needed
from embedlens.store import Recorder

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

SCORE = "embedlens_snapshot"
"""Name of the score: the number of the snapshot that has the model's weights."""
_TEXTS = 4096  # encoded at once, so that memory does not grow with the number of texts
_ONE_TRAINING = (
    "one evaluator or callback records one training at one path; make a new evaluator for another path, or "
    "with resume=True to continue the run from a checkpoint"
)


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
        Further arguments of ``encode``: prompt_name, truncate_dim, normalize_embeddings, ...; or split name
        -> such arguments.
    resume
        Whether a run at the path is continued: what it has from the first recorded step on is replaced, and a
        warning says what stays.
    **options
        Other arguments of `Recorder`: class_names, items, thumbnails, method, query_gallery, dtype, ...
        Without `items` the column `text` has the texts, up to 1,000 letters of each; without `method` the run
        has the names of model and loss, as far as the model knows them.

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
        check_options(EmbeddingEvaluator, options)
        self._texts, labels = texts_and_labels(texts)
        self._encode = encode_by_split(encode, self._texts, batch_size=batch_size)
        options = {"items": text_columns(self._texts), **options}
        self._resume, self._number = resume, -1
        self._step: int | None = None  # of the snapshot that this object recorded last
        self._snapshots: dict[int, int] = {}  # checksum of the weights -> number of the snapshot
        self._recorder: Recorder | None = None
        self._reopened: Callable[[dict[str, str]], Recorder] | None = None
        if leads():
            self._recorder = Recorder(path, labels=labels, resume=resume, **options)
            if not self._recorder.run.method:
                options |= {"labels": labels, "resume": True}
                self._reopened = lambda method: Recorder(path, **{**options, "method": method})

    def __call__(
        self, model: Any, output_path: str | None = None, epoch: float = -1, steps: int = -1
    ) -> dict[str, float]:
        """Record the texts as the snapshot of a step; return the number of the snapshot of these weights.

        Parameters
        ----------
        model
            A ``SentenceTransformer``.
        output_path
            Not used.
        epoch, steps
            Epochs, with a fraction, and optimiser steps so far, as the trainer gives them. Without steps, the
            call records step 0 if the run has no snapshot yet. Weights that have a snapshot already are not
            recorded again without steps, nor at the step of the last snapshot, such as those that
            ``load_best_model_at_end`` loads: the call returns the number of that snapshot.

        Raises
        ------
        InputError
            An epoch without steps; other weights than those of a snapshot, without steps or at the last
            step; a step before the last one; as `Recorder.epoch`.
        """
        if steps < 0 <= epoch:
            message = f"epoch {epoch:g} comes without steps; give steps=N, the optimiser steps so far"
            raise InputError(message)
        weights = weights_checksum(model)
        if self._begins(steps) or (steps >= 0 and steps != self._step):
            self._record(model, float(max(epoch, 0)), max(steps, 0))
            self._snapshots[weights] = self._number
        elif weights in self._snapshots:
            return {SCORE: float(self._snapshots[weights])}
        else:
            self._not_recorded(steps)
        return {SCORE: float(self._number)}

    def on_init_end(self, *_given: Any, **_options: Any) -> None:
        """Refuse to be a callback, which the Trainer calls so first."""
        message = "EmbeddingEvaluator is given as a callback; give evaluator=, or TrainerEmbeddingCallback"
        raise InputError(message)

    def _begins(self, steps: int) -> bool:
        """Return whether a call is the first one recorded; discard later steps of a run that is continued."""
        if self._step is not None:
            return False
        if self._resume and self._recorder is None:
            return steps >= 0
        if self._resume and self._recorder is not None:
            if steps >= 0:
                _discard_from(self._recorder, steps)
            self._number = max(self._recorder.run.epochs(), default=-1)
        return steps >= 0 or self._number < 0

    def _not_recorded(self, steps: int) -> None:
        """Refuse weights that have no snapshot and cannot get one; of a run that is continued, warn."""
        if self._step is None:
            warn(f"the run has snapshot {self._number} already, nothing is recorded; give steps=N to record")
        elif steps < 0:
            message = (
                f"the weights are not those of snapshot {self._number}; call with steps=N, the optimiser "
                "steps so far, to record them"
            )
            raise InputError(message)
        elif self._resume:  # perhaps the best model, whose snapshot was recorded before this process
            warn(
                f"step {steps} is recorded already, of weights other than these; {SCORE} is snapshot "
                f"{self._number}"
            )
        else:
            message = f"step {steps} is recorded already, of weights other than these; {_ONE_TRAINING}"
            raise InputError(message)

    def _record(self, model: Any, trained: float, step: int) -> None:
        """Record the texts as the snapshot of a step, or encode alone where another process writes."""
        if self._recorder is None:
            self._encode_all(model, lambda *_: None)
            self._number += 1
        else:
            about = described(model)  # known now, its loss in a training alone
            if self._reopened is not None and about != self._recorder.run.method:
                self._recorder = self._reopened(about)
            try:
                writer = self._recorder.epoch(trained, step=step)
            except InputError as error:
                if not str(error).startswith("step "):
                    raise
                message = f"{str(error).split(';', maxsplit=1)[0]}; {_ONE_TRAINING}"
                raise InputError(message) from error
            with writer:
                self._encode_all(model, writer.add)
            self._number = writer.epoch
        self._step = step

    def _encode_all(self, model: Any, add: Callable[[str, Any, Any], None]) -> None:
        """Encode all texts and add them with their row numbers."""
        with _unchanged(model, (), _device(model)):
            for split, texts in self._texts.items():
                for start in range(0, len(texts), _TEXTS):
                    z = model.encode(texts[start : start + _TEXTS], **self._encode[split])
                    add(split, np.arange(start, start + len(z)), z)


def _discard_from(recorder: Recorder, step: int) -> None:
    """Remove the snapshots from a step on; warn of those that stay from before."""
    before = len(recorder.run.epochs())
    recorder.discard_after(step=step - 1)
    kept = recorder.run.epochs()
    if not kept:
        return
    gone = f", {before - len(kept):,} of later steps discarded" if before > len(kept) else ""
    stay = count_text(len(kept), "earlier snapshot")
    warn(
        f"{recorder.path} continues at step {step} after {stay}{gone}; a "
        "training from the beginning, not from a checkpoint, needs another path"
    )


def _base() -> type:
    """Return the base class of evaluators, which has moved to another module."""
    needed("sentence_transformers", "sentence-transformers", "an evaluator of texts")
    try:
        module = importlib.import_module("sentence_transformers.base.evaluation")
    except ModuleNotFoundError:  # before 5.4
        module = importlib.import_module("sentence_transformers.evaluation")
    base: type = module.SentenceEvaluator
    return base
