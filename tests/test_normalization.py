"""Normalization layers against their formulas in plain NumPy, numerical gradients, masks, saving and many seeds."""

from __future__ import annotations

import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from cases import slow
from numpy.typing import NDArray
from pydantic import TypeAdapter

from bnexp.config.normalization import Normalization, NormalizationKey
from bnexp.models.ghost import GhostBatchNormalization
from bnexp.models.normalization import (
    GroupNormalization,
    RMSNormalization,
    normalization_layer,
)

Array = NDArray[Any]
OPTIONS: dict[str, dict[str, Any]] = {
    "batch": {"momentum": 0.9, "epsilon": 0.01},
    "layer": {"epsilon": 0.01},
    "group": {"groups": 2, "epsilon": 0.01},
    "instance": {"epsilon": 0.01},
    "rms": {"epsilon": 0.01},
    "renorm": {"momentum": 0.9, "epsilon": 0.01, "renorm_momentum": 0.7, "rmax": 1.1, "dmax": 0.5},
    "ghost": {"momentum": 0.9, "epsilon": 0.01, "virtual_batch_size": 3},
}
SHAPES = [(8, 4), (8, 5, 4), (8, 3, 2, 4)]
CASES = [
    pytest.param(kind, shape, masked, id=f"{kind}-{len(shape)}{'-masked' * masked}")
    for kind in OPTIONS
    for shape in SHAPES
    for masked in (False, True)
    if not (masked and len(shape) != 3) and not (kind == "instance" and len(shape) == 2)
]

IN_TIME = [one if len(one.values[1]) == 3 else slow(*one.values, id=one.id) for one in CASES]
"""In every check, what takes long is tried on inputs in time alone, with a mask and without."""


DIRECTIONS = 10
"""Random directions in which a slope is measured. A single wrong number of a gradient changes nearly all of them."""


def layer_of(kind: str, shape: tuple[int, ...], dtype: str = "float32", **options: Any) -> keras.Layer:
    """Build a layer from its config, with gammas and betas that are neither 1 nor 0."""
    config = TypeAdapter(NormalizationKey).validate_python({"name": kind, **OPTIONS[kind], **options})
    layer = normalization_layer(config, name="normalization")
    assert layer is not None
    layer.dtype_policy = dtype
    layer.build((None, *shape[1:]))
    generator = np.random.default_rng(0)
    for variable in layer.trainable_variables:
        variable.assign(generator.uniform(0.5, 1.5, variable.shape))
    return layer


def inputs_and_mask(shape: tuple[int, ...], masked: bool, step: int = 0) -> tuple[Array, Array | None]:
    """Draw inputs far from mean 0 and variance 1; a mask leaves each row 1 to all of its positions."""
    generator = np.random.default_rng(100 + step)
    x = 3 + 2 * generator.standard_normal(shape)
    mask = np.arange(shape[1]) < generator.integers(1, shape[1] + 1, (shape[0], 1)) if masked else None
    return x, mask


def call_options(kind: str, training: bool, mask: Array | None) -> dict[str, Any]:
    options: dict[str, Any] = {"training": training} if kind in ("batch", "renorm", "ghost") else {}
    return options if mask is None or kind in ("layer", "rms") else {**options, "mask": tf.constant(mask)}


# --- the formulas ---------------------------------------------------------------------------


def values_of(x: Array, mask: Array | None) -> Array:
    """All positions that count, one a row: (N, C)."""
    return x.reshape(-1, x.shape[-1]) if mask is None else x[mask]


