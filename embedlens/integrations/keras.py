"""Recording of arrays while Keras 3 trains, by any of its backends: a callback."""

from __future__ import annotations

import random
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.errors import InputError, unknown
from embedlens.integrations.recording import (
    begun_run,
    check_options,
    joined,
    leads,
    pairs_by_split,
    plain_metrics,
    shows_arguments,
)
from embedlens.optional import needed

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

    from embedlens.store import Recorder

_SEED = "seed_generator_state"  # name of a variable from which a layer draws, also where it predicts


@shows_arguments
class KerasEmbeddingCallback:
    """A ``keras.callbacks.Callback`` that records embeddings before training and after every epoch.

    Epoch 0 is recorded when the first epoch begins, epoch N at the end of the N-th. A training that goes on
    (``initial_epoch``, ``BackupAndRestore``) continues the run. The metrics of ``fit`` go into log.csv.
    Weights and random states are left as they were.

    Parameters
    ----------
    path
        The run's directory.
    data
        Split name -> (x, labels): what ``predict`` takes, in order, and the label of each item.
    embedder
        What gives the embeddings [N, D]: the name of a layer of the model, or a model that shares its layers.
        None: the model itself.
    batch_size
        Items per batch of ``predict``.
    **options
        Other arguments of `Recorder`: class_names, items, thumbnails, method, dtype, resume, ...

    Raises
    ------
    InputError
        No pair for a split, an unknown option; when training begins: no such layer, and as `Recorder`.

    Examples
    --------
    >>> callback = KerasEmbeddingCallback("runs/x", {"test": (x, y)}, embedder="embedding")  # doctest: +SKIP
    >>> model.fit(x_train, y_train, epochs=2, callbacks=[callback])  # doctest: +SKIP
    """

    def __new__(cls, *_given: Any, **_options: Any) -> KerasEmbeddingCallback:
        """Return an instance that is a ``keras.callbacks.Callback``, too."""
        keras = needed("keras", "keras", "a callback of Keras")
        made: KerasEmbeddingCallback = object.__new__(joined(cls, keras.callbacks.Callback))
        return made

    def __init__(
        self,
        path: str | os.PathLike[str],
        data: Mapping[str, tuple[Any, Any]],
        *,
        embedder: Any = None,
        batch_size: int = 32,
        **options: Any,
    ) -> None:
        super().__init__()
        check_options(KerasEmbeddingCallback, options)
        self._path, self._options = path, options
        self._inputs, self._labels = pairs_by_split(data, "data", of="x")
        self._embedder, self._batch_size = embedder, batch_size
        self._recorder: Recorder | None = None
        self._network: Any = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Wait for the first epoch, since only its number says whether a training goes on."""
        self._recorder = self._network = None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Begin the run and record epoch 0, or continue the run, before the first epoch of a training."""
        if self._network is not None or not leads():
            return
        self._network = self._embedding_model()
        self._recorder = begun_run(self._path, self._labels, self._options, epoch=epoch, alone=True)
        if epoch == 0:
            self._record(0, {})

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Record the epoch with its metrics."""
        self._record(epoch + 1, plain_metrics(logs))

    def on_train_end(self, logs: Any = None) -> None:
        """Release the run."""
        if self._recorder is not None:
            self._recorder.close()

    def _record(self, epoch: int, metrics: Mapping[str, float]) -> None:
        if self._recorder is None:
            return
        with self._recorder.epoch(epoch, metrics=metrics) as writer, _unchanged_keras(self._network):
            for split, x in self._inputs.items():
                z = self._network.predict(x, batch_size=self._batch_size, verbose=0)
                if not isinstance(z, np.ndarray):
                    message = f"{self._network.name} has several outputs; name the layer by embedder="
                    raise InputError(message)
                writer.add(split, np.arange(len(z)), z)

    def _embedding_model(self) -> Any:
        """Return the model that gives the embeddings."""
        if self._embedder is None:
            return self.model  # type: ignore[attr-defined]
        if not isinstance(self._embedder, str):
            return self._embedder
        model: Any = self.model  # type: ignore[attr-defined]
        names = [layer.name for layer in model.layers]
        if self._embedder not in names:
            raise unknown(self._embedder, "layer", names)
        try:
            outputs = model.get_layer(self._embedder).output
            return needed("keras", "keras", "a callback of Keras").Model(model.inputs, outputs)
        except (AttributeError, ValueError) as error:
            message = (
                f"{model.name} has no graph from its inputs to layer {self._embedder!r}; give embedder= a "
                "model that shares its layers"
            )
            raise InputError(message) from error


@contextmanager
def _unchanged_keras(model: Any) -> Iterator[None]:
    """Restore at the end the random states, and with the backend torch the mode of each layer."""
    keras = needed("keras", "keras", "a callback of Keras")
    seeds = [one for one in model.non_trainable_variables if _SEED in one.name]
    values = [np.array(keras.ops.convert_to_numpy(seed)) for seed in seeds]
    python, numbers = random.getstate(), np.random.get_state()  # noqa: NPY002 - the state of others is kept
    try:
        with _unchanged_torch(model) if keras.backend.backend() == "torch" else nullcontext():
            yield
    finally:
        for seed, value in zip(seeds, values, strict=True):
            seed.assign(value)
        random.setstate(python)
        np.random.set_state(numbers)  # noqa: NPY002


def _unchanged_torch(model: Any) -> Any:
    from embedlens.integrations.plain_torch import _device, _unchanged

    return _unchanged(model, (), _device(model))
