"""Masks: what stands where padding is, and how far a row is padded, changes no output, gradient or statistic."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from cases import slow
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from bnexp.config.model import Model
from bnexp.errors import SettingError
from bnexp.models import Built, build
from bnexp.models.inputs import Inputs
from bnexp.models.padding import MaskedMean

Array = NDArray[Any]
LENGTHS = np.array([3, 6, 1, 5, 4, 6, 2, 5])
"""Positions that are no padding, of eight rows."""
NORMALIZATIONS: dict[str, Any] = {
    "batch": "batch",
    "ghost": {"name": "ghost", "virtual_batch_size": 3},
    "group": {"name": "group", "groups": 2},
    "instance": "instance",
    "layer": "layer",
    "rms": "rms",
}
MODELS: dict[str, dict[str, Any]] = {
    "conv1d, maximum, before": {"name": "conv1d", "filters": [4, 6]},
    "conv1d, average, after": {"name": "conv1d", "filters": [4, 4], "pooling": "average", "placement": "after"},
    "rnn, before": {"name": "rnn", "units": [4, 4], "placement": "before"},
    "transformer, pre-norm, mean": {"name": "transformer", "width": 4, "feedforward": 6},
    "transformer, post-norm, first": {
        "name": "transformer", "width": 4, "feedforward": 6, "blocks": 1, "placement": "after", "pooling": "first"},
}  # fmt: skip
IMAGE, TEXT, FRAMES = Inputs("image", (8, 8, 2)), Inputs("text", (6,), 20), Inputs("sequence", (6, 4))


def built(inputs: Inputs, **model: Any) -> Built:
    return build(TypeAdapter(Model).validate_python(model), inputs, task="multiclass", classes=3)


def behind_the_mask(model: dict[str, Any], length: int) -> keras.Sequential:
    """Return a model of frames without its Padding, so that a mask and anything behind it can be fed; weights of seed 0."""
    one = built(Inputs("sequence", (length, 4)), **model)
    for variable, drawn in zip(one.model.variables, one.initial.draw((0,)), strict=True):
        value = drawn[0]
        if variable.path.endswith("positions"):  # drawn anew for each length: let the first six be the same
            value = np.linspace(-1, 1, length * 4).reshape(length, 4)
            value[:6] = np.linspace(-1, 1, 24).reshape(6, 4)
        variable.assign(value)
    assert one.model.layers[0].name == "padding"
    return marked(keras.Sequential([keras.Input((length, 4)), *one.model.layers[1:]]))


def marked(network: keras.Sequential) -> keras.Sequential:
    """Let a model take a mask; else Keras warns that none comes out."""
    network.supports_masking = True
    return network


def rows(length: int, garbage: float) -> tuple[Array, Array]:
    """Eight rows, with numbers of this size behind the mask."""
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.normal(size=(8, 6, 4)), np.zeros((8, length - 6, 4))], axis=1)
    mask = np.arange(length) < LENGTHS[:, None]
    return np.where(mask[..., None], x, garbage * rng.normal(size=x.shape)).astype("float32"), mask


def results(model: dict[str, Any], length: int, garbage: float) -> dict[str, Array]:
    """Outputs in both modes, the gradients of inputs and weights, and the moving averages."""
    network, (x, mask) = behind_the_mask(model, length), rows(length, garbage)
    inputs = tf.constant(x)
    found = {"at inference": network(inputs, mask=mask, training=False)}
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        found["in training"] = network(inputs, mask=mask, training=True)
        loss = tf.reduce_sum(found["in training"][:, 0])
    watched = {"inputs": inputs, **{variable.path: variable.value for variable in network.trainable_variables}}
    gradients = tape.gradient(loss, watched)
    assert not np.asarray(gradients["inputs"])[~mask].any(), "what is behind the mask has a gradient"
    gradients["inputs"] = gradients["inputs"][:, :6]
    positions = [name for name in gradients if name.endswith("positions")]
    gradients |= {name: gradients[name][:6] for name in positions}
    found |= {f"gradient of {name}": value for name, value in gradients.items()}
    found |= {variable.path: variable for variable in network.non_trainable_variables if "moving" in variable.path}
    return {name: np.asarray(value) for name, value in found.items()}


QUICK = {
    "conv1d, maximum, before": ("ghost", "group"),
    "conv1d, average, after": ("batch", "layer"),
    "rnn, before": ("batch",),
    "transformer, pre-norm, mean": ("batch",),
    "transformer, post-norm, first": ("ghost", "rms"),
}
"""Network -> its normalizations in every check: in each network one that mixes rows."""


@pytest.mark.parametrize(
    ("name", "normalization"),
    [
        (name, normalization) if normalization in QUICK[name] else slow(name, normalization)
        for name in MODELS
        for normalization in NORMALIZATIONS
    ],
)
def test_neither_more_padding_nor_garbage_in_it_changes_anything(name: str, normalization: str) -> None:
    model = {**MODELS[name], "normalization": NORMALIZATIONS[normalization]}
    if model["name"] == "rnn":  # each direction takes seconds; both are seen with what mixes rows
        model["bidirectional"] = normalization in ("batch", "ghost")
    expected = results(model, 6, 0.0)
    for what, value in results(model, 11, 100.0).items():
        scale = max(1, np.abs(expected[what]).max())
        np.testing.assert_allclose(value, expected[what], rtol=1e-4, atol=1e-5 * scale, err_msg=what)


@pytest.mark.parametrize(
    ("model", "layer"),
    [
        ({"name": "conv1d", "filters": [4, 6]}, "normalization_2"),
        ({"name": "rnn", "units": [4, 4], "placement": "before"}, "normalization_2"),
        ({"name": "transformer", "width": 4, "feedforward": 6}, "normalization"),
    ],
    ids=lambda value: value if isinstance(value, str) else value["name"],
)
def test_batch_statistics_are_numpys_over_what_is_no_padding(model: dict[str, Any], layer: str) -> None:
    network = behind_the_mask({**model, "normalization": {"name": "batch", "momentum": 0.0}}, 6)
    x, mask = rows(6, 100.0)
    normalization = network.get_layer(layer)
    in_front = network.layers[: network.layers.index(normalization)]
    seen = marked(keras.Sequential([keras.Input((6, 4)), *in_front]))(x, mask=mask, training=True)
    pairs = model["name"] == "conv1d"  # two frames, of which one or both are left, have become one
    left = mask.reshape(8, 3, 2).any(axis=2) if pairs else mask
    values = np.asarray(seen, "float64")[left]
    network(x, mask=mask, training=True)
    np.testing.assert_allclose(normalization.moving_mean, values.mean(axis=0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(normalization.moving_variance, values.var(axis=0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("inputs", [TEXT, FRAMES], ids=lambda inputs: inputs.kind)
@pytest.mark.parametrize("name", MODELS)
def test_a_row_of_nothing_but_padding_leaves_the_others_and_the_loss_finite(name: str, inputs: Inputs) -> None:
    """Keras's own mean divides such a row by 0."""
    network = built(inputs, **MODELS[name], normalization="batch").model
    rng = np.random.default_rng(0)
    x = rng.integers(1, 20, (4, 6)) if inputs.kind == "text" else rng.normal(size=(4, 6, 4)).astype("float32")
    x[1] = 0 if inputs.kind == "text" else np.nan
    with tf.GradientTape() as tape:
        outputs = network(tf.constant(x), training=True)
        loss = tf.reduce_sum(outputs[:, 0])
    gradients = tape.gradient(loss, [variable.value for variable in network.trainable_variables])
    for value in (outputs, network(x, training=False), *gradients):
        assert np.isfinite(value).all()


