"""The biases of layers whose offset came from the normalization behind them, where that offset is taken out."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import keras

from bnexp.models.carried_over import rebuilt
from bnexp.models.input_shapes import input_shape
from bnexp.models.layer_kinds import is_normalization, is_plain_model, reached_within
from bnexp.models.layer_paths import sublayers


def without_bias_before(model: keras.Model) -> dict[int, bool]:
    """Map ids of layers without a bias, before a normalization with an offset, to True if only that gets their outputs.

    Only then was the offset their bias. Elsewhere, as on a skip connection, a bias would be one that nobody wrote.
    """
    wanted: dict[int, bool] = {}
    for layer, is_alone in _normalized_layers(model):
        if _lacks_bias(layer):
            wanted[id(layer)] = is_alone
    return wanted


def _lacks_bias(layer: keras.Layer) -> bool:
    """Return True for a layer that was written without a bias, and for a wrapper of one."""
    inner = getattr(layer, "layer", None) or getattr(layer, "forward_layer", None)
    return getattr(layer, "use_bias", True) is False or (isinstance(inner, keras.Layer) and _lacks_bias(inner))


def _normalized_layers(model: keras.Layer) -> Iterator[tuple[keras.Layer, bool]]:
    """Yield the layers that stand right before a normalization with an offset, and whether they stand only there."""
    if isinstance(model, keras.Sequential):
        pairs = zip(model.layers, model.layers[1:], strict=False)
        yield from ((one, True) for one, then in pairs if _has_offset(then))
    elif is_plain_model(model):
        takers = _takers(model)
        for layer in sublayers(model):
            offsets = [_has_offset(one) for one in takers[id(layer)]]
            if any(offsets):
                yield layer, all(offsets)
    for held in reached_within(model):
        yield from _normalized_layers(held)


def _takers(model: keras.Model) -> dict[int, list[Any]]:
    """Map ids of a graph's layers to all that get their outputs; for what leaves the graph, the graph itself."""
    takers: dict[int, list[Any]] = defaultdict(list)
    for node in itertools.chain(*model._nodes_by_depth.values()):
        for x in node.input_tensors:
            takers[id(x._keras_history.operation)].append(node.operation)
    for x in model.outputs:
        takers[id(x._keras_history.operation)].append(model)
    return takers


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
