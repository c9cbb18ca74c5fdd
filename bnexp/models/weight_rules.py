"""Tries the regularizers and constraints of weights, to refuse those that fail only once Keras trains with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from bnexp.config.own_model import KerasFile, PythonNetwork
from bnexp.errors import SettingError
from bnexp.models.layer_paths import layer_paths
from bnexp.models.sequential import REFUSALS, refusal_text
from bnexp.system.own_errors import errors_of_own_layers
from bnexp.system.session_functions import told_of


def refuse_rules_of(layer: keras.Layer, key: str) -> None:
    """Raise SettingError if a regularizer or constraint does not work on a weight of this layer of a config."""
    _refuse(layer, key, f"is {type(layer).__name__}; its", lambda held: "")


def refuse_rules_of_own(model: keras.Model, network: PythonNetwork | KerasFile) -> None:
    """Raise SettingError if a regularizer or constraint does not work on a weight of a user's own network."""
    paths = layer_paths(model)
    if isinstance(network, PythonNetwork):
        key, seen = "model.build", told_of(network.build)
    else:
        key, seen = "model.path", repr(network.path)
    _refuse(model, key, f"is {seen}; its", lambda held: f" of layer {paths.get(id(held), held.name)}")


def _refuse(layer: keras.Layer, key: str, subject: str, place: Callable[[keras.Layer], str]) -> None:
    for held in layer._flatten_layers():
        for variable in held._trainable_variables if held.trainable else ():
            for kind in ("regularizer", "constraint"):
                if (rule := getattr(variable, kind)) is not None:
                    argument = _argument(layer, rule, f"{variable.name}_{kind}")
                    seen = f"{subject} {argument}{place(held)} is {_name(rule)}"
                    _try(rule, variable, key, seen, f"Change {argument}, or leave it out.", kind == "constraint")


def _try(rule: Any, variable: keras.Variable, key: str, seen: str, cure: str, keeps_shape: bool) -> None:
    """Apply a rule to a weight in a traced graph, as both engines do. The weight does not change."""

    def applied() -> Any:
        with keras.StatelessScope():
            return rule(variable)

    at = f"a weight of shape {tuple(variable.shape)}"
    try:
        with errors_of_own_layers("has a weight whose regularizer or constraint fails"):
            shape = tuple(tf.function(applied, autograph=False)().shape)
    except REFUSALS as error:
        raise SettingError(
            key, f"{seen}, which does not work on {at}: {_cause(rule, variable, error)} {cure}"
        ) from error
    if keeps_shape and shape != tuple(variable.shape):
        raise SettingError(key, f"{seen}, which turns {at} into one of shape {shape}. {cure}")


def _cause(rule: Any, variable: keras.Variable, error: Exception) -> str:
    """Return why a rule does not work: an axis that is not there, or what Keras says."""
    axis, number = getattr(rule, "axis", None), len(variable.shape)
    missing = [one for one in (axis if isinstance(axis, list | tuple) else [axis]) if isinstance(one, int)]
    missing = [one for one in missing if not -number <= one < number]
    if not missing:
        return refusal_text(error)
    return f"it has no axis {missing[0]}, only {'axis 0' if number == 1 else f'the axes 0 to {number - 1}'}."


def _argument(layer: keras.Layer, rule: Any, otherwise: str) -> str:
    """Return the argument that holds a rule, such as `recurrent_constraint`."""
    held = (name for one in layer._flatten_layers() for name, value in vars(one).items() if value is rule)
    return next(held, otherwise)


def _name(rule: Any) -> str:
    return getattr(rule, "__name__", type(rule).__name__)
