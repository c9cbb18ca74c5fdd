"""Facts about a layer: whether it normalizes or is a plain model, its short description, and the code that it holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras

from bnexp.models.initial import is_generator
from bnexp.models.layer_paths import layers_with_paths, sublayers

NORMALIZATIONS = (
    keras.layers.BatchNormalization,
    keras.layers.LayerNormalization,
    keras.layers.GroupNormalization,
    keras.layers.RMSNormalization,
)
FINDING_STATISTICS = (*NORMALIZATIONS, keras.layers.SpectralNormalization)
"""Layers that update weights without a gradient while they train."""
CODE = ("activation", "initializer", "regularizer", "constraint")
"""Endings of the attributes in which Keras's layers may hold a function of the user's own."""


def is_normalization(layer: keras.Layer) -> bool:
    """Return True for a layer that normalizes the outputs of other layers."""
    return isinstance(layer, NORMALIZATIONS)


def normalizations(model: keras.Model) -> dict[str, keras.Layer]:
    """Map paths to the normalization layers of a model, at any depth."""
    return {path: layer for path, layer in layers_with_paths(model) if is_normalization(layer)}


def fixed_weights(model: keras.Model) -> dict[int, keras.Variable]:
    """Map ids to the weights that were created as not trainable, such as the statistics of an adapted layer.

    The moving averages of normalization and the states of random number generators are left out.
    """
    layers = [one for one in model._flatten_layers() if not isinstance(one, FINDING_STATISTICS)]
    found = [variable for one in layers for variable in one._non_trainable_variables]
    return {id(variable): variable for variable in found if not is_generator(variable)}


def is_plain_model(layer: keras.Layer) -> bool:
    """Return True for a Sequential or functional model, unless it has a `call` of the user's own."""
    return isinstance(layer, keras.Sequential | keras.Function) and is_called_by_keras(layer)


def is_called_by_keras(layer: keras.Operation) -> bool:
    """Return True if a layer's `call` is Keras's own code, and False if it is the user's own."""
    caller = next(kind for kind in type(layer).__mro__ if "call" in vars(kind))
    return caller.__module__.partition(".")[0] == "keras"


def calls(model: Any) -> Iterator[tuple[Any, Any]]:
    """Yield, for each call in a plain model, the layer of its first input and the layer or operation that is called.

    The first of the two is None if the call takes the inputs of the model itself.
    """
    if isinstance(model, keras.Sequential):
        yield from zip([None, *model.layers], model.layers, strict=False)
        return
    for node in (one for nodes in model._nodes_by_depth.values() for one in nodes if one.input_tensors):
        before = node.input_tensors[0]._keras_history.operation
        yield None if isinstance(before, keras.layers.InputLayer) else before, node.operation


def is_reached(layer: keras.Layer) -> bool:
    """Return True if a swap can replace the layers inside this one: in plain models and in TimeDistributed."""
    return is_plain_model(layer) or (isinstance(layer, keras.layers.TimeDistributed) and is_called_by_keras(layer))


def reached_within(layer: keras.Layer) -> list[keras.Layer]:
    """List the layers directly inside a layer or model whose own inner layers a swap can replace."""
    return [one for one in sublayers(layer) if is_reached(one)]


def described(layer: keras.Layer) -> str:
    """Return a layer's kind with its groups, such as `GroupNormalization(groups=8)`; "nothing" for an Identity."""
    if isinstance(layer, keras.layers.Identity):
        return "nothing"
    kind = "BatchNormalization(renorm)" if getattr(layer, "renorm", False) else type(layer).__name__
    return f"{kind}(groups={layer.groups})" if isinstance(layer, keras.layers.GroupNormalization) else kind


def code_of(layer: keras.Layer) -> dict[str, Any]:
    """Map attributes to a layer's activations, initializers, regularizers and constraints; None for those not set."""
    return {key: value for key, value in vars(layer).items() if key.endswith(CODE)}
