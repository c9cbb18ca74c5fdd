"""Networks as users write them: what `build: own_nets.py:NAME` names in tests of networks of the user's own."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

IMAGE = (8, 8, 2)


def plain(width: int = 4) -> keras.Model:
    """Return a functional network with a skip connection, and batch normalization in the place of biases."""
    inputs = keras.Input(IMAGE)
    x = layers.Conv2D(width, 3, padding="same", use_bias=False)(inputs)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    y = layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
    y = layers.BatchNormalization(gamma_initializer="zeros", momentum=0.9)(y)
    x = layers.GlobalAveragePooling2D()(layers.Add()([x, y]))
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(x))


def made(normalization: Any, input_shape: tuple[int, ...], classes: int, width: int = 4) -> keras.Model:
    """Return a network whose normalization is the arm's, ending in logits."""
    inputs = keras.Input(input_shape)
    x = layers.Conv2D(width, 3)(inputs)
    x = layers.ReLU()(normalization(name="norm_1")(x))
    x = layers.Conv2D(width, 3)(x)
    x = layers.Flatten()(normalization()(x))
    return keras.Model(inputs, layers.Dense(classes)(x))


def sequential() -> keras.Model:
    """Return a Sequential without an input."""
    return keras.Sequential([
        layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ReLU(), layers.Flatten(),
        layers.Dense(3, activation="softmax"),
    ])  # fmt: skip


def nested() -> keras.Model:
    """Return a Sequential that holds a functional model, which calls one block twice."""
    block = keras.Sequential(
        [keras.Input((8, 8, 4)), layers.Conv2D(4, 3, padding="same"), layers.BatchNormalization(), layers.ReLU()],
        name="block",
    )
    inputs = keras.Input(IMAGE)
    features = keras.Model(
        inputs, layers.GlobalMaxPooling2D()(block(block(layers.Conv2D(4, 1)(inputs)))), name="features"
    )
    return keras.Sequential([keras.Input(IMAGE), features, layers.Dense(3, activation="softmax", name="classes")])


def unet() -> keras.Model:
    """Return a small U-Net that ends in classes: down, up, and a skip connection."""
    inputs = keras.Input(IMAGE)
    fine = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same")(inputs)))
    coarse = layers.MaxPooling2D()(fine)
    coarse = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(8, 3, padding="same")(coarse)))
    up = layers.Conv2DTranspose(4, 2, strides=2)(coarse)
    x = layers.Concatenate()([fine, up])
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same")(x)))
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling2D()(x)))


class Scaled(keras.Layer):
    """A layer of the user's own, without `get_config`; its weight is drawn by the name of an initializer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dense = layers.Dense(width)

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight(shape=(input_shape[-1],), initializer="random_normal", name="scale")
        self.dense.build(input_shape)

    def call(self, inputs: Any) -> Any:
        return self.dense(inputs * self.scale)


def custom() -> keras.Model:
    """Return a network with a layer of the user's own."""
    inputs = keras.Input(IMAGE)
    x = layers.BatchNormalization()(Scaled(6)(layers.Flatten()(inputs)))
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.ReLU()(x)))


class Hidden(keras.Layer):
    """A layer that normalizes inside itself, where no swap reaches."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = layers.BatchNormalization()

    def call(self, inputs: Any) -> Any:
        return self.norm(inputs)


def hidden() -> keras.Model:
    inputs = keras.Input(IMAGE)
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.Flatten()(Hidden()(inputs))))


class Subclassed(keras.Model):
    """A model class of the user's own."""

    def __init__(self, normalization: Any) -> None:
        super().__init__()
        self.hidden, self.norm = layers.Dense(6), normalization(name="norm")
        self.flat, self.last = layers.Flatten(), layers.Dense(3, activation="softmax")

    def call(self, inputs: Any) -> Any:
        return self.last(self.norm(self.hidden(self.flat(inputs))))


def subclassed(normalization: Any) -> keras.Model:
    return Subclassed(normalization)


def subclassed_alone() -> keras.Model:
    return Subclassed(lambda name: layers.BatchNormalization(name=name))


class HalvedFunctional(keras.Model):
    """A functional model with a `call` of its own: its outputs are 0.5 at most."""

    def __init__(self, normalization: Any) -> None:
        inputs = keras.Input(IMAGE)
        x = layers.Flatten()(normalization(name="norm")(layers.Conv2D(4, 3)(inputs)))
        super().__init__(inputs, layers.Dense(1, activation="sigmoid", kernel_initializer="ones")(x))

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        return 0.5 * super().call(inputs, training=training, mask=mask)


class HalvedSequential(keras.Sequential):
    """A chain with a `call` of its own."""

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        return 0.5 * super().call(inputs, training=training, mask=mask)


class Renamed(HalvedSequential):
    """A chain whose class inherits its `call`."""


def halved_functional() -> keras.Model:
    return HalvedFunctional(layers.BatchNormalization)


def halved_sequential() -> keras.Model:
    return HalvedSequential(sequential().layers)


def renamed() -> keras.Model:
    return Renamed([keras.Input(IMAGE), *sequential().layers])


def halved(normalization: Any) -> keras.Model:
    return HalvedFunctional(normalization)


def of_strings() -> keras.Model:
    """Return a network that looks words up itself."""
    lookup = layers.StringLookup(vocabulary=["a", "b"], output_mode="multi_hot")
    first = [keras.Input((4,), dtype="string"), lookup, layers.BatchNormalization()]
    return keras.Sequential([*first, layers.Dense(3, activation="softmax")])


ALWAYS: list[keras.Model] = []


def the_same() -> keras.Model:
    """Return one model for all callers."""
    if not ALWAYS:
        ALWAYS.append(plain())
    return ALWAYS[0]


def doubtful() -> keras.Model:
    """Return a network that scales its inputs, shares a normalization, and calls one in inference mode."""
    inputs, shared = keras.Input(IMAGE), layers.BatchNormalization(name="shared")
    x = shared(layers.Rescaling(1 / 255, name="rescaled")(inputs))
    x = layers.BatchNormalization(name="fixed")(shared(x), training=False)
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.Flatten()(x)))


def encoded_twice() -> keras.Model:
    """Return a network in which two places share a model with a normalization in it."""
    inputs, part = keras.Input(IMAGE), keras.Input(IMAGE)
    encoder = keras.Model(part, layers.BatchNormalization(name="inner")(part), name="encoder")
    x = layers.Concatenate()([encoder(inputs), encoder(layers.ReLU()(inputs))])
    x = layers.BatchNormalization(name="own")(x)
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.Flatten()(x)))


def fails() -> keras.Model:
    return {}["no such layer"]


def no_model() -> Any:
    return "a model"


def unused(normalization: Any) -> keras.Model:
    return plain()


def two_inputs() -> keras.Model:
    one, other = keras.Input(IMAGE, name="one"), keras.Input(IMAGE, name="other")
    return keras.Model([one, other], layers.Dense(3)(layers.Flatten()(layers.Add()([one, other]))))


def without_normalization() -> keras.Model:
    return keras.Sequential([keras.Input(IMAGE), layers.Flatten(), layers.Dense(3, activation="softmax")])


def ends_in_relu() -> keras.Model:
    return keras.Sequential(
        [keras.Input(IMAGE), layers.BatchNormalization(), layers.Flatten(), layers.Dense(3, "relu")]
    )


def ends_in_two() -> keras.Model:
    return keras.Sequential(
        [keras.Input(IMAGE), layers.BatchNormalization(), layers.Flatten(), layers.Dense(2, "softmax")]
    )