def reference(
    kind: str, x: Array, mask: Array | None, state: dict[str, Array], training: bool
) -> tuple[Array, dict[str, Array]]:
    """Standardised inputs, before gamma and beta, and the new moving averages."""
    options, new, y = OPTIONS[kind], dict(state), np.empty_like(x)
    epsilon, momentum = options["epsilon"], options.get("momentum", 0)

    def standardised(part: Array, values: Array) -> Array:
        return (part - values.mean(0)) / np.sqrt(values.var(0) + epsilon)

    def moved(name: str, value: Array, momentum: float = momentum) -> None:
        new[name] = momentum * state[name] + (1 - momentum) * value

    if kind == "rms":
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + epsilon), new
    if kind == "layer":
        return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + epsilon), new
    if kind in ("group", "instance"):
        groups = options.get("groups", x.shape[-1])
        for row in range(len(x)):
            counted = values_of(x[row], None if mask is None else mask[row])
            for channels in np.split(np.arange(x.shape[-1]), groups):
                y[row][..., channels] = standardised(x[row][..., channels], counted[:, channels].reshape(-1, 1))
        return y, new
    if not training:
        return (x - state["moving_mean"]) / np.sqrt(state["moving_variance"] + epsilon), new
    if kind == "ghost":
        parts = [slice(0, 3), slice(3, 8)]  # 8 rows in parts of 3: the last takes the remainder of 2
        counted_parts = [values_of(x[part], None if mask is None else mask[part]) for part in parts]
        for part, counted in zip(parts, counted_parts, strict=True):
            y[part] = standardised(x[part], counted)
        moved("moving_mean", np.mean([counted.mean(0) for counted in counted_parts], axis=0))
        moved("moving_variance", np.mean([counted.var(0) for counted in counted_parts], axis=0))
        return y, new
    counted = values_of(x, mask)
    y, mean, deviation = standardised(x, counted), counted.mean(0), np.sqrt(counted.var(0) + epsilon)
    moved("moving_mean", mean)
    if kind == "batch":
        moved("moving_variance", counted.var(0))
        return y, new
    r = np.clip(deviation / state["renorm_stddev"], 1 / options["rmax"], options["rmax"])
    d = np.clip((mean - state["renorm_mean"]) / state["renorm_stddev"], -options["dmax"], options["dmax"])
    moved("renorm_mean", mean, options["renorm_momentum"])
    moved("renorm_stddev", deviation, options["renorm_momentum"])
    moved("moving_stddev", deviation)
    new["moving_variance"] = new["moving_stddev"] ** 2 - epsilon
    return y * r + d, new


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
@pytest.mark.parametrize(("kind", "shape", "masked"), CASES)
def test_a_layer_computes_its_formula_step_after_step(
    kind: str, shape: tuple[int, ...], masked: bool, dtype: str
) -> None:
    half = dtype == "mixed_float16"
    layer = layer_of(kind, shape, dtype)
    state = {variable.name: variable.numpy().astype(float) for variable in layer.non_trainable_variables}
    weights = {variable.name: variable.numpy().astype(float) for variable in layer.trainable_variables}
    for step, training in enumerate([True, True, True, True, False]):
        x, mask = inputs_and_mask(shape, masked, step)
        x = (100 * x).astype("float16") if half else x.astype("float32")  # squares of these overflow in half precision
        y = layer(tf.constant(x), **call_options(kind, training, mask))
        expected, state = reference(kind, x.astype(float), mask, state, training)
        expected = expected * weights.get("gamma", weights.get("scale")) + weights.get("beta", 0)
        assert y.dtype == ("float16" if half else "float32")
        tolerance = 2**-11 if half else 1e-5  # half precision: computed in float32, then rounded once
        np.testing.assert_allclose(y.numpy().astype(float), expected, rtol=tolerance, atol=1e-5)
        for variable in layer.non_trainable_variables:
            assert variable.dtype == "float32"
            np.testing.assert_allclose(variable.numpy(), state[variable.name], rtol=1e-5)


@pytest.mark.parametrize(("kind", "shape", "masked"), IN_TIME)
def test_gradients_of_inputs_and_weights_are_those_of_central_differences(
    kind: str, shape: tuple[int, ...], masked: bool
) -> None:
    shape = (7, *shape[1:])  # ghost: parts of 3 and 4 rows
    layer = layer_of(kind, shape, "float64")  # renorm is clipped at both bounds, so that r and d stay the same
    x, mask = inputs_and_mask(shape, masked)
    weights = np.random.default_rng(1).standard_normal(shape)
    values = [x, *(variable.numpy() for variable in layer.trainable_variables)]
    frozen = [tf.constant(variable) for variable in layer.non_trainable_variables]

    @tf.function(autograph=False)
    def loss(values: list[Any]) -> Any:
        x, *trainable = values
        y, _ = layer.stateless_call(trainable, frozen, x, **call_options(kind, True, mask))
        return tf.reduce_sum(y * weights)

    tensors = [tf.constant(value) for value in values]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        total = loss(tensors)
    generator = np.random.default_rng(2)
    for at, gradient in enumerate(tape.gradient(total, tensors)):
        for _ in range(DIRECTIONS):
            way = generator.standard_normal(values[at].shape)
            up, down = (values[at] + sign * 1e-5 * way for sign in (1, -1))
            rise = sum(
                sign * loss([*tensors[:at], tf.constant(to), *tensors[at + 1 :]]) for sign, to in ((1, up), (-1, down))
            )
            np.testing.assert_allclose(np.sum(gradient * way), rise / 2e-5, rtol=1e-6, atol=1e-7)


# --- config, masks, saving, many seeds ----------------------------------------------------------


def test_every_kind_of_the_config_is_tested_here() -> None:
    names = [typing.get_args(kind.model_fields["name"].annotation)[0] for kind in typing.get_args(Normalization)]
    assert set(names) == {"none", *OPTIONS}
    assert normalization_layer(TypeAdapter(NormalizationKey).validate_python("none"), name="none") is None


