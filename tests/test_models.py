"""Models: which layers a config gives, where they stand, and how each seed's weights are drawn."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from cases import slow
from experiments import experiment
from pydantic import TypeAdapter

from bnexp.config.model import Model
from bnexp.config.networks import Resnet, Transformer
from bnexp.errors import SettingError
from bnexp.models import Built, build
from bnexp.models.conv1d import MaskedPooling1D
from bnexp.models.embedding import Embedding
from bnexp.models.initial import derived_seed
from bnexp.models.inputs import Inputs
from bnexp.models.normalization import GroupNormalization
from bnexp.models.resnet import ResidualBlock
from bnexp.models.saving import model_bytes
from bnexp.models.transformer import EncoderBlock
from bnexp.training.memory import row_bytes


def built(task: str = "binary", classes: int = 2, features: int = 20, **model: Any) -> Built:
    return build(experiment(model=model).model, Inputs("table", (features,)), task=task, classes=classes)


def names(model: keras.Sequential) -> list[str]:
    return [layer.name for layer in model.layers]


def test_the_tutorials_model_is_dense_relu_normalization_twice_and_a_sigmoid() -> None:
    model = built(hidden=[64, 64], normalization="batch").model
    assert names(model) == [
        "hidden_1", "activation_1", "normalization_1", "hidden_2", "activation_2", "normalization_2", "output",
    ]  # fmt: skip
    assert model.count_params() == 20 * 64 + 64 + 4 * 64 + 64 * 64 + 64 + 4 * 64 + 64 + 1
    assert model.layers[-1].activation is keras.activations.sigmoid
    normalization = model.get_layer("normalization_1")
    assert (normalization.momentum, normalization.epsilon) == (0.99, 0.001)


def test_before_the_activation_the_bias_that_batch_normalization_cancels_is_left_out() -> None:
    model = built(normalization="batch", placement="before").model
    assert names(model)[:3] == ["hidden_1", "normalization_1", "activation_1"]
    assert not model.get_layer("hidden_1").use_bias
    assert built(normalization="batch", placement="after").model.get_layer("hidden_1").use_bias
    assert built(normalization="layer", placement="before").model.get_layer("hidden_1").use_bias


def test_options_reach_their_layers() -> None:
    model = built(
        hidden=[4], normalization={"name": "batch", "momentum": 0.9, "epsilon": 1e-5, "scale": False}, dropout=0.3,
        l2=0.01, activation="tanh", initializer="he_normal",
    ).model  # fmt: skip
    normalization, dense = model.get_layer("normalization_1"), model.get_layer("hidden_1")
    assert (normalization.momentum, normalization.epsilon, normalization.scale) == (0.9, 1e-5, False)
    assert model.get_layer("dropout_1").rate == 0.3
    assert model.get_layer("activation_1").activation is keras.activations.tanh
    assert dense.kernel_regularizer.l2 == pytest.approx(0.01)
    assert isinstance(dense.kernel_initializer, keras.initializers.HeNormal)


IMAGES, FRAMES = Inputs("image", (8, 8, 1)), Inputs("sequence", (3, 2))
AUGMENTED = {"augmentation": {"flip": "horizontal", "shift": 0.1, "noise": 0.2}}


@pytest.mark.parametrize(
    ("inputs", "model", "names"),
    [
        (IMAGES, {"name": "cnn", "filters": [2], "convolutions": 1, "hidden": [5], "dropout": 0.1, **AUGMENTED},
         ["flip", "shift", "noise", "convolution_1_1", "activation_1_1", "pooling_1", "block_dropout_1", "mean",
          "hidden_1", "activation_1", "dropout_1", "output"]),
        (IMAGES, {"name": "resnet", "depth": 8, "width": 2, "dropout": 0.1},
         ["convolution", "activation_1", "block_1_1", "block_2_1", "block_3_1", "mean", "dropout", "output"]),
        (FRAMES, {"name": "conv1d", "filters": [2, 2, 2], "dropout": 0.1},
         ["convolution_1", "activation_1", "pooling_1", "dropout_1", "convolution_2", "activation_2", "pooling_2",
          "dropout_2", "convolution_3", "activation_3", "dropout_3", "mean", "output"]),
        (FRAMES, {"name": "rnn", "units": [2, 2], "dropout": 0.1},
         ["recurrent_1", "dropout_1", "recurrent_2", "dropout_2", "output"]),
    ],
)  # fmt: skip
def test_each_network_has_the_layers_that_its_options_ask_for(inputs: Inputs, model: Any, names: list[str]) -> None:
    config = TypeAdapter(Model).validate_python({**model, "normalization": "none"})
    layers = build(config, inputs, task="binary", classes=2).model.layers
    assert [layer.name for layer in layers if layer.name != "padding"] == names
    assert {layer.rate for layer in layers if "dropout" in layer.name} == {0.1}
    if "flip" in names:
        flip, shift, noise = (layer for layer in layers if layer.name in ("flip", "shift", "noise"))
        assert (flip.mode, shift.height_factor, shift.width_factor, noise.stddev) == ("horizontal", 0.1, 0.1, 0.2)


@pytest.mark.parametrize(
    "made",
    [
        lambda: MaskedPooling1D("average", name="pooling"),
        lambda: ResidualBlock(4, 2, Resnet(name="resnet", block="preactivation"), name="block"),
        lambda: EncoderBlock(Transformer(name="transformer", heads=2, width=8), name="block"),
    ],
)
def test_a_layer_of_bnexps_own_is_built_again_from_its_config(made: Any) -> None:
    layer = made()
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    for name in ("pooling", "filters", "strides", "model"):
        assert getattr(again, name, None) == getattr(layer, name, None)


def test_a_residual_block_takes_no_more_channels_than_it_has_filters() -> None:
    block = ResidualBlock(2, 1, Resnet(name="resnet"), name="block")
    with pytest.raises(ValueError, match=r"^A block of 2 filters cannot take 3 channels\.$"):
        block.build((None, 8, 8, 3))


@pytest.mark.parametrize(("axis", "shape"), [(1, (None, 4, 2)), (-1, (None, 4, None))])
def test_groups_are_of_channels_that_are_last_and_known(axis: int, shape: Any) -> None:
    with pytest.raises(
        ValueError, match=rf"^axis is {axis}, for inputs of shape .*; channels must be the last axis, of known size\.$"
    ):
        GroupNormalization(2, axis=axis).build(shape)


def test_an_initializer_with_options_draws_numbers_of_that_spread() -> None:
    options = {"name": "random_normal", "stddev": 0.01}
    one = built(hidden=[400, 400], initializer=options)
    position = next(i for i, name in one.initial.kernel_names().items() if name == "hidden_2/kernel")
    (kernel,) = one.initial.draw((0,))[position]
    assert kernel.std() == pytest.approx(0.01, rel=0.02) and abs(kernel.mean()) < 2e-4
    scaled = {"name": "variance_scaling", "scale": 18.0, "distribution": "untruncated_normal"}
    layer = built(hidden=[400, 400], initializer=scaled).model.get_layer("hidden_2")
    assert float(np.std(layer.kernel)) == pytest.approx((18 / 400) ** 0.5, rel=0.02)
    assert [layer.name for layer in built(hidden=[4, 3], repeat=2).model.layers if "hidden" in layer.name] == [
        "hidden_1", "hidden_2", "hidden_3", "hidden_4",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("task", "classes", "shape", "activation"),
    [
        ("binary", 2, (None, 1), "sigmoid"),
        ("multiclass", 5, (None, 5), "softmax"),
        ("regression", 1, (None, 1), "linear"),
    ],
)
def test_the_head_follows_from_the_task(task: str, classes: int, shape: tuple[Any, int], activation: str) -> None:
    model = built(task, classes).model
    assert model.output_shape == shape
    assert model.layers[-1].activation.__name__ == activation


# --- initial weights -------------------------------------------------------------------


def test_a_kernel_is_what_its_own_initializer_draws_from_seed_and_name() -> None:
    one = built(hidden=[8])
    kernels = {name: one.initial.draw((0, 3))[at] for at, name in one.initial.kernel_names().items()}
    for row, seed in enumerate((0, 3)):
        expected = keras.initializers.GlorotUniform(seed=derived_seed(seed, "hidden_1/kernel"))((20, 8))
        np.testing.assert_array_equal(kernels["hidden_1/kernel"][row], np.asarray(expected))


def test_normalization_dropout_and_placement_do_not_shift_any_kernel() -> None:
    variants: list[dict[str, Any]] = [
        {"normalization": "none"}, {"normalization": "batch"}, {"normalization": "layer", "dropout": 0.5},
        {"normalization": "batch", "placement": "before"},
    ]  # fmt: skip
    drawn = []
    for model in variants:
        one = built(hidden=[8, 8], **model)
        values = one.initial.draw((7,))
        drawn.append({name: values[at][0] for at, name in one.initial.kernel_names().items()})
    for kernels in drawn[1:]:
        assert kernels.keys() == drawn[0].keys()
        for name, kernel in kernels.items():
            np.testing.assert_array_equal(kernel, drawn[0][name])


def test_kernels_over_many_seeds_are_distributed_as_keras_draws_them() -> None:
    one = built(hidden=[8])
    ((at, _), *_) = [item for item in one.initial.kernel_names().items() if item[1] == "hidden_1/kernel"]
    values = one.initial.draw(tuple(range(200)))[at]
    limit = np.sqrt(6 / (20 + 8))
    assert np.abs(values).max() <= limit
    assert values.std() == pytest.approx(limit / np.sqrt(3), rel=0.02)
    assert len({values[row].tobytes() for row in range(200)}) == 200


# --- sequential -------------------------------------------------------------------------

HEAD = {"Dense": {"units": 1, "activation": "sigmoid"}}


def test_sequential_takes_keras_layers_as_keras_spells_them() -> None:
    layers = [{"Reshape": {"target_shape": [5, 4]}}, {"Conv1D": {"filters": 3, "kernel_size": 2}}, "Flatten", HEAD]
    model = built(name="sequential", layers=layers).model
    assert names(model) == ["reshape_1", "conv1d_1", "flatten_1", "dense_1"]
    assert model.output_shape == (None, 1)


@pytest.mark.parametrize(
    ("layers", "key", "message"),
    [
        ([{"Dense": {"unit": 3}}, HEAD], "model.layers.0", "is Dense with {'unit': 3}; Keras refuses it:"),
        ([{"Conv2D": {"filters": 3, "kernel_size": 2}}, HEAD], "model.layers.0",
         "is Conv2D; it does not take inputs of shape (None, 20):"),
        ([{"Dense": {"units": 1}}], "model.layers",
         "ends in shape (None, 1) with linear activation; a binary task needs (None, 1) with sigmoid. "
         "End with `Dense: {units: 1, activation: sigmoid}`."),
        ([{"Reshape": {"target_shape": [5, 4]}}, HEAD], "model.layers",
         "ends in shape (None, 5, 1) with sigmoid activation; a binary task needs (None, 1) with sigmoid. "
         "Put Flatten, or a global pooling, before the last layer."),
        ([{"Reshape": {"target_shape": [5, 4]}}], "model.layers",
         "ends in shape (None, 5, 4) with linear activation; a binary task needs (None, 1) with sigmoid. "
         "End with Flatten and `Dense: {units: 1, activation: sigmoid}`."),
        ([{"Dense": {"units": 4, "unit": 3}}, HEAD], "model.layers.0",
         "is Dense with {'units': 4, 'unit': 3}; Keras refuses it: Unrecognized keyword arguments passed to Dense: "
         "{'unit': 3}. Use the arguments of keras.layers.Dense, spelt as Keras spells them."),
        ([{"Conv2D": {}}, HEAD], "model.layers.0",
         "is Conv2D with {}; Keras refuses it: Conv2D.__init__() missing 2 required positional arguments: 'filters' and "
         "'kernel_size'. Add filters, kernel_size."),
        ([{"Dropout": {"rate": 1.5}}, HEAD], "model.layers.0",
         "is Dropout with {'rate': 1.5}; Keras refuses it: Invalid value received for argument `rate`. Expected a float "
         "value between 0 and 1. Received: rate=1.5. Change its arguments."),
        ([{"Reshape": {"target_shape": [5, 4]}}, {"Bidirectional": {"layer": {"Dense": {"units": 3}}}}, HEAD],
         "model.layers.1", "is Bidirectional around Dense; it runs a recurrent layer in both directions, and Dense is "
         "none. Use Dense alone, or a recurrent layer, such as GRU or LSTM."),
        ([{"Reshape": {"target_shape": [5, 4]}}, {"GroupNormalization": {"groups": 3}}, HEAD], "model.layers.1",
         "is GroupNormalization; it does not take inputs of shape (None, 5, 4): its 3 groups do not divide its 4 channels."),
        ([{"Reshape": {"target_shape": [5, 4]}}, {"MaxPooling1D": {"strides": 0}}, HEAD], "model.layers.1",
         "is MaxPooling1D; it does not take inputs of shape (None, 5, 4): one of its sizes, strides or groups is 0, or "
         "leaves 0."),
        ([{"Dense": {"units": 1}}, "Softmax"], "model.layers", "ends in shape (None, 1) with softmax activation;"),
    ],
)  # fmt: skip
def test_layers_that_cannot_be_built_are_refused_with_the_cure(layers: list[Any], key: str, message: str) -> None:
    with pytest.raises(SettingError) as caught:
        built(name="sequential", layers=layers)
    assert str(caught.value).startswith(f"{key} {message}")


NOT_THERE = "is not there. The axes are 0 (the rows) and 1."


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ({"BatchNormalization": {"axis": 3}}, f"axis 3 {NOT_THERE} Use axis: -1 for the last one."),
        ({"LayerNormalization": {"axis": [1, 3]}}, f"axis 3 {NOT_THERE} Use axis: -1 for the last one."),
        ({"LayerNormalization": {"axis": -3}}, f"axis -3 {NOT_THERE} Use axis: -1 for the last one."),
        ({"GroupNormalization": {"axis": 3, "groups": 2}}, f"axis 3 {NOT_THERE} Use axis: -1 for the last one."),
        ({"PReLU": {"shared_axes": [3]}}, f"axis 3 {NOT_THERE} Leave shared_axes out, or use some of these but 0."),
        ({"Softmax": {"axis": 3}}, f"axis 3 {NOT_THERE} Use axis: -1 for the last one."),
        ({"UnitNormalization": {"axis": 5}}, f"axis 5 {NOT_THERE} Use axis: -1 for the last one."),
        ({"Conv1D": {"filters": 3, "kernel_size": 2}}, "Put a Reshape before it, or change its arguments."),
        ({"Reshape": {"target_shape": [7]}}, "The total size of the tensor must be unchanged. Received: input_shape"),
        ({"Dense": {"units": 3, "dtype": "int32"}}, "Need minval < maxval"),
    ],
)
def test_whatever_a_layer_raises_is_a_refusal_of_that_layer(layer: dict[str, Any], message: str) -> None:
    layers = [{"Dense": {"units": 4}}, layer, {"Dense": {"units": 1, "activation": "sigmoid"}}]
    with pytest.raises(SettingError) as raised:
        built(name="sequential", layers=layers)
    (name,) = layer
    assert str(raised.value).startswith(f"model.layers.1 is {name}; it does not take inputs of shape (None, 4): ")
    assert message in str(raised.value) and "Exception encountered" not in str(raised.value)


def test_all_layers_with_an_axis_that_is_not_there_are_told_at_once() -> None:
    layers = [
        {"BatchNormalization": {"axis": 3}},
        {"Dense": {"units": 4}},
        {"LayerNormalization": {"axis": 2}},
        {"BatchNormalization": {"axis": 1}},
        {"Reshape": {"target_shape": [7]}},
    ]
    with pytest.raises(SettingError) as raised:
        built(name="sequential", layers=layers)
    told = [f"{key} {text}" for key, text in raised.value.problems]
    assert told[:2] == [
        f"model.layers.0 is BatchNormalization; it does not take inputs of shape (None, 20): axis 3 {NOT_THERE} Use axis: -1 "
        "for the last one.",
        f"model.layers.2 is LayerNormalization; it does not take inputs of shape (None, 4): axis 2 {NOT_THERE} Use axis: -1 "
        "for the last one.",
    ]
    assert told[2].startswith("model.layers.4 is Reshape; ") and told[2].endswith(" Change its arguments.")
    assert len(told) == 3


def test_a_layer_that_refuses_its_inputs_only_when_it_runs_is_refused_before_training() -> None:
    steps = {"TimeDistributed": {"layer": {"Softmax": {"axis": 3}}}}
    layers = [{"Reshape": {"target_shape": [5, 4]}}, steps, "Flatten", HEAD]
    with pytest.raises(SettingError, match=r"^model cannot be trained; a layer refuses its inputs: `dim` must be in"):
        row_bytes(built(name="sequential", layers=layers).model)


def channels_first(filters: int, **options: Any) -> list[Any]:
    convolution = {"filters": filters, "kernel_size": 2, "data_format": "channels_first", **options}
    head = {"Dense": {"units": 1, "activation": "sigmoid"}}
    return [{"Reshape": {"target_shape": [1, 5, 4]}}, {"Conv2D": convolution}, "Flatten", head]


def test_a_bias_that_keras_would_add_along_the_wrong_axis_is_refused() -> None:
    message = (
        r"^model\.layers\.1 is Conv2D; with channels first and 3 filters, Keras would add its bias along the wrong"
    )
    with pytest.raises(SettingError, match=message):
        built(name="sequential", layers=channels_first(3))
    built(name="sequential", layers=channels_first(3, use_bias=False))


def test_channels_first_is_the_convolution_of_the_same_channels_last() -> None:
    model = built(name="sequential", layers=channels_first(2)).model
    convolution = model.layers[1]
    convolution.bias.assign([10.0, -10.0])
    x = np.random.default_rng(0).normal(size=(3, 1, 5, 4)).astype("float32")
    last = keras.layers.Conv2D(2, 2)
    last.build((None, 5, 4, 1))
    last.set_weights(convolution.get_weights())
    expected = np.moveaxis(np.asarray(last(np.moveaxis(x, 1, -1))), -1, 1)
    compiled = tf.function(convolution, jit_compile=True)  # uncompiled, not every processor has this order of axes
    np.testing.assert_allclose(compiled(x), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("optimizer", "agrees"), [slow("SGD", True), ("Adam", False)])
def test_an_embedding_learns_as_keras_own_where_its_gradient_is_used_as_it_is(optimizer: str, agrees: bool) -> None:
    words, targets = np.array([[1, 1, 1, 2], [3, 1, 2, 2]]), np.array([[1.0], [0.0]])
    learned = []
    for kind in (Embedding, keras.layers.Embedding):
        layer = kind(5, 3, embeddings_initializer=keras.initializers.RandomNormal(seed=1))
        dense = keras.layers.Dense(1, kernel_initializer=keras.initializers.RandomNormal(seed=2))
        model = keras.Sequential([keras.Input((4,), dtype="int32"), layer, keras.layers.Flatten(), dense])
        model.compile(getattr(keras.optimizers, optimizer)(0.1), "mean_squared_error")
        model.fit(words, targets, epochs=3, shuffle=False, verbose=0)
        learned.append(layer.get_weights()[0])
    assert np.allclose(*learned, rtol=1e-5, atol=1e-6) is agrees


def test_the_head_of_a_sequential_may_be_an_activation_layer() -> None:
    layers = [{"Dense": {"units": 3}}, {"Activation": {"activation": "softmax"}}]
    assert built("multiclass", 3, name="sequential", layers=layers).model.output_shape == (None, 3)
    assert built("multiclass", 3, name="sequential", layers=[{"Dense": {"units": 3}}, "Softmax"]).model


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # Keras's own, while it loads
def test_saved_bytes_are_a_keras_file_with_the_weights_given(tmp_path: Path) -> None:
    one = built(hidden=[4], normalization="batch")
    weights = [values[1] for values in one.initial.draw((0, 1))]
    (tmp_path / "model.keras").write_bytes(model_bytes(one.model, weights))
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    for variable, expected in zip(loaded.variables, weights, strict=True):
        np.testing.assert_array_equal(variable.numpy(), expected)


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # Keras's own, while it loads
@pytest.mark.parametrize("year", [1970, 2108])
def test_a_model_is_saved_whatever_the_clock_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, year: int) -> None:
    one = built(hidden=[4])
    weights = [values[0] for values in one.initial.draw((0,))]
    monkeypatch.setattr("time.localtime", lambda *_: time.struct_time((year, 1, 1, 0, 0, 0, 3, 1, 0)))
    content = model_bytes(one.model, weights)
    (tmp_path / "model.keras").write_bytes(content)
    assert keras.saving.load_model(tmp_path / "model.keras", safe_mode=True).count_params() == one.model.count_params()
