"""From a model's config to a built `keras.Sequential` and the initial weights of every seed."""

from __future__ import annotations

from dataclasses import dataclass

import keras

from bnexp.config.model import Mlp, Model
from bnexp.config.section import Task
from bnexp.errors import SettingError
from bnexp.models.initial import InitialWeights, recording_initializers
from bnexp.models.mlp import mlp_layers
from bnexp.models.sequential import sequential_layers

HEADS = {"binary": "sigmoid", "multiclass": "softmax", "regression": "linear"}


@dataclass(frozen=True)
class Built:
    """A built model and how to draw its weights anew for any seed."""

    model: keras.Sequential
    initial: InitialWeights


def build(model: Model, *, task: Task, classes: int, features: int) -> Built:
    """Build the Sequential on inputs of shape (batch, features).

    An `mlp` gets the output layer of its task: 1 sigmoid unit (binary), one
    softmax unit a class (multiclass), 1 linear unit (regression).

    Raises:
        SettingError: if Keras refuses the layers, or a `sequential` model does not end in the task's output.
    """
    units = classes if task == "multiclass" else 1
    with recording_initializers() as initializers:
        if isinstance(model, Mlp):
            built = keras.Sequential(
                [keras.Input((features,)), *mlp_layers(model), _head(model, units, HEADS[task])], name="model"
            )
        else:
            built = _stack(features, list(sequential_layers(model)))
            _refuse_other_head(built, task, units)
    return Built(built, InitialWeights(built, initializers))


def _head(model: Mlp, units: int, activation: str) -> keras.layers.Dense:
    regularizer = keras.regularizers.L2(model.l2) if model.l2 else None
    return keras.layers.Dense(units, activation=activation, kernel_regularizer=regularizer, name="output")


def _stack(features: int, layers: list[keras.Layer]) -> keras.Sequential:
    built = keras.Sequential([keras.Input((features,))], name="model")
    shape: tuple[int | None, ...] = (None, features)
    for position, layer in enumerate(layers):
        try:
            built.add(layer)
        except (TypeError, ValueError) as error:
            raise SettingError(
                f"model.layers.{position}",
                f"is {type(layer).__name__}; it does not take inputs of shape {shape}: "
                f"{str(error).splitlines()[0]} Put a Reshape or Flatten before it, or change its arguments.",
            ) from error
        shape = built.output_shape
    return built


def _refuse_other_head(built: keras.Sequential, task: Task, units: int) -> None:
    last = built.layers[-1]
    activation = getattr(
        getattr(last, "activation", None), "__name__", "softmax" if "softmax" in last.name else "linear"
    )
    if tuple(built.output_shape) != (None, units) or activation != HEADS[task]:
        raise SettingError(
            "model.layers",
            f"ends in shape {built.output_shape} with {activation} activation; "
            f"a {task} task needs (None, {units}) with {HEADS[task]}. "
            f"End with `Dense: {{units: {units}, activation: {HEADS[task]}}}`.",
        )
