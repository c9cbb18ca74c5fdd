"""Keras's layers in a `sequential` model: which there are, that each trains and loads again, and what is refused."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any, get_args

import keras
import numpy as np
import pytest
from experiments import build_for, experiment, train_many_seeds
from keras.src.utils import naming
from keras_chains import CHAINS, FEATURES, HEAD, chain

from bnexp.comparison.metric_rules import adds_penalty
from bnexp.config import Experiment
from bnexp.config.layer_names import (
    ALIASES,
    MAIN_ARGUMENT,
    REFUSED,
    CellName,
    ConstraintName,
    InitializerName,
    LayerName,
    RegularizerName,
)
from bnexp.data import prepare
from bnexp.errors import SettingError
from bnexp.experiment.prepare import built_for
from bnexp.experiment.warnings import batch_momenta
from bnexp.models import Built
from bnexp.models.layer_paths import automatic_name
from bnexp.models.residual import Residual
from bnexp.models.saving import model_bytes
from bnexp.training import engine_name
from bnexp.training.keras_fit import train_keras_fit

# --- names ---------------------------------------------------------------------------------


def test_each_layer_of_keras_is_taken_or_refused_with_a_reason_and_each_that_is_taken_has_a_chain() -> None:
    every = {
        name for name, kind in vars(keras.layers).items() if isinstance(kind, type) and issubclass(kind, keras.Layer)
    }
    taken = set(get_args(LayerName))
    assert every == taken - {"Residual"} | set(ALIASES) | set(REFUSED)
    assert not taken & set(REFUSED) and taken == set(CHAINS)


@pytest.mark.parametrize("name", ALIASES)
def test_a_second_name_is_the_same_class_of_keras(name: str) -> None:
    assert getattr(keras.layers, name) is getattr(keras.layers, ALIASES[name])


@pytest.mark.parametrize(
    ("names", "room"),
    [(RegularizerName, "regularizers"), (ConstraintName, "constraints"), (InitializerName, "initializers")],
)
def test_the_names_of_what_layers_are_made_with_are_keras_own(names: Any, room: str) -> None:
    known = importlib.import_module(f"keras.src.{room}").ALL_OBJECTS_DICT
    base = room.removesuffix("s")
    assert set(get_args(names)) == {name for name in known if name.lower() != base}


def test_a_main_argument_is_one_of_its_class_and_no_other_is_needed() -> None:
    for name, arguments in MAIN_ARGUMENT.items():
        rooms = (keras.layers, keras.regularizers, keras.constraints, keras.initializers)
        kind = next((getattr(room, name) for room in rooms if hasattr(room, name)), keras.initializers.RandomNormal)
        known = inspect.signature(kind.__init__).parameters
        given = {one.partition(":")[0] for one in arguments.split(", ")}
        needed = {key for key, one in known.items() if key != "self" and one.default is one.empty and one.kind < 2}
        assert needed <= given <= known.keys(), name


SAVES = pytest.mark.filterwarnings("ignore:__array__ implementation")  # Keras's own, while it saves and loads

# --- training ------------------------------------------------------------------------------


def config_of(layers: list[Any], **sections: Any) -> Experiment:
    training = {"epochs": 1, "seeds": 2, "batch_size": 16, "learning_rate": 0.01, **sections.pop("training", {})}
    dataset = {"features": FEATURES, "samples": 80, **sections.pop("dataset", {})}
    return experiment(dataset=dataset, model={"name": "sequential", "layers": layers}, training=training)


def built(layers: list[Any]) -> Built:
    config = config_of(layers)
    return built_for(config, prepare(config.dataset, (0, 1)))


def assert_trains_and_loads(layers: list[Any], place: Path, **training: Any) -> str:
    """Train in both engines, if both can; check that losses agree, and that the saved model predicts the same."""
    config = config_of(layers, training=training)
    data = prepare(config.dataset, (0, 1))
    one = built_for(config, data)
    arguments = (one.model, data, config.training, (0, 1), one.initial.draw((0, 1)), lambda history: False)
    engine, _ = engine_name(config.training, one.model)
    alone = train_keras_fit(*arguments)
    other = train_many_seeds(*arguments) if engine == "many_seeds" else train_keras_fit(*arguments)
    for name in ("loss", "val_loss"):
        np.testing.assert_allclose(other.history.metrics[name], alone.history.metrics[name], rtol=1e-4, atol=1e-5)
    (place / "model.keras").write_bytes(model_bytes(one.model, [values[0] for values in alone.weights]))
    x = data.inputs(0, data.train_SR[0][:8])
    again = keras.models.load_model(place / "model.keras")
    np.testing.assert_allclose(again(x, training=False), one.model(x, training=False), rtol=1e-5, atol=1e-6)
    return engine


def test_layers_are_named_as_keras_names_them() -> None:
    """Kernels are drawn from these names."""
    for name in [*get_args(LayerName), *get_args(CellName)]:
        assert automatic_name(name) == naming.to_snake_case(name)
    chain_of = [{"Reshape": {"target_shape": [5, 4]}}, {"Conv1DTranspose": {"filters": 2, "kernel_size": 3}}]
    chain_of += [{"RNN": {"cell": {"GRUCell": {"units": 2}}}}, {"Dense": {"units": 1, "activation": "sigmoid"}}]
    config = experiment(model={"name": "sequential", "layers": chain_of})
    names = built_for(config, prepare(config.dataset, (0,))).initial.names
    assert [name for name in names if name.endswith("/kernel")] == [
        "conv1d_transpose_1/kernel", "rnn_1/gru_cell/kernel", "dense_1/kernel",
    ]  # fmt: skip


@pytest.mark.slow
@SAVES
def test_a_layer_that_cannot_be_mapped_is_trained_by_keras_and_loads_again(tmp_path: Path) -> None:
    assert assert_trains_and_loads(chain("SpectralNormalization"), tmp_path) == "keras_fit"


@SAVES
@pytest.mark.slow
@pytest.mark.parametrize("name", CHAINS)
def test_every_layer_trains_alike_in_both_engines_and_loads_again(name: str, tmp_path: Path) -> None:
    slow = {"Hashing", "RandAugment", "RandomElasticTransform", "SpectralNormalization"}
    assert assert_trains_and_loads(chain(name), tmp_path) == ("keras_fit" if name in slow else "many_seeds")


@SAVES
@pytest.mark.slow
def test_stacked_cells_train_alike_in_both_engines_and_load_again(tmp_path: Path) -> None:
    cells = [{"GRUCell": {"units": 3}}, {"LSTMCell": {"units": 2}}]
    assert assert_trains_and_loads([FRAMES, stacked(cells), HEAD], tmp_path) == "many_seeds"


def stacked(cells: list[Any]) -> dict[str, Any]:
    return {"RNN": {"cell": {"StackedRNNCells": {"cells": cells}}}}


def test_stacked_cells_are_the_network_of_a_list_of_cells() -> None:
    cells = [{"GRUCell": {"units": 1}}, {"SimpleRNNCell": {"units": 2}}]
    data = prepare(config_of([HEAD]).dataset, (0,))
    one, other = (build_for(config_of([FRAMES, rnn, HEAD]), data) for rnn in ({"RNN": {"cell": cells}}, stacked(cells)))
    assert one.initial.names == other.initial.names
    for values, expected in zip(other.initial.draw((0,)), one.initial.draw((0,)), strict=True):
        np.testing.assert_array_equal(values, expected)


@pytest.mark.slow
@SAVES
def test_a_penalty_of_a_graph_that_was_traced_before_does_not_stop_the_reference_trainer(tmp_path: Path) -> None:
    layers = [
        {"Dense": {"units": 4}},
        {"ActivityRegularization": {"l2": 0.1}},
        {"Dense": {"units": 1, "activation": "sigmoid"}},
    ]
    assert assert_trains_and_loads(layers, tmp_path, trainer="keras_fit") == "keras_fit"


# --- what stands in arguments ---------------------------------------------------------------


def test_objects_of_arguments_are_keras_own_with_their_arguments() -> None:
    dense = {
        "units": 3,
        "kernel_regularizer": {"L2": {"l2": 0.25}},
        "bias_regularizer": "l1l2",
        "kernel_constraint": {"MaxNorm": {"max_value": 2}},
        "kernel_initializer": {"normal": {"stddev": 3.0}},
        "bias_initializer": {"Constant": {"value": 0.5}},
    }
    one = built([{"Dense": dense}, HEAD])
    layer = one.model.layers[0]
    assert layer.kernel_regularizer.get_config() == {"l2": 0.25}
    assert isinstance(layer.bias_regularizer, keras.regularizers.L1L2)
    assert layer.kernel_constraint.max_value == 2
    kernel, bias = one.initial.draw(tuple(range(50)))[:2]
    assert kernel.std() == pytest.approx(3, rel=0.03) and (bias == 0.5).all()


def test_wrapped_layers_have_stable_names_and_their_weights_are_drawn_for_each_seed() -> None:
    layers = [{"Reshape": {"target_shape": [12, 4]}}, {"Bidirectional": {"layer": {"GRU": {"units": 2}}}}, HEAD]
    first, second = built(layers), built([*layers[:1], "Identity", *layers[1:]])
    names = [name for name in first.initial.kernel_names().values() if name.startswith("bidirectional")]
    assert names[0] == "bidirectional_1/forward_gru/gru_cell/kernel"
    assert set(names) <= set(second.initial.kernel_names().values())
    kernel = first.initial.draw((0, 1))[0]
    assert not np.allclose(kernel[0], kernel[1])


def test_a_penalty_and_a_batch_normalization_within_another_layer_count() -> None:
    inner = {"Dense": {"units": FEATURES, "kernel_regularizer": {"L2": {"l2": 0.1}}}}
    assert adds_penalty(config_of([{"SpectralNormalization": {"layer": inner}}, HEAD]))
    assert adds_penalty(config_of([{"ActivityRegularization": {"l2": 0.1}}, HEAD]))
    assert not adds_penalty(config_of([{"Residual": ["ReLU"]}, HEAD]))
    nested = {"Residual": [{"Residual": [{"BatchNormalization": {"momentum": 0.8}}]}]}
    assert batch_momenta(config_of([nested, HEAD])) == [0.8]


# --- Residual -------------------------------------------------------------------------------

BLOCK = [{"Dense": {"units": FEATURES}}, "BatchNormalization", "ReLU"]


def test_a_residual_adds_its_layers_to_its_inputs() -> None:
    model = built([{"Residual": [{"Dense": {"units": FEATURES}}, {"Residual": ["ReLU"]}]}, HEAD]).model
    assert [v.path for v in model.variables][:2] == [
        "model/residual_1/dense_1/kernel",
        "model/residual_1/dense_1/bias",
    ]
    kernel = np.asarray(model.layers[0].layers[0].kernel, "float64")
    x = np.random.default_rng(0).normal(size=(5, FEATURES))
    hidden = x @ kernel
    expected = x + hidden + np.maximum(hidden, 0)
    np.testing.assert_allclose(model.layers[0](x.astype("float32")), expected, rtol=1e-4, atol=1e-5)


def test_a_projection_takes_the_positions_that_the_layers_keep_and_multiplies_each_by_a_kernel() -> None:
    block = Residual([keras.layers.Conv1D(6, 3, strides=2, padding="same", name="one")], "projection")
    x = np.random.default_rng(0).normal(size=(2, 9, 4)).astype("float32")
    y = np.asarray(block(x), "float64")
    convolved = np.asarray(block.layers[0](x), "float64")
    shortcut = x[:, ::2].astype("float64") @ np.asarray(block.projection.kernel, "float64")  # type: ignore[union-attr]
    np.testing.assert_allclose(y, convolved + shortcut, rtol=1e-5, atol=1e-5)


def test_a_residual_hands_a_mask_to_its_layers_and_on() -> None:
    block = Residual([keras.layers.LSTM(4, return_sequences=True), keras.layers.Dense(4)])
    x = np.ones((2, 5, 4), "float32")
    x[0, 2:] = 0
    masked = keras.layers.Masking()(x)
    short = block(keras.ops.convert_to_tensor(x[:1, :2]))
    long = block(masked)
    np.testing.assert_allclose(long[0, :2], short[0], rtol=1e-5)
    np.testing.assert_array_equal(long._keras_mask, x.any(axis=-1))


@pytest.mark.slow
@SAVES
def test_a_residual_trains_alike_in_both_engines_with_refreshed_statistics_and_loads_again(tmp_path: Path) -> None:
    layers = [{"Residual": BLOCK}, {"Residual": {"layers": [{"Dense": {"units": 4}}], "shortcut": "projection"}}, HEAD]
    assert assert_trains_and_loads(layers, tmp_path, refresh_statistics=True) == "many_seeds"


# --- refusals -------------------------------------------------------------------------------

FRAMES = {"Reshape": {"target_shape": [12, 4]}}
PIXELS = {"Reshape": {"target_shape": [4, 4, 3]}}
BAD: list[tuple[list[Any], str]] = [
    ([{"Dense": {"units": 0}}], "0 is Dense"),
    ([{"Dense": {"units": "many"}}], "0 is Dense"),
    ([{"Dense": {"units": 3, "activation": "glu"}}], "0 is Dense"),
    ([{"Dense": {"units": 3, "activation": "rellu"}}], "0 is Dense"),
    ([{"Dense": {"units": 3, "kernel_regularizer": {"L2": {"weight": 1}}}}], "0.Dense.kernel_regularizer is L2"),
    ([{"Dense": {"units": 3, "kernel_initializer": {"Identity": {"gain": "x"}}}}], "0 is Dense"),
    ([{"Softmax": {"axis": 3}}], "0 is Softmax"),
    ([{"BatchNormalization": {"axis": 4}}], "0 is BatchNormalization"),
    ([{"BatchNormalization": {"momentum": "high"}}], "0 is BatchNormalization"),
    ([{"Dropout": {"rate": 2}}], "0 is Dropout"),
    ([{"Dropout": {"rate": 0.5, "noise_shape": [7, 7]}}], "0 is Dropout"),
    ([{"Discretization": {}}], "0 is Discretization"),
    ([{"Normalization": {}}], "0 is Normalization"),
    ([FRAMES, {"Conv1D": {"filters": 2, "kernel_size": 13}}], "1 is Conv1D"),
    ([FRAMES, {"Conv1D": {"filters": 2, "kernel_size": 2, "groups": 3}}], "1 is Conv1D"),
    ([FRAMES, {"MaxPooling1D": {"pool_size": 13}}], "1 is MaxPooling1D"),
    ([FRAMES, {"Cropping1D": {"cropping": 7}}], "1 is Cropping1D"),
    ([FRAMES, {"Permute": {"dims": [1, 3]}}], "1 is Permute"),
    ([FRAMES, {"LSTM": {"units": -1}}], "1 is LSTM"),
    ([FRAMES, {"RepeatVector": {"n": 2}}], "1 is RepeatVector"),
    ([FRAMES, {"Bidirectional": {"layer": {"Dense": {"units": 2}}}}], "1 is Bidirectional"),
    ([FRAMES, {"Bidirectional": {"layer": {"LSTM": {"unit": 2}}}}], "1.Bidirectional.layer is LSTM"),
    ([FRAMES, {"Bidirectional": {"layer": {"LSTM": {"units": 2}}, "merge_mode": "mean"}}], "1 is Bidirectional"),
    ([FRAMES, {"TimeDistributed": {"layer": {"Conv2D": {"filters": 1, "kernel_size": 1}}}}], "1 is TimeDistributed"),
    ([FRAMES, {"TimeDistributed": {"layer": "BatchNormalization"}}], "1 is TimeDistributed around a BatchNorm"),
    ([FRAMES, {"RNN": {"cell": {"GRUCell": {}}}}], "1.RNN.cell is GRUCell"),
    ([FRAMES, {"EinsumDense": {"equation": "ab,bc->ac", "output_shape": 3}}], "1 is EinsumDense"),
    ([PIXELS, {"Conv2D": {"filters": 2, "kernel_size": 5}}], "1 is Conv2D"),
    ([PIXELS, {"ConvLSTM2D": {"filters": 2, "kernel_size": 2}}], "1 is ConvLSTM2D"),
    ([PIXELS, {"CenterCrop": {"height": 9}}], "1 is CenterCrop"),
    ([PIXELS, {"Resizing": {"height": 2, "width": 0}}], "1 is Resizing"),
    ([PIXELS, {"RandomRotation": {"factor": "x"}}], "1 is RandomRotation"),
    ([PIXELS, {"GroupNormalization": {"groups": 2}}], "1 is GroupNormalization"),
    ([PIXELS, {"UpSampling2D": {"size": [2, 2, 2]}}], "1 is UpSampling2D"),
    ([{"SpectralNormalization": {"layer": "ReLU"}}], "0 is SpectralNormalization"),
    ([{"Residual": [{"Dense": {"units": 3}}]}], "0 is Residual"),
    ([{"Residual": [{"Dense": {"unit": 3}}]}], "0.Residual.0 is Dense"),
    ([{"Residual": {"layers": ["Flatten", FRAMES], "shortcut": "projection"}}], "0 is Residual"),
]


@pytest.mark.parametrize(("layers", "message"), BAD, ids=[f"{i}-{m}" for i, (_, m) in enumerate(BAD)])
def test_whatever_keras_refuses_however_late_is_a_refusal_of_that_layer(layers: list[Any], message: str) -> None:
    with pytest.raises(SettingError) as raised:
        built([*layers, "Flatten", HEAD])
    ((key, text), *more) = raised.value.problems
    assert f"{key} {text}".startswith(f"model.layers.{message}")
    assert not more and "\n" not in text and text.endswith(".") and "Exception encountered" not in text


BINS = {"Discretization": {"bin_boundaries": [-0.5, 0.0, 0.5]}}


@pytest.mark.parametrize(
    ("layers", "told"),
    [
        ([BINS, {"CategoryEncoding": {"num_tokens": 2}}],
         "model.layers.1 is CategoryEncoding; it gets 3, which becomes zeros, because num_tokens is 2. Use num_tokens: 4 or "
         "more."),
        ([BINS, {"CategoryEncoding": {"num_tokens": 4}}], None),
        ([BINS, {"Embedding": {"input_dim": 4, "output_dim": 2}}, "Flatten"], None),
    ],
)  # fmt: skip
def test_categories_that_get_lost_are_warned_of(layers: list[Any], told: str | None) -> None:
    expected = () if told is None else (f"A layer loses values of its inputs: {told}",)
    assert built([*layers, HEAD]).warnings == expected


@pytest.mark.parametrize(
    "layer", [{"CategoryEncoding": {"num_tokens": 9}}, {"Embedding": {"input_dim": 9, "output_dim": 2}}]
)
def test_fractions_that_get_lost_are_warned_of(layer: dict[str, Any]) -> None:
    (text,) = built([{"Activation": {"activation": "sigmoid"}}, layer, "Flatten", HEAD]).warnings
    kind = next(iter(layer))
    assert text.startswith(f"A layer loses values of its inputs: model.layers.1 is {kind}; it gets 0.")
    assert text.endswith(" and cuts off the fraction. Put a Discretization before it.")


def test_shapes_that_cannot_be_added_are_refused_with_the_cure() -> None:
    with pytest.raises(SettingError) as raised:
        built([{"Residual": [{"Dense": {"units": 3}}]}, HEAD])
    assert str(raised.value) == (
        "model.layers.0 is Residual; it does not take inputs of shape (None, 48): its layers turn inputs of shape "
        "(None, 48) into (None, 3), which cannot be added. Use layers that keep the shape, or shortcut: projection."
    )
    with pytest.raises(SettingError) as raised:
        built([{"Residual": [{"Reshape": {"target_shape": [6, 8]}}]}, HEAD])
    assert str(raised.value).endswith("which cannot be added. Use layers that keep the shape.")
