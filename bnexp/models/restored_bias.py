"""The biases of layers whose offset came from the normalization behind them, where that offset is taken out."""

from __future__ import annotations

import keras

from bnexp.models.carried_over import rebuilt
from bnexp.models.input_shapes import input_shape
from bnexp.models.layer_kinds import is_normalization, is_plain_model, reached_within
from bnexp.models.layer_paths import sublayers


def without_bias_before(model: keras.Model) -> set[int]:
    """Return the ids of layers without a bias whose outputs go to a normalization, whose offset was their bias."""
    return {id(layer) for layer in _normalized_layers(model) if _lacks_bias(layer)}


def _lacks_bias(layer: keras.Layer) -> bool:
    """Return True for a layer that was written without a bias, and for a wrapper of one."""
    inner = getattr(layer, "layer", None) or getattr(layer, "forward_layer", None)
    return getattr(layer, "use_bias", True) is False or (isinstance(inner, keras.Layer) and _lacks_bias(inner))


def _normalized_layers(model: keras.Layer) -> list[keras.Layer]:
    """List the layers that stand right before a normalization with an offset."""
    found = []
    if isinstance(model, keras.Sequential):
        pairs = zip(model.layers, model.layers[1:], strict=False)
        found += [one for one, then in pairs if _has_offset(then)]
    elif is_plain_model(model):
        for layer in filter(_has_offset, sublayers(model)):
            inputs = [node.input_tensors[0] for node in layer._inbound_nodes if node.input_tensors]
            found += [one._keras_history.operation for one in inputs]
    return found + [one for held in reached_within(model) for one in _normalized_layers(held)]


def _has_offset(layer: keras.Layer) -> bool:
    return is_normalization(layer) and getattr(layer, "center", False) is True


def with_bias(layer: keras.Layer) -> keras.Layer | None:
    """Return the layer with a bias instead of the offset that is taken out; None where that is not known to be equal.

    So it is for layers of the user's own, wrappers, and layers with several kernels such as attention.
    """
    names = [variable.name for variable in layer.variables]
    is_simple = type(layer).__module__.partition(".")[0] == "keras" and len(set(names)) == len(names)
    if not is_simple or "use_bias" not in layer.get_config():
        return None
    made = rebuilt(layer, use_bias=True)
    made.build(input_shape(layer))
    return made
