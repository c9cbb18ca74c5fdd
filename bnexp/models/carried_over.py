"""What a layer takes over from the layer in whose place it stands: its options, and the weights that were learned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from bnexp.models.layer_kinds import code_of


@dataclass(frozen=True)
class Carried:
    """A weight of a new layer, and the weight of the old layer that had its role."""

    name: str
    old: keras.Variable
    new: keras.Variable
    of_old: Callable[[Any], Any] = lambda value: value
    """The new value, from the old one."""

    @property
    def fits(self) -> bool:
        """Return True if the new weight can go on from the old one: they are of one shape."""
        return bool(self.old.shape == self.new.shape)

    def carry(self) -> None:
        """Assign its value to the new weight."""
        self.new.assign(self.of_old(self.old.numpy()))


def rebuilt(layer: keras.Layer, **changed: Any) -> keras.Layer:
    """Return a new layer of the same class and options, but for what is changed.

    Its initializers and the like go over as the objects they are: no config can hold a function of the user's own.
    """
    code = code_of(layer)
    options = {key: value for key, value in layer.get_config().items() if key not in code}
    made = type(layer).from_config({**options, **changed})
    carry_options(layer, made)
    return made


def carry_options(old: keras.Layer, new: keras.Layer) -> None:
    """Let a new layer compute in the old one's precision, learn as it did, and treat its weights alike."""
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
    """Pair the weights of one role. The new layer stands at this path."""
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
"""Batch renormalization's further statistics -> what they begin as in the place of batch normalization."""


def _deviation(epsilon: float) -> Callable[[Any], Any]:
    """Return the function by which Keras's batch renormalization makes a deviation of a variance."""
    return lambda variance: (variance + epsilon) ** 0.5


def _role(variable: keras.Variable) -> str:
    """Return a weight's name; RMS normalization calls its gamma `scale`."""
    return "gamma" if variable.name == "scale" else str(variable.name)
