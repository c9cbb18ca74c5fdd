"""What in a network of the user's own may mislead a comparison, a sentence each."""

from __future__ import annotations

from collections.abc import Collection

import keras

from bnexp.errors import listed
from bnexp.models.inputs import Inputs
from bnexp.models.layer_paths import layer_paths
from bnexp.models.swapping import normalizations

MOST_NAMED = 6
"""Layers that a sentence names."""
SCALING = (keras.layers.Rescaling, keras.layers.Normalization)


def misleading(model: keras.Model, inputs: Inputs, made: Collection[int] | None) -> list[str]:
    """Return a sentence for each thing in the network as written that may mislead.

    `made` has the ids of the layers that `normalization` made; None where layers are swapped.
    """
    return [*_shared(model, made), *_in_inference(model), *_scaled_twice(model, inputs), *_equal_in_all(model, made)]


def _shared(model: keras.Model, made: Collection[int] | None) -> list[str]:
    shared = [path for path, layer in normalizations(model).items() if len(layer._inbound_nodes) > 1]
    if not shared or made is not None:
        return []
    return [
        f"Normalization layers that several places of the network share: {listed(shared, MOST_NAMED)}. "
        "Their moving averages mix these places. What replaces them is shared, too."
    ]


def _in_inference(model: keras.Model) -> list[str]:
    fixed = [
        path
        for path, layer in normalizations(model).items()
        if any(node.arguments.kwargs.get("training") is False for node in layer._inbound_nodes)
    ]
    if not fixed:
        return []
    return [
        f"Called with training=False: {listed(fixed, MOST_NAMED)}. While training, Keras 3.15 normalizes there with "
        "the batch all the same; later versions may not (keras#20285). To keep statistics fixed, use model.freeze."
    ]


def _scaled_twice(model: keras.Model, inputs: Inputs) -> list[str]:
    paths = layer_paths(model)
    scaling = [paths[id(one)] for one in model._flatten_layers(include_self=False) if isinstance(one, SCALING)]
    if not scaling or inputs.kind == "text":
        return []
    return [
        f"The network scales its inputs ({listed(scaling, MOST_NAMED)}), and dataset.scale may do so, too. "
        "If the network expects the numbers of the file, set dataset.scale: none."
    ]


def _equal_in_all(model: keras.Model, made: Collection[int] | None) -> list[str]:
    if made is None:
        return []
    own = [path for path, layer in normalizations(model).items() if id(layer) not in made]
    if not own:
        return []
    return [f"Made without `normalization`, and so equal in all arms: {listed(own, MOST_NAMED)}."]
