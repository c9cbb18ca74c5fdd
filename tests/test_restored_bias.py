"""Biases that take the place of an offset, and layers whose bias would not equal it."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from pydantic import TypeAdapter

from bnexp.config.own_model import SwapKey
from bnexp.models.restored_bias import WITH_ONE_BIAS, with_bias
from bnexp.models.swapping import Swapping, swapped


def arm_of(arm: Any) -> Any:
    return TypeAdapter(SwapKey).validate_python(arm)


def without_offset(*chain: keras.Layer, arm: str = "none", shape: tuple[int, ...] = (3, 4)) -> tuple[Any, Swapping]:
    """Swap in a chain to an arm without offset; return the weights' names, and what was done."""
    model, work = swapped(keras.Sequential([keras.Input(shape), *chain]), arm_of(arm))
    return [variable.path for variable in model.variables], work


def einsum(equation: str = "abc,cd->abd", shape: Any = (None, 8)) -> keras.Layer:
    return layers.EinsumDense(equation, shape, name="first")


def dense(**options: Any) -> keras.Layer:
    return layers.Dense(8, use_bias=False, name="first", **options)


def norm(**options: Any) -> keras.Layer:
    return layers.LayerNormalization(**options)


@pytest.mark.parametrize("arm", ["none", "rms"])
@pytest.mark.parametrize(
    ("path", "chain"),
    [
        ("first", lambda: [einsum(), norm()]),
        ("first", lambda: [einsum("...b,bc->...c", 8), layers.BatchNormalization()]),
        ("before/first", lambda: [keras.Sequential([dense()], name="before"), norm()]),
        ("first", lambda: [dense(), keras.Sequential([norm(), layers.ReLU()])]),
        ("before/first", lambda: [functional(dense(), name="before"), functional(norm(), layers.ReLU(), name="then")]),
        ("before/first", lambda: [layers.TimeDistributed(dense(), name="before"), norm()]),
        ("before/first", lambda: [layers.TimeDistributed(dense(), name="before"), layers.TimeDistributed(norm())]),
        ("before/inner/first", lambda: [
            layers.TimeDistributed(keras.Sequential([dense()], name="inner"), name="before"), keras.Sequential([norm()])
        ]),
    ],
)  # fmt: skip
def test_a_bias_is_restored_in_whatever_holds_the_layer_and_the_normalization(arm: str, path: str, chain: Any) -> None:
    names, work = without_offset(*chain(), arm=arm)
    assert sum(name.endswith("bias") for name in names) == 1
    assert [(one.path, one.now) for one in work.table if one.now == "with bias"] == [(path, "with bias")]
    assert work.notes == []


def functional(*chain: keras.Layer, name: str) -> keras.Model:
    """Return a functional model of frames, each layer behind the one before."""
    x = inputs = keras.Input((3, 4 if name == "before" else 8))
    for layer in chain:
        x = layer(x)
    return keras.Model(inputs, x, name=name)


@pytest.mark.parametrize("kind", WITH_ONE_BIAS)
def test_a_restored_bias_is_an_offset_behind_the_layer(kind: type[keras.Layer]) -> None:
    rank = int(kind.__name__.removesuffix("Transpose")[-2]) if "Conv" in kind.__name__ else 1
    if kind is layers.EinsumDense:
        layer = einsum()
    elif kind in (layers.DepthwiseConv1D, layers.DepthwiseConv2D):
        layer = kind(2, use_bias=False)
    else:
        layer = kind(4, *[2] * ("Conv" in kind.__name__), use_bias=False)
    x = np.random.default_rng(0).normal(size=(2, *[3] * rank, 4)).astype("float32")
    before = layer(x).numpy()
    made = with_bias(layer)
    values = {one.name: one.numpy() for one in layer.variables}
    offset = np.arange(before.shape[-1], dtype="float32")
    for variable in made.variables:
        variable.assign(values.get(variable.name, offset))
    np.testing.assert_allclose(made(x).numpy(), before + offset, rtol=1e-5, atol=1e-5)


LEFT_ALONE = (
    "neither bias nor offset in this arm. bnexp adds a bias only where it equals the offset: to Keras's Dense, EinsumDense "
    "or convolution without activation. Its last axis must be normalized, and no other layer may take its outputs."
)


