"""Fits the input of a user's own network to the data: one input of the data's shape, with zeros for padding."""

from __future__ import annotations

import math

import keras

from bnexp.config.own_model import KerasFile, PythonNetwork
from bnexp.errors import SettingError, listed
from bnexp.models.inputs import IN_WORDS, Inputs
from bnexp.models.layer_kinds import is_plain_model
from bnexp.models.padding import Padding
from bnexp.models.sequential import REFUSALS, refusal_text
from bnexp.models.user_code import PARAMETER, function_of
from bnexp.system.own_errors import errors_of_own_layers
from bnexp.system.session_functions import has_parameter

MOST_NAMED, MOST_COLUMNS = 6, 20
"""The most inputs or outputs of a network, and the most columns of the data, that a message names."""


def fed(model: keras.Model, inputs: Inputs, network: PythonNetwork | KerasFile) -> keras.Model:
    """Return the built model with one input of the data's shape. In sequences, it replaces padding by zeros.

    Raises:
        SettingError: if the model has several inputs or outputs, takes strings or inputs of another shape, or is of a
            class in which no layer can be swapped.
    """
    if not is_plain_model(model):
        model = _as_functional(model, inputs, network)
    if isinstance(model, keras.Sequential) and not model.built:
        model = _from_first_input(model, inputs)
    for what, several in (("inputs", model.inputs), ("outputs", model.outputs)):
        if len(several) != 1:
            named = getattr(model, f"{what[:-1]}_names", None) or [one.name for one in several]
            names = listed(named, MOST_NAMED)
            raise SettingError("model", f"has {len(several)} {what} ({names}); expected one. Build a network with one.")
    if isinstance(model, keras.Function) and isinstance(model.input, list | tuple | dict):
        model = keras.Model(model.inputs[0], model.outputs[0], name=model.name)  # its only input is in a list or dict
    if model.inputs[0].dtype == "string":
        raise SettingError(
            "model",
            "has an Input of dtype string; bnexp passes numbers, and a text as the numbers of its words. Use an "
            "Input of int32 for texts, or of float32, and leave out the layers that turn strings into numbers.",
        )
    taken = tuple(model.input_shape[1:])
    fits = len(taken) == len(inputs.shape) and all(a in (None, b) for a, b in zip(taken, inputs.shape, strict=True))
    if not fits:
        held = f" Each row holds {listed(inputs.columns, MOST_COLUMNS)}." if inputs.columns else ""
        raise SettingError(
            "model",
            f"takes inputs of shape {taken}; the data are {IN_WORDS[inputs.kind].format(*inputs.shape)}, of shape "
            f"{inputs.shape}.{held} {_cure_of_shape(taken, inputs, network)}",
        )
    if None in taken:
        model = _of_known_shape(model, inputs)
    return _with_padding(model, inputs) if inputs.kind == "sequence" else model


def _cure_of_shape(taken: tuple[int | None, ...], inputs: Inputs, network: PythonNetwork | KerasFile) -> str:
    """Return how network and data can be made to fit, for a network that takes inputs of the shape `taken`."""
    ways = [f"Change the network's Input to {inputs.shape}"]
    if isinstance(network, PythonNetwork):
        ways.append("give the function a parameter `input_shape`, which bnexp fills in")
    if math.prod(size or 0 for size in taken) == math.prod(inputs.shape):
        ways.append("put a Reshape after the Input")
    if inputs.columns and len(taken) == 1 and (taken[0] or 0) < inputs.shape[0]:
        ways.append("leave columns of a table out with dataset.drop")
    if inputs.kind == "image" and len(taken) == len(inputs.shape):
        ways.append("set dataset.size if the data are a folder of images")
    if inputs.kind == "sequence" and len(taken) == 3 and taken[-1] in (1, None):
        ways.append("set dataset.kind: image if the rows of an npz file are gray images")
    return f"{', or '.join(ways)}."


def _from_first_input(model: keras.Sequential, inputs: Inputs) -> keras.Sequential:
    """Return a Sequential without an Input, built for the data's inputs as its first `fit` would build it."""
    try:
        with errors_of_own_layers(f"does not take inputs of shape {inputs.shape}"):
            model.build((None, *inputs.shape))
    except REFUSALS as error:
        raise SettingError(
            "model", f"does not take inputs of shape {inputs.shape}: {refusal_text(error)} Change its first layers."
        ) from error
    return model


def _as_functional(model: keras.Model, inputs: Inputs, network: PythonNetwork | KerasFile) -> keras.Model:
    """Return a functional model around a model of the user's own class. No layer inside can be swapped."""
    if not isinstance(network, PythonNetwork) or not has_parameter(function_of(network.build), PARAMETER):
        raise SettingError(
            "model",
            f"is of the class {type(model).__name__} with a `call` of its own, in which no layer can be swapped. "
            f"Build it with a function `def build({PARAMETER}):` that makes normalization layers with "
            f'`{PARAMETER}(name="norm_1")`, or make it of keras.Sequential or keras.Model(inputs, outputs).',
        )
    x = keras.Input(inputs.shape, dtype="int32" if inputs.kind == "text" else "float32")
    try:
        with errors_of_own_layers(f"does not take inputs of shape {inputs.shape}"):
            return keras.Model(x, model(x), name="model")
    except REFUSALS as error:
        raise SettingError(
            "model", f"does not take inputs of shape {inputs.shape}: {refusal_text(error)} Change its first layers."
        ) from error


def _of_known_shape(model: keras.Model, inputs: Inputs) -> keras.Model:
    """Return a model of the same layers for the data's shape, if the network was written for inputs of any size.

    TensorFlow maps a graph over seeds only if its shapes are known.
    """
    x = keras.Input(inputs.shape, dtype=model.inputs[0].dtype)
    if isinstance(model, keras.Sequential):
        return keras.Sequential([x, *model.layers], name=model.name)
    return keras.models.clone_model(model, input_tensors=x, clone_function=lambda layer: layer)


def _with_padding(model: keras.Model, inputs: Inputs) -> keras.Model:
    """Return a model of the same layers that first replaces padding by zeros, as `sequential` does."""
    is_used = any(one.name == "padding" for one in model.layers)
    padding = Padding(masked=False, name="padding_by_bnexp" if is_used else "padding")
    x = keras.Input(inputs.shape, dtype="float32")
    if isinstance(model, keras.Sequential):
        return keras.Sequential([x, padding, *model.layers], name=model.name)
    return keras.Model(x, model.call(padding(x)), name=model.name)  # `call` keeps the layers at the top of the model
