"""A short description of a network's layers: counts, and a digest that differs between different networks."""

from __future__ import annotations

import hashlib
import json
from collections import Counter

import keras

from bnexp.models.initial import InitialWeights, is_generator
from bnexp.models.layer_kinds import normalizations
from bnexp.models.layer_paths import layers_with_paths, weight_names

NAMES = ("name", "build_config")
"""Keys of a layer's config that do not change what the layer computes."""


def normalization_counts(model: keras.Model) -> dict[str, int]:
    """Count the normalization layers of each kind, at any depth: `{"BatchNormalization": 12}`."""
    return dict(Counter(type(layer).__name__ for layer in normalizations(model).values()))


def architecture(model: keras.Model) -> str:
    """Return the sha256 of all layers: their paths, kinds, options, weights' shapes and `trainable`."""
    facts = sorted(
        (path, *_facts(layer))
        for path, layer in layers_with_paths(model)
        if not isinstance(layer, keras.Model | keras.layers.InputLayer)
    )
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def kernels(model: keras.Model) -> str:
    """Return the sha256 of the names and shapes of all weights with two axes or more, normalization layers left out."""
    own = {id(variable) for layer in normalizations(model).values() for variable in layer.variables}
    named = zip(weight_names(model), model.variables, strict=True)
    facts = sorted((name, list(one.shape)) for name, one in named if len(one.shape) > 1 and id(one) not in own)
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def origins(model: keras.Model, initial: InitialWeights) -> dict[str, str]:
    """Map the name of each weight outside normalization layers to the beginning of a digest of how it begins."""
    own = {id(variable) for layer in normalizations(model).values() for variable in layer.variables}
    named = zip(weight_names(model), model.variables, strict=True)
    return {name: initial.origin(one)[:16] for name, one in named if id(one) not in own and not is_generator(one)}


def _facts(layer: keras.Layer) -> tuple[str, str, str]:
    """Return a layer's kind, its options if it has a `get_config`, and its weights' shapes with `trainable`."""
    try:
        options = {key: value for key, value in layer.get_config().items() if key not in NAMES}
    except (NotImplementedError, TypeError, ValueError):  # a user's own layer may have no get_config
        options = {}
    shapes = [tuple(variable.shape) for variable in layer.variables]
    return type(layer).__name__, json.dumps(options, sort_keys=True, default=str), f"{shapes} {layer.trainable}"
