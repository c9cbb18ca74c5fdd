"""Facts that distinguish a Keras object from others: its description, and what the description leaves out.

For example, a layer's description has the name of a user's function, but not its code. If Keras is not loaded, nothing
here loads it.
"""

from __future__ import annotations

import functools
import inspect
from typing import Any

from bnexp.system.installed import is_own


def is_of_keras(value: Any) -> bool:
    """Return True for an object that Keras can describe, such as a layer, an initializer or a loss."""
    one = type(value)
    return hasattr(one, "get_config") and any(base.__module__.partition(".")[0] == "keras" for base in one.__mro__)


def keras_parts(value: Any) -> list[Any]:
    """Return the description of a Keras object, its weights, and what the description leaves out."""
    import keras

    try:
        said = value.to_json() if hasattr(value, "to_json") else value.get_config()
    except Exception:  # an object's own code may raise anything
        said = None
    if isinstance(value, keras.Layer):
        return [said, value.get_weights(), [left_out(layer) for layer in value._flatten_layers()]]
    values = vars(value) if said is None or is_own(type(value)) else _code_in(vars(value))
    return [said, {name: _without_state(one) for name, one in values.items()}]


def left_out(layer: Any) -> list[Any]:
    """Return what a layer's description may leave out: the user's code and values, and values set by `adapt`."""
    own = is_own(type(layer))
    values = {name: value for name, value in vars(layer).items() if name not in _of_every_layer()}
    found = {name: _without_state(value) for name, value in (values if own else _code_in(values)).items()}
    adapted = [*layer.get_weights(), *getattr(layer, "get_vocabulary", list)()] if hasattr(layer, "adapt") else []
    return [type(layer) if own else None, found, adapted] if own or found or adapted else []


def _code_in(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if _is_code(value)}


def _is_code(value: Any) -> bool:
    """Return True for a function of the user, or for an object of a user's class, such as an initializer."""
    if isinstance(value, functools.partial):
        return _is_code(value.func)
    if isinstance(value, type) or _is_state(value):
        return False
    return is_own(value if inspect.isroutine(value) else type(value))


def _is_state(value: Any) -> bool:
    """Return True for a layer, which is covered separately, or an object that each training makes, such as a weight."""
    import keras

    return isinstance(value, keras.Layer | keras.Variable | keras.random.SeedGenerator | keras.Metric)


def _without_state(value: Any) -> Any:
    """Return a value without layers and weights, with plain lists: Keras's own lists refer back to the layer."""
    match value:
        case list() | tuple():
            return [_without_state(one) for one in value]
        case set():
            return {_without_state(one) for one in value}
        case dict():
            return {key: _without_state(one) for key, one in value.items()}
    return None if _is_state(value) else value


@functools.cache
def _of_every_layer() -> frozenset[str]:
    """Return the names of the attributes that Keras gives to every layer or model."""
    import keras

    x = keras.Input((1,), name="x")
    layer = keras.layers.Identity(name="y")  # named, so that Keras's counters stay as they are
    model = keras.Model(x, layer(x), name="z")
    model.compile("sgd", "mse")
    return frozenset({*vars(layer), *vars(model), "_build_input_shape"})
