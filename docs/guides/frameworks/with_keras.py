"""Keras 3: a callback that predicts by the layers up to the embedding."""

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
from sklearn.datasets import load_digits

from embedlens.integrations import KerasEmbeddingCallback

x, y = load_digits(return_X_y=True)
x, y = x.astype("float32") / 16, y.astype("int32")
model = keras.Sequential(
    [
        keras.Input((64,)),
        keras.layers.Dense(128, activation="relu"),
        keras.layers.Dense(16, name="embedding"),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
recording = KerasEmbeddingCallback(
    "runs/keras",
    {"train": (x[:1200], y[:1200]), "test": (x[1200:], y[1200:])},
    embedder="embedding",
)
model.fit(
    x[:1200],
    y[:1200],
    validation_data=(x[1200:], y[1200:]),
    epochs=2,
    verbose=0,
    callbacks=[recording],
)
