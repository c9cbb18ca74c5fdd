"""The input shapes of a network's layers: as they were built, and as they follow from the network's own input."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras

from bnexp.models.layer_kinds import is_plain_model

Shape = tuple[int | None, ...]


def input_shape(layer: keras.Layer) -> Shape:
    """Return the input shape that a layer was built for, at any depth. Sizes of positions may be unknown (None)."""
    if layer._inbound_nodes:
        return tuple(layer._inbound_nodes[0].input_tensors[0].shape)  # a mask comes behind the inputs
    return tuple(layer._build_shapes_dict["input_shape"])


def shapes_within(model: keras.Model) -> dict[int, Shape]:
    """Map layers' ids to their input shapes, computed from the model's own input; of several, to the smallest.

    A nested model may have been written for inputs of any size. So the shapes are computed from the outer model
    inwards.
    """
    seen: dict[int, list[Shape]] = {}
    _following(model, seen)(model.inputs[0])
    return {
        key: min(shapes, key=lambda one: math.prod(size or math.inf for size in one[1:]))
        for key, shapes in seen.items()
    }


def _following(layer: Any, seen: dict[int, list[Shape]]) -> Callable[..., Any]:
    """Return a function that computes a layer's output shapes and notes in `seen` the input shapes of inner layers."""

    def outputs(*args: Any, **options: Any) -> Any:
        """Return the outputs for the first argument as shapes without values. It takes the layer's arguments."""
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
