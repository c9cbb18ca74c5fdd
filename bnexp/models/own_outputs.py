"""Fits the outputs of a user's own network to the task."""

from __future__ import annotations

from typing import Any, get_args

import keras
import numpy as np

from bnexp.config.real import Real
from bnexp.config.section import Task
from bnexp.errors import SettingError
from bnexp.models.head import ACTIVATIONS, SecondClass, output_units
from bnexp.models.layer_kinds import is_called_by_keras, is_plain_model

ROWS = 8
"""Number of random rows on which outputs of an unknown activation are tried."""


def with_fitting_output(model: keras.Model, task: Task, classes: int) -> tuple[keras.Model, list[str]]:
    """Return the model with the outputs that its task needs, and a sentence about what was added.

    Logits get a sigmoid or softmax. If a network for two classes has two units, the second class's probability is
    taken.

    Raises:
        SettingError: if the outputs have a shape or an activation that does not fit the task.
    """
    shape, units = tuple(model.output_shape), output_units(task, classes)
    activation = _activation(model)
    if task == "binary" and shape == (None, 2) and activation in ("softmax", "linear"):
        last = SecondClass(logits=activation == "linear", name="second_class")
        added = "The network's two outputs are logits; softmax is added behind them. " if activation == "linear" else ""
        second = "The second of the network's two outputs is the probability of the second class."
        return _followed_by(model, last), [added + second]
    wanted = ACTIVATIONS[task]
    if shape == (None, units) and activation == "linear" and task != "regression":
        last = keras.layers.Activation(wanted, name="probabilities")
        return _followed_by(model, last), [f"The network's outputs are logits; {wanted} is added behind them."]
    fits = activation == wanted if activation is not None else _fits(model, task)
    if shape != (None, units) or not fits:
        seen = f" with {activation} activation" if activation is not None else ""
        two = ", or two units with softmax" if task == "binary" else ""
        raise SettingError(
            "model",
            f"ends in outputs of shape {shape}{seen}; a {task} task needs (None, {units}) with {wanted}{two}. "
            f"{_cure(shape, units, wanted, activation)}",
        )
    return model, []


def _cure(shape: tuple[int | None, ...], units: int, wanted: str, activation: str | None) -> str:
    """Return advice how to make the network's outputs fit the task."""
    last = f'Dense({units}, activation="{wanted}")'
    if len(shape) > 2:
        return f"Its outputs have positions: put Flatten() or a pooling layer before a last {last}."
    if shape == (None, 1) and activation == "linear":
        return f"End the network with {last}. If the target is a number, not a class, set {_key_of('regression')}."
    if shape == (None, 1) and wanted == "linear":
        return f"End the network with {last}. If the target is a class, not a number, set {_key_of('classification')}."
    return f"End the network with {last}."


def _key_of(task: str) -> str:
    """Return the key that sets a task, with the kinds of data that have this key.

    >>> _key_of("regression")
    'dataset.task: regression, a key of csv, parquet, npz and openml'
    """
    kinds = [kind.model_fields for kind in get_args(Real) if "task" in kind.model_fields]
    *names, last = [get_args(fields["name"].annotation)[0] for fields in kinds]
    return f"dataset.task: {task}, a key of {', '.join(names)} and {last}"


def _followed_by(model: keras.Model, layer: keras.Layer) -> keras.Model:
    return keras.Model(model.inputs[0], layer(model.outputs[0]), name=model.name)


AS_THEY_ARE = (
    keras.layers.Flatten,
    keras.layers.Reshape,
    keras.layers.Permute,
    keras.layers.Dropout,
    keras.layers.Identity,
    keras.layers.ActivityRegularization,
)
"""Layers that pass on their inputs' numbers unchanged at inference, perhaps in another shape or order."""


def _activation(model: keras.Model) -> str | None:
    """Return the activation of the outputs; None if it is not known."""
    return _activation_of(model.outputs[0], model.output_shape[-1])


def _activation_of(outputs: Any, units: int) -> str | None:
    """Return the activation that computed a tensor; None if unknown. Layers in `AS_THEY_ARE` are skipped."""
    last, node, _ = outputs._keras_history
    if is_plain_model(last):
        return _activation_of(last.outputs[0], units)
    if not is_called_by_keras(last):
        return None
    if isinstance(last, AS_THEY_ARE):
        return _activation_of(last._inbound_nodes[node].input_tensors[0], units)
    name = _name_of_activation(last)
    return None if name == "softmax" and outputs.shape[-1] != units else name


def _name_of_activation(last: Any) -> str | None:
    if isinstance(last, keras.layers.Softmax):
        return "softmax"
    if isinstance(last, keras.layers.ReLU | keras.layers.LeakyReLU | keras.layers.ELU | keras.layers.PReLU):
        return type(last).__name__
    activation = getattr(last, "activation", None)
    return None if activation is None else str(getattr(activation, "__name__", type(activation).__name__))


def _fits(model: keras.Model, task: Task) -> bool:
    """Return True if the outputs for random rows are probabilities, or if the task is a regression.

    Probabilities are from 0 to 1, and over several classes they sum to 1. With kernels of zeros, logits can look like
    probabilities. So the model is tried with other weights, too.
    """
    if task == "regression":
        return True
    shape = (ROWS, *(size or 8 for size in model.input_shape[1:]))
    generator = np.random.default_rng(0)
    whole = keras.backend.is_int_dtype(model.inputs[0].dtype)
    x = generator.integers(0, 2, shape) if whole else generator.normal(size=shape)
    moved = [one.numpy() + generator.normal(size=one.shape).astype(one.dtype) for one in model.trainable_variables]
    tried = model(x, training=False), model.stateless_call(moved, model.non_trainable_variables, x, training=False)[0]
    values = np.concatenate([keras.ops.convert_to_numpy(one).astype("float64") for one in tried])
    in_range = not bool(((values < 0) | (values > 1)).any())
    sums = values.sum(axis=-1)
    return in_range and (task == "binary" or bool(np.allclose(sums[np.isfinite(sums)], 1, atol=1e-4)))
