"""The shapes that the layers of a network get: as they were built, and as the network's own input makes them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras

from bnexp.models.layer_kinds import is_plain_model

Shape = tuple[int | None, ...]


def input_shape(layer: keras.Layer) -> Shape:
    """Return the shape that a layer was built for, wherever it stands. Sizes of positions may be unknown in it."""
    if layer._inbound_nodes:
        return tuple(layer._inbound_nodes[0].input_tensors[0].shape)  # a mask stands behind the inputs
    return tuple(layer._build_shapes_dict["input_shape"])


def shapes_within(model: keras.Model) -> dict[int, Shape]:
    """Map ids of layers to their inputs' shape, as the model's own input makes it; of several, to the smallest.

    A nested model may have been written for inputs of any size. So the shapes are followed from the outside in.
    """
    seen: dict[int, list[Shape]] = {}
    _following(model, seen)(model.inputs[0])
    return {
        key: min(shapes, key=lambda one: math.prod(size or math.inf for size in one[1:]))
        for key, shapes in seen.items()
    }


def _following(layer: Any, seen: dict[int, list[Shape]]) -> Callable[..., Any]:
    """Return what computes a layer's outputs as shapes, and notes in `seen` which shapes the layers in it get."""

    def outputs(*args: Any, **options: Any) -> Any:
        """Return the outputs for the first argument, without values. Arguments are the layer's."""
        x = args[0] if args else None
        if isinstance(layer, keras.Layer) and isinstance(x, keras.KerasTensor):
            seen.setdefault(id(layer), []).append(tuple(x.shape))
            if is_plain_model(layer) and layer.built:
                graph = layer._functional if isinstance(layer, keras.Sequential) else layer
                return graph._run_through_graph(x, operation_fn=lambda held: _following(held, seen))
            if isinstance(layer, keras.layers.TimeDistributed):
                _following(layer.layer, seen)(keras.KerasTensor((x.shape[0], *x.shape[2:]), x.dtype))
        return layer.compute_output_spec(*args, **options)

    return outputs
