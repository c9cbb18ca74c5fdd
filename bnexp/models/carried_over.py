"""What a new layer takes over from the layer that it replaces: options and learned weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from bnexp.models.layer_kinds import code_of


@dataclass(frozen=True)
class Carried:
    """A weight of a new layer, and the old layer's weight with the same role."""

    name: str
    old: keras.Variable
    new: keras.Variable
    of_old: Callable[[Any], Any] = lambda value: value
    """Computes the value of the new weight from the value of the old one."""

    @property
    def fits(self) -> bool:
        """Return True if the new weight can take over the old one's value: both have the same shape."""
        return bool(self.old.shape == self.new.shape)

    def carry(self) -> None:
        """Set the new weight to the value that follows from the old one."""
        self.new.assign(self.of_old(self.old.numpy()))


def rebuilt(layer: keras.Layer, **changed: Any) -> keras.Layer:
    """Return a new layer of the same class with the same options, except for those in `changed`.

    Initializers, regularizers, constraints and activations are passed on as objects, because no config can hold a
    user's own function.
    """
    code = code_of(layer)
    options = {key: value for key, value in layer.get_config().items() if key not in code}
    made = type(layer).from_config({**options, **changed})
    carry_options(layer, made)
    return made


def carry_options(old: keras.Layer, new: keras.Layer) -> None:
    """Copy the precision, `trainable`, activations, initializers, regularizers and constraints to the new layer."""
    new.dtype_policy = old.dtype_policy
    new.trainable = old.trainable
    for key in code_of(new).keys() & code_of(old).keys():
        setattr(new, key, getattr(old, key))


def carry_axis(old: keras.Layer, new: keras.Layer) -> None:
    """Set the axis of a layer that is not built yet to the old layer's axis, if the old layer has a single one."""
    axis = old.axis
    if isinstance(axis, list | tuple) and len(axis) == 1:
        (axis,) = axis
    if isinstance(axis, int) and hasattr(new, "axis"):
        new.axis = axis


def carried_weights(old: keras.Layer, new: keras.Layer, path: str) -> list[Carried]:
    """Return each new weight with the old weight of the same role. `path` is the path of the new layer."""
    before = {_role(variable): variable for variable in old.variables}
    found = []
    for variable in new.variables:
        learned, of_old = before.get(_role(variable)), Carried.of_old
        if learned is None and variable.name in RENORM:
            learned = before.get(RENORM[variable.name])
            of_old = _deviation(new.epsilon) if variable.name.endswith("stddev") else of_old
        if learned is not None:
            found.append(Carried(f"{path}/{variable.name}", learned, variable, of_old))
    return found


RENORM = {"renorm_mean": "moving_mean", "renorm_stddev": "moving_variance", "moving_stddev": "moving_variance"}
"""Statistic that only batch renormalization has -> the statistic of batch normalization that it starts from."""


def _deviation(epsilon: float) -> Callable[[Any], Any]:
    """Return the function that turns a variance into a standard deviation, as Keras's batch renormalization does."""
    return lambda variance: (variance + epsilon) ** 0.5


def _role(variable: keras.Variable) -> str:
    """Return a weight's name. It is `gamma` for the `scale` of RMS normalization."""
    return "gamma" if variable.name == "scale" else str(variable.name)
