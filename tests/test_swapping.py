"""What a swapped layer takes over: precision, options, weights; and what a layer of the arm's own kind keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from own_functions import built
from pydantic import TypeAdapter

from bnexp.config.own_model import SwapKey
from bnexp.errors import SettingError
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


def test_a_repeated_swap_to_instance_or_ghost_changes_nothing() -> None:
    for arm in ({"name": "instance", "epsilon": 0.1}, {"name": "ghost", "virtual_batch_size": 4}):
        model, _ = swapped(chain(layers.BatchNormalization()), arm_of(arm))
        _, work = swapped(model, arm_of(arm["name"]))
        assert work.table == []


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


def test_learned_weights_of_another_shape_are_told_where_weights_are_kept() -> None:
    def net(*, trained: bool = True) -> keras.Model:
        old = layers.LayerNormalization(axis=[1, 2], name="norm")
        model = keras.Sequential([keras.Input((3, 4)), old, layers.Flatten(), layers.Dense(3, "softmax")])
        if trained:
            old.gamma.assign(np.full((3, 4), 3.0))
        return model

    lost = "model.weights is keep, and these begin anew: sequential/norm/gamma. They have another shape than in the network as written."
    nothing = "model.weights is keep, and the network comes with no trained weights; each seed draws all."
    assert built(net, "batch", weights="keep").warnings[0] == lost
    assert built(lambda: net(trained=False), "batch", weights="keep").warnings == (nothing,)
    assert not any("begin anew" in one for one in built(net, "batch").warnings)
