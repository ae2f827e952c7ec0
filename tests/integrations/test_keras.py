"""The callback for Keras 3, against the library with the backend torch."""

from __future__ import annotations

import os

import numpy as np
import pytest
from support import blobs, optional

from embedlens import InputError, open_run
from embedlens.integrations import KerasEmbeddingCallback

os.environ["KERAS_BACKEND"] = "torch"
keras = optional("keras")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

X, Y = blobs(n=103)


class Noise(keras.layers.Layer):
    """Draws also where the model predicts, from a state of its own."""

    def __init__(self, **options):
        super().__init__(**options)
        self.seeds = keras.random.SeedGenerator(3)

    def call(self, x):
        return x + 0.01 * keras.random.normal(keras.ops.shape(x), seed=self.seeds)


def network():
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8,)), layers.Dense(16, activation="relu"), layers.BatchNormalization(),
            layers.Dropout(0.5), layers.Dense(5, name="embedding"), Noise(), layers.Dense(6),
        ]
    )  # fmt: skip
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def train(callbacks, model=None, **options):
    model = model or network()
    given = {"epochs": 2, "validation_data": (X, Y), **options}
    model.fit(X, Y, batch_size=16, verbose=0, callbacks=callbacks, **given)
    return model


def callback(folder, **options):
    return KerasEmbeddingCallback(folder / "run", {"test": (X, Y)}, **options)


def embedded(model):
    return keras.Model(model.inputs, model.get_layer("embedding").output).predict(X, verbose=0)


def test_each_epoch_is_recorded_with_the_metrics_and_training_does_not_notice(tmp_path):
    model, plain = train([callback(tmp_path, embedder="embedding")]), train([])
    for ours, theirs in zip(model.variables, plain.variables, strict=True):
        np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (ours, theirs)), err_msg=ours.path)
    run = open_run(tmp_path / "run")
    assert run.epochs() == [0, 1, 2]
    np.testing.assert_array_equal(run.snapshot("test").labels, Y)
    for epoch, state in ((0, network()), (2, model)):
        np.testing.assert_array_equal(run.snapshot("test", epoch).embeddings, embedded(state))
    losses = {"loss", "val_loss"}
    assert [{name for name in losses if row[name]} for row in run.log] == [set(), losses, losses]


def test_the_whole_model_draws_without_changing_the_training(tmp_path):
    model, plain = train([callback(tmp_path)]), train([])
    for ours, theirs in zip(model.variables, plain.variables, strict=True):
        np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (ours, theirs)), err_msg=ours.path)
    assert open_run(tmp_path / "run").snapshot("test").embeddings.shape == (103, 6)


def test_a_model_that_shares_layers(tmp_path):
    model = network()
    head = keras.Model(model.inputs, model.layers[0].output)
    train([callback(tmp_path, embedder=head, class_names=list("abcdef"))], model)
    run = open_run(tmp_path / "run")
    assert run.class_names == dict(enumerate("abcdef"))
    np.testing.assert_array_equal(run.snapshot("test").embeddings, head.predict(X, verbose=0))


def test_a_training_that_goes_on_continues_the_run(tmp_path):
    model = train([callback(tmp_path, embedder="embedding")], epochs=3)
    with pytest.raises(InputError, match="already exists"):
        train([callback(tmp_path)], model)
    before = open_run(tmp_path / "run").snapshot("test", 2).embeddings.copy()
    train([callback(tmp_path, embedder="embedding")], model, initial_epoch=2, epochs=4)
    run = open_run(tmp_path / "run")
    assert run.epochs() == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(run.snapshot("test", 2).embeddings, before)
    np.testing.assert_array_equal(run.snapshot("test", 4).embeddings, embedded(model))


def test_what_is_refused(tmp_path):
    with pytest.raises(InputError, match="unknown layer 'embeding'; did you mean 'embedding'"):
        train([callback(tmp_path, embedder="embeding")])

    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = keras.layers.Dense(6, name="embedding")

        def call(self, x):
            return self.inner(x)

    own = Own()
    own.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    with pytest.raises(InputError, match="own has no graph from its inputs to layer 'embedding'"):
        train([callback(tmp_path, embedder="embedding")], own)

    model = network()
    several = keras.Model(model.inputs, [model.layers[0].output, model.outputs[0]], name="several")
    with pytest.raises(InputError, match="several has several outputs; name the layer by embedder="):
        train([callback(tmp_path, embedder=several)], model)
    assert open_run(tmp_path / "run").epochs() == []


def test_a_run_at_an_address(tmp_path):
    optional("fsspec")
    address = f"memory://{tmp_path.name}/run"
    model = train([KerasEmbeddingCallback(address, {"test": (X, Y)}, embedder="embedding")])
    train([KerasEmbeddingCallback(address, {"test": (X, Y)}, embedder="embedding")], model, initial_epoch=1)
    run = open_run(address)
    assert run.epochs() == [0, 1, 2]
    np.testing.assert_array_equal(run.snapshot("test", 2).embeddings, embedded(model))
