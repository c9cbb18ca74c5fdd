"""What a swapped layer takes over: precision, options, weights; and what a layer of the arm's own kind keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from own_functions import FRAMES, built
from pydantic import TypeAdapter

from bnexp.config.own_model import SwapKey
from bnexp.errors import SettingError
from bnexp.models.architecture import architecture
from bnexp.models.layer_paths import weight_names
from bnexp.models.restored_bias import LEFT_ALONE
from bnexp.models.swapping import Swapping, swapped

KINDS = ("batch", "layer", "group", "instance", "rms", "renorm", "ghost")
OTHERS = KINDS[1:]
LEARNED = {"gamma": 2.0, "beta": 3.0, "moving_mean": 5.0, "moving_variance": 7.0}


def chain(normalization: keras.Layer, **options: Any) -> keras.Sequential:
    """Return a chain of frames whose second layer is a Dense without a bias, and whose third one normalizes."""
    first = layers.Dense(8, use_bias=False, name="first", **options)
    return keras.Sequential([keras.Input((3, 4)), first, normalization, layers.Flatten(), layers.Dense(3, "softmax")])


def swap(normalization: keras.Layer, arm: Any, **options: Any) -> tuple[keras.Layer, keras.Layer, Swapping]:
    """Swap; return what stands in the place of the Dense and of the normalization, and what was done."""
    model, work = swapped(chain(normalization, **options), TypeAdapter(SwapKey).validate_python(arm))
    return model.layers[0], model.layers[1], work


def scale_of(layer: keras.Layer) -> keras.Variable:
    return layer.scale if isinstance(layer, keras.layers.RMSNormalization) else layer.gamma


# --- options ----------------------------------------------------------------------


@pytest.mark.parametrize("arm", [*OTHERS, "none"])
def test_an_arm_computes_in_the_precision_of_the_layer_that_is_replaced(arm: str) -> None:
    first, found, _ = swap(layers.BatchNormalization(dtype="mixed_float16"), arm, dtype="mixed_float16")
    assert (first.compute_dtype, found.compute_dtype) == ("float16", "float16")
    assert str(found.output.dtype) == "float16"


@pytest.mark.parametrize("arm", [*OTHERS, {"name": "batch", "momentum": 0.5}])
def test_scale_begins_and_is_held_back_as_in_the_layer_that_is_replaced(arm: Any) -> None:
    old = layers.BatchNormalization(
        gamma_initializer="zeros",
        gamma_constraint=keras.constraints.NonNeg(),
        gamma_regularizer=keras.regularizers.L2(1),
    )
    scale = scale_of(swap(old, arm)[1])
    assert not scale.numpy().any()
    assert isinstance(scale.constraint, keras.constraints.NonNeg)
    assert scale.regularizer is old.gamma_regularizer


def test_a_scale_of_rms_hands_its_options_on() -> None:
    model, _ = swapped(chain(layers.BatchNormalization(gamma_initializer="zeros")), arm_of("rms"))
    again, _ = swapped(model, arm_of("layer"))
    assert not again.layers[1].gamma.numpy().any()
    copy = keras.Sequential.from_config(model.get_config())
    assert not copy.layers[1].scale.numpy().any()


def arm_of(arm: Any) -> Any:
    return TypeAdapter(SwapKey).validate_python(arm)


@pytest.mark.parametrize("arm", ["none", "rms"])
def test_a_bias_is_restored_where_the_new_layer_has_no_offset(arm: str) -> None:
    def mine(shape: Any, dtype: Any = None) -> Any:
        return keras.ops.ones(shape)

    first, _, work = swap(layers.BatchNormalization(), arm, kernel_initializer=mine)
    assert first.use_bias
    assert first.kernel_initializer is mine
    assert (work.table[0].was, work.table[0].now) == ("Dense without bias", "with bias")


@pytest.mark.parametrize("arm", ["layer", "group", "ghost"])
def test_no_bias_is_added_where_the_new_layer_has_an_offset(arm: str) -> None:
    assert not swap(layers.BatchNormalization(), arm)[0].use_bias


def test_no_bias_is_added_where_the_old_layer_had_no_offset() -> None:
    assert not swap(layers.BatchNormalization(center=False), "rms")[0].use_bias
    assert not swap(layers.RMSNormalization(), "none")[0].use_bias


@pytest.mark.parametrize("arm", ["layer", "batch", "group", "instance"])
def test_rms_normalization_becomes_any_kind(arm: str) -> None:
    made = swap(layers.RMSNormalization(), arm)[1]
    assert made.scale is True
    assert made.center is True


def test_an_axis_that_ghost_normalization_cannot_take_is_refused() -> None:
    with pytest.raises(SettingError, match="axis is 1; ghost batch normalization takes channels in the last axis, -1"):
        swap(layers.BatchNormalization(axis=1), "ghost")


# --- a layer of the arm's own kind --------------------------------------------------

SAME: dict[str, tuple[Callable[[], keras.Layer], dict[str, Any]]] = {
    "batch": (lambda: layers.BatchNormalization(momentum=0.9, epsilon=1e-5), {"momentum": 0.8}),
    "layer": (lambda: layers.LayerNormalization(axis=[1, 2], epsilon=1e-6), {"epsilon": 0.1}),
    "group": (lambda: layers.GroupNormalization(groups=2, epsilon=1e-6), {"groups": 4}),
    "rms": (lambda: layers.RMSNormalization(epsilon=1e-4), {"epsilon": 0.1}),
    "renorm": (
        lambda: layers.BatchNormalization(renorm=True, renorm_clipping={"rmax": 2.0, "dmax": 1.0}),
        {"rmax": 4.0},
    ),
}


@pytest.mark.parametrize("kind", SAME)
def test_a_layer_of_the_arms_kind_keeps_what_the_arm_does_not_say(kind: str) -> None:
    make, said = SAME[kind]
    old = make()
    assert swap(old, kind)[1] is old
    before, changed = old.get_config(), swap(make(), {"name": kind, **said})[1].get_config()
    if kind == "renorm":
        said = {"renorm_clipping": {"rmax": 4.0, "rmin": 0.25, "dmax": 1.0}}
    assert {key: value for key, value in changed.items() if value != before[key] and key != "name"} == said


def test_a_changed_layer_stands_beside_one_that_stays_whatever_keras_counted_before() -> None:
    names = ("batch_normalization_1", "batch_normalization_2")
    first, other = (
        layers.BatchNormalization(momentum=by, name=name) for by, name in zip((0.9, 0.8), names, strict=True)
    )
    model = keras.Sequential([keras.Input((4,)), first, other, layers.Dense(3, "softmax")])
    changed, work = swapped(model, arm_of({"name": "batch", "momentum": 0.9}))
    assert [layer.momentum for layer in changed.layers[:2]] == [0.9, 0.9]
    assert [layer.path for layer in work.table] == ["batch_normalization_1"]


def test_a_repeated_swap_to_instance_or_ghost_changes_nothing() -> None:
    for arm in ({"name": "instance", "epsilon": 0.1}, {"name": "ghost", "virtual_batch_size": 4}):
        model, _ = swapped(chain(layers.BatchNormalization()), arm_of(arm))
        _, work = swapped(model, arm_of(arm["name"]))
        assert work.table == []


@pytest.mark.parametrize("option", [{"dtype": "mixed_float16"}, {"activation": "relu"}, {"use_bias": False}])
def test_networks_with_other_options_or_precision_have_other_layers(option: dict[str, Any]) -> None:
    def net(name: str, **options: Any) -> str:
        return architecture(keras.Sequential([keras.Input((4,)), layers.Dense(3, name=name, **options)]))

    assert net("dense") == net("dense_7")
    assert net("dense") != net("dense", **option)


# --- weights that are kept ------------------------------------------------------------


def trained() -> keras.Model:
    model = chain(layers.BatchNormalization())
    for variable in model.layers[1].variables:
        variable.assign(np.full(variable.shape, LEARNED[variable.name]))
    return model


def kept(arm: Any) -> dict[str, float]:
    """Return the first number of each weight of the normalization that an arm of the trained network begins with."""
    one = built(trained, arm, weights="keep")
    values = zip(one.initial.names, one.initial.draw((0,)), strict=True)
    return {name.rpartition("/")[2]: float(value.flat[0]) for name, value in values if "normalization" in name}


@pytest.mark.parametrize(
    "arm", ["batch", {"name": "batch", "momentum": 0.9}, {"name": "batch", "epsilon": 0.1}, "ghost", "frozen"]
)
def test_kept_statistics_go_with_scale_and_offset(arm: Any) -> None:
    assert kept(arm) == LEARNED


@pytest.mark.parametrize("arm", ["layer", "group", "instance"])
def test_scale_and_offset_are_kept_in_every_kind(arm: str) -> None:
    assert kept(arm) == {"gamma": 2, "beta": 3}


def test_rms_keeps_the_scale() -> None:
    assert kept("rms") == {"scale": 2}


def test_renormalization_begins_with_the_statistics_that_were_learned() -> None:
    deviation = pytest.approx((7 + 0.001) ** 0.5)
    further = {"renorm_mean": 5, "renorm_stddev": deviation, "moving_stddev": deviation}
    assert kept("renorm") == {**LEARNED, **further}


@pytest.mark.parametrize("arm", ["layer", "group", "instance", "renorm", "ghost", "batch"])
def test_an_arm_without_offset_by_its_options_restores_the_bias(arm: str) -> None:
    first, found, _ = swap(layers.BatchNormalization(), {"name": arm, "center": False} if arm != "batch" else "rms")
    assert first.use_bias and not any("beta" in one.name for one in found.variables)


def beside_a_skip(x: Any, first: Any) -> Any:
    return layers.Add()([x := first(x), layers.BatchNormalization()(x)])


def called_twice(x: Any, first: Any) -> Any:
    return first(layers.BatchNormalization()(first(x)))


def as_an_output(x: Any, first: Any) -> Any:
    return [x := first(x), layers.BatchNormalization()(x)]


class Doubled(layers.TimeDistributed):
    """A wrapper with a `call` of its own, which no other wrapper would have."""

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        return 2 * super().call(inputs, training=training, mask=mask)


def test_normalization_in_a_wrapper_with_a_call_of_its_own_is_refused() -> None:
    model = keras.Sequential([keras.Input((3, 4)), Doubled(layers.BatchNormalization(name="norm"), name="doubled")])
    with pytest.raises(SettingError) as error:
        swapped(model, arm_of("layer"))
    assert str(error.value).startswith(
        "model.normalization cannot swap doubled/norm: it is made inside a layer or model class of your own."
    )


@pytest.mark.parametrize("written", [beside_a_skip, called_twice, as_an_output])
def test_a_layer_whose_outputs_also_go_elsewhere_gets_no_bias_and_is_named(written: Any) -> None:
    first = layers.Dense(4, use_bias=False, name="first")
    model = keras.Model(inputs := keras.Input((4,)), written(inputs, first))
    changed, work = swapped(model, arm_of("none"))
    assert work.notes == [f"first has {LEFT_ALONE}"]
    assert changed.get_layer("first") is first


def test_a_layer_before_several_normalizations_gets_no_bias_since_each_had_an_offset_of_its_own() -> None:
    first = layers.Dense(4, use_bias=False, name="first")(inputs := keras.Input((4,)))
    both = [layers.BatchNormalization()(first), layers.LayerNormalization()(first)]
    changed, work = swapped(keras.Model(inputs, layers.Add()(both)), arm_of("none"))
    assert not changed.get_layer("first").use_bias and work.notes == [f"first has {LEFT_ALONE}"]


def test_attention_without_bias_is_named_and_stays() -> None:
    inputs = keras.Input((3, 8))
    x = layers.MultiHeadAttention(2, 4, use_bias=False, name="attention")(inputs, inputs)
    model = keras.Model(inputs, layers.LayerNormalization()(x))
    for arm in ("none", "rms"):
        _, work = swapped(model, TypeAdapter(SwapKey).validate_python(arm))
        assert [note.partition(" ")[0] for note in work.notes] == ["attention"]


def test_learned_weights_of_another_shape_are_told_where_weights_are_kept() -> None:
    def net(*, trained: bool = True) -> keras.Model:
        old = layers.LayerNormalization(axis=[1, 2], name="norm")
        model = keras.Sequential([keras.Input((3, 4)), old, layers.Flatten(), layers.Dense(3, "softmax")])
        if trained:
            old.gamma.assign(np.full((3, 4), 3.0))
        return model

    lost = "model.weights is keep, but these weights start anew: norm/gamma. They have another shape than in the network as written."
    nothing = "model.weights is keep, but the network has no trained weights, so each seed draws all of them."
    assert built(net, "batch", weights="keep").warnings[0] == lost
    assert built(lambda: net(trained=False), "batch", weights="keep").warnings == (nothing,)
    assert not any("begin anew" in one for one in built(net, "batch").warnings)


@pytest.mark.parametrize("kind", ["functional", "sequential"])
def test_paths_in_a_network_for_sequences_have_no_prefix_and_padding_is_replaced_by_zeros(kind: str) -> None:
    """A layer of the user's own may be called as the layer that replaces padding."""

    def build() -> keras.Model:
        chain = [
            layers.Masking(),
            layers.BatchNormalization(),
            layers.LSTM(4, name="padding"),
            layers.Dense(3, "softmax"),
        ]
        if kind == "sequential":
            return keras.Sequential([keras.Input(FRAMES.shape), *chain])
        x = outputs = keras.Input(FRAMES.shape)
        for layer in chain:
            outputs = layer(outputs)
        return keras.Model(x, outputs)

    network = built(build, "layer", inputs=FRAMES)
    assert [one.path for one in network.swapped] == ["batch_normalization"]
    names = weight_names(network.model)
    assert [one for one in names if "kernel" in one] == [
        "padding/lstm_cell/kernel", "padding/lstm_cell/recurrent_kernel", "dense/kernel"
    ]  # fmt: skip
    rows = np.random.default_rng(0).normal(size=(5, *FRAMES.shape)).astype("float32")
    rows[2, -1] = np.nan
    filled = np.nan_to_num(rows, nan=0.0)
    np.testing.assert_array_equal(network.model(rows), network.model(filled))