def test_options_of_the_config_reach_their_layers() -> None:
    layer = layer_of("renorm", (8, 4), center=False)
    assert layer.renorm_clipping == {"rmax": 1.1, "rmin": 1 / 1.1, "dmax": 0.5}
    assert (layer.renorm, layer.renorm_momentum, layer.momentum, layer.center) == (True, 0.7, 0.9, False)
    assert layer_of("batch", (8, 4), synchronized=True).synchronized
    assert not RMSNormalization("zeros")(np.ones((8, 4))).numpy().any()
    saved_earlier = RMSNormalization().get_config()
    del saved_earlier["gamma_initializer"]
    again = RMSNormalization.from_config(
        saved_earlier | {"initializer": keras.initializers.serialize(keras.initializers.Zeros())}
    )
    assert not again(np.ones((8, 4))).numpy().any()
    for kind in ("group", "instance", "ghost"):
        layer = layer_of(kind, (8, 5, 4), center=False, scale=False)
        assert not layer.trainable_variables
        x, _ = inputs_and_mask((8, 5, 4), False)
        expected, _ = reference(kind, x, None, {"moving_mean": np.zeros(4), "moving_variance": np.ones(4)}, True)
        np.testing.assert_allclose(layer(x, **call_options(kind, True, None)), expected, rtol=1e-5, atol=1e-5)


class MaskSeen(keras.Layer):
    """Hands its inputs on and keeps the mask that came with them."""

    supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        self.mask = mask
        return inputs