def test_the_masked_mean_is_numpys_and_zero_where_nothing_is_left() -> None:
    x, mask = rows(6, np.nan)
    mask[2] = False
    found = np.asarray(MaskedMean()(x, mask=mask))
    for row in range(8):
        np.testing.assert_allclose(found[row], x[row][mask[row]].mean(axis=0) if row != 2 else np.zeros(4), rtol=1e-5)
    np.testing.assert_allclose(MaskedMean()(x[mask][None]), x[mask].mean(axis=0)[None], rtol=1e-5)
    assert np.isnan(keras.layers.GlobalAveragePooling1D()(np.zeros((1, 2, 4)), mask=np.zeros((1, 2), bool))).all()


@pytest.mark.parametrize("name", ["mlp", "cnn", "conv1d", "rnn", "transformer"])
def test_frames_are_padding_where_they_are_nan_and_not_where_they_are_silent(name: str) -> None:
    x = np.random.default_rng(0).normal(size=(2, 6, 4)).astype("float32")
    x[0, 1], x[0, 4:], x[1, 0, 2] = 0, np.nan, np.nan
    padding = built(FRAMES, name=name).model.get_layer("padding")
    np.testing.assert_array_equal(padding(x), np.nan_to_num(x))
    if name in ("mlp", "cnn"):
        assert padding.compute_mask(x) is None
    else:
        np.testing.assert_array_equal(padding.compute_mask(x), [[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1]])


# --- networks that cannot be ------------------------------------------------------------


