"""Builds a network from a model's config, with the initial weights of every seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras

from bnexp.config.model import Model, Sequential
from bnexp.config.own_model import OWN_NETWORKS
from bnexp.config.section import Task
from bnexp.errors import Problems, SettingError
from bnexp.models.built import Built as Built
from bnexp.models.cnn import cnn_layers
from bnexp.models.codes import codes_of
from bnexp.models.conv1d import conv1d_layers
from bnexp.models.head import ACTIVATIONS, output_layer, output_units
from bnexp.models.initial import initial_weights, recording_creations, stable_names
from bnexp.models.inputs import Inputs, first_layers, refuse_unfit
from bnexp.models.layer_cures import cure_of, needs_images, unused_argument
from bnexp.models.mlp import mlp_layers
from bnexp.models.own_network import build_own
from bnexp.models.residual import UnequalShapesError
from bnexp.models.resnet import resnet_layers
from bnexp.models.rnn import rnn_layers
from bnexp.models.sequential import REFUSALS, misplaced_bias, missing_axis, refusal_text, sequential_layers
from bnexp.models.transformer import transformer_layers

NETWORKS: Mapping[str, Callable[[Any, Inputs], Iterator[keras.Layer]]] = {
    "mlp": mlp_layers,
    "cnn": cnn_layers,
    "resnet": resnet_layers,
    "conv1d": conv1d_layers,
    "rnn": rnn_layers,
    "transformer": transformer_layers,
}
"""model.name -> the function that yields the layers before the output."""


def build(model: Model, inputs: Inputs, *, task: Task, classes: int) -> Built:
    """Build the network for these inputs. bnexp's own networks get the output layer of the task.

    A `sequential` model and a user's own network bring their own output layer.

    Raises:
        SettingError: if the model does not take these inputs, if Keras refuses a layer, or if a `sequential` model does
            not end in the task's output.
    """
    if isinstance(model, OWN_NETWORKS):
        return build_own(model, inputs, task=task, classes=classes)
    refuse_unfit(model, inputs)
    with recording_creations() as created:
        first = list(first_layers(model, inputs))
        if isinstance(model, Sequential):
            built = _stack(first, sequential_layers(model, inputs), "model.layers.{position}")
            _refuse_other_head(built, task, output_units(task, classes))
        else:
            layers = [*NETWORKS[model.name](model, inputs), output_layer(task, classes, model.l2)]
            built = _stack(first, iter(layers), "model")
    codes = () if inputs.kind == "text" else codes_of(built)
    return Built(built, initial_weights(built, created, stable_names(built)), codes=codes)


def _stack(first: list[Any], layers: Iterator[keras.Layer], key: str) -> keras.Sequential:
    built = keras.Sequential(first, name="model")
    shape: tuple[int | None, ...] = first[0].shape
    problems = Problems()
    for position, layer in enumerate(layers):
        if (missing := missing_axis(layer, len(shape))) is not None:
            seen = f"is {type(layer).__name__}; it does not take inputs of shape {shape}: {missing}"
            problems.note(key.format(position=position), seen)
            continue  # this layer would keep the shape of its inputs, so that the others can be checked
        kind, place = type(layer).__name__, key.format(position=position)
        if (unfit := needs_images(layer, shape)) is not None:
            problems.note(place, f"is {kind}; it does not take inputs of shape {shape}: {unfit}")
            problems.refuse()
        try:
            built.add(layer)
        except REFUSALS as error:
            problems.note(place, _refusal(layer, built.layers[-1] if built.layers else None, shape, key, error))
            problems.refuse()
        if isinstance(layer, keras.layers.Layer) and (misplaced := misplaced_bias(layer)):
            problems.note(place, f"is {kind}; {misplaced}")
        if (unused := unused_argument(layer)) is not None:
            problems.note(place, f"is {kind}; {unused}")
        shape = built.output_shape
        if isinstance(shape, list):
            problems.note(place, f"is {kind}; it returns {len(shape)} outputs, and the next layer has one input. {ONE}")
            problems.refuse()
    problems.refuse()
    return built


ONE = "Leave return_state out."


def _refusal(
    layer: keras.Layer, before: keras.Layer | None, shape: tuple[int | None, ...], key: str, error: Exception
) -> str:
    """Return the message for a layer that does not take inputs of this shape: the layer, the cause and the cure."""
    seen = f"does not take inputs of shape {shape}: {refusal_text(error)}"
    if "position" not in key:
        return f"cannot be built: its layer {layer.name} ({type(layer).__name__}) {seen}"
    cure = "" if isinstance(error, UnequalShapesError) else f" {cure_of(layer, before, shape, seen)}"
    return f"is {type(layer).__name__}; it {seen}{cure}"


def _refuse_other_head(built: keras.Sequential, task: Task, units: int) -> None:
    last = built.layers[-1]
    activation = getattr(
        getattr(last, "activation", None), "__name__", "softmax" if "softmax" in last.name else "linear"
    )
    if tuple(built.output_shape) != (None, units) or activation != ACTIVATIONS[task]:
        raise SettingError(
            "model.layers",
            f"ends in shape {built.output_shape} with {activation} activation; "
            f"a {task} task needs (None, {units}) with {ACTIVATIONS[task]}. {_cure_of_head(built, task, units)}",
        )


def _cure_of_head(built: keras.Sequential, task: Task, units: int) -> str:
    """Return how to end the network. A Dense keeps all axes of its inputs but the last one."""
    head, last = f"`Dense: {{units: {units}, activation: {ACTIVATIONS[task]}}}`", built.layers[-1]
    if len(built.output_shape) == 2:
        return f"End with {head}."
    is_head = isinstance(last, keras.layers.Dense) and last.units == units
    if is_head and last.activation is keras.activations.get(ACTIVATIONS[task]):
        return "Put Flatten, or a global pooling, before the last layer."
    return f"End with Flatten and {head}."
