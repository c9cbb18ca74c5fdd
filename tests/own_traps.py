"""Networks that are easily built wrong, trained wrong or compared wrong: what `build: own_traps.py:NAME` names in tests."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

IMAGE = (8, 8, 2)


def ends(x: Any) -> Any:
    return layers.Dense(3, activation="softmax")(layers.Flatten()(x))


def image_net(*between: keras.Layer) -> keras.Model:
    """Return a convolution with a bias, batch normalization, and these layers behind."""
    inputs = keras.Input(IMAGE)
    x = layers.BatchNormalization()(layers.Conv2D(4, 3)(inputs))
    for layer in between:
        x = layer(x)
    return keras.Model(inputs, ends(x))


def words() -> keras.Model:
    """Return a network of words of any number, which masks padding: the mask is an operation of its graph."""
    inputs = keras.Input((None,), dtype="int32")
    x = layers.BatchNormalization()(layers.Embedding(20, 4, mask_zero=True)(inputs))
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(layers.GRU(4)(x)))


def attention() -> keras.Model:
    """Return a network with layers that hold layers, and with sums that are no layers."""
    inputs = keras.Input((6,), dtype="int32")
    x = layers.Bidirectional(layers.GRU(4, return_sequences=True))(layers.Embedding(20, 4)(inputs))
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 4)(x, x))
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(layers.GlobalAveragePooling1D()(x)))


def frames() -> keras.Model:
    """Return a network of frames that masks zeros."""
    inputs = keras.Input((None, 3))
    x = layers.BatchNormalization()(layers.Dense(4)(layers.Masking(0.0)(inputs)))
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(layers.GRU(4)(x)))


def any_size() -> keras.Model:
    """Return a network of images of any size."""
    inputs = keras.Input((None, None, 2))
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(4, 3, use_bias=False)(inputs)))
    return keras.Model(inputs, ends(layers.GlobalAveragePooling2D()(x)))


def code() -> keras.Model:
    return image_net(layers.Lambda(ops.square))


def operations() -> keras.Model:
    inputs = keras.Input(IMAGE)
    x = layers.BatchNormalization()(layers.Conv2D(4, 3, use_bias=False)(inputs))
    return keras.Model(inputs, ends(ops.mean(ops.relu(x) * 0.5 + x, axis=(1, 2))))


class Applied(keras.Layer):
    """Applies a function: no config can hold it."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def call(self, x: Any) -> Any:
        return self.function(x)


def without_config() -> keras.Model:
    return image_net(Applied(lambda x: x * 2))


def my_normal(shape: Any, dtype: Any = None) -> Any:
    return keras.random.normal(shape, stddev=0.1, seed=3)


class MyNormal(keras.initializers.Initializer):
    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return my_normal(shape)


class OfArray(keras.Layer):
    """Multiplies by an array that NumPy drew."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = keras.Variable(np.random.default_rng(0).normal(size=2).astype("float32"), name="weight")

    def call(self, x: Any) -> Any:
        return x * self.weight


def initializers() -> keras.Model:
    """Return a network whose weights begin in every way there is."""
    inputs = keras.Input(IMAGE)
    x = layers.Conv2D(4, 3, kernel_initializer=my_normal, name="function")(OfArray()(inputs))
    x = layers.Conv2D(4, 3, kernel_initializer=MyNormal(), name="class")(layers.BatchNormalization()(x))
    x = layers.Conv2D(4, 3, kernel_initializer="he_normal", name="text")(x)
    x = layers.Flatten()(x)
    x = layers.Dense(3, kernel_initializer="identity", name="identity")(x)
    seeded = keras.initializers.HeNormal(seed=4)
    return keras.Model(inputs, layers.Dense(3, activation="softmax", kernel_initializer=seeded, name="seeded")(x))


def two_models(shared: bool) -> keras.Model:
    """Return a network of two models whose layers have the same names, or are the same."""

    def made() -> tuple[keras.Layer, keras.Layer]:
        return layers.Conv2D(4, 3, use_bias=False, name="c"), layers.BatchNormalization(name="n")

    of_both = made()

    def part(name: str) -> keras.Model:
        convolution, normalization = of_both if shared else made()
        inputs = keras.Input(IMAGE)
        return keras.Model(inputs, layers.ReLU(name="r")(normalization(convolution(inputs))), name=name)

    inputs = keras.Input(IMAGE)
    return keras.Model(inputs, ends(layers.Concatenate()([part("one")(inputs), part("other")(inputs)])))


class Twins(keras.Layer):
    """Holds two layers of one name."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = layers.Dense(4, name="twin"), layers.Dense(4, name="twin")

    def build(self, input_shape: Any) -> None:
        self.one.build(input_shape)
        self.other.build((*input_shape[:-1], 4))

    def call(self, x: Any) -> Any:
        return self.other(self.one(x))


def twins() -> keras.Model:
    return image_net(Twins())


def in_time() -> keras.Model:
    inputs = keras.Input(IMAGE)
    inner = keras.Sequential([layers.Conv1D(4, 3, use_bias=False), layers.BatchNormalization()])
    return keras.Model(inputs, ends(layers.TimeDistributed(inner)(inputs)))


def spectral() -> keras.Model:
    return image_net(layers.SpectralNormalization(layers.Conv2D(4, 3)))


def dropout() -> keras.Model:
    """Return a network whose two dropouts have one seed."""
    inputs = keras.Input(IMAGE)
    x = layers.BatchNormalization()(layers.Conv2D(4, 3)(layers.Dropout(0.5, seed=1)(inputs)))
    return keras.Model(inputs, ends(layers.Dropout(0.5, seed=1)(x)))


def half_precision() -> keras.Model:
    inputs = keras.Input(IMAGE)
    x = layers.BatchNormalization(dtype="mixed_float16")(layers.Conv2D(4, 3, dtype="mixed_float16")(inputs))
    return keras.Model(inputs, ends(x))


def everywhere_half() -> keras.Model:
    keras.mixed_precision.set_global_policy("mixed_float16")
    return image_net()


def of_type(dtype: str) -> keras.Model:
    inputs = keras.Input(IMAGE, dtype=dtype)
    x = layers.BatchNormalization()(layers.Conv2D(4, 3)(inputs))
    return keras.Model(inputs, ends(x))


INPUTS = keras.Input(IMAGE)
ALWAYS = keras.Model(INPUTS, layers.BatchNormalization(name="kept")(layers.Conv2D(4, 3, name="of_all")(INPUTS)))


def of_one_base() -> keras.Model:
    """Return a new model each time, of layers that are always the same."""
    return keras.Model(ALWAYS.input, ends(ALWAYS.output))


def compiled(loss: str) -> keras.Model:
    model = image_net()
    model.compile("sgd", loss)
    return model


class OwnStep(keras.Model):
    def train_step(self, data: Any) -> Any:
        raise AssertionError("bnexp trains in its own way")


def own_step() -> keras.Model:
    model = image_net()
    return OwnStep(model.inputs[0], model.outputs[0])