@pytest.mark.parametrize(
    ("inputs", "model", "message"),
    [
        (IMAGE, {"name": "resnet", "zero_gamma": True, "placement": "after", "normalization": "rms"},
         r"^model\.zero_gamma is true with model\.block basic and model\.placement after\. .* nothing passes, .*"
         r" Use model\.placement: before, or model\.zero_gamma: false\.$"),
        (IMAGE, {"name": "resnet", "zero_gamma": True, "block": "preactivation", "normalization": "batch"},
         r"^model\.zero_gamma is true with model\.block preactivation, model\.placement before and model\.activation relu;"
         r" .* zeros, where its slope is 0, so that no block ever learns\. Use model\.block: basic, model\.placement: after,"
         r" or model\.zero_gamma: false\.$"),
        (IMAGE, {"name": "resnet", "zero_gamma": True, "normalization": {"name": "batch", "scale": False}},
         r"^model\.zero_gamma is true with model\.normalization\.scale false; .* Change one of them\.$"),
        (IMAGE, {"name": "resnet", "width": 6, "block": "preactivation", "normalization": {"name": "group", "groups": 4}},
         r"its layer block_1_1 \(ResidualBlock\) does not take inputs of shape \(None, 8, 8, 6\): groups is 4, "
         r"which does not divide the 6 channels\. Use one of 1, 2, 3, 6\.$"),
        (FRAMES, {"name": "transformer", "width": 6, "normalization": {"name": "group", "groups": 4}},
         r"its layer block_1 \(EncoderBlock\) does not take .* groups is 4, which does not divide the 6 channels\."),
        (FRAMES, {"name": "rnn", "normalization": "instance"},
         r"inputs of shape \(None, 32\) have only one, so all values would become 0\. Use layer or group normalization\."),
    ],
)  # fmt: skip
def test_a_network_that_could_not_learn_is_refused_with_the_cure(
    inputs: Inputs, model: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingError, match=message):
        built(inputs, **model)


def test_a_depth_that_the_paper_does_not_have_is_refused_with_those_it_has() -> None:
    with pytest.raises(ValidationError, match=r"6 m \+ 2 with m of 1 or more: 8, 14, 20, .*input_value=9"):
        built(IMAGE, name="resnet", depth=9)


ZERO_GAMMA = [
    ("basic", "before", "relu"), ("basic", "before", "elu"), ("preactivation", "before", "elu"),
    ("preactivation", "after", "relu"), ("preactivation", "after", "elu"),
]  # fmt: skip
"""Block, placement and activation that go with it."""


def zero_gamma_net(block: str, placement: str, activation: str) -> keras.Sequential:
    kinds = {"block": block, "placement": placement, "activation": activation}
    return built(IMAGE, name="resnet", depth=14, width=4, zero_gamma=True, normalization="batch", **kinds).model


@pytest.mark.parametrize(("block", "placement", "activation"), ZERO_GAMMA)
def test_where_zero_gamma_is_taken_blocks_that_do_not_widen_start_as_identities(
    block: str, placement: str, activation: str
) -> None:
    network = zero_gamma_net(block, placement, activation)
    x = np.random.default_rng(0).normal(size=(4, 8, 8, 4)).astype("float32")
    start = np.abs(x) if block == "basic" else x  # a basic block hands on what is already activated
    np.testing.assert_allclose(network.get_layer("block_1_1")(start, training=True), start, atol=1e-6)
    gammas = [float(np.max(v)) for v in network.variables if v.path.endswith("normalization_2/gamma")]
    assert gammas == [0, 0, 1, 0, 1, 0]


@pytest.mark.parametrize(
    ("block", "placement", "activation"), [ZERO_GAMMA[0], *(slow(*kind) for kind in ZERO_GAMMA[1:])]
)
def test_where_zero_gamma_is_taken_a_few_steps_move_every_kernel_and_every_scale(
    block: str, placement: str, activation: str
) -> None:
    """The channels that a stage adds, too: they are zeros in the shortcut, where relu hands no gradient back."""
    network = zero_gamma_net(block, placement, activation)
    network.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", run_eagerly=True)
    learned = [v for v in network.trainable_variables if v.path.rpartition("/")[2] in ("kernel", "gamma")]
    before = [variable.numpy() for variable in learned]
    rng = np.random.default_rng(0)
    network.fit(rng.normal(size=(32, 8, 8, 2)), np.arange(32) % 3, batch_size=8, epochs=1, verbose=0)
    assert len(learned) == 27
    for variable, start in zip(learned, before, strict=True):
        assert np.mean(variable.numpy() != start) > 0.8, variable.path