@pytest.mark.parametrize("kind", OPTIONS)
def test_padding_changes_no_output_and_the_mask_goes_on(kind: str) -> None:
    layer = layer_of(kind, (8, 5, 4))
    behind = MaskSeen()
    model = keras.Sequential([keras.Input((None, 4)), keras.layers.Masking(), layer, behind])
    x = inputs_and_mask((8, 3, 4), False)[0].astype("float32")
    padded = tf.pad(x, [[0, 0], [0, 2], [0, 0]])
    np.testing.assert_allclose(model(padded, training=True)[:, :3], model(x, training=True), rtol=1e-5, atol=1e-6)
    model(padded, training=True)
    np.testing.assert_array_equal(behind.mask, [[True] * 3 + [False] * 2] * 8)


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # Keras's own, while it loads
@pytest.mark.parametrize("kind", OPTIONS)
def test_a_saved_layer_is_the_same_when_loaded_safely(kind: str, tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((5, 4)), layer_of(kind, (8, 5, 4))])
    x = tf.constant(inputs_and_mask((8, 5, 4), False)[0], "float32")
    model(x, training=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert type(loaded.layers[0]) is type(model.layers[0])
    assert loaded.layers[0].get_config() == model.layers[0].get_config()
    for training in (False, True):
        np.testing.assert_array_equal(loaded(x, training=training), model(x, training=training))


@pytest.mark.parametrize("seeds", [slow(1), 3])
@pytest.mark.parametrize(("kind", "shape", "masked"), IN_TIME)
def test_many_seeds_at_once_give_what_each_gives_alone(
    kind: str, shape: tuple[int, ...], masked: bool, seeds: int
) -> None:
    layer = layer_of(kind, shape)
    _, mask = inputs_and_mask(shape, masked)
    generator = np.random.default_rng(2)
    x = tf.constant(generator.standard_normal((seeds, *shape)), "float32")
    trainable, frozen = (
        [tf.constant(generator.uniform(0.5, 1.5, (seeds, *v.shape)), "float32") for v in variables]
        for variables in (layer.trainable_variables, layer.non_trainable_variables)
    )
    options = call_options(kind, True, mask)

    def of_one(one: Any) -> Any:
        return layer.stateless_call(*one, **options)

    def losses_and_gradients(call: Callable[[Any], Any]) -> list[Any]:
        with tf.GradientTape() as tape:
            tape.watch([x, *trainable])
            y, moved = call((trainable, frozen, x))
            loss = tf.reduce_sum(y**3)
        gradients = tape.gradient(loss, [x, *trainable])
        return [tf.convert_to_tensor(value) for value in (y, *moved, *gradients)]

    def one_by_one(stacked: Any) -> Any:
        alone = [of_one(tf.nest.map_structure(lambda value, at=at: value[at], stacked)) for at in range(seeds)]
        return tf.nest.map_structure(lambda *values: tf.stack(values), *alone)

    def at_once(stacked: Any) -> Any:
        return tf.vectorized_map(of_one, stacked, fallback_to_while_loop=False)

    together = tf.function(lambda: losses_and_gradients(at_once))()
    for value, expected in zip(together, losses_and_gradients(one_by_one), strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-5)


# --- group and instance -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "shape", "options", "message"),
    [
        ("group", (8, 6), {"groups": 4}, "groups is 4, which does not divide the 6 channels. Use one of 1, 2, 3, 6."),
        ("group", (8, 1, 4), {"groups": 4}, "inputs of shape (None, 1, 4) each group is one number, and normalizes to 0."),
        ("instance", (8, 4), {}, "inputs of shape (None, 4) have only one, so all values would become 0. Use layer or group"),
        ("instance", (8, 1, 1, 4), {}, "inputs of shape (None, 1, 1, 4) have only one,"),
    ],
)  # fmt: skip
def test_groups_that_cannot_be_are_refused_with_the_cure(
    kind: str, shape: tuple[int, ...], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        layer_of(kind, shape, **options)
    assert message in str(caught.value)


def test_without_a_mask_groups_are_kerass_own() -> None:
    x = inputs_and_mask((8, 3, 2, 4), False)[0].astype("float32")
    ours, keras_own = GroupNormalization(groups=2), keras.layers.GroupNormalization(groups=2)
    np.testing.assert_allclose(ours(x), keras_own(x), rtol=1e-5, atol=1e-6)


# --- ghost --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "cuts"), [(6, [3]), (8, [3]), (9, [3, 6]), (11, [3, 6]), (2, []), (4, [])])
@pytest.mark.parametrize("static", [True, False])
def test_ghost_is_batch_normalization_of_each_part(rows: int, cuts: list[int], static: bool) -> None:
    ghost = layer_of("ghost", (rows, 5, 4))
    x = inputs_and_mask((rows, 5, 4), False)[0].astype("float32")
    signature = [tf.TensorSpec((rows if static else None, 5, 4))]
    y = tf.function(lambda x: ghost(x, training=True), input_signature=signature)(x)
    means, variances = [], []
    for part, expected in zip(np.split(x, cuts), np.split(y, cuts), strict=True):
        batch = layer_of("batch", (rows, 5, 4), momentum=0.0)
        np.testing.assert_allclose(batch(part, training=True), expected, rtol=1e-5, atol=1e-5)
        means.append(batch.moving_mean.numpy())
        variances.append(batch.moving_variance.numpy())
    np.testing.assert_allclose(ghost.moving_mean, 0.1 * np.mean(means, axis=0), rtol=1e-5)
    np.testing.assert_allclose(ghost.moving_variance, 0.9 + 0.1 * np.mean(variances, axis=0), rtol=1e-5)


def test_parts_of_only_masked_positions_leave_the_moving_statistics_alone() -> None:
    ghost = layer_of("ghost", (6, 5, 4), momentum=0.0)
    x = inputs_and_mask((6, 5, 4), False)[0].astype("float32")
    half = np.repeat([True, False], 3)[:, None] & np.ones((1, 5), bool)
    for mask in (half, np.zeros((6, 5), bool)):
        assert np.isfinite(ghost(x, training=True, mask=tf.constant(mask))).all()
        np.testing.assert_allclose(ghost.moving_mean, x[:3].mean((0, 1)), rtol=1e-5)
        np.testing.assert_allclose(ghost.moving_variance, x[:3].var((0, 1)), rtol=1e-5)


def test_a_frozen_ghost_normalizes_as_at_inference() -> None:
    ghost = layer_of("ghost", (6, 4))
    ghost.trainable = False
    x = inputs_and_mask((6, 4), False)[0].astype("float32")
    np.testing.assert_array_equal(ghost(x, training=True), ghost(x, training=False))
    np.testing.assert_array_equal(ghost.moving_mean, np.zeros(4))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"virtual_batch_size": 1}, "virtual_batch_size is 1; a variance needs rows. Use 2 or more."),
        (
            {"renorm": True},
            "renorm and synchronized work on whole batches; ghost batch normalization supports neither.",
        ),
        ({"axis": 1}, "axis is 1; ghost batch normalization takes channels in the last axis, -1."),
    ],
)
def test_a_ghost_that_cannot_be_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        GhostBatchNormalization(**options).build((None, 4, 4))
    assert str(caught.value) == message


@pytest.mark.parametrize("kind", ["group", "ghost"])
def test_a_mask_of_another_rank_is_refused(kind: str) -> None:
    x = np.ones((8, 5, 2, 4), "float32")
    message = r"The mask has shape \(8, 5\), the inputs \(8, 5, 2, 4\)\."
    with pytest.raises(ValueError, match=message):
        layer_of(kind, x.shape)(x, **call_options(kind, True, np.ones((8, 5), bool)))
