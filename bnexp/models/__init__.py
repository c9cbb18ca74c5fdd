"""From a model's config to a built `keras.Sequential` and the initial weights of every seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras

from bnexp.config.model import Model, Sequential
from bnexp.config.own_model import OWN_NETWORKS
from bnexp.config.section import Task
from bnexp.errors import SettingError
from bnexp.models.cnn import cnn_layers
from bnexp.models.conv1d import conv1d_layers
from bnexp.models.head import ACTIVATIONS, output_layer, output_units
from bnexp.models.initial import InitialWeights, initial_weights, recording_creations, stable_names
from bnexp.models.inputs import Inputs, first_layers, refuse_unfit
from bnexp.models.mlp import mlp_layers
from bnexp.models.own_network import build_own
from bnexp.models.residual import UnequalShapesError
from bnexp.models.resnet import resnet_layers
from bnexp.models.rnn import rnn_layers
from bnexp.models.sequential import REFUSALS, misplaced_bias, refusal_text, sequential_layers
from bnexp.models.swapping import SwappedLayer
from bnexp.models.transformer import transformer_layers

NETWORKS: Mapping[str, Callable[[Any, Inputs], Iterator[keras.Layer]]] = {
    "mlp": mlp_layers,
    "cnn": cnn_layers,
    "resnet": resnet_layers,
    "conv1d": conv1d_layers,
    "rnn": rnn_layers,
    "transformer": transformer_layers,
}
"""model.name -> the layers before the output."""


@dataclass(frozen=True)
class Built:
    """A built model and how to draw its weights anew for any seed."""

    model: keras.Model
    initial: InitialWeights
    swapped: tuple[SwappedLayer, ...] = ()
    """Of a network of the user's own: what its normalization layers became."""
    notes: tuple[str, ...] = ()
    """Of a network of the user's own: what was done to it."""
    warnings: tuple[str, ...] = ()
    """Of a network of the user's own: what in it may mislead."""
    own_momenta: tuple[float, ...] = ()
    """Of a network of the user's own: the momentum of each batch normalization that is not frozen."""

    @property
    def adds_penalty(self) -> bool:
        """Return True if a regularizer adds to the loss."""
        layers = self.model._flatten_layers(include_self=False)
        of_outputs = any(getattr(one, "activity_regularizer", None) is not None for one in layers)
        return of_outputs or any(one.regularizer is not None for one in self.model.trainable_variables)


def build(model: Model, inputs: Inputs, *, task: Task, classes: int) -> Built:
    """Build the Sequential for these inputs; all but `sequential` get the output layer of their task.

    Raises:
        SettingError: if the model does not take these inputs, Keras refuses a
            layer, or a `sequential` model does not end in the task's output.
    """
    if isinstance(model, OWN_NETWORKS):
        own = build_own(model, inputs, task=task, classes=classes)
        return Built(own.model, own.initial, own.swapped, own.notes, own.warnings, own.momenta)
    refuse_unfit(model, inputs)
    with recording_creations() as created:
        first = list(first_layers(model, inputs))
        if isinstance(model, Sequential):
            built = _stack(first, sequential_layers(model, inputs), "model.layers.{position}")
            _refuse_other_head(built, task, output_units(task, classes))
        else:
            layers = [*NETWORKS[model.name](model, inputs), output_layer(task, classes, model.l2)]
            built = _stack(first, iter(layers), "model")
    return Built(built, initial_weights(built, created, stable_names(built)))


def _stack(first: list[Any], layers: Iterator[keras.Layer], key: str) -> keras.Sequential:
    built = keras.Sequential(first, name="model")
    shape: tuple[int | None, ...] = first[0].shape
    for position, layer in enumerate(layers):
        try:
            built.add(layer)
        except REFUSALS as error:
            raise SettingError(key.format(position=position), _refusal(layer, shape, key, error)) from error
        if isinstance(layer, keras.layers.Layer) and (misplaced := misplaced_bias(layer)):
            raise SettingError(key.format(position=position), f"is {type(layer).__name__}; {misplaced}")
        shape = built.output_shape
    return built


def _refusal(layer: keras.Layer, shape: tuple[int | None, ...], key: str, error: Exception) -> str:
    """Return which layer does not take inputs of this shape, why, and what to do."""
    seen = f"does not take inputs of shape {shape}: {refusal_text(error)}"
    if "position" not in key:
        return f"cannot be built: its layer {layer.name} ({type(layer).__name__}) {seen}"
    has_cure = isinstance(error, UnequalShapesError)
    cure = "" if has_cure else " Put a Reshape or Flatten before it, or change its arguments."
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
            f"a {task} task needs (None, {units}) with {ACTIVATIONS[task]}. "
            f"End with `Dense: {{units: {units}, activation: {ACTIVATIONS[task]}}}`.",
        )
