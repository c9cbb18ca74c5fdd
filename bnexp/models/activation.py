"""The normalization and activation behind a layer with weights, in the order that the config sets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras

from bnexp.config.networks import Network
from bnexp.config.normalization import BATCH_STATISTICS
from bnexp.models.normalization import normalization_layer


def cancels_bias(model: Network) -> bool:
    """Return True if normalization directly behind a layer cancels the layer's bias. Then the layer gets no bias."""
    return model.placement == "before" and isinstance(model.normalization, BATCH_STATISTICS)


def normalized_activation(model: Network, number: str) -> Iterator[keras.Layer]:
    """Yield the normalization, if there is one, and the activation, in the order that the config sets."""
    normalization = normalization_layer(model.normalization, name=f"normalization_{number}")
    activation = keras.layers.Activation(model.activation, name=f"activation_{number}")
    ordered = (normalization, activation) if model.placement == "before" else (activation, normalization)
    yield from (layer for layer in ordered if layer is not None)


def normalize(layer: keras.Layer | None, x: Any, training: bool | None, mask: Any = None) -> Any:
    """Return x normalized by a layer; None returns x unchanged. Only kinds that take a mask get it."""
    if layer is None:
        return x
    if isinstance(layer, keras.layers.BatchNormalization):
        return layer(x, training=training, mask=mask)
    return layer(x, mask=mask) if isinstance(layer, keras.layers.GroupNormalization) else layer(x)


def start_at_zero(layer: keras.Layer | None) -> None:
    """Make the scale of a normalization that is not built yet start at zero instead of one."""
    if layer is not None:
        layer.gamma_initializer = keras.initializers.Zeros()