class Own(layers.Dense):
    """A layer of the user's own, with an array where wrappers of Keras have a layer."""

    layer = np.ones(3)


@pytest.mark.parametrize("arm", ["none", "rms"])
@pytest.mark.parametrize(
    "chain",
    [
        lambda: [layers.LSTM(2, use_bias=False, return_sequences=True, name="first"), norm()],
        lambda: [layers.GRU(2, use_bias=False, name="first"), norm()],
        lambda: [layers.RNN(layers.LSTMCell(2, use_bias=False), name="first"), norm()],
        lambda: [layers.Bidirectional(layers.GRU(4, use_bias=False), name="first"), norm()],
        lambda: [layers.SpectralNormalization(dense(), name="first"), norm()],
        lambda: [dense(activation="relu"), norm()],
        lambda: [dense(), layers.BatchNormalization(axis=1)],
        lambda: [dense(), norm(axis=[1, 2])],
        lambda: [einsum("ab...,bd->ad...", (8, None)), norm()],
        lambda: [Own(8, use_bias=False, name="first"), norm()],
    ],
)
def test_a_layer_whose_bias_would_not_equal_the_offset_is_named_and_stays(arm: str, chain: Any) -> None:
    names, work = without_offset(*chain(), arm=arm)
    assert not any("bias" in name.rpartition("/")[2] for name in names)
    assert work.notes == [f"first has {LEFT_ALONE}"]


@pytest.mark.parametrize("beside", [layers.Identity, layers.BatchNormalization])
def test_a_layer_whose_outputs_go_elsewhere_too_is_named_and_stays(beside: Any) -> None:
    inputs = keras.Input((3, 4))
    x = dense()(inputs)
    model = keras.Model(inputs, layers.Add()([norm()(x), beside()(x)]))
    changed, work = swapped(model, arm_of("none"))
    assert not changed.get_layer("first").use_bias
    assert work.notes == [f"first has {LEFT_ALONE}"]


@pytest.mark.parametrize(
    "between",
    [[layers.Dropout(0.5)], [layers.Dropout(0.1), layers.Reshape((24,))], [layers.GlobalAveragePooling1D()]],
    ids=["dropout", "two layers", "pooling"],
)
def test_an_offset_behind_a_layer_that_hands_on_its_inputs_is_named(between: list[Any]) -> None:
    names, work = without_offset(dense(), *between, norm())
    assert not any(name.endswith("bias") for name in names)
    assert [note.partition(" has ")[0] for note in work.notes] == ["first"]


def test_what_stands_between_and_changes_its_inputs_has_no_offset_of_the_layer_before() -> None:
    _, work = without_offset(dense(), layers.ReLU(), norm())
    assert work.notes == []


def test_a_block_that_is_called_twice_gets_one_bias() -> None:
    block = keras.Sequential([keras.Input((3, 8)), dense(), norm()], name="block")
    inputs = keras.Input((3, 8))
    changed, work = swapped(keras.Model(inputs, block(block(inputs))), arm_of("none"))
    assert [variable.path.rpartition("/")[2] for variable in changed.variables] == ["kernel", "bias"]
    assert work.notes == []


def test_a_layer_of_the_users_own_that_keeps_an_array_is_left_as_it_is() -> None:
    names, work = without_offset(Own(8, name="first"), norm())
    assert [name.rpartition("/")[2] for name in names] == ["kernel", "bias"]
    assert work.notes == []


def test_attention_without_bias_is_named_and_stays() -> None:
    inputs = keras.Input((3, 8))
    x = layers.MultiHeadAttention(2, 4, use_bias=False, name="attention")(inputs, inputs)
    model = keras.Model(inputs, layers.LayerNormalization()(x))
    for arm in ("none", "rms"):
        _, work = swapped(model, arm_of(arm))
        assert [note.partition(" ")[0] for note in work.notes] == ["attention"]


def test_a_layer_between_that_is_called_twice_ends_the_search() -> None:
    inputs = keras.Input((8, 8, 3))
    pool = layers.MaxPooling2D(1)
    x = layers.Conv2D(4, 3, use_bias=False, name="first")(inputs)
    model = keras.Model(inputs, layers.BatchNormalization()(pool(pool(x))))
    _, work = swapped(model, arm_of("none"))
    assert [note.partition(" has ")[0] for note in work.notes] == ["first"]
