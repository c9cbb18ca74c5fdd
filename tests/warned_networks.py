"""Networks of a user's own that are warned of, at least one for each kind of warning about a network."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers
from own_functions import TABLE, built

from bnexp.models.dry_step import doubts_of_layers
from bnexp.models.inputs import Inputs


def chain(*inner: Any, shape: tuple[int, ...] = (4,), dtype: str = "float32") -> keras.Model:
    return keras.Sequential([keras.Input(shape, dtype=dtype), *inner, layers.Flatten(), layers.Dense(3, "softmax")])


def shared() -> keras.Model:
    inputs, norm = keras.Input((4,)), layers.BatchNormalization()
    return keras.Model(inputs, layers.Dense(3, "softmax")(norm(layers.Dense(4)(norm(inputs)))))


def called_in_inference() -> keras.Model:
    inputs = keras.Input((4,))
    return keras.Model(inputs, layers.Dense(3, "softmax")(layers.BatchNormalization()(inputs, training=False)))


def frozen() -> keras.Model:
    return chain(layers.Dense(4, trainable=False), layers.BatchNormalization())


def with_own_values() -> keras.Model:
    table = np.arange(16, dtype="float32").reshape(4, 4)
    return chain(layers.Dense(4, kernel_initializer=lambda shape, dtype=None: keras.ops.convert_to_tensor(table)))


def trained() -> keras.Model:
    norm = layers.LayerNormalization(axis=[1, 2])
    model = keras.Sequential([keras.Input((3, 4)), norm, layers.Flatten(), layers.Dense(3, "softmax")])
    norm.gamma.assign(np.full((3, 4), 3.0))
    return model


def with_other_normalization(normalization: Any) -> keras.Model:
    return chain(normalization(), layers.LayerNormalization())


def of_networks() -> list[str]:
    """Return the warnings about these networks."""
    images = Inputs("image", (6, 6, 2))
    several = [
        built(shared, inputs=TABLE),
        built(called_in_inference, inputs=TABLE),
        built(lambda: chain(layers.Rescaling(2.0)), inputs=TABLE),
        built(lambda: chain(layers.Rescaling(1.0), dtype="int32"), inputs=TABLE),
        built(with_other_normalization, "batch", inputs=TABLE),
        built(lambda: chain(layers.Conv2D(4, 1), layers.BatchNormalization(), shape=(6, 6, 2)), "group", images),
        built(trained),
        built(frozen, inputs=TABLE),
        built(with_own_values, inputs=TABLE),
        built(lambda: chain(layers.BatchNormalization()), inputs=TABLE, weights="keep"),
        built(trained, "batch", weights="keep"),
    ]
    bins = chain(layers.CategoryEncoding(2, "multi_hot"))
    lost = doubts_of_layers(bins, len(bins.layers), np.full((4, 4), 3.0, "float32"))
    return [*lost, *(text for one in several for text in one.warnings)]
