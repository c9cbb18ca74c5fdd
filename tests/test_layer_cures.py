"""Cures of layers that Keras refuses, or whose arguments it ignores: each cure works."""

from __future__ import annotations

from typing import Any

import keras
import pytest
from experiments import experiment

from bnexp.errors import SettingError
from bnexp.models import Built, build
from bnexp.models.inputs import Inputs
from bnexp.models.layer_cures import cure_of

HEAD = {"Dense": {"units": 1, "activation": "sigmoid"}}
IMAGES, FRAMES = {"Reshape": {"target_shape": [2, 2, 5]}}, {"Reshape": {"target_shape": [5, 4]}}


def built(*layers: Any) -> Built:
    """Build a chain for rows of 20 numbers and two classes."""
    model = experiment(model={"name": "sequential", "layers": [*layers, "Flatten", HEAD]}).model
    return build(model, Inputs("table", (20,)), task="binary", classes=2)


def refusal(*layers: Any) -> str:
    with pytest.raises(SettingError) as raised:
        built(*layers)
    return str(raised.value)


@pytest.mark.parametrize(
    ("before", "kind", "wrong", "cure", "right"),
    [
        (IMAGES, "Conv2D", {"filters": 4, "kernel_size": 1, "kernel_initializer": "identity"},
         "Use another kernel_initializer, such as glorot_uniform.", {"kernel_initializer": "glorot_uniform"}),
        (IMAGES, "Conv2D", {"filters": 4, "kernel_size": 1, "bias_initializer": "orthogonal"},
         "Use another bias_initializer, such as zeros.", {"bias_initializer": "zeros"}),
        (FRAMES, "BatchNormalization", {"gamma_initializer": "identity"},
         "Use another gamma_initializer, such as ones.", {"gamma_initializer": "ones"}),
        (FRAMES, "Dense", {"units": 3, "kernel_initializer": "STFT"},
         "Use another kernel_initializer, such as glorot_uniform.", {"kernel_initializer": "glorot_uniform"}),
        (FRAMES, "GroupNormalization", {"groups": 3}, "Use groups: 2.", {"groups": 2}),
        (FRAMES, "GroupNormalization", {}, "Use groups: 4.", {"groups": 4}),
        (FRAMES, "GroupNormalization", {"groups": 3, "axis": 1}, "Use groups: 1.", {"groups": 1}),
        (IMAGES, "Conv2D", {"filters": 10, "kernel_size": 1, "groups": 2}, "Use groups: 1.", {"groups": 1}),
        (FRAMES, "LSTM", {"units": 3, "stateful": True}, "Leave stateful out.", {"stateful": False}),
        (FRAMES, "LSTM", {"units": 3, "return_state": True}, "Leave return_state out.", {"return_state": False}),
        (IMAGES, "RandomFlip", {"mode": "diagonal"},
         "Use mode: horizontal, vertical or horizontal_and_vertical.", {"mode": "vertical"}),
        (FRAMES, "Dropout", {"rate": 1}, "Use rate: 0.5, for example.", {"rate": 0.5}),
        (FRAMES, "GaussianDropout", {"rate": 1.0}, "Use rate: 0.5, for example.", {"rate": 0.5}),
        (FRAMES, "GRU", {"units": 3, "recurrent_dropout": 7}, "Use recurrent_dropout: 0.5, for example.", {"recurrent_dropout": 0.5}),
        (FRAMES, "Bidirectional", {"layer": {"GRU": {"units": 3, "dropout": 1.0}}},
         "Use dropout: 0.5, for example.", {"layer": {"GRU": {"units": 3, "dropout": 0.5}}}),
        (FRAMES, "LayerNormalization", {"epsilon": -1}, "Use epsilon: 0.001.", {"epsilon": 0.001}),
        *[
            (FRAMES, "BatchNormalization", {"momentum": momentum}, "Use momentum: 0.99, for example.", {"momentum": 0.99})
            for momentum in (1.0, -0.1)
        ],
        (FRAMES, "Discretization", {"num_bins": 3}, "Give them, as in bin_boundaries: [-1, 0, 1].",
         {"num_bins": None, "bin_boundaries": [-1, 0, 1]}),
    ],
)  # fmt: skip
def test_a_refused_argument_is_named_with_a_value_that_works(
    before: Any, kind: str, wrong: dict[str, Any], cure: str, right: dict[str, Any]
) -> None:
    told = refusal(before, {kind: wrong})
    assert told.startswith(f"model.layers.1 is {kind}") and told.endswith(f" {cure}")
    built(before, {kind: {**wrong, **right}})


@pytest.mark.parametrize(
    ("layer", "shape", "told", "cure"),
    [
        (keras.layers.Conv2D(6, 1, groups=3, data_format="channels_first"), (None, 8, 6, 5), "", "Use groups: 2."),
        (keras.layers.LSTM(3), (None, 8, 6, 5), "expected ndim=3, found ndim=4",
         "Put a Flatten or Reshape before it, or change its arguments."),
        (keras.layers.Conv2D(4, 1, kernel_initializer="identity"), (None, 20), "expected min_ndim=4, found ndim=2",
         "Put a Reshape before it, or change its arguments."),
    ],
)  # fmt: skip
def test_a_cure_fits_what_keras_says(layer: Any, shape: tuple[int | None, ...], told: str, cure: str) -> None:
    assert cure_of(layer, None, shape, told) == cure


def test_a_recurrent_layer_behind_one_that_returns_its_last_step_needs_all_steps() -> None:
    told = refusal(FRAMES, {"GRU": {"units": 3}}, {"LSTM": {"units": 3}})
    assert told.startswith("model.layers.2 is LSTM") and told.endswith(
        " Use return_sequences: true in the layer before it."
    )
    built(FRAMES, {"GRU": {"units": 3, "return_sequences": True}}, {"LSTM": {"units": 3}})


@pytest.mark.parametrize(("layer", "shape"), [("RandomFlip", "(None, 5, 4)"), ("CenterCrop", "(None, 5, 4)")])
def test_a_layer_for_images_does_not_take_the_rows_of_a_batch_for_one_image(layer: str, shape: str) -> None:
    arguments = {"height": 1, "width": 1} if layer == "CenterCrop" else {}
    told = refusal(FRAMES, {layer: arguments})
    assert told == (
        f"model.layers.1 is {layer}; it does not take inputs of shape {shape}: Keras would take the rows of a batch for "
        "one image. Leave it out, or put a Reshape before it: (height, width, channels)."
    )
    assert refusal({layer: arguments}).startswith(
        f"model.layers.0 is {layer}; it does not take inputs of shape (None, 20)"
    )
    built(IMAGES, {layer: arguments})
