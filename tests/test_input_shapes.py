"""Networks that are written for inputs of any size: groups and refusals follow from the size that the data have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import pytest
from keras import layers
from own_functions import built

from bnexp.errors import SettingError
from bnexp.models.built import Built
from bnexp.models.inputs import Inputs

ANY, KNOWN = (None, None, 3), (8, 8, 3)
IMAGES = Inputs("image", KNOWN)


def body(size: Any) -> keras.Model:
    """Return three convolutions, each with normalization: of 8 x 8 pixels, 4 x 4, 2 x 2 and 1 x 1 are left."""
    x = inputs = keras.Input(size)
    for _ in range(3):
        x = layers.BatchNormalization()(layers.Conv2D(64, 3, 2, padding="same")(x))
    return keras.Model(inputs, x)


def on_top(*first: keras.Layer, size: Any = KNOWN) -> keras.Model:
    return keras.Sequential([keras.Input(size), *first, layers.GlobalAveragePooling2D(), layers.Dense(3, "softmax")])


def steps(*held: keras.Layer) -> keras.Sequential:
    return keras.Sequential([keras.Input(ANY), *held])


def for_any_size() -> keras.Model:
    return on_top(*body(ANY).layers[1:], size=ANY)


def functional_for_any_size() -> keras.Model:
    one = body(ANY)
    return keras.Model(one.input, layers.Dense(3, "softmax")(layers.GlobalAveragePooling2D()(one.output)))


def nested_in_sequential() -> keras.Model:
    return on_top(steps(*body(ANY).layers[1:]))


def built_before_for_other_images() -> keras.Model:
    return on_top(*body((32, 32, 3)).layers[1:])


def at_two_scales() -> keras.Model:
    """Return a network that calls one body with the images, and with larger ones."""
    inputs, shared = keras.Input(KNOWN), body(ANY)
    both = [layers.GlobalAveragePooling2D()(shared(x)) for x in (inputs, layers.UpSampling2D(4)(inputs))]
    return keras.Model(inputs, layers.Dense(3, "softmax")(layers.Add()(both)))


def in_frames() -> keras.Model:
    frames = layers.Reshape((1, *KNOWN))
    return keras.Sequential([
        keras.Input(KNOWN), frames, layers.TimeDistributed(body(ANY)), layers.Flatten(), layers.Dense(3, "softmax"),
    ])  # fmt: skip


WRITTEN: list[Callable[[], keras.Model]] = [
    lambda: on_top(body(KNOWN)),
    lambda: on_top(body(ANY)),
    for_any_size, functional_for_any_size, nested_in_sequential, built_before_for_other_images, at_two_scales, in_frames,
]  # fmt: skip


@pytest.mark.parametrize("written", WRITTEN)
def test_a_group_has_8_numbers_of_the_data_for_whatever_size_the_network_was_written(
    written: Callable[[], keras.Model],
) -> None:
    one = built(written, "group", IMAGES)
    assert [layer.now.partition("(")[2] for layer in one.swapped] == ["groups=32)", "groups=32)", "groups=8)"]
    assert sorted(groups_of(one)) == [8, 32, 32]


def groups_of(one: Built) -> list[int]:
    layers_of = one.model._flatten_layers()
    return [layer.groups for layer in layers_of if isinstance(layer, keras.layers.GroupNormalization)]


@pytest.mark.parametrize("written", WRITTEN)
def test_instance_normalization_over_one_position_is_refused_for_whatever_size_the_network_was_written(
    written: Callable[[], keras.Model],
) -> None:
    with pytest.raises(SettingError) as error:
        built(written, "instance", IMAGES)
    assert str(error.value).endswith(
        "(BatchNormalization) cannot become that: instance normalization is over the positions of a row, and inputs of "
        "shape (None, 1, 1, 64) have only one, so all values would become 0. Use layer or group normalization."
    )


def asks(normalization: Any) -> keras.Model:
    """Return a network for any size whose only normalization has one position of images of 8 x 8."""
    return on_top(layers.Conv2D(64, 8), normalization(name="norm"), size=ANY)


def test_layers_that_a_function_asks_for_have_groups_that_fit_the_data() -> None:
    assert groups_of(built(asks, "group", IMAGES)) == [8]
    assert groups_of(built(asks, {"name": "group", "groups": 4}, IMAGES)) == [4]
    with pytest.raises(SettingError) as error:
        built(asks, "instance", IMAGES)
    assert str(error.value) == (
        "model.normalization is instance; the inputs of norm cannot be normalized like that: instance normalization is over "
        "the positions of a row, and inputs of shape (None, 1, 1, 64) have only one, so all values would become 0. Use layer or group normalization."
    )
